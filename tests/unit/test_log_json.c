/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log_json.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "tests/unit/check.h"

static char out[4096];

static size_t format(size_t size, const char *fmt, ...) PRINTF(2, 3);

static size_t format(size_t size, const char *fmt, ...)
{
	static const struct log_head head = { "2026-11-22T15:12:21Z", "info",
					      "happened" };
	size_t len;
	va_list ap;

	memset(out, 'Z', sizeof(out));
	va_start(ap, fmt);
	len = log_json_format(&head, fmt, ap, out, size);
	va_end(ap);
	assert_true(len <= size);
	assert_int_equal(out[len - 1], '\n');
	out[len] = '\0';
	return len;
}

#define HEAD                                                                   \
	"{\"time\":\"2026-11-22T15:12:21Z\",\"level\":\"info\","               \
	"\"event\":\"happened\""

static void fields_are_members(void **state)
{
	(void)state;
	format(4096, "id=%s model=%.*s n=%d", "ab", 2, "m1x", -7);
	assert_string_equal(out,
			    HEAD ",\"id\":\"ab\",\"model\":\"m1\",\"n\":-7}\n");
	format(4096, "a=%u b=%zu c=%lld d=%llu", 1U, (size_t)2,
	       -9223372036854775807LL - 1, 18446744073709551615ULL);
	assert_string_equal(out, HEAD ",\"a\":1,\"b\":2,"
				      "\"c\":-9223372036854775808,"
				      "\"d\":18446744073709551615}\n");
}

static void a_line_may_have_no_fields(void **state)
{
	(void)state;
	format(4096, "%s", "");
	assert_string_equal(out, HEAD "}\n");
	format(4096, "%s", "what happened");
	assert_string_equal(out, HEAD ",\"text\":\"what happened\"}\n");
}

static void words_and_quotes_of_ours_belong_to_their_field(void **state)
{
	(void)state;
	format(4096, "by=the signed site reason=\"%s: %s\" n=%d of", "a", "b",
	       3);
	assert_string_equal(out, HEAD ",\"by\":\"the signed site\","
				      "\"reason\":\"a: b\",\"n\":\"3 of\"}\n");
	format(4096, "share=%u%%", 5U);
	assert_string_equal(out, HEAD ",\"share\":\"5%\"}\n");
}

static void a_value_forges_no_field(void **state)
{
	struct json *j = NULL;
	struct err e = { 0 };
	size_t len;

	(void)state;
	len = format(4096, "why=%s id=%s", "x id=forged \",\"id\":\"forged",
		     "\n\x1b[2J\xff\\\xe2\x80\xae");
	assert_ok(json_parse((struct slice){ (const uint8_t *)out, len }, &j,
			     &e));
	assert_int_equal(json_count(j), 5);
	assert_string_equal(json_text(json_get(j, "why")),
			    "x id=forged \",\"id\":\"forged");
	assert_string_equal(json_text(json_get(j, "id")),
			    "\\x0a\\x1b[2J\\xff\\\\xe2\\x80\\xae");
	json_free(j);
}

/* Whatever is left out, a line is a whole object. */
static void what_has_no_room_is_left_out(void **state)
{
	static char text[3000];

	(void)state;
	memset(text, '"', sizeof(text) - 1);
	for (size_t size = 512; size < 4096; size += 7) {
		struct json *j = NULL;
		struct err e = { 0 };
		size_t len = format(size, "a=%s b=%d c=%s", text, 1, text);

		assert_ok(json_parse(
			(struct slice){ (const uint8_t *)out, len }, &j, &e));
		assert_non_null(json_get(j, "cut"));
		json_free(j);
	}
	format(4096, "a=%s b=%d", text + 1500, 1);
	assert_null(strstr(out, "cut"));
	assert_non_null(strstr(out, "\"b\":1}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_members),
		cmocka_unit_test(a_line_may_have_no_fields),
		cmocka_unit_test(
			words_and_quotes_of_ours_belong_to_their_field),
		cmocka_unit_test(a_value_forges_no_field),
		cmocka_unit_test(what_has_no_room_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
