/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/pace.h"

#include "tests/unit/check.h"

static void polls_are_spread_and_bounded(void **state)
{
	const struct pace p = { 1000, 120, 3600, 0 };

	(void)state;
	assert_int_equal(pace_first(&p, 0), 0);
	assert_int_equal(pace_first(&p, UINT32_MAX), 60);
	assert_int_equal(pace_next(&p, 0, 0), 900);
	assert_int_equal(pace_next(&p, 0, UINT32_MAX), 1100);
	assert_int_equal(pace_next(&p, 77, 5), 77);
	assert_int_equal(pace_next(&p, UINT32_MAX, 5), PACE_MAX_SEC);
}

static uint64_t retry(const struct pace *p, uint32_t failures,
		      uint32_t server_sec, uint32_t random)
{
	const struct err e = { .code = ERR_NETWORK, .retry_sec = server_sec };

	return pace_retry(p, failures, false, &e, random);
}

static void failures_back_off_to_a_cap(void **state)
{
	const struct pace p = { 1000, 120, 3600, 0 };

	(void)state;
	assert_int_equal(retry(&p, 1, 0, UINT32_MAX), 120);
	assert_int_equal(retry(&p, 1, 0, 0), 60);
	assert_int_equal(retry(&p, 2, 0, UINT32_MAX), 240);
	assert_int_equal(retry(&p, 9, 0, UINT32_MAX), 3600);
	assert_int_equal(retry(&p, UINT32_MAX, 0, UINT32_MAX), 3600);
	/* A busy server is left alone, but not for ever. */
	assert_int_equal(retry(&p, 1, 90, UINT32_MAX), 120);
	assert_int_equal(retry(&p, 1, 300, UINT32_MAX), 300);
	assert_int_equal(retry(&p, 9, UINT32_MAX, 0), PACE_MAX_SEC);
}

/* What a person starts in between shall not come sooner than the daemon may. */
static void the_soonest_is_the_least_of_a_back_off(void **state)
{
	const struct pace p = { 1000, 120, 3600, 0 };
	const struct pace odd = { 1000, 1, 1, 0 };

	(void)state;
	assert_int_equal(pace_soonest(&p, 0), 60);
	for (uint32_t n = 1; n < 12; n++)
		assert_int_equal(pace_soonest(&p, n), retry(&p, n, 0, 0));
	assert_int_equal(pace_soonest(&p, UINT32_MAX), 1800);
	assert_int_equal(pace_soonest(&odd, 1), 1);
}

static void only_who_lost_its_server_waits_for_long(void **state)
{
	const struct pace heard = { 1000, 120, 3600, 900 };
	const struct pace often = { 1, 120, 3600, 1 };
	const struct err silent = { .code = ERR_NETWORK };
	const struct err full = { .code = ERR_SPACE };

	(void)state;
	assert_int_equal(pace_retry(&heard, 1, false, &silent, 0), 450);
	assert_int_equal(pace_retry(&heard, 1, false, &silent, UINT32_MAX),
			 1350);
	assert_int_equal(pace_retry(&heard, 9, false, &silent, 0), 450);
	assert_int_equal(pace_retry(&often, 1, false, &silent, 0), 1);
	/* It is there, or it is not the network, or it says when. */
	assert_int_equal(pace_retry(&heard, 1, true, &silent, UINT32_MAX), 120);
	assert_int_equal(pace_retry(&heard, 1, false, &full, UINT32_MAX), 120);
	assert_int_equal(retry(&heard, 1, 30, UINT32_MAX), 120);
}

static void what_waits_for_its_hours_comes_in_their_first_half(void **state)
{
	(void)state;
	assert_int_equal(pace_until(3600, 600, 1800, 0), 600);
	assert_int_equal(pace_until(3600, 600, 1800, UINT32_MAX), 1500);
	/* The usual time is earlier, or they are there. */
	assert_int_equal(pace_until(1000, 600, 1800, UINT32_MAX), 1000);
	assert_int_equal(pace_until(500, 600, 1800, 0), 500);
	assert_int_equal(pace_until(3600, 0, 1800, 0), 3600);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(polls_are_spread_and_bounded),
		cmocka_unit_test(failures_back_off_to_a_cap),
		cmocka_unit_test(the_soonest_is_the_least_of_a_back_off),
		cmocka_unit_test(only_who_lost_its_server_waits_for_long),
		cmocka_unit_test(
			what_waits_for_its_hours_comes_in_their_first_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
