/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/encoded.h"

#include <string.h>

#include "common/text.h"
#include "tests/unit/check.h"

#define SECRET "forty-two bytes that somebody encoded here"

static bool first(const char *text, struct encoded *run)
{
	size_t next;

	return encoded_next(slice_of(text), 0, strlen(text), run, &next);
}

/* What the only run of a text decodes to is the secret. */
static void tells(const char *text)
{
	struct encoded run;
	uint8_t out[512];
	size_t len;

	assert_true(first(text, &run));
	assert_true(run.letters <= sizeof(out));
	len = encoded_decode(slice_of(text), &run, 0, out);
	assert_true(len >= strlen(SECRET));
	assert_memory_equal(out, SECRET, strlen(SECRET));
}

static void base64_is_decoded_however_it_is_wrapped(void **state)
{
	(void)state;
	tells("key=\"Zm9ydHktdHdvIGJ5dGVzIHRoYXQgc29tZWJvZHkgZW5jb2RlZCBoZXJl"
	      "\"");
	tells("Zm9ydHktdHdvIGJ5dGVzIHRoYXQgc29tZWJvZHkg\n"
	      "ZW5jb2RlZCBoZXJl\n");
	tells("  \"Zm9ydHktdHdvIGJ5dGVzIHRoYXQgc29tZWJvZHkg\\n\",\r\n"
	      "  \"ZW5jb2RlZCBoZXJl\"");
}

static void hexadecimal_is_told_from_base64(void **state)
{
	char text[2 * sizeof(SECRET)];
	struct encoded run;

	(void)state;
	hex_format(slice_of(SECRET), text);
	tells(text);
	assert_true(first(text, &run) && run.hex);
	assert_int_equal(run.letters, 2 * strlen(SECRET));
	assert_true(first("Zm9ydHktdHdvIGJ5dGVzIHRoYXQgc29tZWJvZHkg", &run));
	assert_false(run.hex);
}

static void short_words_and_prose_are_no_runs(void **state)
{
	struct encoded run;

	(void)state;
	assert_false(first("", &run));
	assert_false(first("Zm9ydHktdHdvIGJ5dGVzIHRoYXQgc29tZWJvZHk", &run));
	assert_false(first("the quick brown fox jumps over the lazy dog, and "
			   "then it does it all over again.",
			   &run));
}

/* A window is looked at in parts: what begins before `from` is still whole. */
static void a_run_over_the_border_is_seen_whole(void **state)
{
	char text[300];
	struct encoded run;
	size_t next;

	(void)state;
	memset(text, ' ', sizeof(text));
	memset(text + 100, 'A', 120);
	for (size_t from = 100; from < 180; from++) {
		struct slice window = { (const uint8_t *)text, sizeof(text) };

		assert_true(
			encoded_next(window, from, sizeof(text), &run, &next));
		assert_int_equal(run.at, 100);
		assert_int_equal(run.len, 120);
		assert_int_equal(next, 220);
	}
}

static void letters_may_be_skipped(void **state)
{
	const char *text = "AAAAZm9ydHktdHdvIGJ5dGVzIHRoYXQgc29tZWJvZHkg";
	struct encoded run;
	uint8_t out[64];

	(void)state;
	assert_true(first(text, &run));
	assert_true(encoded_decode(slice_of(text), &run, 4, out) >= 9);
	assert_memory_equal(out, "forty-two", 9);
}

static void a_stream_may_come_in_pieces(void **state)
{
	const char *text = "Zm9ydHktdHdvIGJ5dGVz";
	struct base64 b = { 0 };
	uint8_t out[32];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < strlen(text); i++)
		len += base64_decode(&b, slice_sub(slice_of(text), i, 1),
				     out + len);
	assert_int_equal(len, 15);
	assert_memory_equal(out, "forty-two bytes", 15);
}

static void a_file_of_lines_alone_is_all_base64(void **state)
{
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 65 == 64 ? '\n' : 'Q';
	assert_true(encoded_is_all((struct slice){ (uint8_t *)text, 390 }));
	assert_false(encoded_is_all((struct slice){ (uint8_t *)text, 130 }));
	text[200] = ' ';
	assert_false(encoded_is_all((struct slice){ (uint8_t *)text, 390 }));
	text[200] = '\n';
	assert_false(encoded_is_all((struct slice){ (uint8_t *)text, 390 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_decoded_however_it_is_wrapped),
		cmocka_unit_test(hexadecimal_is_told_from_base64),
		cmocka_unit_test(short_words_and_prose_are_no_runs),
		cmocka_unit_test(a_run_over_the_border_is_seen_whole),
		cmocka_unit_test(letters_may_be_skipped),
		cmocka_unit_test(a_stream_may_come_in_pieces),
		cmocka_unit_test(a_file_of_lines_alone_is_all_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
