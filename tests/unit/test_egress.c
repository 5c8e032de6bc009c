/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/egress.h"

#include <stdio.h>

#include "tests/unit/check.h"

static struct egress *g;
static struct egress_count taken[EGRESS_MAX];

static int setup(void **state)
{
	(void)state;
	g = egress_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	egress_free(g);
	return 0;
}

static struct sha256 package(unsigned n)
{
	return (struct sha256){ { (uint8_t)n, (uint8_t)(n >> 8), 0xab } };
}

/* "/targets/a/<digest>.b" of the n-th. */
static struct slice path_of(unsigned n)
{
	static char path[128];
	char hex[SHA256_HEX_LEN];
	struct sha256 digest = package(n);

	sha256_format(&digest, hex);
	(void)snprintf(path, sizeof(path), "/targets/a/%s.b", hex);
	return slice_of(path);
}

static void each_package_is_counted_for_itself(void **state)
{
	struct sha256 one = package(1);
	struct egress_count c;

	(void)state;
	egress_sent(g, path_of(1), 1000);
	egress_sent(g, path_of(2), 7);
	egress_busy(g, path_of(1));
	egress_sent(g, path_of(1), 24);
	egress_busy(g, path_of(3));
	c = egress_waiting(g, &one);
	assert_int_equal(c.sent, 1024);
	assert_int_equal(c.busy, 1);
	assert_int_equal(egress_take(g, taken), 3);
	assert_memory_equal(&taken[0].package, &one, sizeof(one));
	assert_int_equal(taken[0].sent, 1024);
	assert_int_equal(taken[1].sent, 7);
	assert_int_equal(taken[2].sent, 0);
	assert_int_equal(taken[2].busy, 1);
	assert_int_equal(egress_waiting(g, &one).sent, 0);
	assert_int_equal(egress_take(g, taken), 0);
}

static void what_could_not_be_kept_is_counted_again(void **state)
{
	struct sha256 one = package(1);
	size_t count;

	(void)state;
	egress_sent(g, path_of(1), 5);
	count = egress_take(g, taken);
	egress_sent(g, path_of(1), 6);
	egress_return(g, taken, count);
	assert_int_equal(egress_waiting(g, &one).sent, 11);
	assert_int_equal(egress_take(g, taken), 1);
}

static void a_path_without_a_digest_is_no_package(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"/v1/checkin",
		"/metadata/timestamp.json",
		/* A digit short; none behind it; none of hex; another's. */
		"/targets/0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcde.b",
		"/targets/0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef",
		"/targets/g123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef.b",
		"/targets/0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef.b/c",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		egress_sent(g, slice_of(paths[i]), 1);
	assert_int_equal(egress_take(g, taken), 0);
}

static void guesses_leave_room_for_what_goes_out(void **state)
{
	struct sha256 last = package(EGRESS_MAX / 2 + 2);
	struct sha256 guess = package(EGRESS_MAX / 2 + 1);

	(void)state;
	for (unsigned n = 1; n <= EGRESS_MAX / 2 + 1; n++)
		egress_busy(g, path_of(n));
	assert_int_equal(egress_waiting(g, &guess).busy, 0);
	egress_sent(g, path_of(EGRESS_MAX / 2 + 2), 3);
	assert_int_equal(egress_waiting(g, &last).sent, 3);
	/* One that turned out to be none makes room for another. */
	egress_sent(g, path_of(1), 1);
	egress_busy(g, path_of(EGRESS_MAX / 2 + 1));
	assert_int_equal(egress_waiting(g, &guess).busy, 1);
	assert_int_equal(egress_take(g, taken), EGRESS_MAX / 2 + 2);
}

static void there_are_never_more_than_it_holds(void **state)
{
	struct sha256 over = package(EGRESS_MAX + 1);

	(void)state;
	for (unsigned n = 1; n <= EGRESS_MAX + 1; n++)
		egress_sent(g, path_of(n), 1);
	assert_int_equal(egress_waiting(g, &over).sent, 0);
	assert_int_equal(egress_take(g, taken), EGRESS_MAX);
}

static void nobody_counts(void **state)
{
	struct sha256 one = package(1);

	(void)state;
	egress_sent(NULL, path_of(1), 1);
	egress_busy(NULL, path_of(1));
	egress_return(NULL, taken, 1);
	assert_int_equal(egress_take(NULL, taken), 0);
	assert_int_equal(egress_waiting(NULL, &one).sent, 0);
	egress_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(each_package_is_counted_for_itself),
		TEST(what_could_not_be_kept_is_counted_again),
		TEST(a_path_without_a_digest_is_no_package),
		TEST(guesses_leave_room_for_what_goes_out),
		TEST(there_are_never_more_than_it_holds),
		TEST(nobody_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
