/* SPDX-License-Identifier: Apache-2.0 */
/* Whole rollouts over fleets that do not exist: docs/fleet.md in cases. */
#include "update-server/sim.h"

#include <string.h>

#include "tests/unit/check.h"

/* The result of a world; printed when a test fails is what it was. */
static struct sim_result run(const struct sim_world *w)
{
	static struct sim_result r;
	struct err e = { 0 };

	assert_ok(sim_run(w, NULL, &r, &e));
	print_message("%s %s phase %zu, exposed %llu, confirmed %llu, bad %llu,"
		      " bricked %llu: %s\n",
		      stage_status_name(r.stage.status),
		      stage_pause_name(r.stage.pause), r.stage.phase + 1,
		      (unsigned long long)r.exposed,
		      (unsigned long long)r.confirmed,
		      (unsigned long long)r.bad, (unsigned long long)r.bricked,
		      r.stage.reason);
	return r;
}

static struct sim_world world(void)
{
	struct sim_world w;

	sim_world_init(&w);
	return w;
}

/* Two phases that prove something, and no canaries. */
static struct sim_world two_phases(void)
{
	static const uint32_t shares[] = { 2500, BUCKET_SHARE_ALL };
	struct sim_world w = world();
	struct err e = { 0 };

	w.devices = 2000;
	w.hours = 72;
	assert_ok(ladder_of_shares(shares, 2, w.devices, 149, &w.stage.ladder,
				   &e));
	return w;
}

static void a_perfect_release_completes(void **state)
{
	struct sim_world w = world();
	struct sim_result r;

	(void)state;
	w.devices = 3000;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	assert_int_equal(r.confirmed, w.devices);
	assert_int_equal(r.pauses, 0);
}

/* ---- darkness ------------------------------------------------------------ */

static void nightly_darkness_never_pauses_a_perfect_release(void **state)
{
	struct sim_world w = world();

	(void)state;
	w.devices = 6000;
	w.night = 500;
	w.hours = 120;
	for (w.seed = 1; w.seed <= 4; w.seed++) {
		struct sim_result r = run(&w);

		assert_int_equal(r.stage.status, STAGE_COMPLETED);
		assert_int_equal(r.pauses, 0);
	}
}

static void what_others_do_in_the_same_hours_is_no_fault(void **state)
{
	struct sim_world w = two_phases();
	struct err e = { 0 };
	struct sim_result r;

	(void)state;
	/* Opened in the evening, while half of the fleet is switched off:
	 * counted by itself the darkness of those that restart is far above
	 * the limit. */
	assert_ok(utc_parse(slice_of("2026-01-01T20:00:00Z"), &w.start, &e));
	w.night = 5000;
	w.restart_min = 20;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	assert_int_equal(r.pauses, 0);
}

static void a_silent_brick_is_found_on_top_of_it(void **state)
{
	struct sim_world w = two_phases();
	struct err e = { 0 };
	static const uint32_t shares[] = { 2500, BUCKET_SHARE_ALL };

	(void)state;
	w.devices = 40000;
	w.night = 500;
	w.brick = 300;
	w.hours = 40;
	assert_ok(ladder_of_shares(shares, 2, w.devices, 149, &w.stage.ladder,
				   &e));
	for (w.seed = 1; w.seed <= 2; w.seed++) {
		struct sim_result r = run(&w);

		assert_int_equal(r.stage.status, STAGE_PAUSED);
		assert_int_equal(r.stage.verdict, GATE_TRIP_DARK);
		assert_int_equal(r.exposed, w.devices / 4);
	}
}

/* Fleets in which a phase has few to compare with, or none. */
static const uint64_t fleets[] = { 300, 1000, 3000, 10000 };

static void a_silent_brick_never_completes_by_itself(void **state)
{
	struct sim_world w = world();

	(void)state;
	w.night = 500;
	w.brick = 300;
	w.hours = 240;
	for (size_t i = 0; i < ARRAY_LEN(fleets); i++)
		for (w.seed = 1; w.seed <= 6; w.seed++) {
			w.devices = fleets[i];
			assert_int_not_equal(run(&w).stage.status,
					     STAGE_COMPLETED);
		}
}

static void a_night_alone_holds_nothing_in_fleets_of_any_size(void **state)
{
	struct sim_world w = world();

	(void)state;
	w.night = 500;
	w.hours = 120; /* two nights more than it takes */
	for (size_t i = 0; i < ARRAY_LEN(fleets); i++)
		for (w.seed = 1; w.seed <= 6; w.seed++) {
			struct sim_result r;

			w.devices = fleets[i];
			r = run(&w);
			assert_int_equal(r.stage.status, STAGE_COMPLETED);
			assert_int_equal(r.pauses, 0);
		}
}

static void a_canary_that_never_comes_back_holds_everything(void **state)
{
	struct sim_world w = world();
	struct sim_result r;

	(void)state;
	w.devices = 1000;
	w.brick = 3000;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_PAUSED);
	assert_int_equal(r.exposed, LADDER_CANARIES);
}

/* ---- failures ------------------------------------------------------------ */

static void a_bad_release_is_stopped_at_the_canaries(void **state)
{
	struct sim_world w = world();
	struct sim_result r;

	(void)state;
	w.devices = 1000;
	w.fail = 5000;
	r = run(&w);
	assert_int_equal(r.stage.pause, PAUSE_GATE);
	assert_true(r.exposed <= LADDER_CANARIES);
	assert_int_equal(r.pauses, 1); /* once, however often it is looked at */
}

static void hardware_on_which_it_fails_stops_it_for_all(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.models = 5;
	w.bad_model = 3;
	w.bad_model_fail = 5000; /* 10 % of all */
	r = run(&w);
	assert_int_equal(r.stage.pause, PAUSE_GATE);
	assert_true(r.exposed <= w.devices / 4);
}

static void who_goes_back_later_is_noticed_and_not_offered_again(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.late_revert = 1000;
	r = run(&w);
	assert_int_equal(r.stage.pause, PAUSE_GATE);
	/* one offer each, although they run the old release again */
	assert_int_equal(r.offers, r.exposed);
}

static void what_goes_wrong_when_it_has_completed_stops_it_too(void **state)
{
	static const uint32_t all = BUCKET_SHARE_ALL;
	struct sim_world w = two_phases();
	struct err e = { 0 };
	struct sim_result r;

	(void)state;
	assert_ok(
		ladder_of_shares(&all, 1, w.devices, 149, &w.stage.ladder, &e));
	w.stage.ladder.rungs[0].bake_sec = 0;
	w.late_revert = 1000; /* hours after the last phase has passed */
	r = run(&w);
	assert_true(r.completed > 0);
	assert_int_equal(r.stage.status, STAGE_PAUSED);
	assert_int_equal(r.stage.pause, PAUSE_GATE);
	assert_int_equal(r.pauses, 1);
}

static void a_person_who_goes_on_after_each_stop_comes_to_the_end(void **state)
{
	struct sim_world w = world();

	(void)state;
	w.devices = 1000;
	w.models = 10;
	w.bad_model = 1;
	w.bad_model_fail = 8000;
	w.resume_hours = 24; /* whoever was offered it has ended by then */
	w.hours = 1200;
	for (w.seed = 1; w.seed <= 3; w.seed++)
		assert_int_equal(run(&w).stage.status, STAGE_COMPLETED);
}

static void new_devices_that_lie_stop_nothing(void **state)
{
	struct sim_world w = two_phases();

	(void)state;
	w.liars = 1000;
	assert_int_equal(run(&w).stage.pause, PAUSE_GATE);
	w.liars_are_new = true;
	assert_int_equal(run(&w).stage.status, STAGE_COMPLETED);
}

static void full_disks_do_not_stop_and_payload_trouble_does(void **state)
{
	struct sim_world w = two_phases();

	(void)state;
	w.env = 1000;
	assert_int_equal(run(&w).stage.status, STAGE_COMPLETED);
	w.env = 0;
	w.missing = BUCKET_SHARE_ALL; /* gone from all mirrors */
	assert_int_equal(run(&w).stage.pause, PAUSE_TROUBLE);
}

/* ---- evidence and coming late -------------------------------------------- */

static void canaries_that_are_all_offline_pause(void **state)
{
	struct sim_world w = world();
	struct sim_result r;

	(void)state;
	w.devices = 1000;
	w.canaries_away_hours = 1000;
	r = run(&w);
	assert_int_equal(r.stage.pause, PAUSE_EVIDENCE);
	assert_int_equal(r.exposed, 0);
}

static void silent_devices_do_not_block_a_phase(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.away = 3000;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	assert_int_equal(r.confirmed, r.exposed);
}

/* Its second phase is barely large enough to prove anything. */
static void a_few_silent_devices_do_not_block_one_that_needs_all(void **state)
{
	static const struct {
		uint64_t devices, away;
	} worlds[] = { { 17000, 100 }, { 17000, 1500 }, { 18000, 700 },
		       { 3400, 300 },  { 3600, 800 },   { 800, 1500 } };
	struct sim_world w = world();

	(void)state;
	w.hours = 200; /* all have completed for two days */
	for (size_t i = 0; i < ARRAY_LEN(worlds); i++)
		for (w.seed = 1; w.seed <= 3; w.seed++) {
			struct sim_result r;

			w.devices = worlds[i].devices;
			w.away = worlds[i].away;
			r = run(&w);
			assert_int_equal(r.stage.status, STAGE_COMPLETED);
			assert_int_equal(r.pauses, 0);
		}
}

static void a_device_that_was_offline_at_the_start_gets_it_later(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.canaries_away_hours = 60; /* the whole first phase, here */
	w.hours = 120;
	r = run(&w);
	assert_int_equal(r.confirmed, w.devices);
}

static void who_is_pinned_elsewhere_is_left_alone(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.stage.ladder.count = 0;
	w.devices = 2000;
	w.pinned = 2500;
	w.hours = 200;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	assert_int_equal(r.confirmed, r.stage.ladder.population);
	assert_in_range(r.confirmed, 1400, 1600);
	assert_int_equal(r.exposed, r.confirmed);
}

/* Few of a large fleet run it: its canaries are of these. */
static void an_undo_reaches_those_that_run_what_it_undoes(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.stage.ladder.count = 0;
	w.devices = 20000;
	w.undo = 50;
	w.stage.urgent = true;
	w.hours = 48;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	assert_int_equal(r.stage.ladder.rungs[0].size, 20);
	assert_in_range(r.confirmed, 60, 150);
	assert_int_equal(r.confirmed, r.stage.ladder.population);
	assert_int_equal(r.exposed, r.confirmed);
}

static void the_end_of_its_order_pauses_it(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.order_hours = 2;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_PAUSED);
	assert_int_equal(r.stage.pause, PAUSE_ORDER);
	assert_true(r.exposed < w.devices);
}

/* What is out finishes; nobody is offered what no device would take. */
static void the_end_of_its_metadata_pauses_it(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.metadata_hours = 2;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_PAUSED);
	assert_int_equal(r.stage.pause, PAUSE_METADATA);
	assert_int_equal(r.first_pause, w.start + 2 * 3600);
	assert_true(r.exposed < w.devices);
	assert_int_equal(r.confirmed, r.exposed);
}

static void who_puts_it_off_gets_it_a_day_later(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.defer = 2000;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	assert_int_equal(r.confirmed, w.devices);
}

static void a_stepping_stone_is_taken_first(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.old = BUCKET_SHARE_ALL;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	assert_int_equal(r.offers, 2 * w.devices);
	assert_int_equal(r.tally.states[0][STAGE_CONFIRMED] +
				 r.tally.states[1][STAGE_CONFIRMED],
			 2 * w.devices);
}

/* ---- people, hours, sizes ------------------------------------------------ */

static void superseding_ends_what_has_not_installed(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.download_min = 180;
	w.supersede_after = 1;
	r = run(&w);
	assert_int_equal(r.stage.status, STAGE_REPLACED);
	assert_int_equal(tally_count(&r.tally, STAGE_SUPERSEDED), r.exposed);
	assert_int_equal(r.confirmed, 0);
}

static void pausing_changes_nothing_on_devices_that_have_it(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.pause_after = 5;
	r = run(&w);
	assert_int_equal(r.stage.pause, PAUSE_PERSON);
	assert_int_equal(r.confirmed, w.devices / 4);
}

static void resuming_opens_an_epoch_in_which_old_failures_are_over(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result r;

	(void)state;
	w.bad_model = 1;
	w.models = 10;
	w.bad_model_fail = 8000;
	w.resume_hours = 2;
	w.hours = 24;
	r = run(&w);
	assert_true(r.stage.epoch > 0);
	assert_true(r.exposed > 0);
}

/* Offers in the first night after the clocks change, in its window. */
static uint64_t offers_in_window(const char *start, uint16_t from, uint16_t to)
{
	struct sim_world w = two_phases();
	struct err e = { 0 };

	w.interval_sec = 900;
	w.hours = 5;
	w.zone = (struct window_zone){ 60, SUMMER_EU };
	assert_ok(utc_parse(slice_of(start), &w.start, &e));
	w.stage.has_window = true;
	w.stage.window_from = from;
	w.stage.window_to = to;
	return run(&w).offers;
}

static void a_window_in_the_hour_that_is_missing_does_not_open(void **state)
{
	(void)state;
	assert_true(offers_in_window("2026-03-27T23:00:00Z", 120, 180) > 0);
	assert_int_equal(offers_in_window("2026-03-28T23:00:00Z", 120, 180), 0);
	assert_true(offers_in_window("2026-03-28T23:00:00Z", 120, 240) > 0);
	/* Of the hour that comes twice, who does not come in the first does in
	 * the second. */
	assert_true(offers_in_window("2026-10-24T22:00:00Z", 120, 180) > 0);
}

static void nobody_is_refused_and_one_is_one_phase(void **state)
{
	static struct sim_result r;
	struct sim_world w = world();
	struct err e = { 0 };

	(void)state;
	w.devices = 0;
	assert_refused(sim_run(&w, NULL, &r, &e), ERR_REFUSED);
	w.devices = 1;
	r = run(&w);
	assert_int_equal(r.stage.ladder.count, 1);
	assert_int_equal(r.stage.status, STAGE_COMPLETED);
	w.devices = SIM_DEVICES_MAX + 1;
	assert_refused(sim_run(&w, NULL, &r, &e), ERR_USAGE);
}

static void what_is_urgent_brings_devices_sooner(void **state)
{
	struct sim_world w = world();
	struct sim_result a, b;

	(void)state;
	w.devices = 3000;
	w.away = 1000;
	w.stage.urgent = true;
	a = run(&w);
	w.checkins_per_sec = w.devices / 600;
	b = run(&w);
	assert_true(a.reachable < w.devices && a.reachable == b.reachable);
	assert_true(a.nearly_all > w.start && a.acts > 0);
	assert_true(b.nearly_all > w.start && b.nearly_all < a.nearly_all);
	assert_true(b.confirmed >= b.reachable * 95 / 100);
	/* once they have it they come as ever */
	assert_true(b.checkins < 2 * a.checkins);
	w.stage.urgent = false;
	b = run(&w);
	assert_true(b.nearly_all == 0 || b.nearly_all >= a.nearly_all);
}

static void the_same_world_has_the_same_history(void **state)
{
	struct sim_world w = two_phases();
	struct sim_result a, b;

	(void)state;
	w.fail = 100;
	w.night = 500;
	a = run(&w);
	b = run(&w);
	assert_memory_equal(&a.tally, &b.tally, sizeof(a.tally));
	assert_int_equal(a.checkins, b.checkins);
}

/* ---- every field of the policy matters ----------------------------------- */

#define TOLD 9

static void outcome_of(const struct sim_world *w, int64_t told[TOLD])
{
	struct sim_result r = run(w);
	const int64_t all[TOLD] = {
		(int64_t)tally_count(&r.tally, STAGE_LOST),
		(int64_t)tally_count(&r.tally, STAGE_EXPIRED),
		(int64_t)tally_count(&r.tally, STAGE_STALLED),
		(int64_t)r.offers,
		(int64_t)r.exposed,
		r.first_pause,
		r.completed,
		r.stage.pause,
		r.acts,
	};

	memcpy(told, all, sizeof(all));
}

static void differs(const char *field, const struct sim_world *a,
		    const struct sim_world *b)
{
	int64_t x[TOLD], y[TOLD];

	outcome_of(a, x);
	outcome_of(b, y);
	if (memcmp(x, y, sizeof(x)) == 0)
		fail_msg("%s changes nothing", field);
}

#define MUTATE(field, value)                                                   \
	do {                                                                   \
		struct sim_world mutant = w;                                   \
		mutant.stage.policy.field = (value);                           \
		differs(#field, &w, &mutant);                                  \
	} while (0)

static void every_field_of_the_gates_changes_an_outcome(void **state)
{
	struct sim_world w = two_phases();
	struct sim_world m;

	(void)state;
	w.fail = 600;
	MUTATE(gate.max_fail, 2000);
	w.fail = 0;
	MUTATE(gate.min_sample, 100000);
	w.download_min = 60;
	MUTATE(gate.coverage, 1);
	w.download_min = 10;
	w.missing = 1000;
	MUTATE(gate.breaker, 100);
	w.missing = 0;
	w.fail = 50;
	m = w;
	memcpy(m.stage.policy.stops.code[0], "HEALTH_FAILED", 14);
	m.stage.policy.stops.count = 1;
	differs("stops", &w, &m);
	w.fail = 0;
	w.liars = 1000;
	w.liars_are_new = true;
	MUTATE(new_device_sec, 0);
}

static void every_time_of_the_policy_changes_an_outcome(void **state)
{
	struct sim_world w = two_phases();

	(void)state;
	w.brick = 1000;
	MUTATE(timers.dark_min, 30 * UTC_DAY);
	MUTATE(timers.dark_polls, 1000);
	MUTATE(poll_sec, 86400);
	w.brick = 0;
	w.defer = 1000;
	MUTATE(timers.give_up, 7200);
	w.defer = 0;
	w.download_min = 600;
	MUTATE(timers.progress_min, UTC_DAY);
	MUTATE(timers.min_rate, 1);
	w.download_min = 10;
	w.away = BUCKET_SHARE_ALL;
	MUTATE(evidence_sec, 3600);
	w.away = 0;
	w.env = 1000;
	MUTATE(attempts, 1);
	MUTATE(rest_sec, 3600);
}

static void who_begins_late_is_judged_by_the_time_to_start(void **state)
{
	struct sim_world w = two_phases();

	(void)state;
	w.begin_min = 10 * 60;
	w.stage.policy.timers.give_up = 7200;
	MUTATE(timers.start_min, UTC_DAY);
	MUTATE(timers.start_polls, 24);
}

/* Two people where the gate stopped it and much is open. */
static void four_eyes_want_a_second_person(void **state)
{
	struct sim_world w = two_phases();

	(void)state;
	w.fail = 2000;
	w.resume_hours = 1;
	MUTATE(four_eyes, GATE_ALL + 1);
}

static void the_ladder_is_the_policys(void **state)
{
	struct sim_world w = world(), m;

	(void)state;
	w.devices = 3000;
	m = w;
	m.stage.policy.shares[0] = 5000;
	m.stage.policy.shares[1] = BUCKET_SHARE_ALL;
	m.stage.policy.share_count = 2;
	differs("shares", &w, &m);
	m = w;
	m.stage.policy.watch[0] = 20 * 3600;
	m.stage.policy.watch_count = 1;
	differs("watch", &w, &m);
}

static void too_few_deltas_start_nothing(void **state)
{
	struct sim_world w = two_phases();
	static struct sim_result r;
	struct err e = { 0 };

	(void)state;
	w.delta_coverage = 8999;
	assert_ok(sim_run(&w, NULL, &r, &e));
	w.stage.policy.delta_coverage = 9000;
	assert_refused(sim_run(&w, NULL, &r, &e), ERR_REFUSED);
	w.delta_coverage = 9000;
	assert_ok(sim_run(&w, NULL, &r, &e));
}

/* A window, and no window, are two outcomes, too. */
static void a_window_of_the_policy_is_kept(void **state)
{
	struct sim_world w = two_phases(), m = w;

	(void)state;
	m.stage.has_window = true;
	m.stage.window_from = 2 * 60;
	m.stage.window_to = 3 * 60;
	differs("window", &w, &m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_perfect_release_completes),
		cmocka_unit_test(
			nightly_darkness_never_pauses_a_perfect_release),
		cmocka_unit_test(what_others_do_in_the_same_hours_is_no_fault),
		cmocka_unit_test(a_silent_brick_is_found_on_top_of_it),
		cmocka_unit_test(a_silent_brick_never_completes_by_itself),
		cmocka_unit_test(
			a_night_alone_holds_nothing_in_fleets_of_any_size),
		cmocka_unit_test(
			a_canary_that_never_comes_back_holds_everything),
		cmocka_unit_test(a_bad_release_is_stopped_at_the_canaries),
		cmocka_unit_test(hardware_on_which_it_fails_stops_it_for_all),
		cmocka_unit_test(
			who_goes_back_later_is_noticed_and_not_offered_again),
		cmocka_unit_test(
			what_goes_wrong_when_it_has_completed_stops_it_too),
		cmocka_unit_test(
			a_person_who_goes_on_after_each_stop_comes_to_the_end),
		cmocka_unit_test(new_devices_that_lie_stop_nothing),
		cmocka_unit_test(
			full_disks_do_not_stop_and_payload_trouble_does),
		cmocka_unit_test(canaries_that_are_all_offline_pause),
		cmocka_unit_test(silent_devices_do_not_block_a_phase),
		cmocka_unit_test(
			a_few_silent_devices_do_not_block_one_that_needs_all),
		cmocka_unit_test(
			a_device_that_was_offline_at_the_start_gets_it_later),
		cmocka_unit_test(who_puts_it_off_gets_it_a_day_later),
		cmocka_unit_test(a_stepping_stone_is_taken_first),
		cmocka_unit_test(superseding_ends_what_has_not_installed),
		cmocka_unit_test(
			pausing_changes_nothing_on_devices_that_have_it),
		cmocka_unit_test(
			resuming_opens_an_epoch_in_which_old_failures_are_over),
		cmocka_unit_test(
			a_window_in_the_hour_that_is_missing_does_not_open),
		cmocka_unit_test(nobody_is_refused_and_one_is_one_phase),
		cmocka_unit_test(what_is_urgent_brings_devices_sooner),
		cmocka_unit_test(the_same_world_has_the_same_history),
		cmocka_unit_test(every_field_of_the_gates_changes_an_outcome),
		cmocka_unit_test(every_time_of_the_policy_changes_an_outcome),
		cmocka_unit_test(
			who_begins_late_is_judged_by_the_time_to_start),
		cmocka_unit_test(four_eyes_want_a_second_person),
		cmocka_unit_test(the_ladder_is_the_policys),
		cmocka_unit_test(too_few_deltas_start_nothing),
		cmocka_unit_test(a_window_of_the_policy_is_kept),
		cmocka_unit_test(who_is_pinned_elsewhere_is_left_alone),
		cmocka_unit_test(an_undo_reaches_those_that_run_what_it_undoes),
		cmocka_unit_test(the_end_of_its_order_pauses_it),
		cmocka_unit_test(the_end_of_its_metadata_pauses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
