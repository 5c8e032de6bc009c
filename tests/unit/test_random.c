/* SPDX-License-Identifier: Apache-2.0 */
#include "common/random.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

static void fills_exactly_the_bytes_asked_for(void **state)
{
	uint8_t bytes[66] = { 0 };
	int zeroes = 0;

	(void)state;
	random_bytes(bytes + 1, 64);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(bytes[65], 0);
	for (int i = 1; i <= 64; i++)
		zeroes += bytes[i] == 0;
	assert_true(zeroes < 16);
}

static void never_repeats_itself(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	random_bytes(a, sizeof(a));
	assert_int_equal(random_for_mbedtls(NULL, b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void fills_more_than_the_kernel_gives_at_once(void **state)
{
	static uint8_t many[1 << 20];
	uint8_t last[64] = { 0 };

	(void)state;
	random_bytes(many, sizeof(many));
	assert_memory_not_equal(many + sizeof(many) - 64, last, 64);
}

/* A fork must not share what comes next. */
static void differs_between_parent_and_child(void **state)
{
	uint8_t mine[16], theirs[16];
	int ends[2];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		random_bytes(theirs, sizeof(theirs));
		_exit(write(ends[1], theirs, sizeof(theirs)) != 16);
	}
	random_bytes(mine, sizeof(mine));
	assert_int_equal(read(ends[0], theirs, sizeof(theirs)), 16);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_memory_not_equal(mine, theirs, sizeof(mine));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_exactly_the_bytes_asked_for),
		cmocka_unit_test(never_repeats_itself),
		cmocka_unit_test(fills_more_than_the_kernel_gives_at_once),
		cmocka_unit_test(differs_between_parent_and_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
