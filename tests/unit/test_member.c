/* SPDX-License-Identifier: Apache-2.0 */
#include "common/member.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/le.h"
#include "common/mem.h"
#include "tests/unit/check.h"

#define RAW_LEN 300000

static const struct member_recipe recipes[] = {
	{ MEMBER_DEFLATE, { 9, 8, 0, 0 } },
	{ MEMBER_DEFLATE, { 1, 9, 0, 1 } },
	{ MEMBER_LZ4, { 9, 65536, 0, 0 } },
	{ MEMBER_LZ4, { 3, MEMBER_BLOCK_MAX, 0, 0 } },
	{ MEMBER_LZ4, { 1, 65536, 0, 0 } },
	{ MEMBER_LZ4, { 1, 1 << 20, 1, 0 } },
	{ MEMBER_LZ4, { 12, 1 << 19, 1, 0 } },
	{ MEMBER_XZ, { 6, 65536, 1, 0, 0 } },
	{ MEMBER_XZ, { 16 + 1, 1 << 20, 4, 4, 1 } },
	{ MEMBER_XZ, { 0, 4096, 10, 7, 0 } },
	{ MEMBER_ZSTD, { 3, 1, 1, 0 } },
	{ MEMBER_ZSTD, { 1, 0, 0, 0 } },
	{ MEMBER_ZSTD, { 19, 0, 1, 1 } },
};

static uint8_t raw[RAW_LEN];
static uint64_t memory_max = 32u << 20;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < RAW_LEN; i++)
		raw[i] = (uint8_t)(((uint64_t)i * i / 977) % 61);
	return 0;
}

static int keep(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

/* Push bytes through, `piece` at a time. */
static int run(const struct member_recipe *r, bool pack, uint64_t raw_len,
	       struct slice in, size_t piece, struct buf *out, struct err *e)
{
	struct member_task t = { .recipe = *r,
				 .pack = pack,
				 .raw_len = raw_len,
				 .packed_len = pack ? 0 : in.len,
				 .memory_max = memory_max,
				 .ctx = out,
				 .put = keep };
	struct member_stream *s = NULL;
	size_t used = 0;
	int rc;

	t.room = mem_alloc((size_t)member_room(r) + 1, 1);
	rc = member_start(&t, &s, e);
	for (size_t at = 0; rc == 0 && at < in.len; at += used) {
		rc = member_add(s, slice_sub(in, at, piece), &used, e);
		if (rc == 0 && used == 0)
			break;
	}
	if (rc == 0)
		rc = member_end(s, e);
	member_free(s);
	free(t.room);
	return rc;
}

static void content_comes_back_and_pieces_do_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		struct buf packed = BUF_INIT(1 << 20),
			   again = BUF_INIT(1 << 20);
		struct buf out = BUF_INIT(1 << 20);
		const struct slice content = { raw, RAW_LEN };
		struct err e = { 0 };

		assert_ok(run(&recipes[i], true, RAW_LEN, content, RAW_LEN,
			      &packed, &e));
		assert_ok(run(&recipes[i], true, RAW_LEN, content, 777, &again,
			      &e));
		assert_true(slice_equal(buf_slice(&packed), buf_slice(&again)));
		assert_true(packed.len < RAW_LEN);
		assert_ok(run(&recipes[i], false, RAW_LEN, buf_slice(&packed),
			      999, &out, &e));
		assert_true(slice_equal(buf_slice(&out), content));
		buf_done(&packed);
		buf_done(&again);
		buf_done(&out);
	}
}

static void what_is_longer_or_shorter_than_told_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		struct buf packed = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
		const struct slice content = { raw, RAW_LEN };
		struct err e = { 0 };

		assert_refused(run(&recipes[i], true, RAW_LEN - 1, content,
				   RAW_LEN, &out, &e),
			       ERR_FORMAT);
		assert_refused(run(&recipes[i], true, RAW_LEN + 1, content,
				   RAW_LEN, &out, &e),
			       ERR_FORMAT);
		assert_ok(run(&recipes[i], true, RAW_LEN, content, RAW_LEN,
			      &packed, &e));
		assert_int_equal(run(&recipes[i], false, RAW_LEN - 1,
				     buf_slice(&packed), 4096, &out, &e),
				 -1);
		assert_int_equal(run(&recipes[i], false, RAW_LEN + 1,
				     buf_slice(&packed), 4096, &out, &e),
				 -1);
		packed.len--;
		assert_refused(run(&recipes[i], false, RAW_LEN,
				   buf_slice(&packed), 4096, &out, &e),
			       ERR_FORMAT);
		buf_done(&packed);
		buf_done(&out);
	}
}

static void damaged_input_is_refused(void **state)
{
	const uint8_t rubbish[64] = { 0xff, 0xff, 0xff, 0xff, 0xff };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		struct buf out = BUF_INIT(1 << 20);
		struct err e = { 0 };

		assert_refused(run(&recipes[i], false, RAW_LEN,
				   (struct slice){ rubbish, sizeof(rubbish) },
				   64, &out, &e),
			       ERR_FORMAT);
		/* At once, not when the end does not come. */
		assert_null(strstr(e.msg, "wrong length"));
		buf_done(&out);
	}
}

static void a_compressor_gets_no_more_memory_than_it_may(void **state)
{
	const struct member_task t = { .recipe = recipes[0],
				       .pack = true,
				       .raw_len = 1,
				       .memory_max = 100000 };
	struct member_stream *s = NULL;
	struct err e = { 0 };

	(void)state;
	assert_refused(member_start(&t, &s, &e), ERR_LIMIT);
}

/* Both need a window of the content's length, which none is given. */
static void an_unpacker_gets_no_more_memory_than_it_may(void **state)
{
	static const struct member_recipe large[] = {
		{ MEMBER_XZ, { 6, 8 << 20, 1, 0, 0 } },
		{ MEMBER_ZSTD, { 19, 0, 0, 0 } },
	};
	static const enum err_code codes[] = { ERR_LIMIT, ERR_FORMAT };
	const struct slice content = { raw, RAW_LEN };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(large); i++) {
		struct buf packed = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
		struct member_task t = { .recipe = large[i],
					 .raw_len = RAW_LEN,
					 .memory_max = 1u << 20,
					 .ctx = &out,
					 .put = keep };
		struct member_stream *s = NULL;
		struct err e = { 0 };
		size_t used;

		memory_max = 256u << 20;
		assert_ok(run(&large[i], true, RAW_LEN, content, RAW_LEN,
			      &packed, &e));
		memory_max = 32u << 20;
		assert_ok(member_start(&t, &s, &e));
		assert_refused(member_add(s, buf_slice(&packed), &used, &e),
			       codes[i]);
		assert_int_equal(out.len, 0);
		member_free(s);
		buf_done(&packed);
		buf_done(&out);
	}
}

static void what_is_made_in_one_go_is_short(void **state)
{
	static const struct member_recipe whole[] = {
		{ MEMBER_XZ, { 6, 65536, 1, 0, 1 } },
		{ MEMBER_ZSTD, { 3, 0, 1, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		struct member_task t = { .recipe = whole[i],
					 .pack = true,
					 .raw_len = MEMBER_WHOLE_MAX + 1,
					 .memory_max = 1u << 30 };
		struct member_stream *s = NULL;
		struct err e = { 0 };

		assert_refused(member_start(&t, &s, &e), ERR_LIMIT);
		t.raw_len = MEMBER_WHOLE_MAX;
		assert_ok(member_start(&t, &s, &e));
		member_free(s);
	}
}

static void recipes_have_bounds(void **state)
{
	static const struct member_recipe wrong[] = {
		{ 0, { 9, 8, 0, 0 } },
		{ MEMBER_KINDS, { 9, 8, 0, 0 } },
		{ MEMBER_DEFLATE, { 0, 8, 0, 0 } },
		{ MEMBER_DEFLATE, { 10, 8, 0, 0 } },
		{ MEMBER_DEFLATE, { 9, 0, 0, 0 } },
		{ MEMBER_DEFLATE, { 9, 10, 0, 0 } },
		{ MEMBER_DEFLATE, { 9, 8, 4, 0 } },
		{ MEMBER_DEFLATE, { 9, 8, 0, 2 } },
		{ MEMBER_LZ4, { 2, 65536, 0, 0 } },
		{ MEMBER_LZ4, { 13, 65536, 0, 0 } },
		{ MEMBER_LZ4, { 9, 15, 0, 0 } },
		{ MEMBER_LZ4, { 9, MEMBER_BLOCK_MAX + 1, 0, 0 } },
		{ MEMBER_LZ4, { 9, 65536, 2, 0 } },
		{ MEMBER_LZ4, { 9, 65536, 0, 0, 1 } },
		{ MEMBER_DEFLATE, { 9, 8, 0, 0, 1 } },
		{ MEMBER_XZ, { 32, 65536, 1, 0, 0 } },
		{ MEMBER_XZ, { 10, 65536, 1, 0, 0 } },
		{ MEMBER_XZ, { 6, 4095, 1, 0, 0 } },
		{ MEMBER_XZ, { 6, (64 << 20) + 1, 1, 0, 0 } },
		{ MEMBER_XZ, { 6, 65536, 2, 0, 0 } },
		{ MEMBER_XZ, { 6, 65536, 1, 3, 0 } },
		{ MEMBER_XZ, { 6, 65536, 1, 10, 0 } },
		{ MEMBER_XZ, { 6, 65536, 1, 0, 2 } },
		{ MEMBER_ZSTD, { 0, 0, 1, 0 } },
		{ MEMBER_ZSTD, { 23, 0, 1, 0 } },
		{ MEMBER_ZSTD, { 3, 2, 1, 0 } },
		{ MEMBER_ZSTD, { 3, 0, 2, 0 } },
		{ MEMBER_ZSTD, { 3, 0, 1, 2 } },
		{ MEMBER_ZSTD, { 3, 1, 1, 1 } },
		{ MEMBER_ZSTD, { 3, 0, 0, 1 } },
		{ MEMBER_ZSTD, { 3, 0, 1, 0, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++)
		assert_true(member_is_valid(&recipes[i]));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(member_is_valid(&wrong[i]));
}

static void a_library_is_known_by_name_and_version(void **state)
{
	char text[MEMBER_LIBRARY_MAX + 1];

	(void)state;
	member_library(MEMBER_LZ4, text);
	assert_memory_equal(text, "lz4 1.", 6);
	assert_true(member_library_is_here(text));
	text[strlen(text) - 1]++;
	assert_false(member_library_is_here(text));
	assert_false(member_library_is_here(""));
	assert_false(member_library_is_here("delta 10"));
}

/* One block, whose content is no longer than was said, and all there. */
static void a_bare_block_is_one(void **state)
{
	const struct member_recipe r = { MEMBER_LZ4, { 9, 4096, 1 } };
	const struct member_recipe small = { MEMBER_LZ4, { 9, 2048, 1 } };
	struct buf packed = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
	struct err e = { 0 };

	(void)state;
	assert_refused(run(&r, true, 4097, (struct slice){ raw, 4097 }, 999,
			   &packed, &e),
		       ERR_LIMIT);
	assert_ok(run(&r, true, 4096, (struct slice){ raw, 4096 }, 999, &packed,
		      &e));
	assert_ok(run(&r, false, 4096, buf_slice(&packed), 100, &out, &e));
	assert_memory_equal(out.ptr, raw, 4096);
	assert_refused(
		run(&small, false, 2048, buf_slice(&packed), 100, &out, &e),
		ERR_LIMIT);
	packed.len--;
	assert_refused(run(&r, false, 4096, buf_slice(&packed), 100, &out, &e),
		       ERR_FORMAT);
	packed.len++;
	assert_refused(run(&r, false, 4095, buf_slice(&packed), 100, &out, &e),
		       ERR_LIMIT);
	packed.len = 6000;
	assert_refused(run(&r, false, 4096, buf_slice(&packed), 100, &out, &e),
		       ERR_LIMIT);
	packed.len = 100;
	memset(packed.ptr, 0xff, packed.len);
	assert_refused(run(&r, false, 4096, buf_slice(&packed), 100, &out, &e),
		       ERR_FORMAT);
	buf_done(&packed);
	buf_done(&out);
}

/* No more is gathered than the room holds: it is refused before it comes. */
static void a_block_of_lz4_has_no_length_beyond_its_room(void **state)
{
	static const struct member_recipe r = { MEMBER_LZ4, { 9, 4096, 0 } };
	const uint32_t most = (uint32_t)(member_room(&r) - 4096 - 4);
	struct err e = { 0 };

	(void)state;
	for (uint32_t more = 0; more < 2; more++) {
		struct member_task t = { .recipe = r, .raw_len = RAW_LEN };
		uint8_t begin[5] = { 0 };
		struct member_stream *s = NULL;
		size_t used;

		le32_put(begin, most + more);
		t.room = mem_alloc((size_t)member_room(&r), 1);
		assert_ok(member_start(&t, &s, &e));
		if (more)
			assert_refused(member_add(s, (struct slice){ begin, 5 },
						  &used, &e),
				       ERR_FORMAT);
		else
			assert_ok(member_add(s, (struct slice){ begin, 5 },
					     &used, &e));
		member_free(s);
		free(t.room);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_comes_back_and_pieces_do_not_matter),
		cmocka_unit_test(
			what_is_longer_or_shorter_than_told_is_refused),
		cmocka_unit_test(damaged_input_is_refused),
		cmocka_unit_test(a_compressor_gets_no_more_memory_than_it_may),
		cmocka_unit_test(an_unpacker_gets_no_more_memory_than_it_may),
		cmocka_unit_test(what_is_made_in_one_go_is_short),
		cmocka_unit_test(a_bare_block_is_one),
		cmocka_unit_test(a_block_of_lz4_has_no_length_beyond_its_room),
		cmocka_unit_test(recipes_have_bounds),
		cmocka_unit_test(a_library_is_known_by_name_and_version),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
