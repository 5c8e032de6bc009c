/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rate.h"

#include "tests/unit/check.h"

static struct sha256 somebody(uint8_t n)
{
	return (struct sha256){ { n } };
}

static void many_acts_at_once_are_too_many_and_time_helps(void **state)
{
	struct rate r = { .burst = 3, .per_minute = 2 };
	struct sha256 a = somebody(1), b = somebody(2);
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_ok(rate_take(&r, &a, 1000, &e));
	assert_refused(rate_take(&r, &a, 1059, &e), ERR_BUSY);
	/* One person's acts are not another's. */
	assert_ok(rate_take(&r, &b, 1059, &e));
	assert_ok(rate_take(&r, &a, 1060, &e));
	assert_ok(rate_take(&r, &a, 1060, &e));
	assert_refused(rate_take(&r, &a, 1060, &e), ERR_BUSY);
	/* Whoever waits long gets no more than a burst. */
	for (int i = 0; i < 3; i++)
		assert_ok(rate_take(&r, &a, 100000, &e));
	assert_refused(rate_take(&r, &a, 100000, &e), ERR_BUSY);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
	struct rate r = { .burst = 1, .per_minute = 1 };
	struct sha256 a = somebody(1);
	struct err e = { 0 };

	(void)state;
	assert_ok(rate_take(&r, &a, 100000, &e));
	assert_refused(rate_take(&r, &a, 500, &e), ERR_BUSY);
	assert_refused(rate_take(&r, &a, 559, &e), ERR_BUSY);
	assert_ok(rate_take(&r, &a, 560, &e));
}

static void more_people_than_places_are_served(void **state)
{
	struct rate r = { .burst = 1, .per_minute = 1 };
	struct err e = { 0 };

	(void)state;
	for (uint8_t i = 0; i < 2 * RATE_PRINCIPALS; i++) {
		struct sha256 who = somebody(i);

		assert_ok(rate_take(&r, &who, 1000 + i, &e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_acts_at_once_are_too_many_and_time_helps),
		cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
		cmocka_unit_test(more_people_than_places_are_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
