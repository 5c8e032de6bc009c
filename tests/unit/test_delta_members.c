/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_members.h"

#include <string.h>

#include "common/scratch.h"
#include "tests/unit/check.h"

#define OLD_LEN 1000
#define NEW_LEN 2000

static const struct member_recipe deflate = { MEMBER_DEFLATE, { 9, 8, 0, 0 } };
static const struct member_recipe lz4 = { MEMBER_LZ4, { 9, 8 << 20, 0, 0 } };

static struct buf list;
static struct delta_members got;
static struct err e;

static int setup(void **state)
{
	(void)state;
	list = (struct buf)BUF_INIT(DELTA_LIST_MAX);
	got = (struct delta_members){ .old = { .count = 0 } };
	e = (struct err){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&list);
	delta_members_done(&got);
	return 0;
}

static void format(const struct delta_member *old,
		   const struct delta_member *fresh)
{
	struct delta_members m = { .old = { .count = 0 } };

	delta_member_add(&m.old, old);
	delta_member_add(&m.fresh, fresh);
	delta_member_add(&m.fresh,
			 &(struct delta_member){ 700, 300, 900, lz4 });
	assert_ok(delta_format_members(&m, &list, &e));
	delta_members_done(&m);
}

static int parse(void)
{
	return delta_parse_members(buf_slice(&list), OLD_LEN, NEW_LEN, &got,
				   &e);
}

static void a_list_comes_back_as_it_was_written(void **state)
{
	uint64_t room;

	(void)state;
	format(&(struct delta_member){ 10, 990, 5000, deflate },
	       &(struct delta_member){ 0, 700, 9000, deflate });
	assert_ok(parse());
	assert_int_equal(got.old.count, 1);
	assert_int_equal(got.fresh.count, 2);
	assert_int_equal(got.fresh.packed_len, 1000);
	assert_int_equal(got.fresh.raw_len, 9900);
	assert_int_equal(got.old.at[0].at, 10);
	assert_int_equal(got.fresh.at[1].at, 700);
	assert_int_equal(got.fresh.at[1].recipe.kind, MEMBER_LZ4);
	assert_int_equal(delta_members_room(&got, &room), SCRATCH_ALIGN);
	assert_true(room > (16u << 20) && room < (17u << 20));
	assert_int_equal(delta_members_scratch(&got), SCRATCH_ALIGN + room);
}

static void no_list_is_no_members(void **state)
{
	(void)state;
	assert_ok(parse());
	assert_int_equal(got.old.count + got.fresh.count, 0);
	assert_int_equal(delta_members_scratch(&got), 0);
}

static void what_is_cut_off_or_too_long_is_refused(void **state)
{
	size_t len;

	(void)state;
	format(&(struct delta_member){ 10, 990, 5000, deflate },
	       &(struct delta_member){ 0, 700, 9000, deflate });
	len = list.len;
	for (list.len = 1; list.len < len; list.len++)
		assert_refused(parse(), ERR_FORMAT);
	assert_ok(buf_add(&list, (struct slice){ (const uint8_t *)"", 1 }, &e));
	assert_refused(parse(), ERR_FORMAT);
}

static void members_beside_their_stream_are_refused(void **state)
{
	(void)state;
	format(&(struct delta_member){ 11, 990, 5000, deflate },
	       &(struct delta_member){ 0, 700, 9000, deflate });
	assert_refused(parse(), ERR_FORMAT);
}

static void empty_members_are_refused(void **state)
{
	(void)state;
	format(&(struct delta_member){ 11, 0, 5000, deflate },
	       &(struct delta_member){ 0, 700, 9000, deflate });
	assert_refused(parse(), ERR_FORMAT);
}

static void what_is_longer_than_a_file_may_be_is_refused(void **state)
{
	(void)state;
	format(&(struct delta_member){ 11, 9, UINT64_C(1) << 32, deflate },
	       &(struct delta_member){ 0, 700, 9000, deflate });
	assert_refused(parse(), ERR_LIMIT);
}

static void unknown_recipes_are_refused(void **state)
{
	struct member_recipe r = deflate;

	(void)state;
	r.params[DEFLATE_LEVEL] = 10;
	format(&(struct delta_member){ 10, 9, 10, r },
	       &(struct delta_member){ 0, 700, 9000, deflate });
	assert_refused(parse(), ERR_FORMAT);
}

static void a_head_comes_back_and_wrong_ones_are_refused(void **state)
{
	struct delta_head h = { 7, 7 }, out = { 0 };
	uint8_t bytes[DELTA_HEAD_LEN];
	const struct slice in = { bytes, sizeof(bytes) };

	(void)state;
	delta_format_head(&h, bytes);
	assert_ok(delta_parse_head(in, &out, &e));
	assert_int_equal(out.raw_len, 7);
	bytes[0] = 3;
	assert_refused(delta_parse_head(in, &out, &e), ERR_FORMAT);
	delta_format_head(&(struct delta_head){ 7, 8 }, bytes);
	assert_refused(delta_parse_head(in, &out, &e), ERR_FORMAT);
	delta_format_head(&(struct delta_head){ 7, 0 }, bytes);
	assert_refused(delta_parse_head(in, &out, &e), ERR_FORMAT);
	delta_format_head(&(struct delta_head){ DELTA_LIST_MAX + 1, 9 }, bytes);
	assert_refused(delta_parse_head(in, &out, &e), ERR_LIMIT);
	assert_refused(delta_parse_head((struct slice){ bytes, 15 }, &out, &e),
		       ERR_FORMAT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_comes_back_as_it_was_written),
		TEST(no_list_is_no_members),
		TEST(what_is_cut_off_or_too_long_is_refused),
		TEST(members_beside_their_stream_are_refused),
		TEST(empty_members_are_refused),
		TEST(what_is_longer_than_a_file_may_be_is_refused),
		TEST(unknown_recipes_are_refused),
		TEST(a_head_comes_back_and_wrong_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
