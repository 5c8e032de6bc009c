/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_match.h"

#include <string.h>

#include "tests/unit/check.h"

#define OLD_LEN 100000
#define GAIN    11

static uint8_t old[OLD_LEN], new[OLD_LEN];
static struct matcher *m;
static struct cover_list covers;

/* Bytes that repeat nowhere. */
static void fill(uint8_t *to, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> 24);
	}
}

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	fill(old, sizeof(old), 1);
	fill(new, sizeof(new), 2);
	assert_ok(matcher_new((struct slice){ old, sizeof(old) }, &m, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	matcher_free(m);
	cover_list_done(&covers);
	return 0;
}

static void run(size_t len, uint64_t hint)
{
	covers.count = 0;
	matcher_run(m, (struct slice){ new, len }, hint, GAIN, &covers);
}

static void assert_cover(size_t i, uint64_t new_at, uint64_t old_at,
			 uint64_t len)
{
	assert_true(i < covers.count);
	assert_int_equal(covers.at[i].new_at, new_at);
	assert_int_equal(covers.at[i].old_at, old_at);
	assert_int_equal(covers.at[i].len, len);
}

static void what_stands_nowhere_has_no_cover(void **state)
{
	(void)state;
	run(sizeof(new), 0);
	assert_int_equal(covers.count, 0);
}

static void what_moved_is_found_wherever_it_stood(void **state)
{
	(void)state;
	memcpy(new + 1000, old + 70000, 3000);
	memcpy(new + 4000, old + 500, 40);
	memcpy(new + 99000, old + 99000, 1000);
	run(sizeof(new), 0);
	assert_int_equal(covers.count, 3);
	assert_cover(0, 1000, 70000, 3000);
	assert_cover(1, 4000, 500, 40);
	assert_cover(2, 99000, 99000, 1000);
}

/* The shortest that is gone to is one byte more than the gain. */
static void what_is_too_short_is_left_to_inserts(void **state)
{
	(void)state;
	memcpy(new + 1000, old + 70000, GAIN);
	memcpy(new + 2000, old + 70000, GAIN + 1);
	run(3000, 0);
	assert_int_equal(covers.count, 1);
	assert_cover(0, 2000, 70000, GAIN + 1);
}

static void a_cover_goes_on_over_bytes_that_changed(void **state)
{
	(void)state;
	memcpy(new, old + 30000, 5000);
	for (size_t i = 20; i < 5000; i += 20)
		new[i]++;
	run(5000, 30000);
	assert_int_equal(covers.count, 1);
	assert_cover(0, 0, 30000, 5000);
}

static void the_end_of_a_piece_may_be_shorter_than_a_window(void **state)
{
	(void)state;
	for (size_t len = 0; len < 40; len++) {
		memcpy(new, old + 50, len);
		run(len, 50);
		assert_int_equal(covers.count, len >= 12);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_stands_nowhere_has_no_cover),
		TEST(what_moved_is_found_wherever_it_stood),
		TEST(what_is_too_short_is_left_to_inserts),
		TEST(a_cover_goes_on_over_bytes_that_changed),
		TEST(the_end_of_a_piece_may_be_shorter_than_a_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
