/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire_body.h"

#include <string.h>

#include "tests/unit/check.h"

static int open_text(const char *text, const char *const *known,
		     struct json **out)
{
	struct err e;

	return wire_body_open(slice_of(text), known, out, &e) ? (int)e.code : 0;
}

static void a_message_is_an_object_of_this_version(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"v\":2}", "{\"v\":\"1\"}", "{\"v\":1}x"
	};
	struct json *j = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(open_text(bad[i], NULL, &j), ERR_FORMAT);
		assert_null(j);
	}
	assert_int_equal(open_text("{\"v\":1}", NULL, &j), 0);
	json_free(j);
}

static void what_is_not_known_is_refused_where_a_list_says_what_is(void **state)
{
	static const char *const known[] = { "v", "a", NULL };
	struct json *j = NULL;

	(void)state;
	assert_int_equal(open_text("{\"v\":1,\"b\":2}", known, &j), ERR_FORMAT);
	assert_null(j);
	assert_int_equal(open_text("{\"v\":1,\"b\":2}", NULL, &j), 0);
	json_free(j);
	assert_int_equal(open_text("{\"v\":1,\"a\":2}", known, &j), 0);
	json_free(j);
}

static void what_is_larger_than_a_body_is_refused_unparsed(void **state)
{
	static char big[WIRE_BODY_MAX + 2];
	struct json *j = NULL;

	(void)state;
	memset(big, ' ', WIRE_BODY_MAX);
	memcpy(big, "{\"v\":1}", 7);
	assert_int_equal(open_text(big, NULL, &j), 0);
	json_free(j);
	j = NULL;
	big[WIRE_BODY_MAX] = ' ';
	assert_int_equal(open_text(big, NULL, &j), ERR_LIMIT);
	assert_null(j);
}

static void what_was_begun_is_printed_with_its_version(void **state)
{
	struct buf b = BUF_INIT(WIRE_BODY_MAX), small = BUF_INIT(4);
	struct err e;

	(void)state;
	assert_ok(wire_body_end(wire_body_new(), &b, &e));
	assert_string_equal(buf_text(&b), "{\"v\":1}");
	assert_refused(wire_body_end(wire_body_new(), &small, &e), ERR_LIMIT);
	buf_done(&b);
	buf_done(&small);
}

static void members_are_checked_as_they_are_read(void **state)
{
	static const char *const words[] = { "no", "yes" };
	const char *text = "{\"v\":1,\"n\":7,\"t\":\"a b\",\"w\":\"yes\","
			   "\"c\":\"\\u0007\"}";
	struct json *j = NULL;
	char out[4] = "";
	uint64_t count;
	uint32_t small;
	size_t word;
	struct err e;

	(void)state;
	assert_int_equal(open_text(text, NULL, &j), 0);
	assert_ok(wire_get_text(j, "t", wire_is_any, out, 4, &e));
	assert_string_equal(out, "a b");
	assert_ok(wire_get_text(j, "t", wire_is_printable, out, 4, &e));
	assert_refused(wire_get_text(j, "t", wire_is_any, out, 3, &e),
		       ERR_LIMIT);
	assert_refused(wire_get_text(j, "t", wire_is_name, out, 4, &e),
		       ERR_FORMAT);
	assert_refused(wire_get_text(j, "c", wire_is_printable, out, 4, &e),
		       ERR_FORMAT);
	assert_ok(wire_get_count(j, "n", 7, &count, &e));
	assert_int_equal(count, 7);
	assert_true(wire_get_count(j, "n", 6, &count, &e) != 0);
	assert_ok(wire_get_u32(j, "n", 7, &small, &e));
	assert_true(wire_get_u32(j, "n", 6, &small, &e) != 0);
	assert_ok(wire_get_word(j, "w", words, 2, &word, &e));
	assert_int_equal(word, 1);
	assert_refused(wire_get_word(j, "w", words, 1, &word, &e), ERR_FORMAT);
	json_free(j);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_an_object_of_this_version),
		cmocka_unit_test(
			what_is_not_known_is_refused_where_a_list_says_what_is),
		cmocka_unit_test(
			what_is_larger_than_a_body_is_refused_unparsed),
		cmocka_unit_test(what_was_begun_is_printed_with_its_version),
		cmocka_unit_test(members_are_checked_as_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
