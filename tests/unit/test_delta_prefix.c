/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_prefix.h"

#include "tests/unit/check.h"

static struct delta_range ranges[DELTA_RANGES_MAX];

static void add(struct delta_prefix *p, uint64_t at, uint64_t from, uint64_t to)
{
	const struct delta_near near = { at, from, to };

	delta_prefix_add(p, &near);
}

static void whole_files_are_taken_while_there_is_room(void **state)
{
	struct delta_prefix p = { 0 };

	(void)state;
	add(&p, 5500, 5000, 6000);
	add(&p, 1500, 1000, 2000);
	add(&p, 1700, 1000, 2000);
	assert_int_equal(delta_prefix_choose(&p, 2000, ranges), 2);
	assert_int_equal(ranges[0].at, 1000);
	assert_int_equal(ranges[0].len, 1000);
	assert_int_equal(ranges[1].at, 5000);
	assert_int_equal(ranges[1].len, 1000);
	/* It begins anew. */
	assert_int_equal(delta_prefix_choose(&p, 2000, ranges), 0);
	delta_prefix_done(&p);
}

static void else_what_is_around_the_inserts(void **state)
{
	struct delta_prefix p = { 0 };

	(void)state;
	add(&p, 1 << 24, 0, 1 << 26);
	add(&p, (1 << 24) + 5000, 0, 1 << 26);
	add(&p, 1 << 25, 0, 1 << 26);
	assert_int_equal(delta_prefix_choose(&p, 22000, ranges), 2);
	assert_int_equal(ranges[0].at, (1 << 24) - 4096);
	assert_int_equal(ranges[0].len, 5000 + 2 * 4096);
	assert_int_equal(ranges[1].at, (1 << 25) - 4096);
	assert_int_equal(ranges[1].len, 8192);
	delta_prefix_done(&p);
}

static void never_more_than_the_limit(void **state)
{
	struct delta_prefix p = { 0 };
	uint64_t sum = 0, end = 0;
	size_t count;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		add(&p, i * 100000 + 5, 0, UINT32_MAX);
	count = delta_prefix_choose(&p, 1 << 20, ranges);
	assert_in_range(count, 1, DELTA_RANGES_MAX);
	for (size_t i = 0; i < count; i++) {
		assert_true(ranges[i].len > 0 && ranges[i].at >= end);
		end = ranges[i].at + ranges[i].len;
		sum += ranges[i].len;
	}
	assert_in_range(sum, 1, 1 << 20);
	delta_prefix_done(&p);
}

static void nothing_near_counts_for_nothing(void **state)
{
	struct delta_prefix p = { 0 };

	(void)state;
	add(&p, 7, 7, 7);
	assert_int_equal(delta_prefix_choose(&p, 100, ranges), 0);
	delta_prefix_done(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_files_are_taken_while_there_is_room),
		cmocka_unit_test(else_what_is_around_the_inserts),
		cmocka_unit_test(never_more_than_the_limit),
		cmocka_unit_test(nothing_near_counts_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
