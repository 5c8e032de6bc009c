/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/trouble.h"

#include "tests/unit/own_box.h"

static void assert_says(const char *member, const char *wanted)
{
	struct json *j = trouble_load(box.dir);

	assert_non_null(j);
	assert_string_equal(json_text(json_get(j, member)), wanted);
	json_free(j);
}

static void keep(enum err_code code, const char *words, int64_t now)
{
	struct err why = { 0 }, e = { 0 };

	(void)err_set(&why, code, "%s", words);
	assert_ok(trouble_keep(box.dir, &why, now, &e));
}

static void the_last_words_are_kept_until_a_run_without(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(trouble_load(box.dir));
	assert_ok(trouble_forget(box.dir, &e));
	keep(ERR_REFUSED, "stranded", 1000);
	assert_says("error", "refused");
	assert_says("message", "stranded");
	assert_says("since", "1970-01-01T00:16:40Z");
	keep(ERR_EXPIRED, "too late", 2000);
	assert_says("message", "too late");
	assert_ok(trouble_forget(box.dir, &e));
	assert_null(trouble_load(box.dir));
}

/* A device that polls for years with the same answer wears no flash. */
static void the_same_words_are_written_once(void **state)
{
	(void)state;
	keep(ERR_REFUSED, "stranded", 1000);
	keep(ERR_REFUSED, "stranded", 2000);
	assert_says("since", "1970-01-01T00:16:40Z");
}

static void what_passes_by_itself_is_not_kept(void **state)
{
	(void)state;
	keep(ERR_NETWORK, "unreachable", 1000);
	keep(ERR_BUSY, "locked", 1000);
	assert_null(trouble_load(box.dir));
	keep(ERR_REFUSED, "stranded", 1000);
	keep(ERR_NETWORK, "unreachable", 2000);
	assert_says("message", "stranded");
}

static void foreign_bytes_are_escaped(void **state)
{
	(void)state;
	keep(ERR_FORMAT, "a\033[2Jb\xff", 1000);
	assert_says("message", "a\\x1b[2Jb\\xff");
}

static void a_damaged_file_is_none(void **state)
{
	static const char *const damaged[] = { "", "{", "[\"stranded\"]",
					       "{\"v\":1,\"x\":2}" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		assert_ok(fs_replace_file(box.dir, "trouble.json",
					  slice_of(damaged[i]), 0644, &e));
		assert_null(trouble_load(box.dir));
	}
	keep(ERR_REFUSED, "stranded", 1000);
	assert_says("message", "stranded");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, own_box_open, own_box_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_last_words_are_kept_until_a_run_without),
		TEST(the_same_words_are_written_once),
		TEST(what_passes_by_itself_is_not_kept),
		TEST(foreign_bytes_are_escaped),
		TEST(a_damaged_file_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
