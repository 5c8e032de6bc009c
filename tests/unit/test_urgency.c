/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/urgency.h"

#include "tests/unit/check.h"

static void the_fleet_comes_as_fast_as_can_be_borne(void **state)
{
	(void)state;
	assert_int_equal(urgency_interval(3600, 300000, 300), 1000);
	assert_int_equal(urgency_interval(3600, 300001, 300), 1001);
	assert_int_equal(urgency_interval(3600, 9300, 300), 31);
}

static void a_few_devices_still_leave_the_server_alone(void **state)
{
	(void)state;
	assert_int_equal(urgency_interval(3600, 0, 300), URGENCY_LEAST_SEC);
	assert_int_equal(urgency_interval(3600, 9000, 300), URGENCY_LEAST_SEC);
}

static void nobody_comes_later_than_as_a_rule(void **state)
{
	(void)state;
	assert_int_equal(urgency_interval(3600, 3600 * 300, 300), 3600);
	assert_int_equal(urgency_interval(3600, 100000000, 300), 3600);
	assert_int_equal(urgency_interval(3600, UINT64_MAX, 1), 3600);
	assert_int_equal(urgency_interval(10, 1, 300), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fleet_comes_as_fast_as_can_be_borne),
		cmocka_unit_test(a_few_devices_still_leave_the_server_alone),
		cmocka_unit_test(nobody_comes_later_than_as_a_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
