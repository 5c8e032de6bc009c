/* SPDX-License-Identifier: Apache-2.0 */
#include "common/order_draft.h"

#include "common/bucket.h"
#include "tests/unit/check.h"

#define NOW INT64_C(1795748400) /* 2026-11-27T03:00:00Z */

static struct release release = { .product = "kiosk", .id = "2" };

static struct order_ask ask_for(const char *cohort)
{
	struct order_ask a = { .now = NOW };

	a.cohorts.at[0] = cohort;
	a.cohorts.count = 1;
	return a;
}

static void a_ladder_grows_by_one_phase(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask a = ask_for("fleet");
	struct order first, second;
	struct err e = { 0 };

	(void)state;
	a.wide = true;
	a.share = "25";
	a.devices.at[0] = "09000000000000000000000000000000";
	a.devices.count = 1;
	assert_ok(order_draft_open(&set, &release, &a, &first, &e));
	assert_int_equal(first.number, 1);
	assert_true(first.phases[0].limit == bucket_limit_of(2500));
	assert_int_equal(first.expires, NOW + 30 * UTC_DAY);
	set.at[ORDER_WIDE] = &first;
	a.share = "50";
	a.devices.count = 0;
	assert_ok(order_draft_open(&set, &release, &a, &second, &e));
	assert_int_equal(second.number, 2);
	assert_int_equal(second.phase_count, 2);
	assert_int_equal(second.phases[0].devices[0].bytes[0], 9);
	assert_ok(order_grows(&first, &second, &e));
	order_done(&first);
	order_done(&second);
}

static void a_planned_limit_is_compared_with_chance(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask a = ask_for("fleet");
	struct err e = { 0 };
	struct order o;

	(void)state;
	a.limit = "0400000000000000"; /* 1.6 % */
	a.fleet = 1000;
	assert_refused_saying(order_draft_open(&set, &release, &a, &o, &e),
			      ERR_USAGE, "wants --share and --devices");
	a.fleet = 0;
	a.share = "1";
	assert_refused_saying(order_draft_open(&set, &release, &a, &o, &e),
			      ERR_USAGE, "wants --share and --devices");
	a.fleet = 1000;
	assert_ok(order_draft_open(&set, &release, &a, &o, &e));
	assert_true(o.phases[0].limit == UINT64_C(0x0400000000000000));
	order_done(&o);
	a.limit = "8000000000000000";
	assert_refused(order_draft_open(&set, &release, &a, &o, &e),
		       ERR_REFUSED);
}

static void what_is_asked_for_badly_is_told(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask a = ask_for("Fleet");
	struct err e = { 0 };
	struct order o;

	(void)state;
	assert_refused(order_draft_open(&set, &release, &a, &o, &e), ERR_USAGE);
	a.cohorts.count = 0;
	assert_refused(order_draft_open(&set, &release, &a, &o, &e), ERR_USAGE);
	a.devices.at[0] = "09";
	a.devices.count = 1;
	assert_refused(order_draft_open(&set, &release, &a, &o, &e), ERR_USAGE);
	a = ask_for("fleet");
	a.not_after = "tomorrow";
	assert_refused_saying(order_draft_open(&set, &release, &a, &o, &e),
			      ERR_USAGE, "--not-after");
	a = ask_for("fleet");
	a.not_before = "yesterday";
	assert_refused_saying(order_draft_open(&set, &release, &a, &o, &e),
			      ERR_USAGE, "--not-before");
	a = ask_for("fleet");
	for (size_t i = 0; i <= ORDER_COHORTS_MAX; i++)
		a.cohorts.at[i] = "fleet";
	a.cohorts.count = ORDER_COHORTS_MAX + 1;
	assert_refused(order_draft_open(&set, &release, &a, &o, &e), ERR_USAGE);
}

static void in_production_an_order_lives_for_two_weeks_at_least(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask a = ask_for("fleet");
	struct err e = { 0 };
	struct order o;

	(void)state;
	a.days = 13;
	assert_ok(order_draft_open(&set, &release, &a, &o, &e));
	assert_int_equal(o.expires, NOW + 13 * UTC_DAY);
	order_done(&o);
	a.production = true;
	assert_refused_saying(order_draft_open(&set, &release, &a, &o, &e),
			      ERR_REFUSED, "14 days at least");
	a.emergency = true;
	assert_ok(order_draft_open(&set, &release, &a, &o, &e));
	order_done(&o);
	a.emergency = false;
	a.days = 14;
	assert_ok(order_draft_open(&set, &release, &a, &o, &e));
	order_done(&o);
	a.days = 0;
	assert_ok(order_draft_open(&set, &release, &a, &o, &e));
	assert_int_equal(o.expires, NOW + 30 * UTC_DAY);
	order_done(&o);
}

static void after_a_halt_one_operator_drafts_nothing(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask a = ask_for("fleet");
	struct err e = { 0 };
	struct order halt, o;

	(void)state;
	order_draft_halt(&set, &release, NOW, &halt);
	assert_int_equal(halt.kind, ORDER_HALT);
	set.at[ORDER_ONE] = &halt;
	assert_refused(order_draft_open(&set, &release, &a, &o, &e),
		       ERR_REFUSED);
	a.wide = true;
	assert_ok(order_draft_open(&set, &release, &a, &o, &e));
	assert_int_equal(o.number, 2);
	order_done(&o);
}

static void a_ladder_has_a_last_phase(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask a = ask_for("fleet");
	struct order before = { .number = 0 }, o;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ORDER_PHASES_MAX; i++) {
		assert_ok(order_draft_open(&set, &release, &a, &o, &e));
		order_done(&before);
		before = o;
		set.at[ORDER_ONE] = &before;
	}
	assert_refused(order_draft_open(&set, &release, &a, &o, &e), ERR_LIMIT);
	order_done(&before);
}

static void a_baseline_comes_after_the_last_phase(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask a = ask_for("fleet");
	struct order staged, halt, o;
	struct err e = { 0 };

	(void)state;
	a.wide = true;
	assert_refused(order_draft_passed(&set, &release, &a, &e), ERR_REFUSED);
	a.share = "50";
	assert_ok(order_draft_open(&set, &release, &a, &staged, &e));
	set.at[ORDER_WIDE] = &staged;
	assert_refused(order_draft_passed(&set, &release, &a, &e), ERR_REFUSED);
	a.share = NULL;
	assert_ok(order_draft_open(&set, &release, &a, &o, &e));
	order_done(&staged);
	staged = o;
	assert_ok(order_draft_passed(&set, &release, &a, &e));
	a.now = NOW - 1; /* it has not begun */
	assert_refused(order_draft_passed(&set, &release, &a, &e), ERR_REFUSED);
	a.now = NOW;
	a.cohorts.at[1] = "canary";
	a.cohorts.count = 2;
	assert_refused_saying(order_draft_passed(&set, &release, &a, &e),
			      ERR_REFUSED, "canary");
	a.cohorts.count = 1;
	assert_ok(order_draft_baseline(&set, &release, &a, &o, &e));
	assert_int_equal(o.kind, ORDER_BASELINE);
	assert_int_equal(o.number, 3);
	assert_int_equal(o.expires, 0);
	order_done(&o);
	order_draft_halt(&set, &release, NOW, &halt);
	set.at[ORDER_ONE] = &halt;
	assert_refused_saying(order_draft_passed(&set, &release, &a, &e),
			      ERR_REFUSED, "is halted");
	/* until two operators have opened it again */
	staged.number = halt.number + 1;
	assert_ok(order_draft_passed(&set, &release, &a, &e));
	set.at[ORDER_WIDE] = &halt;
	set.at[ORDER_ONE] = &staged;
	assert_refused(order_draft_passed(&set, &release, &a, &e), ERR_REFUSED);
	order_done(&staged);
}

static void a_baseline_takes_the_place_of_whom_it_serves(void **state)
{
	struct order_set set = { .at = { NULL } };
	struct order_ask few = ask_for("fleet"), many = ask_for("canary");
	struct order former, next, staged;
	struct err e = { 0 };

	(void)state;
	many.cohorts.at[1] = "fleet";
	many.cohorts.count = 2;
	few.wide = true;
	assert_ok(order_draft_baseline(&set, &release, &few, &former, &e));
	assert_ok(order_draft_baseline(&set, &release, &many, &next, &e));
	assert_ok(order_draft_open(&set, &release, &few, &staged, &e));
	assert_true(order_draft_replaces(&next, &former));
	assert_true(order_draft_replaces(&former, &former));
	assert_false(order_draft_replaces(&former, &next));
	assert_false(order_draft_replaces(&next, &staged));
	former.phase_count = 2; /* that it does not look at */
	assert_false(order_draft_replaces(&next, &former));
	former.phase_count = 1;
	order_done(&former);
	order_done(&next);
	order_done(&staged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ladder_grows_by_one_phase),
		cmocka_unit_test(a_planned_limit_is_compared_with_chance),
		cmocka_unit_test(what_is_asked_for_badly_is_told),
		cmocka_unit_test(
			in_production_an_order_lives_for_two_weeks_at_least),
		cmocka_unit_test(after_a_halt_one_operator_drafts_nothing),
		cmocka_unit_test(a_ladder_has_a_last_phase),
		cmocka_unit_test(a_baseline_comes_after_the_last_phase),
		cmocka_unit_test(a_baseline_takes_the_place_of_whom_it_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
