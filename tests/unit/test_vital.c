/* SPDX-License-Identifier: Apache-2.0 */
#include "common/vital.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

/* Words between single spaces. */
static int parse(const char *text, struct vital *out, struct err *e)
{
	static char copy[2048];
	char *words[8];
	char *rest = copy;
	size_t n = 0;

	(void)strcpy(copy, text);
	while (rest && n < 8)
		words[n++] = strsep(&rest, " ");
	return vital_parse(words, n, out, e);
}

static void refuse(const char *text)
{
	struct vital v = { .port = 77 };
	struct err e = { 0 };

	assert_refused(parse(text, &v, &e), ERR_FORMAT);
	assert_int_equal(v.port, 77);
}

static void the_five_kinds_are_known(void **state)
{
	struct vital v;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse("unit gateway@1.service", &v, &e));
	assert_int_equal(v.kind, VITAL_UNIT);
	assert_string_equal(v.text, "gateway@1.service");
	assert_ok(parse("tcp 65535", &v, &e));
	assert_int_equal(v.kind, VITAL_TCP);
	assert_int_equal(v.port, 65535);
	assert_ok(parse("http 8080 /health?deep=1", &v, &e));
	assert_int_equal(v.kind, VITAL_HTTP);
	assert_int_equal(v.port, 8080);
	assert_string_equal(v.text, "/health?deep=1");
	assert_ok(parse("fresh /run/gateway/alive 30", &v, &e));
	assert_int_equal(v.kind, VITAL_FRESH);
	assert_int_equal(v.sec, 30);
	assert_string_equal(vital_name(&v), "fresh");
	assert_ok(parse("daemon", &v, &e));
	assert_int_equal(v.kind, VITAL_DAEMON);
	assert_true(vital_is_meant("@tcp"));
	assert_false(vital_is_meant("bin/tcp"));
}

static void whatever_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"udp 80",
		"daemon pawl",
		"tcp",
		"tcp 0",
		"tcp 65536",
		"tcp -1",
		"tcp 80 81",
		"tcp 080",
		"http 80",
		"http 80 health",
		"http 80 /a\r\nHost:x",
		"http 80 /a\x7f",
		"unit -H",
		"unit gateway",
		"unit ../x.service",
		"unit *.service",
		"unit a.service b.service",
		"unit a\tb.service",
		"unit a\x7f.service",
		"unit ",
		"fresh run/alive 30",
		"fresh /run/alive",
		"fresh /run/alive 0",
		"fresh /run/alive 86401",
		"fresh /run/\x1b[2J 30",
	};

	struct err e = { 0 };
	struct vital v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuse(bad[i]);
	assert_refused(vital_parse(NULL, 0, &v, &e), ERR_FORMAT);
}

static void no_more_is_asked_for_than_a_message_holds(void **state)
{
	char unit[5 + 255 + 2], fresh[6 + 1024 + 1 + 4];
	struct vital v;
	struct err e = { 0 };

	(void)state;
	(void)snprintf(unit, sizeof(unit), "unit %0*d.service", 255 - 8, 0);
	assert_ok(parse(unit, &v, &e));
	(void)snprintf(unit, sizeof(unit), "unit %0*d.service", 256 - 8, 0);
	refuse(unit);
	(void)snprintf(fresh, sizeof(fresh), "fresh /%0*d 30", 1023, 0);
	assert_ok(parse(fresh, &v, &e));
	(void)snprintf(fresh, sizeof(fresh), "fresh /%0*d 30", 1024, 0);
	refuse(fresh);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_five_kinds_are_known),
		cmocka_unit_test(whatever_else_is_refused),
		cmocka_unit_test(no_more_is_asked_for_than_a_message_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
