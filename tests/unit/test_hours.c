/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/check.h"
#include "updater-client/hours.h"

#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
/* 2026-11-23 00:00 UTC, a Monday. */
#define MONDAY ((int64_t)1795392000)

static bool at(const char *text, int64_t now)
{
	struct hours h;
	struct err e = { 0 };

	assert_int_equal(hours_parse(text, &h, &e), 0);
	return hours_include(&h, now);
}

static void without_hours_it_is_always(void **state)
{
	(void)state;
	assert_true(at(NULL, MONDAY));
}

static void hours_begin_and_end_on_the_minute(void **state)
{
	(void)state;
	assert_false(at("02:00-05:30", MONDAY + 2 * HOUR - 1));
	assert_true(at("02:00-05:30", MONDAY + 2 * HOUR));
	assert_true(at("02:00-05:30 UTC", MONDAY + 5 * HOUR + 30 * MINUTE - 1));
	assert_false(at("02:00-05:30", MONDAY + 5 * HOUR + 30 * MINUTE));
	assert_true(at("20:00-24:00", MONDAY + DAY - 1));
	assert_false(at("20:00-24:00", MONDAY + DAY));
}

static void over_midnight_they_belong_to_the_day_of_their_begin(void **state)
{
	const char *weekend = "Fri,Sat 22:00-06:00";

	(void)state;
	assert_false(at(weekend, MONDAY + 4 * DAY + 3 * HOUR)); /* Fri 03:00 */
	assert_true(at(weekend, MONDAY + 4 * DAY + 23 * HOUR));
	assert_true(at(weekend, MONDAY + 5 * DAY + 3 * HOUR)); /* Sat 03:00 */
	assert_true(at(weekend, MONDAY + 6 * DAY + 3 * HOUR)); /* Sun 03:00 */
	assert_false(at(weekend, MONDAY + 6 * DAY + 6 * HOUR));
	assert_false(at(weekend, MONDAY + 6 * DAY + 23 * HOUR));
}

static void days_may_reach_over_the_week_s_end(void **state)
{
	static const bool open[] = { true,  false, false, false,
				     false, true,  true };

	(void)state;
	for (int day = 0; day < 7; day++)
		assert_int_equal(at("Sat..Mon 10:00-11:00",
				    MONDAY + day * DAY + 10 * HOUR),
				 open[day]);
	assert_true(at("Mon 10:00-11:00", MONDAY + 10 * HOUR));
	assert_false(at("Tue..Sun 10:00-11:00", MONDAY + 10 * HOUR));
}

/* Berlin: 01:30 UTC is 02:30 in winter and 03:30 in summer. */
static void local_hours_follow_summer_time(void **state)
{
	const int64_t summer = 1782696600; /* 2026-06-29 01:30 UTC, Monday */

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	assert_true(at("Mon 02:00-03:00 local", MONDAY + 90 * MINUTE));
	assert_false(at("Mon 02:00-03:00 local", summer));
	assert_true(at("Mon 03:00-04:00 local", summer));
	/* Sunday 23:30 UTC is Monday there. */
	assert_true(at("Mon 00:00-01:00 local", MONDAY - 30 * MINUTE));
	assert_true(at("Mon 01:00-02:00", MONDAY + 90 * MINUTE));
	unsetenv("TZ");
	tzset();
}

static uint64_t wait_at(const char *text, int64_t now)
{
	struct hours h;
	struct err e = { 0 };

	assert_int_equal(hours_parse(text, &h, &e), 0);
	return hours_wait(&h, now);
}

static void the_next_hours_are_known(void **state)
{
	(void)state;
	assert_int_equal(wait_at(NULL, MONDAY), 0);
	assert_int_equal(wait_at("02:00-02:30", MONDAY + 2 * HOUR), 0);
	assert_int_equal(wait_at("02:00-02:30", MONDAY + HOUR - 1), HOUR + 1);
	assert_int_equal(wait_at("02:00-02:30", MONDAY + 2 * HOUR + 1800),
			 DAY - 1800);
	/* Within a minute it is the same one; a week is the longest. */
	assert_int_equal(wait_at("Mon 00:00-00:01", MONDAY + MINUTE),
			 7 * DAY - MINUTE);
	assert_int_equal(wait_at("Sun 23:59-24:00", MONDAY), 7 * DAY - MINUTE);
	/* The night in which a clock goes forward has no 02:30. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	assert_int_equal(wait_at("02:30-02:45 local",
				 1774746000 /* 2026-03-29 02:00 there */),
			 DAY - HOUR + 30 * MINUTE);
	unsetenv("TZ");
	tzset();
}

static uint64_t length(const char *text)
{
	struct hours h;
	struct err e = { 0 };

	assert_int_equal(hours_parse(text, &h, &e), 0);
	return hours_length(&h);
}

static void hours_have_a_length(void **state)
{
	(void)state;
	assert_int_equal(length("02:00-02:30"), 1800);
	assert_int_equal(length("00:00-24:00"), DAY);
	assert_int_equal(length("22:00-05:30"), 7 * HOUR + 1800);
	assert_int_equal(length("00:01-00:00"), DAY - MINUTE);
}

static void anything_else_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"02:00",
		"2:00-5:00",
		"02:00-25:00",
		"24:00-02:00",
		"02:60-03:00",
		"02:00-24:01",
		"02:00-02:00",
		"02:00-03:00 there",
		"02:00-03:00 local ",
		"Mon02:00-03:00",
		"Mo 02:00-03:00",
		"mon 02:00-03:00",
		"Mon.Fri 02:00-03:00",
		"Mon..Fr 02:00-03:00",
		"Mon, 02:00-03:00",
		",Mon 02:00-03:00",
		"Mon..Fri..Sun 02:00-03:00",
		"Mon  02:00-03:00",
		"Mon 02:00 - 03:00",
		"02:00-03:00-04:00",
		"always",
	};
	struct hours h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = { 0 };

		if (hours_parse(wrong[i], &h, &e) == 0)
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_int_equal(e.code, ERR_CONFIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_hours_it_is_always),
		cmocka_unit_test(hours_begin_and_end_on_the_minute),
		cmocka_unit_test(
			over_midnight_they_belong_to_the_day_of_their_begin),
		cmocka_unit_test(days_may_reach_over_the_week_s_end),
		cmocka_unit_test(local_hours_follow_summer_time),
		cmocka_unit_test(the_next_hours_are_known),
		cmocka_unit_test(hours_have_a_length),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
