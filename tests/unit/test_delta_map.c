/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_map.h"

#include "common/delta_cover.h"
#include "tests/unit/check.h"

#define NOWHERE UINT64_MAX

static struct delta_span spans[16];

static uint64_t goes_to(const struct delta_map *m, uint64_t old)
{
	uint64_t fresh = NOWHERE;

	return delta_map_offset(m, old, &fresh) ? fresh : NOWHERE;
}

static void what_a_cover_holds_moves_with_it(void **state)
{
	struct delta_map m = { .spans = spans };

	(void)state;
	delta_map_add(&m, 1000, 5000, 100);
	delta_map_add(&m, 200000, 0, 10);
	delta_map_seal(&m);
	assert_true(goes_to(&m, 999) == NOWHERE);
	assert_true(goes_to(&m, 1000) == 5000);
	assert_true(goes_to(&m, 1099) == 5099);
	assert_true(goes_to(&m, 200009) == 9);
}

static void what_stands_near_behind_a_cover_follows_it(void **state)
{
	struct delta_map m = { .spans = spans };

	(void)state;
	delta_map_add(&m, 1000, 5000, 100);
	delta_map_seal(&m);
	assert_true(goes_to(&m, 1100) == 5100);
	assert_true(goes_to(&m, 1099 + DELTA_REACH) == 5099 + DELTA_REACH);
	assert_true(goes_to(&m, 1100 + DELTA_REACH) == NOWHERE);
}

static void the_longer_of_two_covers_wins(void **state)
{
	struct delta_map m = { .spans = spans };

	(void)state;
	delta_map_add(&m, 0, 1000, 100);   /* loses from 50 on */
	delta_map_add(&m, 50, 2000, 200);  /* 50 to 250 */
	delta_map_add(&m, 60, 3000, 10);   /* within: lost */
	delta_map_add(&m, 240, 4000, 100); /* what is left: 250 to 340 */
	delta_map_add(&m, 50, 5000, 200);  /* the same: the smaller target */
	delta_map_seal(&m);
	assert_int_equal(m.count, 3);
	assert_true(goes_to(&m, 49) == 1049);
	assert_true(goes_to(&m, 50) == 2000);
	assert_true(goes_to(&m, 65) == 2015);
	assert_true(goes_to(&m, 249) == 2199);
	assert_true(goes_to(&m, 250) == 4010);
	assert_true(goes_to(&m, 339) == 4099);
}

/* What was left of one gives way to a longer one that begins where it does. */
static void what_is_left_of_a_cover_may_lose_too(void **state)
{
	struct delta_map m = { .spans = spans };

	(void)state;
	delta_map_add(&m, 0, 1000, 100);
	delta_map_add(&m, 50, 2000, 90); /* what is left: 100 to 140 */
	delta_map_add(&m, 100, 3000, 200);
	delta_map_seal(&m);
	assert_int_equal(m.count, 2);
	assert_true(goes_to(&m, 99) == 1099);
	assert_true(goes_to(&m, 100) == 3000);
	assert_true(goes_to(&m, 299) == 3199);
}

static void a_long_cover_swallows_short_ones(void **state)
{
	struct delta_map m = { .spans = spans };

	(void)state;
	delta_map_add(&m, 10, 100, 5);
	delta_map_add(&m, 12, 200, 8);
	delta_map_add(&m, 14, 300, 50);
	delta_map_seal(&m);
	assert_int_equal(m.count, 3);
	assert_true(goes_to(&m, 11) == 101);
	assert_true(goes_to(&m, 13) == 201);
	assert_true(goes_to(&m, 14) == 300);
}

static void an_empty_map_knows_nothing(void **state)
{
	struct delta_map m = { .spans = spans };

	(void)state;
	delta_map_seal(&m);
	assert_true(goes_to(&m, 0) == NOWHERE);
}

static void addresses_go_through_the_regions(void **state)
{
	struct delta_map m = {
		.spans = spans,
		.old = { { { 0, 100, 0x1000 }, { 100, 50, 0x9000 } }, 2 },
		.fresh = { { { 0, 100, 0x2000 }, { 100, 50, UINT64_MAX - 9 } },
			   2 }
	};
	uint64_t fresh = 0;

	(void)state;
	delta_map_add(&m, 0, 0, 100);
	delta_map_add(&m, 100, 110, 40);
	delta_map_seal(&m);
	assert_true(delta_map_address(&m, 0x1010, &fresh));
	assert_true(fresh == 0x2010);
	/* Addresses wrap around, like those of the machine. */
	assert_true(delta_map_address(&m, 0x9001, &fresh));
	assert_true(fresh == 1);
	assert_false(delta_map_address(&m, 0xfff, &fresh));
	assert_false(delta_map_address(&m, 0x1064, &fresh));
	/* Known, but where it went there is no address. */
	assert_false(delta_map_address(&m, 0x9031, &fresh));
}

static void covers_of_the_home_file_make_the_map(void **state)
{
	static const struct delta_cover covers[] = { { 1000, 5, 10 },
						     { 4000, 0, 20 },
						     { 1990, 7, 11 } };
	const struct delta_segment s = {
		.kind = DELTA_PATCH,
		.len = 100,
		.old_at = 1000,
		.old_len = 1000,
		.within = 50,
		.cover_count = 3,
		.old = { { { 1000, 64, 0x5000 }, { 0, 0, 0 } }, 2 },
		.fresh = { { { 1200, 32, 0x6000 }, { 0, 10, 0 } }, 2 },
	};
	struct delta_map m = { .spans = spans };

	(void)state;
	assert_true(delta_spans_max(&s) >= 5);
	delta_map_covers(&s, covers, &m);
	/* One cover is of another file, one only half of the home. */
	assert_int_equal(m.count, 2);
	assert_true(goes_to(&m, 0) == 55);
	assert_true(goes_to(&m, 1000) == 1200);
	assert_true(m.spans[1].end == 1032);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_cover_holds_moves_with_it),
		cmocka_unit_test(what_stands_near_behind_a_cover_follows_it),
		cmocka_unit_test(the_longer_of_two_covers_wins),
		cmocka_unit_test(what_is_left_of_a_cover_may_lose_too),
		cmocka_unit_test(a_long_cover_swallows_short_ones),
		cmocka_unit_test(an_empty_map_knows_nothing),
		cmocka_unit_test(addresses_go_through_the_regions),
		cmocka_unit_test(covers_of_the_home_file_make_the_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
