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
	got = (struct delta_members){ .recipe_count = 0 };
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

/* Recipes 1 and 2, two parts and every kind of step: 1400 bytes of 2000. */
static void put_steps(struct delta_members *m)
{
	const struct delta_step steps[] = {
		{ .kind = DELTA_PASS, .len = 100 },
		{ .kind = DELTA_KEEP, .len = 50, .packed_len = 50 },
		{ .kind = DELTA_KEEP,
		  .len = 900,
		  .packed_len = 70,
		  .recipe = 1 },
		{ .kind = DELTA_PACK,
		  .len = 2,
		  .packed_len = 300,
		  .recipe = 2 },
		{ .kind = DELTA_PASS, .len = 5000 },
		{ .kind = DELTA_TAKE, .len = 60, .at = 60 },
		{ .kind = DELTA_TAKE, .len = 120, .at = 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		delta_members_add_step(m, &steps[i]);
}

static void build(struct delta_members *m)
{
	*m = (struct delta_members){ .recipe_count = 0 };
	assert_int_equal(delta_members_recipe(m, &deflate), 1);
	assert_int_equal(delta_members_recipe(m, &lz4), 2);
	assert_int_equal(delta_members_recipe(m, &deflate), 1);
	delta_members_add_part(m, &(struct delta_part){ 10, 990, 5000, 1 });
	delta_members_add_part(m, &(struct delta_part){ 1000, 40, 40, 0 });
	put_steps(m);
}

static void format(struct delta_members *m)
{
	list.len = 0;
	assert_ok(delta_format_members(m, &list, &e));
	delta_members_done(m);
}

static int parse(void)
{
	delta_members_done(&got);
	return delta_parse_members(buf_slice(&list), OLD_LEN, NEW_LEN, &got,
				   &e);
}

static void a_list_comes_back_as_it_was_written(void **state)
{
	struct delta_members m;
	uint64_t room;

	(void)state;
	build(&m);
	format(&m);
	assert_ok(parse());
	assert_int_equal(got.part_count, 2);
	assert_int_equal(got.old_len, 5040);
	assert_int_equal(got.parts[1].at, 1000);
	assert_int_equal(got.parts[1].raw_len, 40);
	assert_int_equal(got.step_count, 7);
	assert_int_equal(got.kept_len, 120);
	assert_int_equal(got.steps[3].raw_len, 5060);
	assert_int_equal(got.steps[5].at, 60);
	/* 100 + 50 + 900 + 5000 are yielded for 100 + 300 + 120. */
	assert_int_equal(got.grown, 6050 - 520);
	assert_int_equal(delta_members_room(&got, &room), SCRATCH_ALIGN);
	assert_true(room > (16u << 20) && room < (17u << 20));
	assert_int_equal(delta_members_scratch(&got), SCRATCH_ALIGN + room);
}

static void no_list_is_no_members(void **state)
{
	struct delta_members none = { .recipe_count = 0 };

	(void)state;
	format(&none);
	assert_int_equal(list.len, 0);
	assert_ok(parse());
	assert_true(delta_members_is_empty(&got));
	assert_int_equal(delta_members_scratch(&got), 0);
}

static void what_is_cut_off_or_too_long_is_refused(void **state)
{
	struct delta_members m;
	size_t len;

	(void)state;
	build(&m);
	format(&m);
	len = list.len;
	for (list.len = 1; list.len < len; list.len++)
		assert_refused(parse(), ERR_FORMAT);
	assert_ok(buf_add(&list, (struct slice){ (const uint8_t *)"", 1 }, &e));
	assert_refused(parse(), ERR_FORMAT);
}

/* Only parts: what a list holds may be wrong in one of them. */
static void check_part(const struct delta_part *first,
		       const struct delta_part *second, enum err_code code)
{
	struct delta_members m = { .recipe_count = 0 };

	delta_members_recipe(&m, &deflate);
	delta_members_add_part(&m, first);
	delta_members_add_part(&m, second);
	format(&m);
	if (code == ERR_NONE)
		assert_ok(parse());
	else
		assert_refused(parse(), code);
}

static void parts_lie_within_what_there_is_already(void **state)
{
	const struct delta_part good = { 0, 1000, 5000, 1 };

	(void)state;
	check_part(&good, &(struct delta_part){ 1000, 5000, 5000, 0 },
		   ERR_NONE);
	check_part(&good, &(struct delta_part){ 1001, 5000, 5000, 0 },
		   ERR_FORMAT);
	check_part(&good, &(struct delta_part){ 6001, 1, 1, 0 }, ERR_FORMAT);
	check_part(&(struct delta_part){ 1, 1000, 5000, 1 }, &good, ERR_FORMAT);
	check_part(&(struct delta_part){ 1000, 1, 1, 0 }, &good, ERR_FORMAT);
}

static void empty_parts_and_unknown_recipes_are_refused(void **state)
{
	const struct delta_part good = { 0, 1000, 5000, 1 };

	(void)state;
	check_part(&good, &(struct delta_part){ 0, 0, 0, 0 }, ERR_FORMAT);
	check_part(&good, &(struct delta_part){ 0, 5, 0, 1 }, ERR_FORMAT);
	check_part(&good, &(struct delta_part){ 0, 5, 5, 2 }, ERR_LIMIT);
}

/* Only these steps, of a new stream of NEW_LEN bytes. */
static void check_steps(const struct delta_step *steps, size_t count,
			enum err_code code)
{
	struct delta_members m = { .recipe_count = 0 };

	delta_members_recipe(&m, &deflate);
	for (size_t i = 0; i < count; i++)
		delta_members_add_step(&m, &steps[i]);
	format(&m);
	if (code == ERR_NONE)
		assert_ok(parse());
	else
		assert_refused(parse(), code);
}

#define CHECK_STEPS(code, ...)                                                 \
	do {                                                                   \
		const struct delta_step steps[] = { __VA_ARGS__ };             \
		check_steps(steps, ARRAY_LEN(steps), code);                    \
	} while (0)

#define PASS(n)                                                                \
	{                                                                      \
		.kind = DELTA_PASS, .len = (n)                                 \
	}
#define KEEP(n)                                                                \
	{                                                                      \
		.kind = DELTA_KEEP, .len = (n), .packed_len = (uint32_t)(n)    \
	}
#define TAKE(a, n)                                                             \
	{                                                                      \
		.kind = DELTA_TAKE, .len = (n), .at = (a)                      \
	}
#define PACK(p, n)                                                             \
	{                                                                      \
		.kind = DELTA_PACK, .len = (n), .packed_len = (p), .recipe = 1 \
	}

static void no_more_goes_out_than_the_new_stream_has(void **state)
{
	(void)state;
	CHECK_STEPS(ERR_NONE, PASS(2000));
	CHECK_STEPS(ERR_LIMIT, PASS(2001));
	CHECK_STEPS(ERR_LIMIT, PASS(1999), PASS(2));
	CHECK_STEPS(ERR_NONE, KEEP(3000), TAKE(0, 2000));
	CHECK_STEPS(ERR_FORMAT, KEEP(3000), TAKE(0, 2001));
	CHECK_STEPS(ERR_NONE, PACK(2000, 1), PASS(9000));
	CHECK_STEPS(ERR_FORMAT, PACK(2001, 1), PASS(9000));
	CHECK_STEPS(ERR_LIMIT, PACK(2000, 1), PASS(9000), PASS(1));
}

static void only_what_was_kept_is_taken(void **state)
{
	(void)state;
	CHECK_STEPS(ERR_NONE, KEEP(10), TAKE(5, 5));
	CHECK_STEPS(ERR_FORMAT, KEEP(10), TAKE(5, 6));
	CHECK_STEPS(ERR_FORMAT, KEEP(10), TAKE(11, 1));
	CHECK_STEPS(ERR_FORMAT, TAKE(0, 1), KEEP(10));
	CHECK_STEPS(ERR_FORMAT, KEEP(10), TAKE(0, 0));
}

static void packs_hold_what_goes_out_and_are_finished(void **state)
{
	(void)state;
	CHECK_STEPS(ERR_NONE, KEEP(4), PACK(9, 2), PASS(5), TAKE(0, 4));
	CHECK_STEPS(ERR_FORMAT, PACK(9, 2), PASS(5));
	CHECK_STEPS(ERR_FORMAT, PACK(9, 1), KEEP(5));
	CHECK_STEPS(ERR_FORMAT, PACK(9, 2), PACK(9, 1), PASS(5));
	CHECK_STEPS(ERR_FORMAT, PACK(9, 0));
	CHECK_STEPS(ERR_FORMAT, PACK(0, 1), PASS(5));
	CHECK_STEPS(ERR_LIMIT, PACK(9, 2), PASS(UINT32_MAX), PASS(1));
	assert_non_null(strstr(e.msg, "packs too much"));
	CHECK_STEPS(ERR_LIMIT, PACK(9, 1), PASS(UINT64_C(1) << 32));
	CHECK_STEPS(ERR_FORMAT,
		    { .kind = DELTA_PACK, .len = 1, .packed_len = 9 }, PASS(5));
}

#define WORK_MAX (DELTA_WORK_FREE + DELTA_WORK_TIMES * (OLD_LEN + NEW_LEN))

/* Up to the limit all is done, and not a byte more. */
static void unpacking_more_than_both_streams_explain_is_refused(void **state)
{
	const uint32_t rest = WORK_MAX - 2 * 1000 - 1000;

	(void)state;
	check_part(&(struct delta_part){ 0, 1000, 1000, 0 },
		   &(struct delta_part){ 0, 1000, rest, 1 }, ERR_NONE);
	check_part(&(struct delta_part){ 0, 1000, 1000, 0 },
		   &(struct delta_part){ 0, 1000, rest + DELTA_WORK_TIMES, 1 },
		   ERR_LIMIT);
	assert_non_null(strstr(e.msg, "to unpack and pack"));
	/* Bytes that are read again and again count as often. */
	check_part(&(struct delta_part){ 0, 1000, rest / 3, 1 },
		   &(struct delta_part){ 1000, rest / 3, rest / 3, 0 },
		   ERR_NONE);
	check_part(&(struct delta_part){ 0, 1000, rest / 2, 1 },
		   &(struct delta_part){ 1000, rest / 2, rest / 2, 0 },
		   ERR_LIMIT);
}

static void packing_more_than_both_streams_explain_is_refused(void **state)
{
	const uint64_t rest = WORK_MAX - 9;

	(void)state;
	CHECK_STEPS(ERR_NONE, PACK(9, 1), PASS(rest));
	CHECK_STEPS(ERR_LIMIT, PACK(9, 1), PASS(rest + DELTA_WORK_TIMES));
	CHECK_STEPS(ERR_NONE, PACK(9, 2), PASS(rest / 2), PASS(rest / 2));
	CHECK_STEPS(ERR_LIMIT, PACK(9, 1), PASS(rest / 2), PACK(9, 1),
		    PASS(rest / 2 + DELTA_WORK_TIMES));
	/* What is taken counts by itself, and again where it is packed. */
	CHECK_STEPS(ERR_NONE, KEEP(rest / 4), PACK(9, 1), TAKE(0, rest / 4));
	CHECK_STEPS(ERR_LIMIT, KEEP(rest / 4), PACK(9, 2), TAKE(0, rest / 4),
		    TAKE(0, rest / 4));
	CHECK_STEPS(ERR_LIMIT, KEEP(rest / 2 + DELTA_WORK_TIMES));
}

static void wrong_recipes_are_refused(void **state)
{
	struct delta_members m = { .recipe_count = 0 };
	struct member_recipe r = deflate;

	(void)state;
	r.params[DEFLATE_LEVEL] = 10;
	delta_members_recipe(&m, &r);
	delta_members_add_part(&m, &(struct delta_part){ 0, 5, 5, 0 });
	format(&m);
	assert_refused(parse(), ERR_FORMAT);
}

static void there_is_room_for_so_many_recipes(void **state)
{
	struct delta_members m = { .recipe_count = 0 };
	struct member_recipe r = lz4;

	(void)state;
	for (size_t i = 1; i <= DELTA_RECIPES_MAX; i++) {
		r.params[LZ4_BLOCK] = 100 + i;
		assert_int_equal(delta_members_recipe(&m, &r), i);
	}
	r.params[LZ4_BLOCK] = 99;
	assert_int_equal(delta_members_recipe(&m, &r), DELTA_STORED);
	delta_members_done(&m);
}

static void check_head(uint32_t raw_len, uint32_t packed_len,
		       enum err_code code)
{
	const bool blank = packed_len % 2 == 0, whole = packed_len % 3 == 0;
	const struct delta_head h = { raw_len, packed_len, blank, whole };
	struct delta_head out = { .raw_len = 1 };
	uint8_t bytes[DELTA_HEAD_MAX];
	const size_t len = delta_format_head(&h, bytes);
	const struct slice in = { bytes, len };

	assert_int_equal(delta_head_len(bytes[0]), len);
	if (code != ERR_NONE) {
		assert_refused(delta_parse_head(in, &out, &e), code);
		assert_int_equal(out.raw_len, 1);
		return;
	}
	assert_ok(delta_parse_head(in, &out, &e));
	assert_int_equal(out.raw_len, raw_len);
	assert_int_equal(out.packed_len, packed_len);
	assert_int_equal(out.blank, h.blank);
	assert_int_equal(out.whole, h.whole);
}

static void a_head_comes_back_and_wrong_ones_are_refused(void **state)
{
	(void)state;
	check_head(0, 0, ERR_NONE);
	check_head(7, 7, ERR_NONE);
	check_head(8, 7, ERR_NONE);
	check_head(DELTA_LIST_MAX, 300, ERR_NONE);
	check_head(7, 8, ERR_FORMAT);
	check_head(7, 0, ERR_FORMAT);
	check_head(DELTA_LIST_MAX + 1, 9, ERR_LIMIT);
	check_head((1u << 24) - 1, (1u << 24) - 1, ERR_LIMIT);
}

static void
heads_with_other_flags_or_of_another_length_are_refused(void **state)
{
	struct delta_head out = { 0 };
	uint8_t bytes[DELTA_HEAD_MAX + 1] = { 0 };
	const size_t len = delta_format_head(
		&(struct delta_head){ .raw_len = 700, .packed_len = 300 },
		bytes);

	(void)state;
	assert_int_equal(len, DELTA_HEAD_MAX);
	for (size_t n = 0; n <= len + 1; n++)
		if (n != len)
			assert_refused(
				delta_parse_head((struct slice){ bytes, n },
						 &out, &e),
				ERR_FORMAT);
	/* No list is said by the flag, and there is one way to say it. */
	assert_int_equal(
		delta_format_head(&(struct delta_head){ .blank = true }, bytes),
		1);
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = DELTA_HEAD_LIST;
	assert_refused(delta_parse_head((struct slice){ bytes, len }, &out, &e),
		       ERR_FORMAT);
	/* No fault of the delta's: the full package stands in for it. */
	for (unsigned flags = 8; flags <= UINT8_MAX; flags++) {
		bytes[0] = (uint8_t)flags;
		assert_refused(
			delta_parse_head(
				(struct slice){ bytes,
						delta_head_len(bytes[0]) },
				&out, &e),
			ERR_CONFLICT);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_comes_back_as_it_was_written),
		TEST(no_list_is_no_members),
		TEST(what_is_cut_off_or_too_long_is_refused),
		TEST(parts_lie_within_what_there_is_already),
		TEST(empty_parts_and_unknown_recipes_are_refused),
		TEST(no_more_goes_out_than_the_new_stream_has),
		TEST(only_what_was_kept_is_taken),
		TEST(packs_hold_what_goes_out_and_are_finished),
		TEST(unpacking_more_than_both_streams_explain_is_refused),
		TEST(packing_more_than_both_streams_explain_is_refused),
		TEST(wrong_recipes_are_refused),
		TEST(there_is_room_for_so_many_recipes),
		TEST(a_head_comes_back_and_wrong_ones_are_refused),
		TEST(heads_with_other_flags_or_of_another_length_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
