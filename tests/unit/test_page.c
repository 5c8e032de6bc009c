/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/page.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

#define FOLDER   "update-server/pages"
#define FILE_MAX 65536

static struct page found(const char *path)
{
	struct page p = { 0 };

	assert_true(page_find(path, &p));
	return p;
}

static void every_page_has_its_path_and_type(void **state)
{
	(void)state;
	assert_string_equal(found("/").type, "text/html; charset=utf-8");
	assert_string_equal(found("/audit").type, "text/html; charset=utf-8");
	assert_string_equal(found("/pages/style.css").type,
			    "text/css; charset=utf-8");
	assert_string_equal(found("/pages/frame.js").type,
			    "text/javascript; charset=utf-8");
	assert_ptr_equal(found("/rollouts/a").bytes.ptr,
			 found("/rollouts/b").bytes.ptr);
	assert_ptr_equal(found("/list/silent/7").bytes.ptr,
			 found("/list/quarantined").bytes.ptr);
	assert_ptr_not_equal(found("/devices/00").bytes.ptr,
			     found("/rollouts/a").bytes.ptr);
}

static void what_is_not_there_is_not_found(void **state)
{
	static const char *const bad[] = {
		"",
		"/x",
		"/audit/1",
		"/rollouts",
		"/rollouts/",
		"/pages/",
		"/pages/x.js",
		"/pages",
		"/list",
		"/pages/frame.j",
		"/pages/frame.js2",
	};
	struct page p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(page_find(bad[i], &p));
}

static struct slice read_source(const char *name, uint8_t room[FILE_MAX])
{
	char path[512];
	struct slice s = { room, 0 };
	FILE *f;

	(void)snprintf(path, sizeof(path), FOLDER "/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	s.len = fread(room, 1, FILE_MAX, f);
	assert_true(s.len < FILE_MAX);
	(void)fclose(f);
	return s;
}

/* Compare with the source where it is at hand, each file of it. */
static void the_program_holds_the_very_files(void **state)
{
	static uint8_t room[FILE_MAX];
	DIR *dir = opendir(FOLDER);
	const struct dirent *entry;
	size_t count = 0;

	(void)state;
	if (!dir) {
		skip();
		return;
	}
	while ((entry = readdir(dir))) {
		char path[512];
		struct slice source;
		const char *dot = strrchr(entry->d_name, '.');

		if (entry->d_name[0] == '.' || !dot)
			continue;
		source = read_source(entry->d_name, room);
		count++;
		if (strcmp(dot, ".html") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "/pages/%s", entry->d_name);
		assert_true(slice_equal(found(path).bytes, source));
	}
	assert_true(count > 10);
	(void)closedir(dir);
	assert_true(
		slice_equal(found("/").bytes, read_source("fleet.html", room)));
	assert_true(slice_equal(found("/rollouts/x").bytes,
				read_source("rollout.html", room)));
	assert_true(slice_equal(found("/devices/x").bytes,
				read_source("device.html", room)));
	assert_true(slice_equal(found("/list/x").bytes,
				read_source("list.html", room)));
	assert_true(slice_equal(found("/audit").bytes,
				read_source("audit.html", room)));
}

static bool contains(struct slice in, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= in.len; i++)
		if (memcmp(in.ptr + i, what, len) == 0)
			return true;
	return false;
}

/* What the pages' rules (answer.c) would stop does not stand in them either. */
static void no_page_turns_text_into_markup_or_asks_elsewhere(void **state)
{
	static const char *const scripts[] = {
		"/pages/frame.js", "/pages/words.js",   "/pages/chart.js",
		"/pages/fleet.js", "/pages/rollout.js", "/pages/device.js",
		"/pages/list.js",  "/pages/audit.js",
	};
	static const char *const words[] = {
		"innerHTML", "outerHTML",    "insertAdjacent", "document.write",
		"eval(",     "new Function", "https://",       "import(",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		for (size_t w = 0; w < ARRAY_LEN(words); w++)
			assert_false(
				contains(found(scripts[i]).bytes, words[w]));
	assert_false(contains(found("/").bytes, "style="));
	assert_false(contains(found("/").bytes, "onclick"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_has_its_path_and_type),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(the_program_holds_the_very_files),
		cmocka_unit_test(
			no_page_turns_text_into_markup_or_asks_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
