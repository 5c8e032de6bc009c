/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "signer/diff.h"

static void assert_lines(const char *before, const char *after,
			 const char *want)
{
	struct json *a = NULL, *b = NULL, *changes = json_new_array();
	struct buf text = BUF_INIT(1 << 20);
	struct err e = { 0 };

	if (before)
		assert_ok(json_parse(slice_of(before), &a, &e));
	assert_ok(json_parse(slice_of(after), &b, &e));
	assert_ok(diff_json(a, b, changes, &e));
	for (size_t i = 0; i < json_count(changes); i++) {
		assert_ok(diff_line(json_at(changes, i), &text, &e));
		assert_ok(buf_addf(&text, &e, "\n"));
	}
	assert_string_equal(buf_text(&text), want);
	buf_done(&text);
	json_free(changes);
	json_free(b);
	json_free(a);
}

static void equal_trees_differ_in_nothing(void **state)
{
	(void)state;
	assert_lines("{\"a\":{\"b\":[1,\"x\"]}}", "{\"a\":{\"b\":[1,\"x\"]}}",
		     "");
}

static void members_are_added_removed_and_changed(void **state)
{
	(void)state;
	assert_lines("{\"gone\":1,\"same\":2,\"other\":{\"deep\":\"x\"}}",
		     "{\"same\":2,\"other\":{\"deep\":\"y\"},\"more\":true}",
		     "- gone = 1\n"
		     "~ other.deep: \"x\" -> \"y\"\n"
		     "+ more = true\n");
}

static void lists_of_ids_are_sets(void **state)
{
	(void)state;
	assert_lines("{\"ids\":[\"a\",\"b\"]}", "{\"ids\":[\"b\",\"c\"]}",
		     "- ids[] = \"a\"\n+ ids[] = \"c\"\n");
}

static void another_order_is_shown(void **state)
{
	(void)state;
	assert_lines("{\"ids\":[\"a\",\"b\"]}", "{\"ids\":[\"b\",\"a\"]}",
		     "~ ids: [\"a\",\"b\"] -> [\"b\",\"a\"]\n");
	assert_lines("{\"ids\":[\"a\"]}", "{\"ids\":[\"a\",\"a\"]}",
		     "~ ids: [\"a\"] -> [\"a\",\"a\"]\n");
}

static void another_type_is_shown(void **state)
{
	(void)state;
	assert_lines("{\"a\":1}", "{\"a\":\"1\"}", "~ a: 1 -> \"1\"\n");
	assert_lines("{\"a\":{\"b\":1}}", "{\"a\":[1]}",
		     "~ a: {\"b\":1} -> [1]\n");
	assert_lines("{\"a\":{}}", "{\"a\":{\"b\":1}}", "+ a.b = 1\n");
}

static void empty_values_are_not_silent(void **state)
{
	(void)state;
	assert_lines("{}", "{\"a\":{},\"b\":[]}", "+ a = {}\n+ b = []\n");
	assert_lines("{\"a\":[]}", "{\"a\":{}}", "~ a: [] -> {}\n");
}

static void everything_is_new_without_a_before(void **state)
{
	(void)state;
	assert_lines(NULL, "{\"a\":{\"b/c\":[1,2]}}",
		     "+ a[\"b/c\"][] = 1\n+ a[\"b/c\"][] = 2\n");
}

static void foreign_bytes_cannot_forge_a_line(void **state)
{
	(void)state;
	assert_lines("{}", "{\"a\\n+ b\":\"x\\u001b[2J\\ny\"}",
		     "+ [\"a\\x0a+ b\"] = \"x\\x1b[2J\\x0ay\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_trees_differ_in_nothing),
		cmocka_unit_test(members_are_added_removed_and_changed),
		cmocka_unit_test(lists_of_ids_are_sets),
		cmocka_unit_test(another_order_is_shown),
		cmocka_unit_test(another_type_is_shown),
		cmocka_unit_test(empty_values_are_not_silent),
		cmocka_unit_test(everything_is_new_without_a_before),
		cmocka_unit_test(foreign_bytes_cannot_forge_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
