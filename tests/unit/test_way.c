/* SPDX-License-Identifier: Apache-2.0 */
#include "common/way.h"

#include <string.h>

#include "tests/unit/check.h"

static struct way way;

static void list(const char *id, uint64_t seq, uint64_t requires,
		 const char *stone)
{
	struct release r = { .seq = seq,
			     .content_seq = seq,
			     .requires_seq = requires,
			     .digest = { { (uint8_t)seq } } };

	strcpy(r.id, id);
	strcpy(r.stepping_stone, stone);
	way_add(&way, &r);
}

static const char *first(const char *id, uint8_t digest, uint64_t content_seq)
{
	struct sha256 d = { { digest } };
	const char *way_there = way_first(&way, id, &d, content_seq);

	return way_there ? way_there : "";
}

static int teardown(void **state)
{
	(void)state;
	way_done(&way);
	return 0;
}

static void an_open_way_needs_no_stone(void **state)
{
	(void)state;
	list("5", 5, 3, "3");
	list("3", 3, 0, "");
	assert_string_equal(first("5", 5, 3), "");
	assert_string_equal(first("5", 5, 4), "");
}

static void a_closed_way_leads_over_its_stones(void **state)
{
	(void)state;
	list("9", 9, 5, "5");
	list("5", 5, 3, "3");
	list("5", 5, 3, "3"); /* its delta */
	list("3", 3, 0, "");
	assert_string_equal(first("9", 9, 4), "5");
	assert_string_equal(first("9", 9, 1), "3");
	/* The name with other content is not the release. */
	assert_string_equal(first("9", 8, 1), "");
	assert_string_equal(first("7", 7, 1), "");
}

static void a_stone_that_is_gone_leads_nowhere(void **state)
{
	(void)state;
	list("9", 9, 5, "5");
	assert_string_equal(first("9", 9, 1), "");
	list("8", 8, 5, "");
	assert_string_equal(first("8", 8, 1), "");
}

static void a_circle_ends(void **state)
{
	(void)state;
	list("9", 9, 5, "8");
	list("8", 8, 5, "9");
	assert_string_equal(first("9", 9, 1), "");
}

static void only_what_stands_above_the_floor_names_stones(void **state)
{
	(void)state;
	list("9", 9, 3, "3");
	list("5", 5, 2, "2");
	assert_true(way_is_stone(&way, 9, "3"));
	assert_false(way_is_stone(&way, 10, "3"));
	assert_false(way_is_stone(&way, 6, "2"));
	assert_true(way_is_stone(&way, 5, "2"));
	assert_false(way_is_stone(&way, 5, "4"));
}

static void steps_back_are_exact_and_bounded(void **state)
{
	(void)state;
	assert_false(way_may_step_back(&way, 0));
	for (uint64_t i = 1; i <= WAY_BACK_MAX + 3; i++)
		way_add_back(&way, i);
	assert_true(way_may_step_back(&way, WAY_BACK_MAX));
	assert_false(way_may_step_back(&way, WAY_BACK_MAX + 1));
}

#define CLEAN(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CLEAN(an_open_way_needs_no_stone),
		CLEAN(a_closed_way_leads_over_its_stones),
		CLEAN(a_stone_that_is_gone_leads_nowhere),
		CLEAN(a_circle_ends),
		CLEAN(only_what_stands_above_the_floor_names_stones),
		CLEAN(steps_back_are_exact_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
