/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/stage_policy.h"

#include <stdio.h>

#include "tests/unit/check.h"

static int take(const char *text, struct stage_policy *p, struct err *e)
{
	return stage_policy_read(slice_of(text), p, e);
}

static void what_is_written_is_what_is_read(void **state)
{
	struct stage_policy p = stage_usual, q = { .attempts = 9 };
	char text[STAGE_POLICY_TEXT];
	struct err e = { 0 };

	(void)state;
	p.delta_coverage = 17;
	p.stops.count = 1;
	memcpy(p.stops.code[0], "SMOKE", 6);
	p.share_count = 2;
	p.shares[1] = 500;
	p.watch_count = 1;
	p.watch[0] = 77;
	assert_ok(stage_policy_write(&p, text, &e));
	assert_ok(take(text, &q, &e));
	assert_memory_equal(&p, &q, sizeof(p));
}

static void what_is_left_out_stays(void **state)
{
	struct stage_policy p = stage_usual;
	struct err e = { 0 };

	(void)state;
	assert_ok(take("{}", &p, &e));
	assert_memory_equal(&p, &stage_usual, sizeof(p));
	assert_ok(take("{\"max_fail\":500,\"shares\":[0,10000]}", &p, &e));
	assert_int_equal(p.gate.max_fail, 500);
	assert_int_equal(p.gate.coverage, stage_usual.gate.coverage);
	assert_int_equal(p.share_count, 2);
}

/* Each member is some field of the policy, and no two are the same. */
static void every_member_changes_something_of_its_own(void **state)
{
	struct json *all = stage_policy_json(&stage_usual);
	struct stage_policy seen[32];
	struct err e = { 0 };
	size_t n = 0;

	(void)state;
	for (void *m = json_first(all); m; m = json_next(all, m)) {
		struct stage_policy p = stage_usual;
		int64_t now = json_int(json_value(m));
		char text[128];

		if (!json_is_integer(json_value(m)))
			continue;
		(void)snprintf(text, sizeof(text), "{\"%s\":%lld}",
			       json_name(m),
			       (long long)(now > 1000 ? now - 1 : now + 1));
		assert_ok(take(text, &p, &e));
		assert_memory_not_equal(&p, &stage_usual, sizeof(p));
		for (size_t i = 0; i < n; i++)
			assert_memory_not_equal(&p, &seen[i], sizeof(p));
		seen[n++] = p;
	}
	assert_int_equal(n, 18);
	json_free(all);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"max_fail\":0}",
		"{\"max_fail\":10001}",
		"{\"max_fail\":\"2\"}",
		"{\"max_fail\":-1}",
		"{\"unknown\":1}",
		"{\"attempts\":0}",
		"{\"attempts\":101}",
		"{\"poll_sec\":0}",
		"{\"stop_codes\":[\"\"]}",
		"{\"stop_codes\":[\"small\"]}",
		"{\"stop_codes\":[1]}",
		"{\"stop_codes\":\"SMOKE\"}",
		("{\"stop_codes\":[\"A\",\"B\",\"C\",\"D\",\"E\",\"F\",\"G\","
		 "\"H\",\"I\"]}"),
		"{\"shares\":[5,5]}",
		"{\"shares\":[10001]}",
		"{\"shares\":[-1]}",
		"{\"shares\":[1,2,3,4,5,6,7,8,9]}",
		"{\"watch\":[\"4h\"]}",
		"{\"watch\":[99999999999]}",
		"{\"max_fail\":5} x",
		"{\"four_eyes\":10002}",
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct stage_policy p = stage_usual;

		if (take(bad[i], &p, &e) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_memory_equal(&p, &stage_usual, sizeof(p));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(what_is_left_out_stays),
		cmocka_unit_test(every_member_changes_something_of_its_own),
		cmocka_unit_test(nonsense_is_refused_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
