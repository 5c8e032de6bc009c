/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <string.h>
#include <time.h>

#include "tests/unit/check.h"

#define BYTES(literal)                                                         \
	((struct slice){ (const uint8_t *)(literal), sizeof(literal) - 1 })

static void assert_parse_refused(struct slice in, enum err_code code)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_refused(json_parse(in, &j, &e), code);
	assert_null(j);
}

static struct json *parsed(const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	assert_ok(json_parse(slice_of(text), &j, &e));
	return j;
}

static void assert_canonical(const char *text, const char *want)
{
	struct buf out = BUF_INIT(4096);
	struct json *j = parsed(text);
	struct err e = { 0 };

	assert_ok(json_canonical(j, &out, &e));
	assert_string_equal(buf_text(&out), want);
	json_free(j);
	buf_done(&out);
}

static void values_of_every_kind_are_read(void **state)
{
	struct json *j =
		parsed(" {\"a\":[1,-2,\"x\"],\"b\":true,\"h\":\"00ff\","
		       "\"o\":{},\"n\":null}\n");
	const struct json *list, *object;
	struct err e = { 0 };
	uint8_t hex[2];
	const char *text;
	int64_t number;
	bool flag;

	(void)state;
	assert_true(json_is_object(j));
	assert_int_equal(json_count(j), 5);
	assert_ok(json_get_array(j, "a", &list, &e));
	assert_int_equal(json_count(list), 3);
	assert_int_equal(json_int(json_at(list, 1)), -2);
	assert_true(json_is_integer(json_at(list, 1)));
	assert_true(json_is_string(json_at(list, 2)));
	assert_string_equal(json_text(json_at(list, 2)), "x");
	assert_null(json_at(list, 3));
	assert_ok(json_get_bool(j, "b", &flag, &e));
	assert_true(flag);
	assert_ok(json_get_hex(j, "h", hex, 2, &e));
	assert_int_equal(hex[1], 0xff);
	assert_ok(json_get_object(j, "o", &object, &e));
	assert_int_equal(json_count(object), 0);
	assert_null(json_get(j, "missing"));
	assert_refused(json_get_text(j, "missing", &text, &e), ERR_FORMAT);
	assert_refused(json_get_text(j, "a", &text, &e), ERR_FORMAT);
	assert_refused(json_get_int(j, "b", 0, 9, &number, &e), ERR_FORMAT);
	assert_refused(json_get_bool(j, "n", &flag, &e), ERR_FORMAT);
	assert_refused(json_get_array(j, "o", &list, &e), ERR_FORMAT);
	assert_refused(json_get_hex(j, "h", hex, 1, &e), ERR_FORMAT);
	json_free(j);
}

static void integers_are_held_to_the_callers_range(void **state)
{
	struct json *j = parsed("{\"v\":9007199254740991,"
				"\"w\":-9007199254740991}");
	struct err e = { 0 };
	int64_t v = 0;

	(void)state;
	assert_ok(json_get_int(j, "v", 0, JSON_INT_MAX, &v, &e));
	assert_true(v == JSON_INT_MAX);
	assert_ok(json_get_int(j, "w", -JSON_INT_MAX, 0, &v, &e));
	assert_true(v == -JSON_INT_MAX);
	assert_refused(json_get_int(j, "w", 0, 9, &v, &e), ERR_FORMAT);
	assert_refused(json_get_int(j, "v", 0, 9, &v, &e), ERR_FORMAT);
	json_free(j);
}

static void members_outside_the_list_are_refused(void **state)
{
	static const char *const known[] = { "a", "b", NULL };
	struct json *j = parsed("{\"a\":1}");
	struct err e = { 0 };

	(void)state;
	assert_ok(json_only(j, known, &e));
	json_set_int(j, "c", 1);
	assert_refused(json_only(j, known, &e), ERR_FORMAT);
	assert_non_null(strstr(e.msg, "\"c\""));
	json_free(j);
}

static void numbers_outside_the_subset_are_refused(void **state)
{
	static const char *const malformed[] = {
		"[1.0]", "[1e3]", "[1E3]", "[-0]",   "[01]",  "[-]",
		"[+1]",  "[.5]",  "[1.]",  "[-0.0]", "[-01]", "[0x1]",
		"[NaN]", "[1 2]", "[- 1]", "[1e]",   "[--1]", "[Infinity]",
	};
	static const char *const large[] = {
		"[9007199254740992]",
		"[-9007199254740992]",
		"[18446744073709551616]",
		"[99999999999999999999999999999999999999]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++)
		assert_parse_refused(slice_of(malformed[i]), ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(large); i++)
		assert_parse_refused(slice_of(large[i]), ERR_LIMIT);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"1",
		"\"a\"",
		"null",
		"{",
		"[",
		"}",
		"]",
		"[}",
		"{]",
		"[1,]",
		"[,1]",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"{'a':1}",
		"{\"a\":1,}",
		"{\"a\":1 \"b\":2}",
		"[tru]",
		"[True]",
		"[undefined]",
		"[nullx]",
		"[\"a]",
		"[\"\\x41\"]",
		"[\"\\u12\"]",
		"[\"\\u12g4\"]",
		"[\"\\",
		"[1]//x",
		"/**/[1]",
		"[1]x",
		"[1][2]",
		"{}{}",
		"[1],",
		"[\"\n\"]",
		"[\"\x1f\"]",
		"[\"\x7f\",]",
		"\v[1]",
		"\f[1]",
		"[1:2]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_parse_refused(slice_of(wrong[i]), ERR_FORMAT);
}

static void strings_that_lie_about_their_bytes_are_refused(void **state)
{
	static const char *const wrong[] = {
		"\xef\xbb\xbf{}",       "[\"\xff\"]",
		"[\"\xc0\x80\"]",       "[\"\xed\xa0\x80\"]",
		"[\"\xe2\x82\"]",       "[\"\xf4\x90\x80\x80\"]",
		"[\"\\ud800\"]",        "[\"\\udc00\"]",
		"[\"\\ud800x\"]",       "[\"\\ud800\\n\"]",
		"[\"\\ud800\\u0041\"]", "[\"\\ud800\\ud800\"]",
		"[\"\\udc00\\ud800\"]", "[\"\\u0000\"]",
		"[\"a\\u0000b\"]",      "{\"a\\u0000b\":1}",
		"{\"\\ud800\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_parse_refused(slice_of(wrong[i]), ERR_FORMAT);
	assert_parse_refused(BYTES("[\"a\0b\"]"), ERR_FORMAT);
	assert_parse_refused(BYTES("[1]\0"), ERR_FORMAT);
	assert_parse_refused(BYTES("\0[1]"), ERR_FORMAT);
}

static void duplicate_members_are_refused(void **state)
{
	(void)state;
	assert_parse_refused(slice_of("{\"a\":1,\"a\":1}"), ERR_FORMAT);
	assert_parse_refused(slice_of("{\"a\":1,\"\\u0061\":1}"), ERR_FORMAT);
	assert_parse_refused(slice_of("[{\"b\":{\"a\":1,\"x\":2,\"a\":3}}]"),
			     ERR_FORMAT);
}

/* `head`, then `body` count times, then `tail`. */
static struct buf repeated(const char *head, const char *body, size_t count,
			   const char *tail)
{
	struct buf b = BUF_INIT(1 << 26);
	struct err e = { 0 };

	assert_ok(buf_add(&b, slice_of(head), &e));
	for (size_t i = 0; i < count; i++)
		assert_ok(buf_add(&b, slice_of(body), &e));
	assert_ok(buf_add(&b, slice_of(tail), &e));
	return b;
}

static void limits_hold_exactly(void **state)
{
	struct json *j;
	struct buf b;

	(void)state;
	j = parsed("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
	json_free(j);
	assert_parse_refused(slice_of("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"),
			     ERR_LIMIT);
	b = repeated("[\"", "a", JSON_STRING_MAX, "\"]");
	json_free(parsed(buf_text(&b)));
	buf_done(&b);
	b = repeated("[\"", "a", JSON_STRING_MAX + 1, "\"]");
	assert_parse_refused(buf_slice(&b), ERR_LIMIT);
	buf_done(&b);
	b = repeated("[\"", "\\u20ac", JSON_STRING_MAX / 3 + 1, "\"]");
	assert_parse_refused(buf_slice(&b), ERR_LIMIT);
	buf_done(&b);
	b = repeated("[0", ",1", JSON_MEMBERS_MAX - 1, "]");
	json_free(parsed(buf_text(&b)));
	buf_done(&b);
	b = repeated("[0", ",1", JSON_MEMBERS_MAX, "]");
	assert_parse_refused(buf_slice(&b), ERR_LIMIT);
	buf_done(&b);
	b = repeated("[[]", ",[[{}]]", JSON_MEMBERS_MAX - 1, "]");
	assert_parse_refused(buf_slice(&b), ERR_LIMIT);
	buf_done(&b);
	b = repeated("[[0]", ",[1,2,3,4,5,6]", JSON_MEMBERS_MAX - 1, "]");
	assert_parse_refused(buf_slice(&b), ERR_LIMIT);
	buf_done(&b);
}

/* Of the processor: what else a machine does is not ours. */
static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hostile_shapes_are_refused_at_once(void **state)
{
	static const struct {
		const char *head, *body, *tail;
		size_t count;
	} shapes[] = {
		{ "", "[", "", 10000000 },
		{ "", "{\"a\":", "", 10000000 },
		{ "[0", ",1", "]", 10000000 },
		{ "{\"a\":0", ",\"a\":0", "}", 5000000 },
		{ "[", "1", "]", 30000000 },
		{ "[\"", "a", "\"]", 30000000 },
		{ "[\"", "\\n", "\"]", 15000000 },
		{ "", "]", "", 30000000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		struct buf b = repeated(shapes[i].head, shapes[i].body,
					shapes[i].count, shapes[i].tail);
		struct err e = { 0 };
		struct json *j = NULL;
		double start = seconds();

		assert_int_equal(json_parse(buf_slice(&b), &j, &e), -1);
		assert_true(seconds() - start < 1.0);
		buf_done(&b);
	}
}

static void canonical_form_sorts_by_code_point(void **state)
{
	(void)state;
	assert_canonical(" { \"b\" : 1 , \"a\" : [ 2 , 1 ] } ",
			 "{\"a\":[2,1],\"b\":1}");
	assert_canonical("{\"\\ud83d\\ude00\":1,\"\\uffee\":2,\"Z\":3,\"a\":4,"
			 "\"aa\":5,\"\":6}",
			 "{\"\":6,\"Z\":3,\"a\":4,\"aa\":5,\"\xef\xbf\xae\":2,"
			 "\"\xf0\x9f\x98\x80\":1}");
	assert_canonical("{}", "{}");
	assert_canonical("[[],{}]", "[[],{}]");
	assert_canonical("[true,false,null,0,-7,9007199254740991]",
			 "[true,false,null,0,-7,9007199254740991]");
}

static void canonical_form_escapes_two_characters_alone(void **state)
{
	(void)state;
	assert_canonical(
		"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\\u007f\\u00e4\"]",
		"[\"\\\"\\\\/\b\f\n\r\t\x1f\x7f\xc3\xa4\"]");
	assert_canonical("{\"a\\nb\\\"\":\"\"}", "{\"a\nb\\\"\":\"\"}");
}

static void writers_stop_at_the_ceiling_and_take_back(void **state)
{
	struct json *j = parsed("{\"a\":[1,2,3,4,5,6,7]}");
	struct buf small = BUF_INIT(12);
	struct err e = { 0 };

	(void)state;
	assert_ok(buf_add(&small, slice_of("x"), &e));
	assert_refused(json_canonical(j, &small, &e), ERR_LIMIT);
	assert_string_equal(buf_text(&small), "x");
	assert_refused(json_print(j, true, &small, &e), ERR_LIMIT);
	assert_string_equal(buf_text(&small), "x");
	assert_int_equal(small.len, 1);
	buf_done(&small);
	json_free(j);
}

static void trees_are_built_changed_and_copied(void **state)
{
	struct json *j = json_new_object(), *list = json_new_array(), *copy;
	struct buf out = BUF_INIT(4096);
	struct err e = { 0 };

	(void)state;
	json_set_text(j, "text", "x");
	json_set_int(j, "int", 7);
	json_set_bool(j, "bool", false);
	json_set_hex(j, "hex",
		     (struct slice){ (const uint8_t *)"\x01\xab", 2 });
	json_add(list, json_new_text("first"));
	json_add(list, json_new_int(2));
	json_add(list, json_new_bool(true));
	json_set(j, "list", list);
	copy = json_clone(j);
	assert_true(json_same(j, copy));
	json_remove(j, "text");
	json_remove(j, "text");
	json_set_int(j, "int", 8);
	assert_false(json_same(j, copy));
	assert_ok(json_canonical(j, &out, &e));
	assert_string_equal(buf_text(&out),
			    "{\"bool\":false,\"hex\":\"01ab\",\"int\":8,"
			    "\"list\":[\"first\",2,true]}");
	json_free(copy);
	json_free(j);
	json_free(NULL);
	buf_done(&out);
}

static void members_are_walked_in_the_order_of_the_text(void **state)
{
	struct json *j = parsed("{\"z\":1,\"a\":2,\"m\":3}");
	char order[4] = "";
	size_t n = 0;

	(void)state;
	for (void *m = json_first(j); m; m = json_next(j, m)) {
		assert_int_equal(json_int(json_value(m)), n + 1);
		order[n++] = json_name(m)[0];
	}
	assert_string_equal(order, "zam");
	json_free(j);
}

static void printed_text_is_ascii_and_reads_back(void **state)
{
	struct json *j = parsed("{\"k\":\"\\u202e\\u001b\xc3\xa4\",\"l\":[1]}");
	struct buf out = BUF_INIT(4096);
	struct json *back;
	struct err e = { 0 };

	(void)state;
	assert_ok(json_print(j, false, &out, &e));
	assert_string_equal(buf_text(&out),
			    "{\"k\":\"\\u202E\\u001B\\u00E4\",\"l\":[1]}");
	buf_done(&out);
	assert_ok(json_print(j, true, &out, &e));
	assert_non_null(strstr(buf_text(&out), "\n  \"l\": [\n    1\n  ]\n}"));
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.ptr[i] < 0x7f);
	back = parsed(buf_text(&out));
	assert_true(json_same(j, back));
	json_free(back);
	json_free(j);
	buf_done(&out);
}

/* What was read is never so deep; what is made here could be. */
static void nothing_deeper_is_written_than_is_read(void **state)
{
	struct buf out = BUF_INIT(1000);
	struct json *j = json_new_array();
	struct err e = { 0 };

	(void)state;
	for (size_t depth = 0; depth <= JSON_DEPTH_MAX; depth++) {
		struct json *outer = json_new_array();

		json_add(outer, j);
		j = outer;
	}
	assert_ok(json_canonical(json_at(j, 0), &out, &e));
	assert_refused_saying(json_canonical(j, &out, &e), ERR_LIMIT,
			      "nested too deep");
	json_free(j);
	buf_done(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_kind_are_read),
		cmocka_unit_test(integers_are_held_to_the_callers_range),
		cmocka_unit_test(members_outside_the_list_are_refused),
		cmocka_unit_test(numbers_outside_the_subset_are_refused),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(
			strings_that_lie_about_their_bytes_are_refused),
		cmocka_unit_test(duplicate_members_are_refused),
		cmocka_unit_test(limits_hold_exactly),
		cmocka_unit_test(nothing_deeper_is_written_than_is_read),
		cmocka_unit_test(hostile_shapes_are_refused_at_once),
		cmocka_unit_test(canonical_form_sorts_by_code_point),
		cmocka_unit_test(canonical_form_escapes_two_characters_alone),
		cmocka_unit_test(writers_stop_at_the_ceiling_and_take_back),
		cmocka_unit_test(trees_are_built_changed_and_copied),
		cmocka_unit_test(members_are_walked_in_the_order_of_the_text),
		cmocka_unit_test(printed_text_is_ascii_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
