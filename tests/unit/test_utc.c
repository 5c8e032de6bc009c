/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utc.h"

#include <stdio.h>
#include <time.h>

#include "tests/unit/check.h"

static void dates_and_seconds_are_the_same_thing(void **state)
{
	static const struct {
		int64_t sec;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 1795360341, "2026-11-22T15:12:21Z" },
		{ 2147483648, "2038-01-19T03:14:08Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" },
	};
	char text[UTC_TEXT_LEN];
	struct err e = { 0 };
	int64_t sec;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(utc_parse(slice_of(cases[i].text), &sec, &e));
		assert_true(sec == cases[i].sec);
		utc_format(cases[i].sec, text);
		assert_string_equal(text, cases[i].text);
	}
}

/* Against the C library, over eight thousand years in odd steps. */
static void every_day_agrees_with_the_c_library(void **state)
{
	char text[UTC_TEXT_LEN], want[64];
	struct err e = { 0 };
	int64_t back;

	(void)state;
	for (int64_t sec = 0; sec < 253402300799; sec += INT64_C(12345) * 677) {
		time_t t = (time_t)sec;
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(strftime(want, sizeof(want), "%FT%TZ", &tm),
				 UTC_TEXT_LEN - 1);
		utc_format(sec, text);
		assert_string_equal(text, want);
		assert_ok(utc_parse(slice_of(text), &back, &e));
		assert_true(back == sec);
	}
}

static void anything_but_the_one_form_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"2026-11-22",
		"2026-11-22T15:12:21",
		"2026-11-22T15:12:21z",
		"2026-11-22t15:12:21Z",
		"2026-11-22 15:12:21Z",
		"2026-11-22T15:12:21Z ",
		" 2026-11-22T15:12:21Z",
		"2026-11-22T15:12:21.0Z",
		"2026-11-22T15:12:21+00:00",
		"+026-11-22T15:12:21Z",
		"2026-1--22T15:12:21Z",
		"2026-11-22T15:12:2xZ",
		"2026/11/22T15:12:21Z",
	};
	struct err e = { 0 };
	int64_t sec = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(utc_parse(slice_of(wrong[i]), &sec, &e),
			       ERR_FORMAT);
	assert_int_equal(sec, 7);
}

static void dates_that_do_not_exist_are_refused(void **state)
{
	static const char *const wrong[] = {
		"1969-12-31T23:59:59Z", "2026-00-22T15:12:21Z",
		"2026-13-22T15:12:21Z", "2026-11-00T15:12:21Z",
		"2026-11-31T15:12:21Z", "2026-02-29T15:12:21Z",
		"2100-02-29T15:12:21Z", "2026-11-22T24:00:00Z",
		"2026-11-22T15:60:21Z", "2026-11-22T15:12:60Z",
	};
	struct err e = { 0 };
	int64_t sec;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_refused(utc_parse(slice_of(wrong[i]), &sec, &e),
			       ERR_FORMAT);
}

/* Not time(2), which is behind by up to a tick of the kernel. */
static int64_t system_clock(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	return (int64_t)now.tv_sec;
}

static void now_is_what_the_system_clock_says(void **state)
{
	int64_t before = system_clock();
	int64_t now = utc_now();

	(void)state;
	assert_true(now >= before && now <= system_clock());
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_and_seconds_are_the_same_thing),
		cmocka_unit_test(every_day_agrees_with_the_c_library),
		cmocka_unit_test(anything_but_the_one_form_is_refused),
		cmocka_unit_test(dates_that_do_not_exist_are_refused),
		cmocka_unit_test(now_is_what_the_system_clock_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
