/* SPDX-License-Identifier: Apache-2.0 */
/* A record's header; and one segment as it stands in a stream, number by
 * number. */
#include "common/delta_record.h"

#include <string.h>

#include "common/base.h"
#include "tests/unit/check.h"

#define OLD_LEN 1000

enum {
	KIND,
	LEN,
	OLD_AT,
	OLD_BYTES,
	WITHIN,
	COVERS,
	REGIONS,
	AT, /* of the first region in the old file */
	BYTES,
	ADDRESS,
	NEW_AT,
	NEW_BYTES,
	NEW_ADDRESS,
	SECOND, /* the three of the second, told by the first; then new */
	OLD_ANCHOR = SECOND + 6,
	NEW_ANCHOR,
	NUMBERS
};

/* A patch of 100 bytes at 5 of its file, over 500 old bytes from 200 on. */
static const uint64_t good[NUMBERS] = {
	[KIND] = DELTA_PATCH,  [LEN] = 100,
	[OLD_AT] = 2 * 200,    [OLD_BYTES] = 500,
	[WITHIN] = 5,          [COVERS] = 3,
	[REGIONS] = 2,         [AT] = 2 * 10,
	[BYTES] = 2 * 20,      [ADDRESS] = 2 * 4096,
	[NEW_AT] = 1, /* one before */
	[NEW_BYTES] = 2 * 2,   [NEW_ADDRESS] = 2 * 16,
	[SECOND] = 2 * 7,      [SECOND + 1] = 2 * 9,
	[OLD_ANCHOR] = 2 * 77, [NEW_ANCHOR] = 2 * 11,
};

static size_t format(const uint64_t numbers[NUMBERS], uint8_t *out)
{
	size_t len = 0;

	for (size_t i = 0; i < NUMBERS; i++)
		len += delta_put_varint(numbers[i], out + len);
	return len;
}

static int get(struct slice in, uint64_t old_len, struct delta_segment *s,
	       struct err *e)
{
	struct rd r = rd_init(in);

	return delta_get_segment(&r, 0, old_len, s, e);
}

/* The good one with one number changed. */
static void assert_refused_with(size_t which, uint64_t value, uint64_t old_len,
				enum err_code code)
{
	uint8_t bytes[NUMBERS * 10];
	uint64_t numbers[NUMBERS];
	struct delta_segment s;
	struct err e = { 0 };

	memcpy(numbers, good, sizeof(numbers));
	numbers[which] = value;
	assert_refused(get((struct slice){ bytes, format(numbers, bytes) },
			   old_len, &s, &e),
		       code);
}

static void every_number_has_its_place(void **state)
{
	uint8_t bytes[NUMBERS * 10];
	struct slice in = { bytes, format(good, bytes) };
	struct rd r = rd_init(in);
	struct delta_segment s;
	struct err e = { 0 };

	(void)state;
	assert_ok(delta_get_segment(&r, 0, OLD_LEN, &s, &e));
	assert_int_equal(r.rest.len, 0);
	assert_true(s.kind == DELTA_PATCH && s.len == 100 && s.old_at == 200 &&
		    s.old_len == 500 && s.within == 5 && s.cover_count == 3);
	assert_true(s.old.count == 2 && s.fresh.count == 2);
	assert_true(s.old.regions[0].at == 10 && s.old.regions[0].len == 20 &&
		    s.old.regions[0].address == 4096);
	assert_true(s.fresh.regions[0].at == 9 &&
		    s.fresh.regions[0].len == 22 &&
		    s.fresh.regions[0].address == 4112);
	/* The second is expected right behind the first. */
	assert_true(s.old.regions[1].at == 37 && s.old.regions[1].len == 9 &&
		    s.old.regions[1].address == 4116);
	assert_true(s.old_anchor == 77 && s.new_anchor == 88);
}

static void what_is_cut_off_is_no_segment(void **state)
{
	uint8_t bytes[NUMBERS * 10];
	size_t whole = format(good, bytes);
	struct delta_segment s;
	struct err e = { 0 };

	(void)state;
	for (size_t len = 0; len < whole; len++)
		assert_refused(
			get((struct slice){ bytes, len }, OLD_LEN, &s, &e),
			ERR_FORMAT);
}

static void numbers_have_limits(void **state)
{
	const uint64_t past = UINT64_C(1) << 32;

	(void)state;
	assert_refused_with(KIND, 2, OLD_LEN, ERR_LIMIT);
	assert_refused_with(LEN, 0, OLD_LEN, ERR_FORMAT);
	assert_refused_with(LEN, past, OLD_LEN, ERR_LIMIT);
	assert_refused_with(OLD_BYTES, 801, OLD_LEN, ERR_FORMAT);
	assert_refused_with(OLD_BYTES, past, 2 * past, ERR_FORMAT);
	assert_refused_with(WITHIN, past, OLD_LEN, ERR_LIMIT);
	assert_refused_with(WITHIN, past - 100, OLD_LEN, ERR_LIMIT);
	assert_refused_with(COVERS, DELTA_COVERS_MAX + 1, OLD_LEN, ERR_LIMIT);
	assert_refused_with(REGIONS, DELTA_REGIONS_MAX + 1, OLD_LEN, ERR_LIMIT);
	assert_refused_with(AT, 2 * past, OLD_LEN, ERR_FORMAT);
	assert_refused_with(BYTES, 2 * (past - 10), OLD_LEN, ERR_FORMAT);
	assert_refused_with(NEW_AT, 2 * past, OLD_LEN, ERR_FORMAT);
	assert_refused_with(NEW_BYTES, 2 * past, OLD_LEN, ERR_FORMAT);
}

static void a_word_that_is_cut_off_is_refused(void **state)
{
	static const uint8_t bytes[DELTA_WORD_LEN] = { 0 };
	uint64_t at = 0;

	(void)state;
	for (size_t len = 0; len <= DELTA_WORD_LEN; len++) {
		struct rd r = rd_init((struct slice){ bytes, len });
		struct err e = { 0 };

		if (len < DELTA_WORD_LEN)
			assert_refused(delta_get_word(&r, 7, OLD_LEN, &at, &e),
				       ERR_FORMAT);
		else
			assert_ok(delta_get_word(&r, 7, OLD_LEN, &at, &e));
	}
	assert_int_equal(at, 7);
}

/* ---- record headers ------------------------------------------------------ */

static void a_record_header_survives_the_round_trip(void **state)
{
	struct delta_record r = { .new_len = UINT64_C(1) << 40,
				  .raw_len = { 1, 2, 3, 400, 5, 0, 7, 8 },
				  .packed_len = { 1, 1, 3, 20, 5, 0, 7, 1 } };
	uint8_t bytes[DELTA_HEADER_MAX + 1] = { 0 };
	struct delta_record back;
	struct err e = { 0 };
	size_t len = delta_format_record(&r, bytes);

	(void)state;
	assert_ok(delta_parse_record((struct slice){ bytes, len }, &back, &e));
	assert_true(back.new_len == r.new_len);
	assert_memory_equal(back.raw_len, r.raw_len, sizeof(r.raw_len));
	assert_memory_equal(back.packed_len, r.packed_len,
			    sizeof(r.packed_len));
	assert_refused(
		delta_parse_record((struct slice){ bytes, len + 1 }, &back, &e),
		ERR_FORMAT);
	for (size_t cut = 0; cut < len; cut++)
		assert_refused(delta_parse_record((struct slice){ bytes, cut },
						  &back, &e),
			       ERR_FORMAT);
}

static void a_record_header_has_one_form(void **state)
{
	/* Length 1; then what is there, and lengths. */
	static const struct {
		const char *bytes;
		size_t len;
		enum err_code code;
	} forms[] = {
		{ "\1\1\2", 3, ERR_NONE },
		{ "\1\1\x10", 3, ERR_NONE },
		{ "\1\1\x11\7", 4, ERR_NONE },
		{ "\1\1\0", 3, ERR_FORMAT },       /* of no bytes, */
		{ "\1\1\1\0", 4, ERR_FORMAT },     /* packed, */
		{ "\1\1\x11\0", 4, ERR_FORMAT },   /* into none, */
		{ "\1\1\x11\x8", 4, ERR_FORMAT },  /* no less, */
		{ "\1\1\x11\x9", 4, ERR_FORMAT },  /* more */
		{ "\1\x80\x8", 3, ERR_LIMIT },     /* unknown */
		{ "\1\x80\4", 3, ERR_FORMAT },     /* words of no */
		{ "\1\x88\4\x0e", 4, ERR_FORMAT }, /* or 7 bytes, */
		{ "\1\x88\4\x10", 4, ERR_NONE },   /* or 8 */
	};
	struct delta_record r;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const struct slice in = { (const uint8_t *)forms[i].bytes,
					  forms[i].len };

		if (forms[i].code == ERR_NONE)
			assert_ok(delta_parse_record(in, &r, &e));
		else
			assert_refused(delta_parse_record(in, &r, &e),
				       forms[i].code);
	}
	assert_true(r.offset_words && r.raw_len[DELTA_OFFSETS] == 8);
}

static void assert_record_refused(struct delta_record r, enum err_code code)
{
	uint8_t bytes[DELTA_HEADER_MAX];
	struct delta_record back;
	struct err e = { 0 };
	size_t len = delta_format_record(&r, bytes);

	assert_refused(
		delta_parse_record((struct slice){ bytes, len }, &back, &e),
		code);
}

static void impossible_records_are_refused(void **state)
{
	static const struct delta_record possible = {
		.new_len = 5,
		.raw_len = { 1, 1, 1, 0, 5 },
		.packed_len = { 1, 1, 1, 0, 5 }
	};
	struct delta_record r = possible;

	(void)state;
	r.new_len = 0;
	assert_record_refused(r, ERR_FORMAT);
	r = possible;
	r.packed_len[4] = 6;
	assert_record_refused(r, ERR_FORMAT);
	r = possible;
	r.packed_len[4] = 0;
	assert_record_refused(r, ERR_FORMAT);
	r = possible;
	r.raw_len[4] = DELTA_RECORD_MAX;
	assert_record_refused(r, ERR_LIMIT);
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		r.raw_len[i] = r.packed_len[i] = UINT32_MAX;
	assert_record_refused(r, ERR_LIMIT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_has_its_place),
		cmocka_unit_test(what_is_cut_off_is_no_segment),
		cmocka_unit_test(numbers_have_limits),
		cmocka_unit_test(a_word_that_is_cut_off_is_refused),
		cmocka_unit_test(a_record_header_survives_the_round_trip),
		cmocka_unit_test(a_record_header_has_one_form),
		cmocka_unit_test(impossible_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
