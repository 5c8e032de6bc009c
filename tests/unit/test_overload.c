/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/overload.h"

#include "tests/unit/check.h"

#define LATE OVERLOAD_WAIT_NS

static void who_waited_too_long_comes_again_not_all_at_once(void **state)
{
	uint32_t least = UINT32_MAX, most = 0;
	struct err e = { 0 };

	(void)state;
	assert_ok(overload_check(LISTENER_DEVICE, ROUTE_PLAIN, LATE - 1, &e));
	for (unsigned i = 0; i < 2000; i++) {
		assert_refused(
			overload_check(LISTENER_DEVICE, ROUTE_PLAIN, LATE, &e),
			ERR_BUSY);
		least = e.retry_sec < least ? e.retry_sec : least;
		most = e.retry_sec > most ? e.retry_sec : most;
	}
	assert_in_range(least, OVERLOAD_RETRY_SEC, 2 * OVERLOAD_RETRY_SEC);
	assert_in_range(most, 4 * OVERLOAD_RETRY_SEC, 5 * OVERLOAD_RETRY_SEC);
	assert_refused(
		overload_check(LISTENER_ENROLMENT, ROUTE_PLAIN, LATE, &e),
		ERR_BUSY);
}

static void what_a_device_did_is_heard_and_people_are(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(overload_check(LISTENER_DEVICE, ROUTE_LAST_WORD, 10 * LATE,
				 &e));
	assert_ok(
		overload_check(LISTENER_DEVICE, ROUTE_RENEWAL, 10 * LATE, &e));
	assert_ok(overload_check(LISTENER_PEOPLE, ROUTE_PLAIN, 10 * LATE, &e));
	assert_ok(overload_check(LISTENER_ORIGIN, ROUTE_PLAIN, 10 * LATE, &e));
}

static void the_last_word_is_the_report_of_an_update(void **state)
{
	unsigned found = 0;

	(void)state;
	for (size_t i = 0; i < server_route_count; i++) {
		const struct route *r = &server_routes[i];

		if (r->kind != ROUTE_LAST_WORD)
			continue;
		assert_string_equal(r->path, "/v1/report");
		found++;
	}
	assert_int_equal(found, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_waited_too_long_comes_again_not_all_at_once),
		cmocka_unit_test(what_a_device_did_is_heard_and_people_are),
		cmocka_unit_test(the_last_word_is_the_report_of_an_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
