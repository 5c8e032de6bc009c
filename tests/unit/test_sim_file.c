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

static void what_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {
		"[fleet]\ndevices = 0\n",
		"[fleet]\nnight = 10001\n",
		"[fleet]\nunknown = 1\n",
		"[policy]\nattempts = 0\n",
		"[policy]\nstop-code = A2345678901234567890123456789012X\n",
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
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
