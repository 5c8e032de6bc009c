/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/answer.h"

#include <string.h>

#include "tests/unit/check.h"

static void formats_a_json_answer_that_nobody_keeps(void **state)
{
	struct answer a = { .status = 200,
			    .type = "application/json",
			    .body_len = 7 };
	struct buf out = BUF_INIT(ANSWER_HEAD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(answer_format(&a, &out, &e));
	assert_string_equal(buf_text(&out),
			    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"
			    "Content-Type: application/json\r\n"
			    "Cache-Control: no-store\r\n"
			    "X-Content-Type-Options: nosniff\r\n\r\n");
	buf_done(&out);
}

static void
a_page_runs_what_is_ours_alone_and_others_answers_say_nothing(void **state)
{
	static const char *const rules[] = {
		"Content-Security-Policy: default-src 'none'; "
		"script-src 'self'; style-src 'self'; connect-src 'self'; "
		"img-src 'self'; form-action 'none'; frame-ancestors 'none'; "
		"base-uri 'none'; require-trusted-types-for 'script'; "
		"trusted-types 'none'\r\n",
		"Referrer-Policy: no-referrer\r\n",
		"Cross-Origin-Opener-Policy: same-origin\r\n",
	};
	struct answer a = { .status = 200,
			    .type = "text/html; charset=utf-8",
			    .etag = "\"x\"",
			    .page = true };
	struct buf page = BUF_INIT(ANSWER_HEAD_MAX);
	struct buf plain = BUF_INIT(ANSWER_HEAD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(answer_format(&a, &page, &e));
	a.page = false;
	assert_ok(answer_format(&a, &plain, &e));
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		assert_non_null(strstr(buf_text(&page), rules[i]));
		assert_null(strstr(buf_text(&plain), rules[i]));
	}
	buf_done(&page);
	buf_done(&plain);
}

static void formats_a_part_of_an_immutable_file(void **state)
{
	struct answer a = { .status = 206,
			    .type = "application/octet-stream",
			    .etag = "\"x\"",
			    .body_len = 10,
			    .part = { 206, 90, 10 },
			    .whole_len = 100,
			    .ranges = true,
			    .immutable = true };
	struct buf out = BUF_INIT(ANSWER_HEAD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(answer_format(&a, &out, &e));
	assert_non_null(strstr(buf_text(&out), "\r\nETag: \"x\"\r\n"));
	assert_non_null(strstr(buf_text(&out), "immutable"));
	assert_non_null(strstr(buf_text(&out), "Accept-Ranges: bytes\r\n"));
	assert_non_null(
		strstr(buf_text(&out), "Content-Range: bytes 90-99/100\r\n"));
	buf_done(&out);
}

static void says_how_long_a_file_is_that_has_no_such_range(void **state)
{
	struct answer a = { .status = 416, .whole_len = 100 };
	struct buf out = BUF_INIT(ANSWER_HEAD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(answer_format(&a, &out, &e));
	assert_non_null(
		strstr(buf_text(&out), "Content-Range: bytes */100\r\n"));
	buf_done(&out);
}

static void names_the_allowed_methods_and_when_to_come_back(void **state)
{
	struct answer a = { .status = 405,
			    .allow = 1U << METHOD_GET | 1U << METHOD_PUT,
			    .retry_after = 9,
			    .close = true };
	struct buf out = BUF_INIT(ANSWER_HEAD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(answer_format(&a, &out, &e));
	assert_non_null(strstr(buf_text(&out), "Allow: GET, PUT\r\n"));
	assert_non_null(strstr(buf_text(&out), "Retry-After: 9\r\n"));
	assert_non_null(strstr(buf_text(&out), "Connection: close\r\n"));
	buf_done(&out);
}

static void a_304_carries_no_length(void **state)
{
	struct answer a = { .status = 304, .etag = "\"x\"", .body_len = 5 };
	struct buf out = BUF_INIT(ANSWER_HEAD_MAX);
	struct err e = { 0 };

	(void)state;
	assert_ok(answer_format(&a, &out, &e));
	assert_null(strstr(buf_text(&out), "Content-Length"));
	assert_non_null(strstr(buf_text(&out), "no-cache"));
	buf_done(&out);
}

static void every_status_that_we_send_has_a_reason(void **state)
{
	static const unsigned sent[] = { 200, 206, 304, 400, 403, 404, 405,
					 408, 409, 411, 413, 414, 416, 417,
					 429, 431, 500, 501, 503, 505, 507 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sent); i++)
		assert_string_not_equal(answer_reason(sent[i]), "Unknown");
	assert_string_equal(answer_reason(299), "Unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_a_json_answer_that_nobody_keeps),
		cmocka_unit_test(
			a_page_runs_what_is_ours_alone_and_others_answers_say_nothing),
		cmocka_unit_test(formats_a_part_of_an_immutable_file),
		cmocka_unit_test(
			says_how_long_a_file_is_that_has_no_such_range),
		cmocka_unit_test(
			names_the_allowed_methods_and_when_to_come_back),
		cmocka_unit_test(a_304_carries_no_length),
		cmocka_unit_test(every_status_that_we_send_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
