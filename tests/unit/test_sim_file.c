/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sim_file.h"

#include <string.h>

#include "tests/unit/check.h"

static int parse(const char *text, struct sim_world *w, struct err *e)
{
	return sim_file_parse(slice_of(text), "f.ini", w, e);
}

static void an_empty_file_is_the_usual_world(void **state)
{
	static struct sim_world w, usual;
	struct err e = { 0 };

	(void)state;
	sim_world_init(&usual);
	assert_ok(parse("", &w, &e));
	assert_memory_equal(&w.stage.policy, &usual.stage.policy,
			    sizeof(w.stage.policy));
	assert_int_equal(w.devices, usual.devices);
	assert_false(w.stage.has_window);
}

static void values_arrive_where_they_belong(void **state)
{
	static struct sim_world w;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse("[fleet]\nzone-west-minutes = 90\nliars-are-new = yes\n"
			"[policy]\nmax-fail = 50\nevidence-hours = 2\n"
			"stop-code = A\nstop-code = B\nwindow-to = 60\n"
			"[run]\nstart = 2026-03-28T22:00:00Z\n",
			&w, &e));
	assert_int_equal(w.zone.offset_min, -90);
	assert_true(w.liars_are_new);
	assert_int_equal(w.stage.policy.gate.max_fail, 50);
	assert_int_equal(w.stage.policy.evidence_sec, 7200);
	assert_int_equal(w.stage.policy.stops.count, 2);
	assert_string_equal(w.stage.policy.stops.code[1], "B");
	assert_true(w.stage.has_window);
	assert_int_equal(w.start, 1774735200);
}

/* Each key of the policy, and of what a person does, is read by somebody. */
static void every_key_of_the_policy_arrives(void **state)
{
	static struct sim_world w;
	const struct stage_policy *p = &w.stage.policy;
	struct err e = { 0 };

	(void)state;
	assert_ok(parse("[fleet]\npinned = 7\n"
			"[release]\nundo = 9\nbegin-minutes = 11\n"
			"deltas-reach = 12\n"
			"[policy]\nmin-sample = 1\ncoverage = 2\n"
			"breaker = 3\nnew-device-days = 4\nattempts = 5\n"
			"rest-hours = 6\ngive-up-hours = 7\n"
			"dark-polls = 8\ndark-minutes = 9\n"
			"start-minutes = 10\nstart-polls = 11\n"
			"progress-hours = 12\nmin-rate = 13\n"
			"poll-minutes = 14\nfour-eyes = 15\n"
			"delta-coverage = 16\nshare = 0\nshare = 10000\n"
			"watch-minutes = 17\n"
			"[run]\norder-ends-at-hour = 18\n"
			"metadata-ends-at-hour = 19\n",
			&w, &e));
	assert_int_equal(w.pinned, 7);
	assert_int_equal(w.undo, 9);
	assert_int_equal(w.begin_min, 11);
	assert_int_equal(w.delta_coverage, 12);
	assert_int_equal(w.order_hours, 18);
	assert_int_equal(w.metadata_hours, 19);
	assert_int_equal(p->gate.min_sample, 1);
	assert_int_equal(p->gate.coverage, 2);
	assert_int_equal(p->gate.breaker, 3);
	assert_int_equal(p->new_device_sec, 4 * UTC_DAY);
	assert_int_equal(p->attempts, 5);
	assert_int_equal(p->rest_sec, 6 * 3600);
	assert_int_equal(p->timers.give_up, 7 * 3600);
	assert_int_equal(p->timers.dark_polls, 8);
	assert_int_equal(p->timers.dark_min, 9 * 60);
	assert_int_equal(p->timers.start_min, 10 * 60);
	assert_int_equal(p->timers.start_polls, 11);
	assert_int_equal(p->timers.progress_min, 12 * 3600);
	assert_int_equal(p->timers.min_rate, 13);
	assert_int_equal(p->poll_sec, 14 * 60);
	assert_int_equal(p->four_eyes, 15);
	assert_int_equal(p->delta_coverage, 16);
	assert_int_equal(p->share_count, 2);
	assert_int_equal(p->shares[1], 10000);
	assert_int_equal(p->watch_count, 1);
	assert_int_equal(p->watch[0], 17 * 60);
}

static void what_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {
		"[fleet]\ndevices = 0\n",
		"[fleet]\nnight = 10001\n",
		"[fleet]\nunknown = 1\n",
		"[policy]\nattempts = 0\n",
		"[policy]\nstop-code = A2345678901234567890123456789012X\n",
		"[policy]\nshare = half\n",
		"[policy]\nshare = 10001\n",
		/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma) */
		"[policy]\nshare = 1\nshare = 2\nshare = 3\nshare = 4\n"
		"share = 5\nshare = 6\nshare = 7\nshare = 8\nshare = 9\n",
		"[policy]\nwatch-minutes = -1\n",
		"[run]\nstart = today\n",
		"[run]\nstart = 9999-12-31T23:00:00Z\n",
		"[run]\nhours = 0\n",
	};
	static struct sim_world w;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_refused(parse(bad[i], &w, &e), ERR_CONFIG);
		assert_non_null(strstr(e.msg, "f.ini"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_the_usual_world),
		cmocka_unit_test(values_arrive_where_they_belong),
		cmocka_unit_test(every_key_of_the_policy_arrives),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
