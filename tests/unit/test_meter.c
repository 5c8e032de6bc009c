/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/meter.h"

#include <pthread.h>

#include "tests/unit/check.h"

static const struct route routes[] = {
	{ 1, METHOD_GET, "/metadata/", 0, ROUTE_PLAIN, NULL },
	{ 1, METHOD_POST, "/v1/checkin", 0, ROUTE_PLAIN, NULL },
};

static struct buf out = BUF_INIT(1 << 20);
static struct meter *m;

static int start(void **state)
{
	(void)state;
	m = meter_new(routes, ARRAY_LEN(routes));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	meter_free(m);
	buf_done(&out);
	return 0;
}

static void show(void)
{
	struct exposition x;
	struct err e = { 0 };

	out.len = 0;
	exposition_begin(&x, &out);
	meter_expose(m, &x);
	assert_ok(exposition_end(&x, &e));
}

static void shows(const char *line)
{
	show();
	if (!strstr(buf_text(&out), line)) {
		print_error("%s\nlacks %s\n", buf_text(&out), line);
		fail();
	}
}

static void requests_are_counted_by_pattern_and_status(void **state)
{
	(void)state;
	meter_answered(m, LISTENER_DEVICE, &routes[1], 200, 7000000);
	meter_answered(m, LISTENER_DEVICE, &routes[1], 200, 0);
	meter_answered(m, LISTENER_DEVICE, &routes[1], 503, 0);
	meter_answered(m, LISTENER_ENROLMENT, &routes[0], 299, 0);
	meter_answered(m, LISTENER_PEOPLE, NULL, 404, 0);
	shows("\npawl_requests_total{listener=\"device\",route=\"/v1/"
	      "checkin\",method=\"POST\",status=\"200\"} 2\n");
	shows("{listener=\"device\",route=\"/v1/checkin\",method=\"POST\","
	      "status=\"503\"} 1\n");
	shows("{listener=\"enrolment\",route=\"/metadata/\",method=\"GET\","
	      "status=\"other\"} 1\n");
	shows("{listener=\"people\",route=\"none\",method=\"none\","
	      "status=\"404\"} 1\n");
	shows("pawl_request_seconds_bucket{listener=\"device\",le=\"0.005\"} "
	      "0\n");
	shows("pawl_request_seconds_bucket{listener=\"device\",le=\"0.01\"} "
	      "1\n");
	shows("pawl_request_seconds_count{listener=\"device\"} 1\n");
	shows("pawl_request_seconds_count{listener=\"people\"} 0\n");
	assert_int_equal(meter_busy(m, LISTENER_DEVICE), 1);
	assert_int_equal(meter_busy(m, LISTENER_PEOPLE), 0);
	assert_int_equal(meter_busy(NULL, LISTENER_DEVICE), 0);
}

static void the_loops_lag_is_the_longest_of_two_minutes(void **state)
{
	const uint64_t second = 1000000000, minute = 60 * second;

	(void)state;
	shows("\npawl_loop_lag_seconds 0.0000\n");
	meter_turned(NULL, minute, second);
	meter_turned(m, 7 * minute, 40000000);
	meter_turned(m, 7 * minute + 1, 1000);
	shows("\npawl_loop_lag_seconds 0.0400\n");
	meter_turned(m, 8 * minute, 2000000);
	assert_int_equal(meter_worst_turn(m), 40000000);
	meter_turned(m, 9 * minute, 1000000);
	assert_int_equal(meter_worst_turn(m), 2000000);
	/* Nothing for long, and the old is forgotten. */
	meter_turned(m, 12 * minute, 5);
	assert_int_equal(meter_worst_turn(m), 5);
	meter_turned(m, 15 * minute, 4);
	assert_int_equal(meter_worst_turn(m), 4);
}

static void what_never_happened_has_no_row(void **state)
{
	(void)state;
	show();
	assert_null(strstr(buf_text(&out), "pawl_requests_total{"));
	/* But these are there from the start, for alerts to look at. */
	shows("pawl_security_failures_total 0\n");
	shows("pawl_tls_failures_total{listener=\"people\",reason=\"left\"} "
	      "0\n");
}

static void connections_come_and_go(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		meter_opened(m, LISTENER_DEVICE);
	meter_crowded_out(m, LISTENER_DEVICE);
	meter_closed(m, LISTENER_DEVICE);
	meter_sent(m, LISTENER_DEVICE, 1000);
	meter_sent(m, LISTENER_DEVICE, 24);
	assert_int_equal(meter_sent_to(m, LISTENER_DEVICE), 1024);
	assert_int_equal(meter_sent_to(m, LISTENER_PEOPLE), 0);
	assert_int_equal(meter_sent_to(NULL, LISTENER_DEVICE), 0);
	meter_tls_failed(m, LISTENER_DEVICE, METER_TLS_CERTIFICATE);
	shows("pawl_connections_total{listener=\"device\"} 3\n");
	shows("pawl_connections{listener=\"device\"} 2\n");
	shows("pawl_connections_crowded_out_total{listener=\"device\"} 1\n");
	shows("pawl_sent_bytes_total{listener=\"device\"} 1024\n");
	shows("pawl_tls_failures_total{listener=\"device\",reason="
	      "\"certificate\"} 1\n");
}

static void *count_many(void *ctx)
{
	for (int i = 0; i < 20000; i++) {
		meter_count(ctx, METER_CHECKIN_UPDATE);
		meter_committed(ctx, 1000);
	}
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, count_many, m), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	shows("pawl_checkins_total{outcome=\"update\"} 80000\n");
	shows("pawl_store_commit_seconds_sum 0.080000000\n");
	shows("pawl_store_commit_seconds_count 80000\n");
}

static void nobody_needs_to_count(void **state)
{
	(void)state;
	meter_opened(NULL, LISTENER_DEVICE);
	meter_closed(NULL, LISTENER_DEVICE);
	meter_crowded_out(NULL, LISTENER_DEVICE);
	meter_sent(NULL, LISTENER_DEVICE, 1);
	meter_tls_failed(NULL, LISTENER_DEVICE, METER_TLS_LEFT);
	meter_answered(NULL, LISTENER_DEVICE, &routes[0], 200, 1);
	meter_count(NULL, METER_ENROLLED);
	meter_committed(NULL, 1);
	meter_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			requests_are_counted_by_pattern_and_status, start,
			stop),
		cmocka_unit_test_setup_teardown(
			the_loops_lag_is_the_longest_of_two_minutes, start,
			stop),
		cmocka_unit_test_setup_teardown(what_never_happened_has_no_row,
						start, stop),
		cmocka_unit_test_setup_teardown(connections_come_and_go, start,
						stop),
		cmocka_unit_test_setup_teardown(threads_lose_no_count, start,
						stop),
		cmocka_unit_test(nobody_needs_to_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
