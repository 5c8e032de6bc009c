/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

/* Scan and parse as the server does; 0, or the status that it would answer. */
static unsigned status_of(struct slice in, struct http_request *q)
{
	struct http_scan scan = { 0 };
	struct err e = { 0 };
	unsigned status = 0;
	size_t head_len = 0;

	if (http_scan(&scan, in, &head_len, &status, &e))
		return status;
	if (head_len == 0)
		return 1; /* incomplete */
	if (http_parse(slice_sub(in, 0, head_len), q, &status, &e)) {
		assert_true(status >= 400);
		assert_true(e.msg[0] != '\0');
		return status;
	}
	return 0;
}

static unsigned status_of_text(const char *text)
{
	struct http_request q = { 0 };

	return status_of(slice_of(text), &q);
}

static struct http_request parsed(const char *text)
{
	struct http_request q = { 0 };

	assert_int_equal(status_of(slice_of(text), &q), 0);
	return q;
}

#define HOST "Host: h\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define END  "\r\n"

static void reads_a_request_as_curl_sends_it(void **state)
{
	struct http_request q =
		parsed("PUT /v1/import/a HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n"
		       "User-Agent: curl/7.88.1\r\nAccept: */*\r\n"
		       "content-LENGTH: \t 1048577 \r\nExpect: 100-Continue\r\n"
		       "Connection: Keep-Alive, Close\r\n\r\nbody");

	(void)state;
	assert_int_equal(q.method, METHOD_PUT);
	assert_true(slice_equal(q.path, slice_of("/v1/import/a")));
	assert_true(q.has_length);
	assert_int_equal(q.body_len, 1048577);
	assert_true(q.expect_continue);
	assert_true(q.close);
	assert_true(slice_equal(q.host, slice_of("127.0.0.1:8443")));
	assert_false(http_is_foreign(&q, "https://"));
}

static void knows_exactly_four_methods(void **state)
{
	(void)state;
	assert_int_equal(parsed("GET / HTTP/1.1\r\n" HOST END).method,
			 METHOD_GET);
	assert_int_equal(parsed("HEAD / HTTP/1.1\r\n" HOST END).method,
			 METHOD_HEAD);
	assert_int_equal(parsed(POST "Content-Length: 0\r\n" END).method,
			 METHOD_POST);
	assert_int_equal(status_of_text("get / HTTP/1.1\r\n" HOST END), 501);
	assert_int_equal(status_of_text("DELETE / HTTP/1.1\r\n" HOST END), 501);
	assert_int_equal(status_of_text("TRACE / HTTP/1.1\r\n" HOST END), 501);
	assert_int_equal(status_of_text("OPTIONS * HTTP/1.1\r\n" HOST END),
			 501);
	assert_int_equal(status_of_text("CONNECT h:1 HTTP/1.1\r\n" HOST END),
			 501);
	assert_int_equal(status_of_text("G(T / HTTP/1.1\r\n" HOST END), 400);
}

static void refuses_every_way_to_smuggle_a_request(void **state)
{
	static const struct {
		const char *head;
		unsigned status;
	} rows[] = {
		{ POST
		  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END,
		  400 },
		{ POST
		  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END,
		  400 },
		{ POST "Transfer-Encoding: chunked\r\n" END, 501 },
		{ POST "Transfer-Encoding: chunked,x\r\n" END, 501 },
		{ POST "Transfer-Encoding: identity\r\n" END, 501 },
		{ POST "transfer-encoding:\tchunked\r\n" END, 501 },
		{ GET "Transfer-Encoding: \r\n" END, 501 },
		{ POST "Transfer-Encoding : chunked\r\n" END, 400 },
		{ POST "Transfer-Encoding\t: chunked\r\n" END, 400 },
		{ POST " Transfer-Encoding: chunked\r\n" END, 400 },
		{ POST "\tTransfer-Encoding: chunked\r\n" END, 400 },
		{ POST "X: y\r\n Transfer-Encoding: chunked\r\n" END, 400 },
		{ POST "Content-Length: 5\r\nContent-Length: 6\r\n" END, 400 },
		{ POST "Content-Length: 5\r\nContent-Length: 5\r\n" END, 400 },
		{ POST "Content-Length: 5, 5\r\n" END, 400 },
		{ POST "Content-Length: +5\r\n" END, 400 },
		{ POST "Content-Length: -5\r\n" END, 400 },
		{ POST "Content-Length: 0x10\r\n" END, 400 },
		{ POST "Content-Length: 5 5\r\n" END, 400 },
		{ POST "Content-Length: 5.0\r\n" END, 400 },
		{ POST "Content-Length: \r\n" END, 400 },
		{ POST "Content-Length: 12345678901234567890\r\n" END, 400 },
		{ POST "Content-Length : 5\r\n" END, 400 },
		{ GET "Content-Length: 5\r\n" END, 400 },
		{ POST END, 411 },
		{ GET "X: a\nY: b\r\n" END, 400 },
		{ GET "X: a\rY: b\r\n" END, 400 },
		{ GET "X: a\r\r\n" END, 400 },
		{ GET "X: a\r\n\n", 400 },
		{ "GET / HTTP/1.1\nHost: h\n\n", 400 },
		{ "\r\nGET / HTTP/1.1\r\n" HOST END, 400 },
		{ GET "X: \x01\r\n" END, 400 },
		{ GET "X: \x7f\r\n" END, 400 },
		{ GET "X: \xc3\xa9\r\n" END, 400 },
		{ GET "X\r\n" END, 400 },
		{ GET ": y\r\n" END, 400 },
		{ GET "X Y: z\r\n" END, 400 },
		{ GET "X(: z\r\n" END, 400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (status_of_text(rows[i].head) != rows[i].status)
			fail_msg("row %zu: %u, not %u", i,
				 status_of_text(rows[i].head), rows[i].status);
}

static void refuses_a_nul_anywhere(void **state)
{
	static const char good[] = GET "X: abc\r\n" END;
	char bad[sizeof(good)];
	struct http_request q = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		memcpy(bad, good, sizeof(good));
		bad[i] = '\0';
		assert_int_equal(status_of((struct slice){ (uint8_t *)bad,
							   sizeof(good) - 1 },
					   &q),
				 400);
	}
}

static void refuses_request_lines_for_proxies_and_other_versions(void **state)
{
	static const struct {
		const char *line;
		unsigned status;
	} rows[] = {
		{ "GET http://h/ HTTP/1.1\r\n", 400 },
		{ "GET * HTTP/1.1\r\n", 400 },
		{ "GET h:80 HTTP/1.1\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n", 400 },
		{ "GET /  HTTP/1.1\r\n", 400 },
		{ "GET / a HTTP/1.1\r\n", 400 },
		{ "GET\t/ HTTP/1.1\r\n", 400 },
		{ "GET /\ta HTTP/1.1\r\n", 400 },
		{ " GET / HTTP/1.1\r\n", 400 },
		{ "GET / HTTP/1.1 \r\n", 400 },
		{ "GET /\r\n", 400 },
		{ "GET / HTTP/1.0\r\n", 505 },
		{ "GET / HTTP/2.0\r\n", 505 },
		{ "PRI * HTTP/2.0\r\n", 505 },
		{ "GET / HTTP/1.10\r\n", 400 },
		{ "GET / http/1.1\r\n", 400 },
		{ "GET / HTTP/x.1\r\n", 400 },
		{ "GET / HTTPS/1.1\r\n", 400 },
	};
	char head[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(head, sizeof(head), "%s" HOST END, rows[i].line);
		if (status_of_text(head) != rows[i].status)
			fail_msg("row %zu: %u, not %u", i, status_of_text(head),
				 rows[i].status);
	}
}

static void wants_exactly_one_host(void **state)
{
	(void)state;
	assert_int_equal(status_of_text("GET / HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(status_of_text(GET HOST END), 400);
	assert_int_equal(status_of_text("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
			 400);
	/* a name that begins like it, or with it */
	assert_int_equal(status_of_text("GET / HTTP/1.1\r\nHos: a\r\n\r\n"),
			 400);
	assert_int_equal(status_of_text("GET / HTTP/1.1\r\nHosts: a\r\n\r\n"),
			 400);
	assert_int_equal(status_of_text("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
			 400);
	assert_int_equal(status_of_text("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
			 400);
	assert_int_equal(
		status_of_text("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0);
	assert_int_equal(status_of_text(GET "X-Forwarded-Host: other\r\n" END),
			 0);
}

static void answers_only_the_expectation_it_knows(void **state)
{
	(void)state;
	assert_int_equal(status_of_text(GET "Expect: 100-continue\r\n" END), 0);
	assert_int_equal(status_of_text(GET "Expect: 200-ok\r\n" END), 417);
}

static bool is_foreign(const char *request)
{
	struct http_request q = parsed(request);

	return http_is_foreign(&q, "https://");
}

static void a_page_is_ours_by_origin_and_by_what_its_browser_says(void **state)
{
#define G "GET / HTTP/1.1\r\nHost: h:8443\r\n"
	(void)state;
	assert_false(is_foreign(G END));
	assert_false(is_foreign(G "Origin: https://h:8443\r\n" END));
	assert_false(is_foreign(G "Sec-Fetch-Site: same-origin\r\n" END));
	assert_false(is_foreign(G "Sec-Fetch-Site: none\r\n" END));
	assert_true(is_foreign(G "Origin: http://h:8443\r\n" END));
	assert_true(is_foreign(G "Origin: https://h\r\n" END));
	assert_true(is_foreign(G "Origin: https://h:84433\r\n" END));
	assert_true(is_foreign(G "Origin: https://evil:8443\r\n" END));
	assert_true(is_foreign(G "Origin: null\r\n" END));
	assert_true(is_foreign(G "Origin:\r\n" END));
	assert_true(is_foreign(G "Sec-Fetch-Site: cross-site\r\n" END));
	assert_true(is_foreign(G "Sec-Fetch-Site: same-site\r\n" END));
	assert_true(is_foreign(G "Origin: https://h:8443\r\n"
				 "Sec-Fetch-Site: cross-site\r\n" END));
	assert_int_equal(status_of_text(G "Origin: https://h:8443\r\n"
					  "Origin: https://evil\r\n" END),
			 400);
#undef G
}

static void notices_a_wish_to_close(void **state)
{
	(void)state;
	assert_true(parsed(GET "Connection: close\r\n" END).close);
	assert_false(parsed(GET "Connection: keep-alive\r\n" END).close);
	assert_int_equal(status_of_text(GET "Connection: a b\r\n" END), 400);
}

static void limits_head_path_and_fields(void **state)
{
	char *big = calloc(1, 3 * HTTP_HEAD_MAX);
	size_t len;

	(void)state;
	assert_non_null(big);
	/* A path one byte too long, then a request line without an end. */
	len = (size_t)sprintf(big, "GET /");
	memset(big + len, 'a', HTTP_TARGET_MAX);
	strcat(big, " HTTP/1.1\r\n" HOST END);
	assert_int_equal(status_of_text(big), 414);
	memset(big, 'G', HTTP_HEAD_MAX + 1);
	assert_int_equal(status_of_text(big), 414);
	/* Exactly the limit passes, one byte more does not. */
	len = (size_t)sprintf(big, GET "X: ");
	memset(big + len, 'a', HTTP_HEAD_MAX - len - 4);
	strcpy(big + HTTP_HEAD_MAX - 4, "\r\n\r\n");
	assert_int_equal(status_of_text(big), 0);
	strcpy(big + HTTP_HEAD_MAX - 4, "a\r\n\r\n");
	assert_int_equal(status_of_text(big), 431);
	/* Many small fields. */
	strcpy(big, GET);
	for (int i = 0; i < HTTP_FIELDS_MAX - 1; i++)
		strcat(big, "X: y\r\n");
	len = strlen(big);
	strcat(big, END);
	assert_int_equal(status_of_text(big), 0);
	strcpy(big + len, "X: y\r\n" END);
	assert_int_equal(status_of_text(big), 431);
	free(big);
}

static void reads_the_same_however_the_bytes_arrive(void **state)
{
	static const char *const heads[] = {
		GET "Range: bytes=1-2\r\n" END "GET /next",
		POST "Content-Length: 3\r\n" END "abc",
		POST "Content-Length: 3\nX: y\r\n" END,
		"GET / HTTP/1.1\r\n\r\n",
	};

	(void)state;
	for (size_t h = 0; h < ARRAY_LEN(heads); h++) {
		struct slice all = slice_of(heads[h]);
		struct http_scan once = { 0 };
		struct err e = { 0 };
		unsigned status = 0;
		size_t whole = 0;
		int rc = http_scan(&once, all, &whole, &status, &e);

		for (size_t cut = 0; cut <= all.len; cut++) {
			struct http_scan s = { 0 };
			unsigned again = 0;
			size_t len = 0;
			int rc2 = http_scan(&s, slice_sub(all, 0, cut), &len,
					    &again, &e);

			if (rc2 == 0 && len == 0)
				rc2 = http_scan(&s, all, &len, &again, &e);
			assert_int_equal(rc2, rc);
			assert_int_equal(again, status);
			assert_int_equal(len, whole);
		}
	}
}

static void asks_for_more_until_the_empty_line(void **state)
{
	static const char head[] = GET "Range: bytes=1-2\r\n" END;

	(void)state;
	for (size_t cut = 0; cut < sizeof(head) - 1; cut++) {
		struct http_request q = { 0 };

		assert_int_equal(
			status_of(slice_sub(slice_of(head), 0, cut), &q), 1);
	}
}

static void a_plain_path_is_names_and_single_slashes(void **state)
{
	static const char *const bad[] = {
		"",      "/",       "a",     "//",     "/a//b", "/a/",
		"/..",   "/a/../b", "/.",    "/a/./b", "/%2e",  "/a%2fb",
		"/a?b",  "/a#b",    "/a\\b", "/.a",    "/a/.b", "/-a",
		"/a:b",  "/A",      "/a/_b", "/a;b",   "/a~",   "/a\xc0\xaf",
		"/\x80", "/a b",
	};

	(void)state;
	assert_true(http_path_is_plain(slice_of("/metadata/1.root.json")));
	assert_true(http_path_is_plain(slice_of("/v1/check-in_2.x")));
	assert_true(http_path_is_plain(slice_of("/a..b")));
	assert_false(http_path_is_plain((struct slice){ NULL, 0 }));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (http_path_is_plain(slice_of(bad[i])))
			fail_msg("%s", bad[i]);
}

static struct http_part selected(const char *fields, uint64_t len)
{
	char head[256];
	struct http_request q;

	(void)snprintf(head, sizeof(head), GET "%s" END, fields);
	q = parsed(head);
	return http_select(&q, "\"tag\"", true, len);
}

static void selects_ranges(void **state)
{
	static const struct {
		const char *range;
		struct http_part part; /* of 100 bytes */
	} rows[] = {
		{ "", { 200, 0, 100 } },
		{ "Range: bytes=0-0\r\n", { 206, 0, 1 } },
		{ "Range: bytes=0-\r\n", { 206, 0, 100 } },
		{ "Range: BYTES=10-19\r\n", { 206, 10, 10 } },
		{ "Range: bytes=99-99\r\n", { 206, 99, 1 } },
		{ "Range: bytes=90-1000\r\n", { 206, 90, 10 } },
		{ "Range: bytes=90-9999999999999999999\r\n", { 206, 90, 10 } },
		{ "Range: bytes=-10\r\n", { 206, 90, 10 } },
		{ "Range: bytes=-1000\r\n", { 206, 0, 100 } },
		{ "Range: bytes=100-\r\n", { 416, 0, 0 } },
		{ "Range: bytes=100-200\r\n", { 416, 0, 0 } },
		{ "Range: bytes=-0\r\n", { 416, 0, 0 } },
		/* Not one of ours: ignored, as RFC 9110 allows. */
		{ "Range: bytes=5-4\r\n", { 200, 0, 100 } },
		{ "Range: bytes=0-1,5-6\r\n", { 200, 0, 100 } },
		{ "Range: bytes=-\r\n", { 200, 0, 100 } },
		{ "Range: bytes=a-b\r\n", { 200, 0, 100 } },
		{ "Range: bytes= 0-1\r\n", { 200, 0, 100 } },
		{ "Range: bytes=+0-1\r\n", { 200, 0, 100 } },
		{ "Range: items=0-1\r\n", { 200, 0, 100 } },
		{ "Range: bytes\r\n", { 200, 0, 100 } },
		{ "Range: bytes=18446744073709551616-\r\n", { 200, 0, 100 } },
		{ "Range: bytes=0-1\r\nIf-Range: \"tag\"\r\n", { 206, 0, 2 } },
		{ "Range: bytes=0-1\r\nIf-Range: \"old\"\r\n",
		  { 200, 0, 100 } },
		{ "Range: bytes=0-1\r\nIf-Range: W/\"tag\"\r\n",
		  { 200, 0, 100 } },
		{ "If-None-Match: \"tag\"\r\nRange: bytes=0-1\r\n",
		  { 304, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_part got = selected(rows[i].range, 100);

		if (got.status != rows[i].part.status ||
		    got.offset != rows[i].part.offset ||
		    got.len != rows[i].part.len)
			fail_msg("row %zu: %u", i, got.status);
	}
}

static void an_empty_file_has_no_range(void **state)
{
	(void)state;
	assert_int_equal(selected("Range: bytes=0-\r\n", 0).status, 416);
	assert_int_equal(selected("Range: bytes=-5\r\n", 0).status, 416);
	assert_int_equal(selected("", 0).status, 200);
}

static void compares_etags_weakly_and_in_lists(void **state)
{
	static const struct {
		const char *field;
		unsigned status;
	} rows[] = {
		{ "If-None-Match: \"tag\"\r\n", 304 },
		{ "If-None-Match: W/\"tag\"\r\n", 304 },
		{ "If-None-Match: \"a\" , \"tag\"\r\n", 304 },
		{ "If-None-Match: *\r\n", 304 },
		{ "If-None-Match: \"other\"\r\n", 200 },
		{ "If-None-Match: tag\r\n", 200 },
		{ "If-None-Match:\r\n", 200 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(selected(rows[i].field, 9).status,
				 rows[i].status);
}

static void no_tag_matches_nothing(void **state)
{
	struct http_request q = parsed(GET "If-None-Match: \"\"\r\n" END);

	(void)state;
	assert_int_equal(http_select(&q, "", true, 9).status, 200);
}

static void ranges_are_for_get_and_for_files_that_allow_them(void **state)
{
	struct http_request q =
		parsed("HEAD / HTTP/1.1\r\n" HOST "Range: bytes=0-1\r\n" END);

	(void)state;
	assert_int_equal(http_select(&q, "", true, 9).status, 200);
	q.method = METHOD_GET;
	assert_int_equal(http_select(&q, "", true, 9).status, 206);
	assert_int_equal(http_select(&q, "", false, 9).status, 200);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_request_as_curl_sends_it),
		cmocka_unit_test(knows_exactly_four_methods),
		cmocka_unit_test(refuses_every_way_to_smuggle_a_request),
		cmocka_unit_test(refuses_a_nul_anywhere),
		cmocka_unit_test(
			refuses_request_lines_for_proxies_and_other_versions),
		cmocka_unit_test(wants_exactly_one_host),
		cmocka_unit_test(answers_only_the_expectation_it_knows),
		cmocka_unit_test(
			a_page_is_ours_by_origin_and_by_what_its_browser_says),
		cmocka_unit_test(notices_a_wish_to_close),
		cmocka_unit_test(limits_head_path_and_fields),
		cmocka_unit_test(reads_the_same_however_the_bytes_arrive),
		cmocka_unit_test(asks_for_more_until_the_empty_line),
		cmocka_unit_test(a_plain_path_is_names_and_single_slashes),
		cmocka_unit_test(selects_ranges),
		cmocka_unit_test(an_empty_file_has_no_range),
		cmocka_unit_test(compares_etags_weakly_and_in_lists),
		cmocka_unit_test(no_tag_matches_nothing),
		cmocka_unit_test(
			ranges_are_for_get_and_for_files_that_allow_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
