/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/unwrap_head.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

/* Headers of a file "a" of six bytes, and the name. */
static const char newc[] = "070701"
			   "00000001"
			   "000081a4"
			   "00000000"
			   "00000000"
			   "00000001"
			   "00000000"
			   "00000006"
			   "00000000"
			   "00000000"
			   "00000000"
			   "00000000"
			   "00000002"
			   "00000000"
			   "a";
static const char odc[] = "070707"
			  "000001"
			  "000001"
			  "100644"
			  "000000"
			  "000000"
			  "000001"
			  "000000"
			  "00000000000"
			  "000002"
			  "00000000006"
			  "a";
static const char little[] = "\xc7\x71\1\0\1\0\xa4\x81\0\0\0\0\1\0\0\0"
			     "\0\0\0\0\2\0\0\0\6\0"
			     "a";
static const char big[] = "\x71\xc7\0\1\0\1\x81\xa4\0\0\0\0\0\1\0\0"
			  "\0\0\0\0\0\2\0\0\0\6"
			  "a";

#define ALL(text)                                                              \
	{                                                                      \
		(const uint8_t *)(text), sizeof(text)                          \
	}

/* Where the numbers stand that are judged. */
static const struct {
	struct slice bytes;
	enum unwrap_head kind;
	size_t len, mode, name, content;
	const char *link, *none, *long_name, *longest, *longer;
	size_t field; /* of the last two: how long they are, in bytes */
} kinds[] = {
	{ ALL(newc), UNWRAP_HEAD_NEWC, 110, 14, 94, 54, "0000a1a4", "00000000",
	  "00001001", "00001000", "00001001", 8 },
	{ ALL(odc), UNWRAP_HEAD_ODC, 76, 18, 59, 70, "120644", "000000",
	  "010001", "010000", "010001", 6 },
	{ ALL(little), UNWRAP_HEAD_CPIO_LE, 26, 6, 20, 22, "\xa4\xa1", "\0\0",
	  "\1\x10", "\0\0\0\x10", "\0\0\1\x10", 4 },
	{ ALL(big), UNWRAP_HEAD_CPIO_BE, 26, 6, 20, 22, "\xa1\xa4", "\0\0",
	  "\x10\1", "\0\0\x10\0", "\0\0\x10\1", 4 },
};

static size_t width(size_t i)
{
	return kinds[i].kind == UNWRAP_HEAD_NEWC  ? 8
	       : kinds[i].kind == UNWRAP_HEAD_ODC ? 6
						  : 2;
}

static enum unwrap_head with(size_t i, size_t at, const char *bytes, size_t len)
{
	uint8_t copy[UNWRAP_HEAD_LEN + 2];

	memcpy(copy, kinds[i].bytes.ptr, kinds[i].bytes.len);
	memcpy(copy + at, bytes, len);
	return unwrap_head((struct slice){ copy, kinds[i].bytes.len });
}

static void a_header_is_known_when_it_is_there_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct slice all = kinds[i].bytes;

		for (size_t len = 0; len <= all.len; len++)
			assert_int_equal(unwrap_head(slice_sub(all, 0, len)),
					 len < kinds[i].len ? UNWRAP_HEAD_NONE
							    : kinds[i].kind);
		assert_int_equal(unwrap_head(slice_sub(all, 1, all.len)),
				 UNWRAP_HEAD_NONE);
	}
	assert_int_equal(with(0, 0, "070702", 6), UNWRAP_HEAD_NEWC);
	assert_int_equal(with(0, 0, "070703", 6), UNWRAP_HEAD_NONE);
}

static void its_numbers_are_digits_throughout(void **state)
{
	(void)state;
	for (size_t at = 6; at < 110; at++) {
		assert_int_equal(with(0, at, "g", 1), UNWRAP_HEAD_NONE);
		assert_int_equal(with(0, at, "", 1), UNWRAP_HEAD_NONE);
	}
	assert_int_equal(with(0, 102, "0123cDeF", 8), UNWRAP_HEAD_NEWC);
	for (size_t at = 6; at < 76; at++)
		assert_int_equal(with(1, at, "8", 1), UNWRAP_HEAD_NONE);
}

static void its_name_and_link_are_no_longer_than_a_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const size_t len = width(i), field = kinds[i].field;
		uint8_t copy[UNWRAP_HEAD_LEN + 2];
		const struct slice link = { copy, kinds[i].bytes.len };

		assert_int_equal(with(i, kinds[i].name, kinds[i].none, len),
				 UNWRAP_HEAD_NONE);
		assert_int_equal(
			with(i, kinds[i].name, kinds[i].long_name, len),
			UNWRAP_HEAD_NONE);
		/* A file may be that long. */
		assert_int_equal(
			with(i, kinds[i].content, kinds[i].longer, field),
			kinds[i].kind);
		memcpy(copy, kinds[i].bytes.ptr, kinds[i].bytes.len);
		memcpy(copy + kinds[i].mode, kinds[i].link, len);
		memcpy(copy + kinds[i].content, kinds[i].longest, field);
		assert_int_equal(unwrap_head(link), kinds[i].kind);
		memcpy(copy + kinds[i].content, kinds[i].longer, field);
		assert_int_equal(unwrap_head(link), UNWRAP_HEAD_NONE);
	}
}

static void its_name_ends_with_a_zero(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_int_equal(with(i, kinds[i].len, "ab", 2),
				 UNWRAP_HEAD_NONE);
}

static void a_zip_goes_on_or_its_directory_begins(void **state)
{
	static const char *const heads[] = { "PK\3\4", "PK\1\2", "PK\5\6",
					     "PK\6\6" };
	static const char *const others[] = { "PK\3", "PK\3\5", "PK\7\x8",
					      "PK\6\x8" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		assert_int_equal(unwrap_head(slice_of(heads[i])),
				 UNWRAP_HEAD_ZIP);
		assert_int_equal(unwrap_head(slice_of(others[i])),
				 UNWRAP_HEAD_NONE);
	}
}

/* Blocks that are gone when the next one comes. */
static void give(struct unwrap_trail *t, struct slice all, size_t from,
		 size_t to)
{
	static uint8_t block[2048];

	memset(block, 'x', sizeof(block));
	memcpy(block, all.ptr + from, to - from);
	unwrap_head_pass(t, (struct slice){ block, to - from });
}

static void a_place_is_watched_over_blocks(void **state)
{
	static uint8_t bytes[2048];
	const struct slice all = { bytes, sizeof(bytes) };

	(void)state;
	memset(bytes, '-', sizeof(bytes));
	memcpy(bytes + 1000, newc, sizeof(newc));
	/* Seen from one block on, in steps from there; it has begun before. */
	for (size_t known = 900; known < 1500; known += 7)
		for (size_t step = 1; step < 300; step += 37) {
			struct unwrap_trail t = { 0 };
			size_t at = 0, to;

			for (; at < known; at = to) {
				to = at + step < known ? at + step : known;
				give(&t, all, at, to);
			}
			unwrap_head_await(&t, 1000);
			for (; at < 1110; at = to) {
				assert_false(unwrap_head_is_not(
					&t, UNWRAP_HEAD_ZIP));
				to = at + step;
				give(&t, all, at, to);
			}
			unwrap_head_pass(&t, (struct slice){ NULL, 0 });
			assert_true(unwrap_head_is_not(&t, UNWRAP_HEAD_ZIP));
			assert_false(unwrap_head_is_not(&t, UNWRAP_HEAD_NEWC));
			assert_false(unwrap_head_is_not(&t, UNWRAP_HEAD_NONE));
			t.awaited = false;
			assert_false(unwrap_head_is_not(&t, UNWRAP_HEAD_ZIP));
		}
}

static void only_what_is_long_gone_is_not_known(void **state)
{
	static uint8_t bytes[2048];
	const struct slice all = { bytes, sizeof(bytes) };
	struct unwrap_trail t = { 0 };

	(void)state;
	give(&t, all, 0, 1000);
	give(&t, all, 1000, 2000);
	unwrap_head_await(&t, 1000 - UNWRAP_HEAD_TAIL);
	assert_true(unwrap_head_is_not(&t, UNWRAP_HEAD_ZIP));
	unwrap_head_await(&t, 1000 - UNWRAP_HEAD_TAIL - 1);
	give(&t, all, 2000, 2048);
	assert_false(unwrap_head_is_not(&t, UNWRAP_HEAD_ZIP));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_known_when_it_is_there_whole),
		cmocka_unit_test(its_numbers_are_digits_throughout),
		cmocka_unit_test(its_name_and_link_are_no_longer_than_a_path),
		cmocka_unit_test(its_name_ends_with_a_zero),
		cmocka_unit_test(a_zip_goes_on_or_its_directory_begins),
		cmocka_unit_test(a_place_is_watched_over_blocks),
		cmocka_unit_test(only_what_is_long_gone_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
