/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/exposition.h"

#include "tests/unit/check.h"

static struct buf out = BUF_INIT(4096);
static struct exposition x;

static int start(void **state)
{
	(void)state;
	buf_done(&out);
	out.max = 4096;
	exposition_begin(&x, &out);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	buf_done(&out);
	return 0;
}

static void expect(const char *text)
{
	struct err e = { 0 };

	assert_ok(exposition_end(&x, &e));
	assert_string_equal(buf_text(&out), text);
}

static void a_family_is_named_once_and_its_samples_follow(void **state)
{
	(void)state;
	exposition_family(&x, "pawl_a_total", EXPOSE_COUNTER, "What a is.");
	exposition_int(&x, EXPOSE_LABELS({ "status", "200" }), 17);
	exposition_int(&x, EXPOSE_LABELS({ "status", "304" }, { "by", "b" }),
		       1);
	exposition_family(&x, "pawl_b", EXPOSE_GAUGE, "What b is.");
	exposition_int(&x, EXPOSE_PLAIN, -5);
	expect("# HELP pawl_a_total What a is.\n"
	       "# TYPE pawl_a_total counter\n"
	       "pawl_a_total{status=\"200\"} 17\n"
	       "pawl_a_total{status=\"304\",by=\"b\"} 1\n"
	       "# HELP pawl_b What b is.\n"
	       "# TYPE pawl_b gauge\n"
	       "pawl_b -5\n");
}

static void a_value_forges_no_line(void **state)
{
	(void)state;
	exposition_family(&x, "a", EXPOSE_GAUGE, "A.");
	exposition_int(
		&x, EXPOSE_LABELS({ "n", "\"} 1\nb{n=\"\\" }, { "m", "" }), 2);
	expect("# HELP a A.\n# TYPE a gauge\n"
	       "a{n=\"\\\"} 1\\nb{n=\\\"\\\\\",m=\"\"} 2\n");
}

static void whole_numbers_stay_whole(void **state)
{
	(void)state;
	exposition_family(&x, "a", EXPOSE_GAUGE, "A.");
	exposition_int(&x, EXPOSE_PLAIN, INT64_MAX);
	exposition_int(&x, EXPOSE_PLAIN, INT64_MIN);
	expect("# HELP a A.\n# TYPE a gauge\n"
	       "a 9223372036854775807\na -9223372036854775808\n");
}

static void a_ratio_is_exact(void **state)
{
	(void)state;
	exposition_family(&x, "a", EXPOSE_GAUGE, "A.");
	exposition_ratio(&x, EXPOSE_PLAIN, 0);
	exposition_ratio(&x, EXPOSE_PLAIN, 270);
	exposition_ratio(&x, EXPOSE_LABELS({ "r", "one" }), 10000);
	expect("# HELP a A.\n# TYPE a gauge\n"
	       "a 0.0000\na 0.0270\na{r=\"one\"} 1.0000\n");
}

static void buckets_add_up(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	histogram_add(&h, 0);
	histogram_add(&h, 1000000); /* a bound belongs to its bucket */
	histogram_add(&h, 1000001);
	histogram_add(&h, UINT64_C(10000000001));
	exposition_family(&x, "t", EXPOSE_HISTOGRAM, "T.");
	exposition_histogram(&x, EXPOSE_LABELS({ "on", "d" }), &h);
	expect("# HELP t T.\n# TYPE t histogram\n"
	       "t_bucket{on=\"d\",le=\"0.001\"} 2\n"
	       "t_bucket{on=\"d\",le=\"0.0025\"} 3\n"
	       "t_bucket{on=\"d\",le=\"0.005\"} 3\n"
	       "t_bucket{on=\"d\",le=\"0.01\"} 3\n"
	       "t_bucket{on=\"d\",le=\"0.025\"} 3\n"
	       "t_bucket{on=\"d\",le=\"0.05\"} 3\n"
	       "t_bucket{on=\"d\",le=\"0.1\"} 3\n"
	       "t_bucket{on=\"d\",le=\"0.25\"} 3\n"
	       "t_bucket{on=\"d\",le=\"0.5\"} 3\n"
	       "t_bucket{on=\"d\",le=\"1\"} 3\n"
	       "t_bucket{on=\"d\",le=\"2.5\"} 3\n"
	       "t_bucket{on=\"d\",le=\"5\"} 3\n"
	       "t_bucket{on=\"d\",le=\"10\"} 3\n"
	       "t_bucket{on=\"d\",le=\"+Inf\"} 4\n"
	       "t_sum{on=\"d\"} 10.002000002\n"
	       "t_count{on=\"d\"} 4\n");
}

static void a_histogram_needs_no_labels(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	exposition_family(&x, "t", EXPOSE_HISTOGRAM, "T.");
	exposition_histogram(&x, EXPOSE_PLAIN, &h);
	assert_non_null(strstr(buf_text(&out), "t_bucket{le=\"0.001\"} 0\n"));
	assert_non_null(strstr(buf_text(&out), "t_sum 0.000000000\n"));
	assert_non_null(strstr(buf_text(&out), "t_count 0\n"));
}

static void too_much_is_told_at_the_end(void **state)
{
	struct err e = { 0 };

	(void)state;
	out.max = 30;
	exposition_family(&x, "pawl_a_total", EXPOSE_COUNTER, "What a is.");
	exposition_int(&x, EXPOSE_PLAIN, 1);
	assert_refused(exposition_end(&x, &e), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_family_is_named_once_and_its_samples_follow, start),
		cmocka_unit_test_setup(a_value_forges_no_line, start),
		cmocka_unit_test_setup(whole_numbers_stay_whole, start),
		cmocka_unit_test_setup(a_ratio_is_exact, start),
		cmocka_unit_test_setup(buckets_add_up, start),
		cmocka_unit_test_setup(a_histogram_needs_no_labels, start),
		cmocka_unit_test_setup(too_much_is_told_at_the_end, start),
	};

	return cmocka_run_group_tests(tests, NULL, stop);
}
