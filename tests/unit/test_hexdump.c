/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/hexdump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/check.h"

/* 40 bytes that a program wrote out in many ways. */
static const uint8_t bytes[] = {
	0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20, 0xab, 0xcd, 0xef,
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
	0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x0f, 0xf0, 0x1e, 0xe1,
	0x2d, 0xd2, 0x3c, 0xc3, 0x4b, 0xb4, 0x5a, 0xa5, 0x69, 0x96,
};

/* A run of this text holds all of the bytes, one after the other. */
static void tells(const char *text)
{
	struct slice s = slice_of(text);
	struct hexdump run;
	uint8_t *out;
	size_t next;
	bool found = false;

	if (!hexdump_next(s, 0, s.len, &run, &next))
		fail_msg("not seen: %s", text);
	assert_true(run.at + run.len <= s.len && run.bytes <= run.len);
	assert_true(next > run.at && next <= s.len);
	out = mem_alloc(run.bytes, 1);
	hexdump_decode(s, &run, out);
	for (size_t i = 0; i + sizeof(bytes) <= run.bytes; i++)
		found = found || memcmp(out + i, bytes, sizeof(bytes)) == 0;
	if (!found)
		fail_msg("not whole: %s", text);
	free(out);
}

static void tells_nothing(const char *text)
{
	struct hexdump run;
	size_t next;

	assert_false(
		hexdump_next(slice_of(text), 0, strlen(text), &run, &next));
	assert_int_equal(next, strlen(text));
}

/* Each byte by a format, and something before and behind. */
static char *list(const char *before, const char *format, size_t line,
		  const char *new_line, const char *behind)
{
	char *text = mem_alloc(4096, 1);
	size_t len = (size_t)snprintf(text, 4096, "%s", before);

	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (i > 0 && i % line == 0)
			len += (size_t)snprintf(text + len, 4096 - len, "%s",
						new_line);
		/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
		len += (size_t)snprintf(text + len, 4096 - len, "%.*s%02x%s",
					(int)strcspn(format, "@"), format,
					bytes[i],
					format + strcspn(format, "@") + 1);
	}
	(void)snprintf(text + len, 4096 - len, "%s", behind);
	return text;
}

static void tells_list(const char *before, const char *format, size_t line,
		       const char *new_line, const char *behind)
{
	char *text = list(before, format, line, new_line, behind);

	tells(text);
	free(text);
}

static void bytes_between_signs_are_read(void **state)
{
	(void)state;
	tells_list("priv:\n    ", "@:", 15, "\n    ", "\nASN1 OID");
	tells_list("x = {\n\t", "0x@, ", 12, "\n\t", "\n};");
	tells_list("x[121]={", "0x@,", 1000, "", "};");
	tells_list("char k[] = \"", "\\x@", 16, "\"\n\"", "\";");
	tells_list("key: ", "@ ", 1000, "", "\n");
	tells_list("length 121\n", "@ ", 16, "\n", "end");
	tells_list("=", "@-", 1000, "", "");
	tells_list("b'", "\\x@", 20, "' \\\r\n  '", "'");
}

static void dumps_with_offsets_and_characters_are_read(void **state)
{
	(void)state;
	tells("00000000  30 77 02 01 01 04 20 ab  cd ef 00 11 22 33 44 55  "
	      "|0w.... ....\"3DU|\n"
	      "00000010  66 77 88 99 aa bb cc dd  ee ff 0f f0 1e e1 2d d2  "
	      "|fw............-.|\n"
	      "00000020  3c c3 4b b4 5a a5 69 96                           "
	      "|<.K.Z.i.|\n00000028\n");
	tells("00000000: 3077 0201 0104 20ab cdef 0011 2233 4455  "
	      "0w.... ....\"3DU\n"
	      "00000010: 6677 8899 aabb ccdd eeff 0ff0 1ee1 2dd2  "
	      "fw............-.\n"
	      "00000020: 3cc3 4bb4 5aa5 6996                      <.K.Z.i.\n");
	tells("0000000 30 77 02 01 01 04 20 ab cd ef 00 11 22 33 44 55\n"
	      "0000020 66 77 88 99 aa bb cc dd ee ff 0f f0 1e e1 2d d2\n"
	      "0000040 3c c3 4b b4 5a a5 69 96\n0000050\n");
}

static void a_dump_goes_on_behind_other_numbers(void **state)
{
	(void)state;
	tells_list("1, 333, 55555, 121,\n", "@:", 16, "\n", "");
	tells_list("int sizes[] = { 100, 200, 300, 400, 1000, 2000 }\n",
		   "0x@, ", 12, "\n", "");
}

static void short_lists_and_prose_are_no_dumps(void **state)
{
	(void)state;
	tells_nothing("");
	tells_nothing("30:77:02:01:01:04:20");
	tells_nothing("at 12:30 on 05-11-2026, 3 of 14 added a bed and a cafe "
		      "to face the decade, said Abe, Dee, Ed and Ada at dad's");
	tells_nothing(
		"1234567 2345678 3456789 4567890 5678901 6789012 7890123 "
		"8901234 9012345 1234567 2345678 3456789 4567890 5678901");
}

/* A window may end and begin anywhere in it. */
static void a_dump_may_be_cut_anywhere(void **state)
{
	char *text = list("k = ", "0x@, ", 8, "\n", ";");
	struct hexdump run;
	uint8_t out[4096];
	size_t next;

	(void)state;
	for (size_t from = 0; from < strlen(text); from++)
		for (size_t len = from; len <= strlen(text); len++) {
			struct slice s = { (const uint8_t *)text, len };

			if (!hexdump_next(s, from, len, &run, &next))
				continue;
			assert_true(run.at + run.len <= len);
			assert_true(run.at + run.len > from);
			assert_true(next > from && next <= len);
			hexdump_decode(s, &run, out);
		}
	free(text);
}

/* Columns of numbers over megabytes must not cost more than their length. */
static void tables_take_no_time(void **state)
{
	const size_t len = 1 << 22;
	static const char *const fills[] = {
		"123, ", "0123456789abcdef", "1 ", "0x", "00 0x1234 ", "12:"
	};
	uint8_t *text = mem_alloc(len, 1);

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(fills); f++) {
		size_t from = 0;
		struct hexdump run;

		for (size_t i = 0; i < len; i++)
			text[i] = (uint8_t)fills[f][i % strlen(fills[f])];
		while (hexdump_next((struct slice){ text, len }, from, len,
				    &run, &from))
			assert_true(run.bytes >= HEXDUMP_MIN);
		assert_int_equal(from, len);
	}
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_between_signs_are_read),
		cmocka_unit_test(dumps_with_offsets_and_characters_are_read),
		cmocka_unit_test(a_dump_goes_on_behind_other_numbers),
		cmocka_unit_test(short_lists_and_prose_are_no_dumps),
		cmocka_unit_test(a_dump_may_be_cut_anywhere),
		cmocka_unit_test(tables_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
