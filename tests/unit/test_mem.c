/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

static void memory_comes_zeroed_and_grows(void **state)
{
	uint8_t *p = mem_alloc(100, 3);

	(void)state;
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
	p[299] = 7;
	p = mem_resize(p, 1000, 3);
	assert_int_equal(p[299], 7);
	free(p);
}

static void text_is_copied(void **state)
{
	char *copy = mem_dup_str("some text");

	(void)state;
	assert_string_equal(copy, "some text");
	free(copy);
}

static void secrets_are_overwritten(void **state)
{
	char secret[16] = "passphrase";
	static const char zeroes[sizeof(secret)];

	(void)state;
	mem_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zeroes, sizeof(secret));
	mem_wipe(secret, 0);
}

/* Sizes whose product overflows must end the process, not wrap around. */
static void what_cannot_be_had_ends_the_process(void **state)
{
	volatile size_t huge = SIZE_MAX / 2;
	struct rlimit none = { 0, 0 };
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)close(STDERR_FILENO);
		(void)mem_resize(NULL, huge, 3);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_zeroed_and_grows),
		cmocka_unit_test(text_is_copied),
		cmocka_unit_test(secrets_are_overwritten),
		cmocka_unit_test(what_cannot_be_had_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
