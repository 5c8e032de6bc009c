/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pem.h"

#include <string.h>

#include "tests/unit/check.h"

static void refuses(const char *text, enum err_code code)
{
	struct buf der = BUF_INIT(64);
	struct err e = { 0 };

	assert_refused(pem_parse(slice_of(text), "THING", &der, &e), code);
	assert_int_equal(der.len, 0);
	buf_done(&der);
}

static void parses_what_it_formats(void **state)
{
	uint8_t bytes[200];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t len = 1; len <= sizeof(bytes); len++) {
		struct buf text = BUF_INIT(1024), der = BUF_INIT(200);

		assert_ok(pem_format("THING", (struct slice){ bytes, len },
				     &text, &e));
		assert_true(pem_is(buf_slice(&text)));
		assert_ok(pem_parse(buf_slice(&text), "THING", &der, &e));
		assert_int_equal(der.len, len);
		assert_memory_equal(der.ptr, bytes, len);
		buf_done(&text);
		buf_done(&der);
	}
}

static void writes_lines_of_64_characters(void **state)
{
	static const uint8_t zeroes[49];
	struct buf text = BUF_INIT(1024);
	struct err e = { 0 };

	(void)state;
	assert_ok(pem_format("THING", (struct slice){ zeroes, 49 }, &text, &e));
	assert_string_equal(buf_text(&text),
			    "-----BEGIN THING-----\n"
			    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
			    "AA==\n"
			    "-----END THING-----\n");
	buf_done(&text);
}

static void allows_white_space_around_the_block(void **state)
{
	struct buf der = BUF_INIT(64);
	struct err e = { 0 };

	(void)state;
	assert_ok(pem_parse(slice_of("\n \t-----BEGIN THING-----\nYWJj\n"
				     "-----END THING-----\r\n\n"),
			    "THING", &der, &e));
	assert_string_equal(buf_text(&der), "abc");
	buf_done(&der);
}

static void refuses_anything_but_one_block_of_the_label(void **state)
{
	(void)state;
	refuses("", ERR_FORMAT);
	refuses("YWJj", ERR_FORMAT);
	refuses("-----BEGIN OTHER-----\nYWJj\n-----END OTHER-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJj\n-----END OTHER-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJj\n", ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJj", ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJj-----END THING-----\n", ERR_FORMAT);
	refuses("-----BEGIN THING-----YWJj\n-----END THING-----\n", ERR_FORMAT);
	refuses("x-----BEGIN THING-----\nYWJj\n-----END THING-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJj\n-----END THING-----\nx",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJj\n-----END THING-----\n"
		"-----BEGIN THING-----\nYWJj\n-----END THING-----\n",
		ERR_FORMAT);
}

static void refuses_base64_in_any_other_form(void **state)
{
	(void)state;
	refuses("-----BEGIN THING-----\n-----END THING-----\n", ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWI\n-----END THING-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJ=\n-----END THING-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYW Jj\n-----END THING-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nYWJj\r\n-----END THING-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\n====\n-----END THING-----\n",
		ERR_FORMAT);
	refuses("-----BEGIN THING-----\nProc-Type: 4,ENCRYPTED\n\nYWJj\n"
		"-----END THING-----\n",
		ERR_FORMAT);
}

static void refuses_more_than_the_ceiling(void **state)
{
	static char text[PEM_MAX_LEN + 2];
	struct buf out = BUF_INIT((size_t)2 * PEM_MAX_LEN), small = BUF_INIT(2);
	struct err e = { 0 };

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	refuses(text, ERR_LIMIT);
	assert_refused(pem_format("THING", slice_of(text), &out, &e),
		       ERR_LIMIT);
	assert_refused(pem_parse(slice_of("-----BEGIN THING-----\nYWJj\n"
					  "-----END THING-----\n"),
				 "THING", &small, &e),
		       ERR_LIMIT);
	buf_done(&out);
	buf_done(&small);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_what_it_formats),
		cmocka_unit_test(writes_lines_of_64_characters),
		cmocka_unit_test(allows_white_space_around_the_block),
		cmocka_unit_test(refuses_anything_but_one_block_of_the_label),
		cmocka_unit_test(refuses_base64_in_any_other_form),
		cmocka_unit_test(refuses_more_than_the_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
