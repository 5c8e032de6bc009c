/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/window.h"

#include "tests/unit/check.h"

static const struct window_zone berlin = { 60, true };

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
	static const struct window_zone west = { -8 * 60, false };

	(void)state;
	assert_int_equal(minute_at(&berlin, "2026-01-01T23:00:00Z"), 0);
	assert_int_equal(minute_at(&west, "2026-01-01T03:00:00Z"), 19 * 60);
	assert_int_equal(minute_at(&west, "1970-01-01T00:00:00Z"), 16 * 60);
	/* the last Sunday of March 2024 was its 31st */
	assert_int_equal(minute_at(&berlin, "2024-03-31T01:00:00Z"), 180);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_is_missing_in_march),
		cmocka_unit_test(an_hour_comes_twice_in_october),
		cmocka_unit_test(midnight_is_where_the_devices_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
