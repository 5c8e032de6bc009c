/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/door.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

#define PORT 40123
#define HOST "Host: 127.0.0.1:40123\r\n"

static struct door door;

static int setup(void **state)
{
	(void)state;
	door_init(&door, PORT);
	return 0;
}

/* The status that this request gets; 0: it goes through. @ is the key. */
static unsigned judged(const char *request)
{
	char text[2048];
	struct http_request q;
	unsigned status = 0;
	struct err e = { 0 };
	const char *at = strchr(request, '@');

	if (at)
		(void)snprintf(text, sizeof(text), "%.*s%s%s",
			       (int)(at - request), request, door.key, at + 1);
	else
		(void)snprintf(text, sizeof(text), "%s", request);
	assert_ok(http_parse(slice_of(text), &q, &status, &e));
	return door_judge(&door, &q, &status, &e) ? status : 0;
}

#define API  "GET /v1/people/devices HTTP/1.1\r\n" HOST
#define KEY  "Authorization: Bearer @\r\n"
#define POST "POST /v1/people/cohorts HTTP/1.1\r\n" HOST
#define END  "\r\n"

static void pages_need_no_key_and_everything_else_does(void **state)
{
	(void)state;
	assert_int_equal(judged("GET / HTTP/1.1\r\n" HOST END), 0);
	assert_int_equal(judged("GET /rollouts/r1 HTTP/1.1\r\n" HOST END), 0);
	assert_int_equal(judged("HEAD /pages/frame.js HTTP/1.1\r\n" HOST END),
			 0);
	assert_int_equal(judged(API END), 401);
	assert_int_equal(judged(API KEY END), 0);
	assert_int_equal(judged(POST "Content-Length: 2\r\n" END), 401);
	assert_int_equal(judged(POST "Content-Length: 2\r\n" KEY END), 0);
}

static void a_key_is_right_in_every_digit(void **state)
{
	char text[256];
	const size_t len = 2 * DOOR_KEY_LEN;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		char key[2 * DOOR_KEY_LEN + 1];

		memcpy(key, door.key, len + 1);
		key[i] = key[i] == '0' ? '1' : '0';
		(void)snprintf(text, sizeof(text),
			       API "Authorization: Bearer %s\r\n\r\n", key);
		assert_int_equal(judged(text), 401);
		(void)snprintf(text, sizeof(text),
			       API "Authorization: Bearer %.*s\r\n\r\n", (int)i,
			       door.key);
		assert_int_equal(judged(text), 401);
	}
	assert_int_equal(judged(API "Authorization: Bearer @0\r\n" END), 401);
	assert_int_equal(judged(API "Authorization: bearer @\r\n" END), 401);
	assert_int_equal(judged(API "Authorization: @\r\n" END), 401);
}

static void every_door_has_another_key(void **state)
{
	struct door other;

	(void)state;
	door_init(&other, PORT);
	assert_string_not_equal(other.key, door.key);
	assert_int_equal(strlen(door.key), 64);
}

static void another_name_for_this_address_is_refused(void **state)
{
	static const char *const hosts[] = {
		"evil.example:40123", "127.0.0.1",
		"127.0.0.1:40124",    "127.0.0.1:4012",
		"127.0.0.2:40123",    "localhost",
		"0.0.0.0:40123",      "LOCALHOST:40123",
		"[::1]:40123",        "127.0.0.1:40123.evil.example",
	};
	char text[256];

	(void)state;
	assert_int_equal(
		judged("GET / HTTP/1.1\r\nHost: localhost:40123\r\n" END), 0);
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		(void)snprintf(text, sizeof(text),
			       "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
		assert_int_equal(judged(text), 403);
	}
}

static void pages_of_others_are_refused_key_or_not(void **state)
{
	(void)state;
	assert_int_equal(judged(API KEY "Origin: http://127.0.0.1:40123\r\n"
					"Sec-Fetch-Site: same-origin\r\n" END),
			 0);
	assert_int_equal(judged(API KEY "Origin: http://127.0.0.1:1\r\n" END),
			 403);
	assert_int_equal(
		judged(API KEY "Origin: https://127.0.0.1:40123\r\n" END), 403);
	assert_int_equal(judged(API KEY "Origin: null\r\n" END), 403);
	assert_int_equal(judged(API KEY "Sec-Fetch-Site: same-site\r\n" END),
			 403);
	assert_int_equal(judged(POST "Content-Length: 0\r\n" KEY
				     "Sec-Fetch-Site: cross-site\r\n" END),
			 403);
	assert_int_equal(judged("GET / HTTP/1.1\r\n" HOST
				"Origin: https://evil\r\n" END),
			 403);
	/* A link from anywhere may lead to a page. */
	assert_int_equal(judged("GET / HTTP/1.1\r\n" HOST
				"Sec-Fetch-Site: cross-site\r\n" END),
			 0);
}

static void only_what_pages_need_goes_through(void **state)
{
	(void)state;
	assert_int_equal(judged("GET /v1/checkin HTTP/1.1\r\n" HOST KEY END),
			 404);
	assert_int_equal(judged("GET /v1/people HTTP/1.1\r\n" HOST KEY END),
			 404);
	assert_int_equal(
		judged("GET /metadata/1.root.json HTTP/1.1\r\n" HOST KEY END),
		404);
	assert_int_equal(judged("GET /targets/a HTTP/1.1\r\n" HOST KEY END),
			 404);
	assert_int_equal(
		judged("GET /v1/people/../metadata/x HTTP/1.1\r\n" HOST KEY
			       END),
		404);
	assert_int_equal(judged("GET /%2e%2e HTTP/1.1\r\n" HOST KEY END), 404);
	assert_int_equal(judged("GET //evil HTTP/1.1\r\n" HOST KEY END), 404);
	assert_int_equal(judged("PUT /v1/people/payload/a HTTP/1.1\r\n" HOST KEY
				"Content-Length: 0\r\n" END),
			 405);
	assert_int_equal(judged("POST /rollouts/a HTTP/1.1\r\n" HOST KEY
				"Content-Length: 0\r\n" END),
			 405);
	assert_int_equal(judged(POST "Content-Length: 65536\r\n" KEY END), 0);
	assert_int_equal(judged(POST "Content-Length: 65537\r\n" KEY END), 413);
}

static void a_browser_is_told_what_concerns_the_answer(void **state)
{
	(void)state;
	assert_true(door_tells(slice_of("Content-Type: text/html")));
	assert_true(door_tells(slice_of("content-security-policy: x")));
	assert_true(door_tells(slice_of("ETag: \"x\"")));
	assert_false(door_tells(slice_of("Connection: close")));
	assert_false(door_tells(slice_of("Set-Cookie: a=b")));
	assert_false(door_tells(slice_of("Content-Type")));
	assert_false(door_tells(slice_of("X-ETag: 1")));
	assert_false(door_tells(slice_of("Access-Control-Allow-Origin: *")));
	assert_false(door_tells(slice_of("")));
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(pages_need_no_key_and_everything_else_does),
		TEST(a_key_is_right_in_every_digit),
		TEST(every_door_has_another_key),
		TEST(another_name_for_this_address_is_refused),
		TEST(pages_of_others_are_refused_key_or_not),
		TEST(only_what_pages_need_goes_through),
		TEST(a_browser_is_told_what_concerns_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
