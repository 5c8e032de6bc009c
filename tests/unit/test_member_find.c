/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/member_find.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "tests/unit/check.h"

#define RAW_LEN 40000

static const uint8_t gzip_head[] = {
	0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3, 'n', 0
};
static const uint8_t lz4_head[] = { 0x02, 0x21, 0x4c, 0x18 };

static uint8_t raw[RAW_LEN];
static uint64_t memory_max = MEMBER_MEMORY;
static struct buf file;
static struct member_list found;

static int setup(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < RAW_LEN; i++) {
		x = x * 1664525 + 1013904223;
		raw[i] = (uint8_t)(x >> 29);
	}
	file = (struct buf)BUF_INIT(1 << 20);
	found = (struct member_list){ .count = 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&file);
	free(found.at);
	return 0;
}

static int keep(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

static void put(const void *bytes, size_t len)
{
	struct err e = { 0 };

	assert_ok(buf_add(&file, (struct slice){ bytes, len }, &e));
}

static void put_packed(const struct member_recipe *r)
{
	struct member_task t = { .recipe = *r,
				 .pack = true,
				 .raw_len = RAW_LEN,
				 .memory_max = memory_max,
				 .ctx = &file,
				 .put = keep };
	struct member_stream *s = NULL;
	struct err e = { 0 };
	size_t used;

	t.room = mem_alloc((size_t)member_room(r) + 1, 1);
	assert_ok(member_start(&t, &s, &e));
	assert_ok(member_add(s, (struct slice){ raw, RAW_LEN }, &used, &e));
	assert_ok(member_end(s, &e));
	member_free(s);
	free(t.room);
}

static void check_found(size_t index, uint64_t at,
			const struct member_recipe *r)
{
	const struct member *m = &found.at[index];
	uint8_t *content = mem_alloc(RAW_LEN, 1);
	struct err e = { 0 };

	assert_true(index < found.count);
	assert_int_equal(m->at, 5000 + at);
	assert_int_equal(m->raw_len, RAW_LEN);
	assert_int_equal(m->recipe.kind, r->kind);
	assert_ok(member_content(
		m,
		slice_sub(buf_slice(&file), (size_t)at, (size_t)m->packed_len),
		content, &e));
	assert_memory_equal(content, raw, RAW_LEN);
	free(content);
}

static void members_are_found_wherever_they_stand(void **state)
{
	const struct member_recipe deflate = { MEMBER_DEFLATE, { 4, 9, 0, 0 } };
	const struct member_recipe lz4 = { MEMBER_LZ4,
					   { 10, MEMBER_BLOCK_MAX, 0, 0 } };
	const uint8_t end[4] = { 0 };
	uint64_t first, second;

	(void)state;
	put("some bytes before", 17);
	put(gzip_head, sizeof(gzip_head));
	first = file.len;
	put_packed(&deflate);
	put("12345678", 8);
	put(lz4_head, sizeof(lz4_head));
	second = file.len;
	put_packed(&lz4);
	put(end, sizeof(end));
	member_find(buf_slice(&file), 5000, true, &found);
	assert_int_equal(found.count, 2);
	check_found(0, first, &deflate);
	check_found(1, second, &lz4);
}

/* A frame as the lz4 program writes it: flags, block code, perhaps the
 * content's size, and a checksum that nobody looks at. */
static uint64_t put_lz4_frame(uint8_t flags, uint8_t code,
			      const struct member_recipe *r)
{
	const uint8_t head[] = { 0x04, 0x22, 0x4d, 0x18, flags, code };
	const uint8_t size[8] = { RAW_LEN & 255, RAW_LEN >> 8 };
	const uint8_t check = 0x5a, end[4] = { 0 };
	uint64_t at;

	put(head, sizeof(head));
	if (flags & 8)
		put(size, sizeof(size));
	put(&check, 1);
	at = file.len;
	put_packed(r);
	put(end, sizeof(end));
	return at;
}

static void frames_of_the_lz4_program_are_members(void **state)
{
	static const struct {
		uint8_t flags, code;
		struct member_recipe recipe;
	} frames[] = {
		{ 0x64, 0x40, { MEMBER_LZ4, { 1, 64 << 10, 0 } } },
		{ 0x60, 0x50, { MEMBER_LZ4, { 9, 256 << 10, 0 } } },
		{ 0x6c, 0x60, { MEMBER_LZ4, { 12, 1 << 20, 0 } } },
		{ 0x48, 0x70, { MEMBER_LZ4, { 4, 4 << 20, 0 } } },
	};
	uint64_t at[ARRAY_LEN(frames)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(frames); i++)
		at[i] = put_lz4_frame(frames[i].flags, frames[i].code,
				      &frames[i].recipe);
	member_find(buf_slice(&file), 5000, true, &found);
	assert_int_equal(found.count, ARRAY_LEN(frames));
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		check_found(i, at[i], &frames[i].recipe);
		/* Several levels may make the same of so little. */
		assert_int_equal(found.at[i].recipe.params[LZ4_BLOCK],
				 frames[i].recipe.params[LZ4_BLOCK]);
	}
}

/* Blocks of 16 KiB are in no such frame, so that there are three. */
static void blocks_are_counted_up_to_one_that_is_not_full(void **state)
{
	const struct member_recipe few = { MEMBER_LZ4, { 9, 16384, 0 } };

	(void)state;
	(void)put_lz4_frame(0x64, 0x40, &few);
	member_find(buf_slice(&file), 5000, false, &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.at[0].raw_len, 16384);
}

static void other_frames_of_lz4_are_none(void **state)
{
	static const uint8_t heads[][2] = {
		{ 0x24, 0x40 }, /* another version */
		{ 0xa4, 0x40 }, { 0xe4, 0x40 },
		{ 0x74, 0x40 }, /* checksums between the blocks */
		{ 0x66, 0x40 }, /* reserved */
		{ 0x65, 0x40 }, /* a dictionary */
		{ 0x64, 0x30 }, /* no length of a block */
		{ 0x64, 0xc0 }, { 0x64, 0x41 },
		{ 0x64, 0x48 },
	};
	const struct member_recipe r = { MEMBER_LZ4, { 9, 64 << 10, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		file.len = 0;
		(void)put_lz4_frame(heads[i][0], heads[i][1], &r);
		member_find(buf_slice(&file), 5000, false, &found);
		assert_int_equal(found.count, 0);
	}
}

static void streams_and_frames_are_made_again(void **state)
{
	static const struct member_recipe recipes[] = {
		{ MEMBER_XZ, { 6, 1 << 20, 1, 0, 0 } },
		{ MEMBER_XZ, { 16, 65536, 4, 7, 1 } },
		{ MEMBER_ZSTD, { 3, 1, 1, 0 } },
		{ MEMBER_ZSTD, { 19, 0, 1, 1 } },
		{ MEMBER_ZSTD, { 2, 0, 0, 0 } },
	};
	uint64_t at[ARRAY_LEN(recipes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		put("between", 7);
		at[i] = file.len;
		put_packed(&recipes[i]);
	}
	member_find(buf_slice(&file), 5000, true, &found);
	assert_int_equal(found.count, ARRAY_LEN(recipes));
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		check_found(i, at[i], &recipes[i]);
		assert_memory_equal(found.at[i].recipe.params + 1,
				    recipes[i].params + 1, 2 * 8);
	}
}

/* What is cut off has no end: it is no member, be it old or new. */
static void what_is_cut_off_is_no_member(void **state)
{
	static const struct member_recipe recipes[] = {
		{ MEMBER_XZ, { 6, 1 << 20, 1, 0, 0 } },
		{ MEMBER_ZSTD, { 3, 1, 1, 0 } },
		{ MEMBER_DEFLATE, { 9, 8, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		file.len = 0;
		if (recipes[i].kind == MEMBER_DEFLATE)
			put(gzip_head, sizeof(gzip_head));
		put_packed(&recipes[i]);
		file.len--;
		member_find(buf_slice(&file), 0, false, &found);
		assert_int_equal(found.count, 0);
	}
}

/* More memory than a device is to lend for it. */
static void what_takes_too_much_memory_is_no_member(void **state)
{
	const struct member_recipe large = { MEMBER_XZ,
					     { 6, 8 << 20, 1, 0, 0 } };

	(void)state;
	assert_true(member_memory(&large, RAW_LEN) > MEMBER_MEMORY);
	memory_max = 256u << 20;
	put_packed(&large);
	memory_max = MEMBER_MEMORY;
	member_find(buf_slice(&file), 0, true, &found);
	assert_int_equal(found.count, 0);
	member_find(buf_slice(&file), 0, false, &found);
	assert_int_equal(found.count, 1);
}

/* Stored blocks, which no level that is tried would make of this. */
static void what_cannot_be_made_again_is_no_new_member(void **state)
{
	const uint8_t block[] = { 1, RAW_LEN & 255, RAW_LEN >> 8,
				  (uint8_t) ~(RAW_LEN & 255),
				  (uint8_t) ~(RAW_LEN >> 8) };

	(void)state;
	put(gzip_head, sizeof(gzip_head));
	put(block, sizeof(block));
	put(raw, RAW_LEN);
	member_find(buf_slice(&file), 0, true, &found);
	assert_int_equal(found.count, 0);
	member_find(buf_slice(&file), 0, false, &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.at[0].raw_len, RAW_LEN);
}

static void magic_numbers_alone_are_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		put(gzip_head, 4);
		put(lz4_head, sizeof(lz4_head));
	}
	member_find(buf_slice(&file), 0, false, &found);
	assert_int_equal(found.count, 0);
	for (; file.len > 0; file.len /= 2)
		member_find(buf_slice(&file), 0, true, &found);
	assert_int_equal(found.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_are_found_wherever_they_stand),
		TEST(frames_of_the_lz4_program_are_members),
		TEST(blocks_are_counted_up_to_one_that_is_not_full),
		TEST(other_frames_of_lz4_are_none),
		TEST(streams_and_frames_are_made_again),
		TEST(what_is_cut_off_is_no_member),
		TEST(what_takes_too_much_memory_is_no_member),
		TEST(what_cannot_be_made_again_is_no_new_member),
		TEST(magic_numbers_alone_are_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
