/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ini.h"

#include <string.h>

#include "common/mem.h"
#include "tests/unit/check.h"

struct conf {
	char *name;
	char *path;
	uint64_t count;
	bool on;
	struct ini_list urls;
};

#define KEY(section, name, kind, member)                                       \
	{                                                                      \
		section, name, kind, offsetof(struct conf, member), 1, 10,     \
			false                                                  \
	}

static const struct ini_key keys[] = {
	{ "device", "name", INI_TEXT, offsetof(struct conf, name), 0, 0, true },
	KEY("device", "path", INI_TEXT, path),
	KEY("device", "count", INI_NUMBER, count),
	KEY("server", "on", INI_BOOL, on),
	KEY("server", "url", INI_LIST, urls),
};

static int load(const char *text, struct conf *c, struct err *e)
{
	return ini_load(slice_of(text), "x.conf", keys, ARRAY_LEN(keys), c, e);
}

static void done(struct conf *c)
{
	ini_done(keys, ARRAY_LEN(keys), c);
}

static void values_of_every_kind_are_read(void **state)
{
	struct conf c = { .path = mem_dup_str("/default"), .count = 3 };
	struct err e = { 0 };

	(void)state;
	assert_ok(load("# comment\n; another\n\n[device]\nname = a b ; c # d\n"
		       "count=7\r\n[server]\n  on = yes \nurl = one\n"
		       "url = two\n[device]\npath = /new",
		       &c, &e));
	assert_string_equal(c.name, "a b ; c # d");
	assert_string_equal(c.path, "/new");
	assert_int_equal(c.count, 7);
	assert_true(c.on);
	assert_int_equal(c.urls.count, 2);
	assert_string_equal(c.urls.at[0], "one");
	assert_string_equal(c.urls.at[1], "two");
	done(&c);
	assert_null(c.name);
	assert_int_equal(c.urls.count, 0);
	done(&c);
}

static void what_is_not_given_keeps_its_default(void **state)
{
	struct conf c = { .path = mem_dup_str("/default"), .count = 3 };
	struct err e = { 0 };

	(void)state;
	c.urls.at[c.urls.count++] = mem_dup_str("default");
	assert_ok(load("[device]\nname=x\n", &c, &e));
	assert_string_equal(c.path, "/default");
	assert_int_equal(c.count, 3);
	assert_false(c.on);
	assert_int_equal(c.urls.count, 1);
	assert_ok(load("[device]\nname=x\n[server]\nurl=a\nurl=b", &c, &e));
	assert_int_equal(c.urls.count, 2);
	assert_string_equal(c.urls.at[0], "a");
	done(&c);
}

static void mistakes_are_named_with_file_and_line(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "[device]\nname=x\nnane=y\n", "x.conf:3: nane: unknown key" },
		{ "name=x\n", "x.conf:1: name: unknown key" },
		{ "[device]\nname=x\n\n[sever]\n",
		  "x.conf:4: unknown section" },
		{ "[device]\nname=x\n[DEVICE]\n", "x.conf:3: unknown section" },
		{ "[device]\nname=x\n[server", "x.conf:3: section without" },
		{ "[device] x\nname=x\n", "x.conf:1: section without" },
		{ "[device]\nname=x\nname=y\n", "x.conf:3: name: given twice" },
		{ "[device]\nname\n", "x.conf:2: not \"key = value\"" },
		{ "[device]\ncount=0\n", "x.conf:2: count: not a number" },
		{ "[device]\ncount=11\n", "x.conf:2: count: not a number" },
		{ "[device]\ncount=0x7\n", "x.conf:2: count: not a number" },
		{ "[device]\ncount=-1\n", "x.conf:2: count: not a number" },
		{ "[device]\ncount=\n", "x.conf:2: count: not a number" },
		{ "[server]\non=1\n", "x.conf:2: on: neither yes nor no" },
		{ "[server]\non=\n", "x.conf:2: on: neither yes nor no" },
		{ "[device]\ncount=2\n", "x.conf: [device] name is missing" },
		{ "", "x.conf: [device] name is missing" },
		{ "[device]\nname=\x1b[1m\n", "x.conf:2: control character" },
		{ "[device]\nname=a\rb\n", "x.conf:2: control character" },
		{ "[device]\nname=\xff\n", "x.conf:2: invalid UTF-8" },
		{ "\xef\xbb\xbf[device]\n", "x.conf:1: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf c = { 0 };
		struct err e = { 0 };

		assert_refused(load(cases[i].text, &c, &e), ERR_CONFIG);
		if (strncmp(e.msg, cases[i].said, strlen(cases[i].said)) != 0)
			fail_msg("\"%s\": %s", cases[i].text, e.msg);
		done(&c);
	}
}

static void a_nul_does_not_end_the_file_early(void **state)
{
	static const char text[] = "[device]\nname=x\0y\nbad\n";
	struct conf c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_refused(ini_load((struct slice){ (const uint8_t *)text,
						sizeof(text) - 1 },
				"x.conf", keys, ARRAY_LEN(keys), &c, &e),
		       ERR_CONFIG);
	done(&c);
}

static void an_indented_line_is_no_continuation(void **state)
{
	struct conf c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_refused(load("[device]\nname = x\n  and more\n", &c, &e),
		       ERR_CONFIG);
	done(&c);
}

static void limits_hold_exactly(void **state)
{
	static char text[INI_MAX_LEN + 2];
	struct conf c = { 0 };
	struct err e = { 0 };
	size_t head = strlen("[device]\nname=");

	(void)state;
	(void)memcpy(text, "[device]\nname=", head);
	memset(text + head, 'x', INI_VALUE_MAX + 1);
	assert_refused(load(text, &c, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "value too long"));
	text[head + INI_VALUE_MAX] = 0;
	assert_ok(load(text, &c, &e));
	assert_int_equal(strlen(c.name), INI_VALUE_MAX);
	memset(text + head, 'x', (size_t)3 * INI_VALUE_MAX);
	assert_refused(load(text, &c, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "line too long"));
	memset(text, '\n', INI_MAX_LEN + 1);
	assert_refused(load(text, &c, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "larger than"));
	done(&c);
}

static void lists_have_an_end(void **state)
{
	char text[INI_LIST_MAX * 8 + 64] = "[device]\nname=x\n[server]\n";
	struct conf c = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < INI_LIST_MAX; i++)
		strcat(text, "url=a\n"); /* NOLINT: sized for all of them */
	assert_ok(load(text, &c, &e));
	assert_int_equal(c.urls.count, INI_LIST_MAX);
	strcat(text, "url=a\n"); /* NOLINT: there is room for one more */
	assert_refused(load(text, &c, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "url: given too often"));
	done(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_kind_are_read),
		cmocka_unit_test(what_is_not_given_keeps_its_default),
		cmocka_unit_test(mistakes_are_named_with_file_and_line),
		cmocka_unit_test(a_nul_does_not_end_the_file_early),
		cmocka_unit_test(an_indented_line_is_no_continuation),
		cmocka_unit_test(limits_hold_exactly),
		cmocka_unit_test(lists_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
