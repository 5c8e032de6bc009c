/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/unwrap_end.h"

#include "common/buf.h"
#include "tests/unit/check.h"

#define BYTES(text)                                                            \
	{                                                                      \
		(const uint8_t *)(text), sizeof(text) - 1                      \
	}

/* xz of nothing: header, an empty index, footer */
#define XZ                                                                     \
	"\xfd"                                                                 \
	"7zXZ\0\0\x04\xe6\xd6\xb4\x46"                                         \
	"\0\0\0\0\x1c\xdf\x44\x21"                                             \
	"\x1f\xb6\xf3\x7d\x01\0\0\0\0\x04YZ"
/* a window of 1 KiB, "abc" raw, four zeroes as a run, a checksum */
#define ZSTD "\x28\xb5\x2f\xfd\x04\0\x18\0\0abc\x23\0\0\0\1\2\3\4"
/* one segment, of 3 bytes, as its header says in one and in two of them */
#define ZSTD_ONE "\x28\xb5\x2f\xfd\x20\3\x19\0\0abc"
#define ZSTD_TWO "\x28\xb5\x2f\xfd\x63\1\2\3\4\3\0\x19\0\0abc"
#define SKIPPED  "\x5f\x2a\x4d\x18\3\0\0\0xyz"
/* "abc" as it is; sums of the block and of all, a size and a dictionary */
#define LZ4                                                                    \
	"\x04\x22\x4d\x18\x40\x40\xc0\3\0\0\x80"                               \
	"abc\0\0\0\0"
#define LZ4_ALL                                                                \
	"\x04\x22\x4d\x18\x5d\x40\3\0\0\0\0\0\0\0\1\2\3\4\xc0"                 \
	"\3\0\0\x80"                                                           \
	"abc\1\2\3\4\0\0\0\0\1\2\3\4"
#define LZ4_OLD                                                                \
	"\x02\x21\x4c\x18\4\0\0\0\x30"                                         \
	"abc"
/* two bytes packed, a table of three */
#define SEVEN                                                                  \
	"7z\xbc\xaf\x27\x1c\0\4\1\2\3\4\2\0\0\0\0\0\0\0"                       \
	"\3\0\0\0\0\0\0\0\1\2\3\4"                                             \
	"ab"                                                                   \
	"tab"

/* All that passes, of an input in pieces of so many bytes. */
static uint64_t passed(enum unwrap_kind kind, struct slice in, size_t step,
		       bool *ended)
{
	struct buf out = BUF_INIT(4096);
	struct unwrap_end x;
	struct err e;

	unwrap_end_init(&x, kind);
	for (size_t at = 0; at < in.len; at += step) {
		struct slice piece = slice_sub(in, at, step), part;

		for (;;) {
			part = unwrap_end_pass(&x, &piece);
			if (part.len == 0)
				break;
			assert_ok(buf_add(&out, part, &e));
		}
		assert_true(x.ended || piece.len == 0);
	}
	*ended = x.ended;
	assert_int_equal(x.taken, out.len);
	/* These are its first ones, in their order. */
	assert_true(slice_equal(buf_slice(&out), slice_sub(in, 0, out.len)));
	buf_done(&out);
	return x.taken;
}

static void assert_end(enum unwrap_kind kind, struct slice whole,
		       struct slice behind)
{
	struct buf in = BUF_INIT(4096);
	bool ended;
	struct err e;

	assert_ok(buf_add(&in, whole, &e));
	assert_ok(buf_add(&in, behind, &e));
	for (size_t step = 1; step <= in.len; step++) {
		assert_int_equal(passed(kind, buf_slice(&in), step, &ended),
				 whole.len);
		assert_true(ended);
	}
	buf_done(&in);
}

static const struct {
	enum unwrap_kind kind;
	struct slice whole;
} kinds[] = {
	{ UNWRAP_XZ, BYTES(XZ) },
	{ UNWRAP_XZ, BYTES(XZ XZ XZ) },
	{ UNWRAP_ZSTD, BYTES(ZSTD) },
	{ UNWRAP_ZSTD, BYTES(ZSTD_ONE) },
	{ UNWRAP_ZSTD, BYTES(ZSTD_TWO) },
	{ UNWRAP_ZSTD, BYTES(SKIPPED ZSTD ZSTD_ONE SKIPPED) },
	{ UNWRAP_LZ4, BYTES(LZ4) },
	{ UNWRAP_LZ4, BYTES(LZ4_ALL) },
	{ UNWRAP_LZ4, BYTES(LZ4 SKIPPED LZ4_ALL LZ4) },
	{ UNWRAP_LZ4, BYTES(LZ4_OLD) },
	{ UNWRAP_LZ4, BYTES(LZ4_OLD LZ4) },
	{ UNWRAP_LZ4, BYTES(LZ4 LZ4_OLD LZ4_OLD) },
	{ UNWRAP_WHOLE, BYTES(SEVEN) },
};

/* What begins like the next of its kind, and is none, is none of it. */
static void the_end_is_seen_whatever_stands_behind(void **state)
{
	static const struct slice behind[] = {
		BYTES("PK\3\4 and more"),
		BYTES("\xfd"
		      "7zXY\0 and"),
		BYTES("\x28\xb5\x2f\xfe and"),
		BYTES("\x04\x22\x4d\x19 and"),
		BYTES("\xff\xff\xff\xff\xff\xff"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t k = 0; k < ARRAY_LEN(behind); k++)
			assert_end(kinds[i].kind, kinds[i].whole, behind[k]);
}

static void each_passes_whole_where_nothing_stands_behind(void **state)
{
	bool ended;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t step = 1; step <= kinds[i].whole.len; step++)
			assert_int_equal(passed(kinds[i].kind, kinds[i].whole,
						step, &ended),
					 kinds[i].whole.len);
}

/* What is damaged has no end: a decoder is to see it. */
static void what_is_damaged_passes(void **state)
{
	static const struct {
		enum unwrap_kind kind;
		struct slice bytes;
	} damaged[] = {
		{ UNWRAP_GZIP, BYTES("anything") },
		{ UNWRAP_ARCHIVE, BYTES("anything") },
		/* a footer of another sum, of other flags */
		{ UNWRAP_XZ, BYTES("\xfd"
				   "7zXZ\0\0\x04\xe6\xd6\xb4\x46"
				   "\x1f\xb6\xf3\x7d\x02\0\0\0\0\x04YZxx") },
		{ UNWRAP_XZ, BYTES("\xfd"
				   "7zXZ\0\0\x05\xe6\xd6\xb4\x46"
				   "\x1f\xb6\xf3\x7d\x01\0\0\0\0\x04YZxx") },
		/* a block of no kind; one that goes beyond */
		{ UNWRAP_ZSTD, BYTES("\x28\xb5\x2f\xfd\x20\3\x1f\0\0abcx") },
		{ UNWRAP_ZSTD, BYTES("\x28\xb5\x2f\xfd\x20\3\1\xff\0abcx") },
		/* a table beyond all that can be counted */
		{ UNWRAP_WHOLE, BYTES("7z\xbc\xaf\x27\x1c\0\4\1\2\3\4"
				      "\xff\xff\xff\xff\xff\xff\xff\xff"
				      "\3\0\0\0\0\0\0\0\1\2\3\4abcdef") },
	};
	bool ended;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++)
		for (size_t step = 1; step < 50; step += 7) {
			assert_int_equal(passed(damaged[i].kind,
						damaged[i].bytes, step, &ended),
					 damaged[i].bytes.len);
			assert_false(ended);
		}
}

static void a_zip_directory_is_known_record_by_record(void **state)
{
	static const struct {
		struct slice bytes;
		uint64_t len;
	} records[] = {
		{ BYTES("PK\1\2xxxxxxxxxxxxxxxxxxxxxxxx\1\0\2\0\3\0xxxxxxxxxxxx"),
		  46 + 6 },
		{ BYTES("PK\5\6xxxxxxxxxxxxxxxx\7\0"), 22 },
		{ BYTES("PK\6\6\x2c\0\0\0\0\0\0\0"
			"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxPK\6\7"),
		  12 + 44 },
		/* without its locator; shorter than it is */
		{ BYTES("PK\6\6\x2c\0\0\0\0\0\0\0"
			"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxPK\6\6"),
		  0 },
		{ BYTES("PK\6\6\x2b\0\0\0\0\0\0\0"
			"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxPK\6\7"),
		  0 },
		{ BYTES("PK\6\7xxxxxxxxxxxxxxxxxx"), 20 },
		{ BYTES("PK\5\5\x10\0xxxxxxxxxxxxxxxx"), 6 + 16 },
		{ BYTES("PK\6\6\xff\xff\xff\xff\0\0\0\0xxxxxxxxxx"), 0 },
		{ BYTES("PK\3\4xxxxxxxxxxxxxxxxxx"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		const struct slice b = records[i].bytes;

		assert_int_equal(unwrap_end_directory(b), records[i].len);
		assert_int_equal(
			unwrap_end_directory(slice_sub(b, 0, b.len - 1)), 0);
	}
}

/* What a zip64's record says of its length is not believed whatever it is. */
static void a_zip64_record_is_short(void **state)
{
	static uint8_t bytes[12 + 5000 + 4] = "PK\6\6";

	(void)state;
	for (unsigned len = 44; len <= 5000; len += 4) {
		bytes[4] = (uint8_t)len;
		bytes[5] = (uint8_t)(len >> 8);
		memcpy(bytes + 12 + len, "PK\6\7", 4);
		assert_int_equal(unwrap_end_directory((struct slice){
					 bytes, UNWRAP_END_DIRECTORY }),
				 len <= 4096 ? 12 + len : 0);
		assert_int_equal(unwrap_end_directory((struct slice){
					 bytes, sizeof(bytes) }),
				 len <= 4096 ? 12 + len : 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_is_seen_whatever_stands_behind),
		cmocka_unit_test(each_passes_whole_where_nothing_stands_behind),
		cmocka_unit_test(what_is_damaged_passes),
		cmocka_unit_test(a_zip_directory_is_known_record_by_record),
		cmocka_unit_test(a_zip64_record_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
