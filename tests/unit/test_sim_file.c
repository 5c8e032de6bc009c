/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sim_file.h"

#include <string.h>

#include "common/text.h"

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

/* A key alone in its file, and all that a rollout takes of it. */
static const struct {
	const char *key, *taken;
} alone[] = {
	{ "max-fail = 300", "\"max_fail\":300" },
	{ "min-sample = 1", "\"min_sample\":1" },
	{ "coverage = 2", "\"coverage\":2" },
	{ "breaker = 3", "\"breaker\":3" },
	{ "evidence-hours = 4", "\"evidence_sec\":14400" },
	{ "new-device-days = 5", "\"new_device_sec\":432000" },
	{ "attempts = 6", "\"attempts\":6" },
	{ "rest-hours = 7", "\"rest_sec\":25200" },
	{ "give-up-hours = 8", "\"give_up_sec\":28800" },
	{ "dark-polls = 9", "\"dark_polls\":9" },
	{ "dark-minutes = 10", "\"dark_sec\":600" },
	{ "start-minutes = 11", "\"start_sec\":660" },
	{ "start-polls = 12", "\"start_polls\":12" },
	{ "progress-hours = 13", "\"progress_sec\":46800" },
	{ "min-rate = 14", "\"min_rate\":14" },
	{ "four-eyes = 15", "\"four_eyes\":15" },
	{ "delta-coverage = 16", "\"delta_coverage\":16" },
	{ "poll-minutes = 17", "\"poll_sec\":1020" },
	{ "share = 0\nshare = 10000", "\"shares\":[0,10000]" },
	{ "watch-minutes = 18", "\"watch\":[1080]" },
	{ "stop-code = SMOKE", "\"stop_codes\":[\"SMOKE\"]" },
};

static void assert_takes(const char *file, const char *taken)
{
	struct buf got = BUF_INIT(1024);
	struct json *body = json_new_object();
	struct err e = { 0 };

	assert_ok(sim_file_rollout(slice_of(file), "f.ini", body, &e));
	assert_ok(json_print(body, false, &got, &e));
	assert_ok(buf_add(&got, (struct slice){ (const uint8_t *)"", 1 }, &e));
	assert_string_equal((const char *)got.ptr, taken);
	buf_done(&got);
	json_free(body);
}

static void a_rollout_takes_what_the_file_names_and_nothing_else(void **state)
{
	char file[128], taken[128];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
		assert_ok(text_format(file, sizeof(file), &e, "[policy]\n%s\n",
				      alone[i].key));
		assert_ok(text_format(taken, sizeof(taken), &e,
				      "{\"policy\":{%s}}", alone[i].taken));
		assert_takes(file, taken);
	}
	assert_takes("[fleet]\ndevices = 5\n", "{\"policy\":{}}");
	assert_takes("[release]\nurgent = yes\n",
		     "{\"urgent\":true,\"policy\":{}}");
	assert_takes("[policy]\nwindow-from = 60\n",
		     "{\"window\":{\"from\":60,\"to\":0,"
		     "\"zone_minutes\":0,\"summer_time\":\"none\"},"
		     "\"policy\":{}}");
}

static void a_wrong_file_gives_a_rollout_nothing(void **state)
{
	struct json *body = json_new_object();
	struct err e = { 0 };

	(void)state;
	assert_refused(sim_file_rollout(slice_of("[policy]\nurgent = yes\n"),
					"f.ini", body, &e),
		       ERR_CONFIG);
	assert_refused(sim_file_rollout(slice_of("[release]\nurgent = yes\n"
						 "[policy]\nshare = half\n"),
					"f.ini", body, &e),
		       ERR_CONFIG);
	assert_int_equal(json_count(body), 0);
	json_free(body);
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
		/* What the server would not take is not tried either. */
		"[policy]\nshare = 500\nshare = 500\n",
		"[policy]\nstop-code = smoke\n",
		"[policy]\nevidence-hours = 8761\n",
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
		cmocka_unit_test(
			a_rollout_takes_what_the_file_names_and_nothing_else),
		cmocka_unit_test(a_wrong_file_gives_a_rollout_nothing),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
