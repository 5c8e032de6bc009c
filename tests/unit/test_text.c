/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <string.h>

#include "tests/unit/check.h"

#define BYTES(literal)                                                         \
	((struct slice){ (const uint8_t *)(literal), sizeof(literal) - 1 })

static void hex_survives_the_round_trip(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x9f, 0xff };
	struct err e = { 0 };
	uint8_t back[3];
	char text[7];

	(void)state;
	hex_format((struct slice){ bytes, 3 }, text);
	assert_string_equal(text, "009fff");
	assert_ok(hex_parse(slice_of(text), back, 3, &e));
	assert_memory_equal(back, bytes, 3);
}

static void hex_has_one_spelling_and_one_length(void **state)
{
	static const char *const wrong[] = { "",     "00",   "0000f", "00000",
					     "0000", "00FF", "0g",    "0 " };
	struct err e = { 0 };
	uint8_t out[3] = { 7, 7, 7 };

	(void)state;
	assert_refused(hex_parse(slice_of("0011"), out, 1, &e), ERR_FORMAT);
	assert_refused(hex_parse(slice_of("001"), out, 1, &e), ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(hex_parse(slice_of(wrong[i]), out, 3, &e),
			       ERR_FORMAT);
	assert_refused(hex_parse(slice_of("00FF00"), out, 3, &e), ERR_FORMAT);
	assert_int_equal(out[0], 7);
}

static void numbers_are_plain_decimal(void **state)
{
	static const char *const wrong[] = { "",   "-1", "+1",   "01",  " 1",
					     "1 ", "1x", "0x10", "1.0", "1e3" };
	struct err e = { 0 };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(num_parse(slice_of(wrong[i]), 1000, &v, &e),
			       ERR_FORMAT);
	assert_int_equal(v, 7);
	assert_ok(num_parse(slice_of("0"), 0, &v, &e));
	assert_int_equal(v, 0);
	assert_ok(num_parse(slice_of("18446744073709551615"), UINT64_MAX, &v,
			    &e));
	assert_true(v == UINT64_MAX);
}

static void numbers_past_their_limit_are_refused(void **state)
{
	struct err e = { 0 };
	uint64_t v = 7;

	(void)state;
	assert_ok(num_parse(slice_of("255"), 255, &v, &e));
	assert_refused(num_parse(slice_of("256"), 255, &v, &e), ERR_LIMIT);
	assert_refused(num_parse(slice_of("5"), 4, &v, &e), ERR_LIMIT);
	assert_refused(
		num_parse(slice_of("18446744073709551616"), UINT64_MAX, &v, &e),
		ERR_LIMIT);
	assert_int_equal(v, 255);
}

static void names_keep_to_their_alphabet(void **state)
{
	static const char *const right[] = { "a", "0", "a.b-c_d", "1.2.3" };
	static const char *const wrong[] = { "",    ".",   "..",      ".a",
					     "-a",  "_a",  "A",       "a/b",
					     "a b", "a\n", "\xc3\xa4" };
	char longest[NAME_MAX_LEN + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		assert_true(name_is_valid(slice_of(right[i])));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(name_is_valid(slice_of(wrong[i])));
	assert_false(name_is_valid(BYTES("a\0b")));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[NAME_MAX_LEN + 1] = 0;
	assert_false(name_is_valid(slice_of(longest)));
	longest[NAME_MAX_LEN] = 0;
	assert_true(name_is_valid(slice_of(longest)));
}

static void target_paths_are_names_between_single_slashes(void **state)
{
	static const char *const wrong[] = { "",     "/",    "/a",  "a/",
					     "a//b", "a/..", "./a", "a/.b",
					     "a\\b", "a/B" };
	char longest[PATH_MAX_LEN + 2];

	(void)state;
	assert_true(target_path_is_valid(slice_of("a")));
	assert_true(target_path_is_valid(slice_of("demo/1.0/full.pkg")));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(target_path_is_valid(slice_of(wrong[i])));
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 ? '/' : 'a';
	longest[PATH_MAX_LEN + 1] = 0;
	assert_false(target_path_is_valid(slice_of(longest)));
	longest[PATH_MAX_LEN - 1] = 0;
	assert_true(target_path_is_valid(slice_of(longest)));
}

static void utf8_has_one_form_for_each_code_point(void **state)
{
	uint32_t code = 0;

	(void)state;
	assert_int_equal(utf8_next(BYTES("\xe2\x82\xac!"), &code), 3);
	assert_int_equal(code, 0x20ac);
	assert_int_equal(utf8_next(BYTES("\xf4\x8f\xbf\xbf"), &code), 4);
	assert_int_equal(code, 0x10ffff);
	assert_true(utf8_is_valid(BYTES("a\xc3\xa4\xf0\x9f\x98\x80")));
	assert_true(utf8_is_valid(BYTES("")));
	assert_false(utf8_is_valid(BYTES("\xc0\x80")));         /* over-long */
	assert_false(utf8_is_valid(BYTES("\xe0\x9f\xbf")));     /* over-long */
	assert_false(utf8_is_valid(BYTES("\xf0\x8f\xbf\xbf"))); /* over-long */
	assert_false(utf8_is_valid(BYTES("\xed\xa0\x80")));     /* surrogate */
	assert_false(utf8_is_valid(BYTES("\xf4\x90\x80\x80"))); /* too large */
	assert_false(utf8_is_valid(BYTES("\xe2\x82")));         /* cut */
	assert_false(utf8_is_valid(BYTES("\xe2\x82z")));
	assert_false(utf8_is_valid(BYTES("\x80")));
	assert_false(utf8_is_valid(BYTES("\xff")));
}

static void assert_escapes(struct slice in, const char *want)
{
	char out[64];

	text_escape(in, out, sizeof(out));
	assert_string_equal(out, want);
}

static void letters_of_any_language_are_shown(void **state)
{
	(void)state;
	assert_escapes(BYTES("plain text!"), "plain text!");
	assert_escapes(BYTES("K\xc3\xb6ln \xe6\x9d\xb1"),
		       "K\xc3\xb6ln \xe6\x9d\xb1");
	assert_escapes(BYTES("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

static void bytes_that_act_on_a_terminal_are_escaped(void **state)
{
	(void)state;
	assert_escapes(BYTES("a\x1b[31m"), "a\\x1b[31m");
	assert_escapes(BYTES("a\nb\r\t\x7f"), "a\\x0ab\\x0d\\x09\\x7f");
	assert_escapes(BYTES("a\0b"), "a\\x00b");
	assert_escapes(BYTES("\xc2\x9b"), "\\xc2\\x9b");          /* C1: CSI */
	assert_escapes(BYTES("\xe2\x80\xae"), "\\xe2\\x80\\xae"); /* U+202E */
	assert_escapes(BYTES("\xe2\x81\xa6"), "\\xe2\\x81\\xa6"); /* U+2066 */
	assert_escapes(BYTES("\xe2\x80\x8b"), "\\xe2\\x80\\x8b"); /* U+200B */
	assert_escapes(BYTES("\xd8\x9c"), "\\xd8\\x9c");          /* U+061C */
	assert_escapes(BYTES("\xef\xbb\xbf"), "\\xef\\xbb\\xbf"); /* BOM */
	assert_escapes(BYTES("\xff\xc3"), "\\xff\\xc3");
	assert_escapes(BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}

static void escaping_cuts_between_letters_alone(void **state)
{
	char out[5] = "....";

	(void)state;
	text_escape(BYTES("ab\x1b"), out, sizeof(out));
	assert_string_equal(out, "ab");
	text_escape(BYTES("abc\xc3\xa4"), out, sizeof(out));
	assert_string_equal(out, "abc");
	text_escape(BYTES("abcd\xc3\xa4"), out, sizeof(out));
	assert_string_equal(out, "abcd");
	text_escape(BYTES("x"), out, 1);
	assert_string_equal(out, "");
	text_escape(BYTES("x"), NULL, 0);
}

static void formatting_never_cuts(void **state)
{
	struct err e = { 0 };
	char out[4];

	(void)state;
	assert_ok(text_format(out, sizeof(out), &e, "%d", 123));
	assert_string_equal(out, "123");
	assert_refused(text_format(out, sizeof(out), &e, "%d", 1234),
		       ERR_LIMIT);
}

static void sizes_read_well_at_every_border(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 51, "51 B" },
		{ 999, "999 B" },
		{ 1000, "1.0 kB" },
		{ 663900, "663.9 kB" },
		{ 999949, "999.9 kB" },
		{ 999950, "1.0 MB" },
		{ 7200000, "7.2 MB" },
		{ 999999999, "1.0 GB" },
		{ UINT64_MAX, "18.4 EB" },
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		text_size(cases[i].bytes, out);
		assert_string_equal(out, cases[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_survives_the_round_trip),
		cmocka_unit_test(hex_has_one_spelling_and_one_length),
		cmocka_unit_test(numbers_are_plain_decimal),
		cmocka_unit_test(numbers_past_their_limit_are_refused),
		cmocka_unit_test(names_keep_to_their_alphabet),
		cmocka_unit_test(target_paths_are_names_between_single_slashes),
		cmocka_unit_test(utf8_has_one_form_for_each_code_point),
		cmocka_unit_test(letters_of_any_language_are_shown),
		cmocka_unit_test(bytes_that_act_on_a_terminal_are_escaped),
		cmocka_unit_test(escaping_cuts_between_letters_alone),
		cmocka_unit_test(formatting_never_cuts),
		cmocka_unit_test(sizes_read_well_at_every_border),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
