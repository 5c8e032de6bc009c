/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "signer/health.h"

static struct buf bytes = BUF_INIT(65536);
static struct tree tree;

static void add(enum tree_type type, const char *path, uint16_t mode,
		const char *target)
{
	const struct tree_entry entry = {
		.type = type,
		.path = slice_of(path),
		.mode = mode,
		.target = slice_of(target),
	};
	struct err e = { 0 };

	assert_ok(tree_add(&bytes, &entry, &e));
}

static int make_tree(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(tree_begin(&bytes, TREE_SYSTEM, &e));
	add(TREE_FOLDER, "", 0755, NULL);
	add(TREE_SYMLINK, "bin", 0777, "usr/bin");
	add(TREE_FOLDER, "loop", 0755, NULL);
	add(TREE_SYMLINK, "loop/a", 0777, "b");
	add(TREE_SYMLINK, "loop/b", 0777, "a");
	add(TREE_FOLDER, "usr", 0755, NULL);
	add(TREE_FOLDER, "usr/bin", 0755, NULL);
	add(TREE_SYMLINK, "usr/bin/absolute", 0777, "/usr/bin/check");
	add(TREE_FILE, "usr/bin/check", 0755, NULL);
	add(TREE_FILE, "usr/bin/data", 0644, NULL);
	add(TREE_SYMLINK, "usr/bin/outside", 0777, "../../../etc/passwd");
	add(TREE_SYMLINK, "usr/bin/up", 0777, "../../bin/check");
	assert_ok(tree_parse(buf_slice(&bytes), &tree, &e));
	return 0;
}

static int free_tree(void **state)
{
	(void)state;
	tree_done(&tree);
	buf_done(&bytes);
	return 0;
}

static int look_up(const char *text, struct err *e)
{
	struct release r = { .health_count = 1 };
	int rc;

	rc = health_parse(text, &r.health[0], e) ||
	     health_check(&tree, &r.health[0], e);
	release_done(&r);
	return rc ? -1 : 0;
}

static void a_program_in_the_tree_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(look_up("usr/bin/check", &e));
	assert_ok(look_up("usr/bin/check --all 3", &e));
}

static void links_are_followed_with_the_tree_as_root(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(look_up("bin/check", &e));
	assert_ok(look_up("usr/bin/absolute", &e));
	assert_ok(look_up("usr/bin/up", &e));
	assert_ok(look_up("bin/up", &e));
}

static void what_is_missing_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused(look_up("usr/bin/nothing", &e), ERR_NOT_FOUND);
	assert_refused(look_up("usr/bin/outside", &e), ERR_NOT_FOUND);
	assert_refused(look_up("usr/bin/check/more", &e), ERR_NOT_FOUND);
}

static void what_cannot_run_is_refused(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused(look_up("usr/bin/data", &e), ERR_REFUSED);
	assert_refused(look_up("usr/bin", &e), ERR_REFUSED);
	assert_refused(look_up("loop/a", &e), ERR_REFUSED);
}

static void commands_are_split_at_spaces(void **state)
{
	struct release r = { .health_count = 1 };
	struct err e = { 0 };

	(void)state;
	assert_ok(health_parse("  bin/check  -v   now ", &r.health[0], &e));
	assert_int_equal(r.health[0].argc, 3);
	assert_string_equal(r.health[0].argv[0], "bin/check");
	assert_string_equal(r.health[0].argv[2], "now");
	assert_null(r.health[0].argv[3]);
	release_done(&r);
}

static void strange_commands_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"   ",
		"/bin/check",
		"bin/check\n",
		"a\tb",
		"bin/\xc3\xa4",
		"a b c d e f g h i j k l m n o p q"
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(look_up(bad[i], &e), ERR_USAGE);
}

/* They read a release with a path that is not plain as none at all. */
static void a_path_that_devices_refuse_is_refused(void **state)
{
	static const char *const bad[] = { ".",
					   "./usr/bin/check",
					   "usr/bin/check/",
					   "usr//bin/check",
					   "usr/../bin/up",
					   "../usr/bin/up" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused_saying(look_up(bad[i], &e), ERR_USAGE, bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_in_the_tree_is_found),
		cmocka_unit_test(links_are_followed_with_the_tree_as_root),
		cmocka_unit_test(what_is_missing_is_refused),
		cmocka_unit_test(what_cannot_run_is_refused),
		cmocka_unit_test(commands_are_split_at_spaces),
		cmocka_unit_test(strange_commands_are_refused),
		cmocka_unit_test(a_path_that_devices_refuse_is_refused),
	};

	return cmocka_run_group_tests(tests, make_tree, free_tree);
}
