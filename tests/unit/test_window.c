/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/window.h"

#include "tests/unit/check.h"

static const struct window_zone berlin = { 60, SUMMER_EU };

static unsigned minute_at(const struct window_zone *z, const char *when)
{
	int64_t now = 0;
	struct err e = { 0 };

	assert_ok(utc_parse(slice_of(when), &now, &e));
	return window_minute(z, now);
}

static void an_hour_is_missing_in_march(void **state)
{
	(void)state;
	assert_int_equal(minute_at(&berlin, "2026-03-29T00:59:00Z"), 119);
	assert_int_equal(minute_at(&berlin, "2026-03-29T01:00:00Z"), 180);
}

static void an_hour_comes_twice_in_october(void **state)
{
	(void)state;
	assert_int_equal(minute_at(&berlin, "2026-10-25T00:30:00Z"), 150);
	assert_int_equal(minute_at(&berlin, "2026-10-25T01:30:00Z"), 150);
	assert_int_equal(minute_at(&berlin, "2026-10-25T02:00:00Z"), 180);
}

static void midnight_is_where_the_devices_are(void **state)
{
	static const struct window_zone west = { -8 * 60, SUMMER_NONE };

	(void)state;
	assert_int_equal(minute_at(&berlin, "2026-01-01T23:00:00Z"), 0);
	assert_int_equal(minute_at(&west, "2026-01-01T03:00:00Z"), 19 * 60);
	assert_int_equal(minute_at(&west, "1970-01-01T00:00:00Z"), 16 * 60);
	/* the last Sunday of March 2024 was its 31st */
	assert_int_equal(minute_at(&berlin, "2024-03-31T01:00:00Z"), 180);
}

static void america_has_its_own_rule_by_the_clock_there(void **state)
{
	static const struct window_zone denver = { -7 * 60, SUMMER_US };

	(void)state;
	/* 2026-03-08, 02:00 by the clock there */
	assert_int_equal(minute_at(&denver, "2026-03-08T08:59:00Z"), 119);
	assert_int_equal(minute_at(&denver, "2026-03-08T09:00:00Z"), 180);
	/* 2026-11-01, at 02:00 of summer time it is 01:00 again */
	assert_int_equal(minute_at(&denver, "2026-11-01T07:59:00Z"), 119);
	assert_int_equal(minute_at(&denver, "2026-11-01T08:00:00Z"), 60);
	/* Between the two rules: Europe's ends a week before. */
	assert_int_equal(minute_at(&denver, "2026-10-28T12:00:00Z"), 360);
	assert_int_equal(minute_at(&denver, "2026-03-10T12:00:00Z"), 360);
	/* The eighth of March is the second Sunday where the first is one. */
	assert_int_equal(minute_at(&denver, "2020-03-08T09:00:00Z"), 180);
	assert_int_equal(minute_at(&denver, "2020-11-01T08:00:00Z"), 60);
}

static void rules_have_names(void **state)
{
	enum window_summer rule = SUMMER_EU;
	struct err e = { 0 };

	(void)state;
	assert_refused(window_summer_parse("EU", &rule, &e), ERR_USAGE);
	assert_int_equal(rule, SUMMER_EU);
	for (int i = 0; i < SUMMER_RULES; i++) {
		assert_ok(window_summer_parse(
			window_summer_name((enum window_summer)i), &rule, &e));
		assert_int_equal(rule, i);
	}
}

static void expect_words(const struct window_zone *z, const char *when,
			 const char *wanted)
{
	char text[WINDOW_WORDS];
	int64_t now = 0;
	struct err e = { 0 };

	assert_ok(utc_parse(slice_of(when), &now, &e));
	window_words(z, 22 * 60, 6 * 60 + 5, now, text);
	assert_string_equal(text, wanted);
}

static void words_say_where_and_what_time_it_is_there(void **state)
{
	static const struct window_zone india = { 330, SUMMER_NONE };
	static const struct window_zone denver = { -7 * 60, SUMMER_US };

	(void)state;
	expect_words(&india, "2026-07-01T00:00:00Z",
		     "22:00 to 06:05 at UTC+05:30; it is 05:30 there");
	expect_words(&denver, "2026-07-01T00:00:00Z",
		     "22:00 to 06:05 at UTC-07:00, summer time as in the US; "
		     "it is 18:00 there");
	expect_words(&berlin, "2026-12-01T00:00:00Z",
		     "22:00 to 06:05 at UTC+01:00, summer time as in the EU; "
		     "it is 01:00 there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_is_missing_in_march),
		cmocka_unit_test(an_hour_comes_twice_in_october),
		cmocka_unit_test(america_has_its_own_rule_by_the_clock_there),
		cmocka_unit_test(rules_have_names),
		cmocka_unit_test(words_say_where_and_what_time_it_is_there),
		cmocka_unit_test(midnight_is_where_the_devices_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
