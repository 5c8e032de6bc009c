/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ladder.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/check.h"

#define SAMPLE 149

static const struct sha256 content = { { 7 } };

static uint64_t bucket(uint64_t n)
{
	struct device_id id = { { 0 } };

	for (size_t i = 0; i < 8; i++)
		id.bytes[i] = (uint8_t)(n >> (8 * i));
	return bucket_of(&content, &id);
}

static uint64_t *population(uint64_t count)
{
	uint64_t *buckets = mem_alloc(count, sizeof(*buckets));

	for (uint64_t i = 0; i < count; i++)
		buckets[i] = bucket(i);
	return buckets;
}

static struct ladder measured(uint64_t count)
{
	uint64_t *buckets = population(count);
	struct ladder l = { .count = 0 };
	struct err e = { 0 };

	assert_ok(ladder_choose(count, SAMPLE, &l, &e));
	ladder_measure(&l, buckets, count);
	free(buckets);
	return l;
}

static uint64_t inside(uint64_t from, uint64_t to, uint64_t limit)
{
	uint64_t n = 0;

	for (uint64_t i = from; i < to; i++)
		n += bucket(i) <= limit;
	return n;
}

static void the_ladder_follows_from_the_population(void **state)
{
	static const struct {
		uint64_t population;
		size_t rungs;
		uint64_t sizes[5];
		bool manual[5];
	} cases[] = {
		{ 1, 1, { 1 }, { true } },
		{ 20, 1, { 20 }, { true } },
		{ 21, 2, { 20, 21 }, { true, true } },
		{ 149, 2, { 20, 149 }, { true, true } },
		{ 150, 3, { 20, 38, 150 }, { true, true, true } },
		{ 1000,
		  4,
		  { 20, 50, 250, 1000 },
		  { true, true, false, false } },
		{ 14999, 4, { 20, 750, 3750, 14999 }, { true } },
		{ 15000, 5, { 20, 150, 750, 3750, 15000 }, { true, true } },
		{ 1000000, 5, { 20, 10000, 50000, 250000, 1000000 }, { true } },
	};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct ladder l;
		struct err e = { 0 };

		assert_ok(ladder_choose(cases[c].population, SAMPLE, &l, &e));
		assert_int_equal(l.count, cases[c].rungs);
		assert_int_equal(l.rungs[l.count - 1].share, BUCKET_SHARE_ALL);
		for (size_t i = 0; i < l.count; i++) {
			assert_int_equal(l.rungs[i].size, cases[c].sizes[i]);
			assert_int_equal(l.rungs[i].manual, cases[c].manual[i]);
			assert_true(l.rungs[i].bake_sec > 0);
		}
	}
}

static void nobody_and_impossible_ladders_are_refused(void **state)
{
	static const uint32_t falling[] = { 500, 100 }, much[] = { 10001 },
			      twice[] = { 0, 0 }, nine[9] = { 0 };
	struct ladder l;
	struct err e = { 0 };

	(void)state;
	assert_refused(ladder_choose(0, SAMPLE, &l, &e), ERR_REFUSED);
	assert_refused(ladder_of_shares(falling, 2, 9, SAMPLE, &l, &e),
		       ERR_USAGE);
	assert_refused(ladder_of_shares(much, 1, 9, SAMPLE, &l, &e), ERR_USAGE);
	assert_refused(ladder_of_shares(twice, 2, 9, SAMPLE, &l, &e),
		       ERR_USAGE);
	assert_refused(ladder_of_shares(nine, 0, 9, SAMPLE, &l, &e), ERR_USAGE);
	assert_refused(ladder_of_shares(nine, 9, 9, SAMPLE, &l, &e), ERR_USAGE);
}

static void a_rung_opens_exactly_its_size(void **state)
{
	static const uint64_t counts[] = { 1, 7, 20, 150, 3000, 15000 };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
		struct ladder l = measured(counts[c]);

		for (size_t i = 0; i < l.count; i++)
			assert_int_equal(inside(0, counts[c], l.rungs[i].limit),
					 l.rungs[i].size);
	}
}

static void a_share_of_anything_is_at_least_one_device(void **state)
{
	(void)state;
	assert_int_equal(ladder_size(10, 1), 1);
	assert_int_equal(ladder_size(1, 10000), 1);
	assert_int_equal(ladder_size(1000, 101), 11); /* 10.1 rounded up */
	assert_int_equal(ladder_size(UINT64_MAX, 10000), UINT64_MAX);
}

static void order_does_not_matter(void **state)
{
	uint64_t *buckets = population(3000);
	struct ladder a = measured(3000), b = a;

	(void)state;
	for (size_t i = 0; i < 1500; i++) {
		uint64_t other = buckets[2999 - i];

		buckets[2999 - i] = buckets[i];
		buckets[i] = other;
	}
	ladder_measure(&b, buckets, 3000);
	for (size_t i = 0; i < a.count; i++)
		assert_true(a.rungs[i].limit == b.rungs[i].limit);
	free(buckets);
}

static void rungs_are_nested_and_found(void **state)
{
	struct ladder l = measured(15000);

	(void)state;
	for (size_t i = 1; i < l.count; i++)
		assert_true(l.rungs[i].limit > l.rungs[i - 1].limit);
	for (size_t i = 0; i < l.count; i++) {
		assert_int_equal(ladder_find(&l, l.rungs[i].limit), i);
		if (i > 0)
			assert_int_equal(
				ladder_find(&l, l.rungs[i - 1].limit + 1), i);
	}
	assert_int_equal(ladder_find(&l, 0), 0);
	l.count--;
	assert_int_equal(ladder_find(&l, BUCKET_ALL), l.count);
}

static void late_joiners_fall_inside_in_proportion(void **state)
{
	struct ladder l = measured(15000);
	uint64_t late = inside(15000, 115000, l.rungs[3].limit);

	(void)state;
	/* 25 % of 100000, six standard deviations either way, and the limit's
	 * own uncertainty */
	assert_in_range(late, 22500, 27500);
}

static void beyond_a_million_a_share_is_one_of_all_buckets(void **state)
{
	uint64_t *buckets = population(LADDER_EXACT_MAX + 1);
	struct ladder l;
	struct err e = { 0 };

	(void)state;
	assert_ok(ladder_choose(LADDER_EXACT_MAX + 1, SAMPLE, &l, &e));
	ladder_measure(&l, buckets, LADDER_EXACT_MAX + 1);
	assert_true(l.rungs[1].limit == bucket_limit_of(100));
	assert_int_equal(inside(0, LADDER_EXACT_MAX + 1, l.rungs[0].limit),
			 LADDER_CANARIES);
	free(buckets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ladder_follows_from_the_population),
		cmocka_unit_test(nobody_and_impossible_ladders_are_refused),
		cmocka_unit_test(a_rung_opens_exactly_its_size),
		cmocka_unit_test(a_share_of_anything_is_at_least_one_device),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(rungs_are_nested_and_found),
		cmocka_unit_test(late_joiners_fall_inside_in_proportion),
		cmocka_unit_test(
			beyond_a_million_a_share_is_one_of_all_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
