/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/stage.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

#define T0   INT64_C(3600000)
#define HOUR INT64_C(3600)

static const struct stage_ready ready = { .metadata_expires = INT64_MAX,
					  .delta_coverage = 10000 };
static const struct rollout_past nothing;
static const struct rollout_word ordered = { .ordered = true };

static struct stage running(void)
{
	struct stage s = { .what = { .name = "r",
				     .product = "kiosk",
				     .cohorts = { "all" },
				     .cohort_count = 1,
				     .digest = { { 2 } },
				     .seq = 2 },
			   .revision = 1,
			   .status = STAGE_RUNNING,
			   .author = "ann",
			   .policy = stage_usual };

	s.ladder = (struct ladder){
		.rungs = { { 0, 20, 100, 4 * HOUR, true },
			   { 2500, 2500, 1000, 12 * HOUR, false },
			   { 10000, 10000, BUCKET_ALL, 24 * HOUR, false } },
		.count = 3,
		.population = 10000,
	};
	return s;
}

static struct rollout_device device(void)
{
	struct rollout_device d = { .product = "kiosk",
				    .model = "k1",
				    .cohort = "all",
				    .has_release = true,
				    .confirmed = true,
				    .seq = 1,
				    .digest = { { 1 } } };

	return d;
}

static struct tally confirmed(size_t phase, uint64_t n)
{
	struct tally t;

	tally_init(&t);
	t.gate[phase].confirmed = n;
	return t;
}

static enum rollout_verdict
ask_with(const struct stage *s, const struct rollout_device *d, uint64_t bucket,
	 const struct rollout_past *past, int64_t now)
{
	const struct stage_question q = { .device = d,
					  .past = past,
					  .word = &ordered,
					  .bucket = &bucket,
					  .now = now };
	size_t phase;

	return stage_decide(s, &q, &phase);
}

static enum rollout_verdict ask(const struct stage *s,
				const struct rollout_device *d, uint64_t bucket)
{
	return ask_with(s, d, bucket, &nothing, T0);
}

/* ---- decisions ----------------------------------------------------------- */

static void a_device_is_offered_what_its_phase_has_opened(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();

	(void)state;
	assert_int_equal(ask(&s, &d, 100), VERDICT_OUTSIDE); /* still waiting */
	s.phase_state = PHASE_OPEN;
	assert_int_equal(ask(&s, &d, 100), VERDICT_OFFER);
	assert_int_equal(ask(&s, &d, 101), VERDICT_OUTSIDE);
	s.phase = 1;
	s.phase_state = PHASE_WAITING;
	assert_int_equal(ask(&s, &d, 100), VERDICT_OFFER);
	assert_int_equal(ask(&s, &d, 101), VERDICT_OUTSIDE);
	s.phase_state = PHASE_HELD;
	assert_int_equal(ask(&s, &d, 101), VERDICT_OFFER);
	s.status = STAGE_PAUSED;
	assert_int_equal(ask(&s, &d, 1), VERDICT_CLOSED);
	s.status = STAGE_COMPLETED;
	s.phase = 2;
	s.phase_state = PHASE_PASSED;
	assert_int_equal(ask(&s, &d, UINT64_MAX), VERDICT_OFFER);
}

static void what_it_runs_settles_most(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();

	(void)state;
	s.phase_state = PHASE_OPEN;
	d.digest = s.what.digest;
	assert_int_equal(ask(&s, &d, 1), VERDICT_ALREADY);
	d = device();
	d.seq = 3;
	assert_int_equal(ask(&s, &d, 1), VERDICT_NEWER);
	d = device();
	d.confirmed = false;
	assert_int_equal(ask(&s, &d, 1), VERDICT_TRIAL);
	d.has_release = false;
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
	d = device();
	d.pinned = true;
	d.pin = 1;
	assert_int_equal(ask(&s, &d, 1), VERDICT_PINNED);
	d.pin = 2;
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
}

static void who_is_not_meant_is_left_alone(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();

	(void)state;
	s.phase_state = PHASE_OPEN;
	memcpy(d.product, "door", 5);
	assert_int_equal(ask(&s, &d, 1), VERDICT_NOT_FOR);
	d = device();
	memcpy(d.cohort, "other", 6);
	assert_int_equal(ask(&s, &d, 1), VERDICT_NOT_FOR);
	d = device();
	s.what.model_count = 1;
	memcpy(s.what.models[0], "k2", 3);
	assert_int_equal(ask(&s, &d, 1), VERDICT_NOT_FOR);
	s.what.model_count = 0;
	s.what.hardware_count = 1;
	memcpy(s.what.hardware[0], "rev-b", 6);
	assert_int_equal(ask(&s, &d, 1), VERDICT_HARDWARE);
	assert_false(stage_concerns(&s, &d));
	memcpy(d.hardware, "rev-b", 6);
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
	assert_true(stage_concerns(&s, &d));
	s.what.hardware_count = 0;
	s.what.lab_only = true;
	assert_int_equal(ask(&s, &d, 1), VERDICT_LAB);
	assert_false(stage_concerns(&s, &d));
	d.lab = true;
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
	assert_true(stage_concerns(&s, &d));
	s.what.lab_only = false;
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
	s.excluded_count = 1;
	assert_int_equal(ask(&s, &d, 1), VERDICT_EXCLUDED);
	assert_false(stage_concerns(&s, &d));
}

static void a_selector_narrows_and_nothing_else(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();
	struct err e = { 0 };

	(void)state;
	s.phase_state = PHASE_OPEN;
	assert_ok(stage_set_where(
		&s, slice_of("model = k1 and attr.sandbox = yes"), &e));
	assert_string_equal(s.where, "model = k1 and attr.sandbox = yes");
	/* What it does not say is no match. */
	assert_int_equal(ask(&s, &d, 1), VERDICT_SELECTOR);
	assert_false(stage_concerns(&s, &d));
	d.posture.known = d.posture.yes = 1u << POSTURE_SANDBOX;
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
	assert_true(stage_concerns(&s, &d));
	/* Never wider than the cohorts. */
	memcpy(d.cohort, "other", 6);
	assert_int_equal(ask(&s, &d, 1), VERDICT_NOT_FOR);
	assert_ok(stage_set_where(&s, slice_of("cohort = other"), &e));
	assert_int_equal(ask(&s, &d, 1), VERDICT_NOT_FOR);
	/* Once it has what it was for, that is said. */
	d = device();
	assert_ok(stage_set_where(&s, slice_of("seq < 2"), &e));
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
	d.seq = 2;
	d.digest = s.what.digest;
	assert_int_equal(ask(&s, &d, 1), VERDICT_ALREADY);
	assert_refused(stage_set_where(&s, slice_of("seq <"), &e), ERR_FORMAT);
	assert_string_equal(s.where, "seq < 2");
	assert_ok(stage_set_where(&s, slice_of(""), &e));
	assert_string_equal(s.where, "");
}

static void whoever_says_no_bucket_is_asked_for_its_own(void **state)
{
	const struct rollout_word word = { .ordered = true };
	struct stage s = running();
	struct rollout_device d = device();
	unsigned offers = 0;

	(void)state;
	s.phase_state = PHASE_OPEN;
	s.ladder.rungs[0].limit = BUCKET_ALL / 2;
	for (unsigned i = 0; i < 100; i++) {
		const struct stage_question q = {
			.device = &d, .past = &nothing, .word = &word, .now = T0
		};
		size_t phase;
		enum rollout_verdict v;

		d.id.bytes[0] = (uint8_t)i;
		v = stage_decide(&s, &q, &phase);
		assert_int_equal(v,
				 ask(&s, &d, bucket_of(&s.what.digest, &d.id)));
		offers += v == VERDICT_OFFER;
	}
	assert_in_range(offers, 20, 80);
}

static void what_is_signed_is_asked_before_it_is_offered(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();
	struct rollout_word word = { .ordered = false };
	const uint64_t lowest = 0;
	struct stage_question q = { .device = &d,
				    .past = &nothing,
				    .word = &word,
				    .bucket = &lowest,
				    .now = T0 };
	size_t phase;

	(void)state;
	s.phase_state = PHASE_OPEN;
	assert_int_equal(stage_decide(&s, &q, &phase), VERDICT_NO_ORDER);
	word.ordered = true;
	assert_int_equal(stage_decide(&s, &q, &phase), VERDICT_OFFER);
	word.stranded = true;
	assert_int_equal(stage_decide(&s, &q, &phase), VERDICT_STRANDED);
	/* the server may be stricter, and says so first */
	word = (struct rollout_word){ .ordered = false };
	s.status = STAGE_PAUSED;
	assert_int_equal(stage_decide(&s, &q, &phase), VERDICT_CLOSED);
}

static void an_undo_is_for_who_runs_what_it_undoes(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();

	(void)state;
	s.phase_state = PHASE_OPEN;
	s.is_undo = true;
	s.undo_of = (struct sha256){ { 3 } };
	assert_int_equal(ask(&s, &d, 1), VERDICT_UNDO);
	d.digest = s.undo_of;
	assert_int_equal(ask(&s, &d, 1), VERDICT_OFFER);
}

static enum rollout_verdict ask_at(struct stage *s, unsigned minute)
{
	struct rollout_device d = device();

	s->phase_state = PHASE_OPEN;
	return ask_with(s, &d, 1, &nothing,
			T0 / UTC_DAY * UTC_DAY + (int64_t)minute * 60);
}

static void a_window_may_cross_midnight(void **state)
{
	struct stage s = running();

	(void)state;
	s.has_window = true;
	s.window_from = 22 * 60;
	s.window_to = 6 * 60;
	assert_int_equal(ask_at(&s, 21 * 60 + 59), VERDICT_WINDOW);
	assert_int_equal(ask_at(&s, 22 * 60), VERDICT_OFFER);
	assert_int_equal(ask_at(&s, 0), VERDICT_OFFER);
	assert_int_equal(ask_at(&s, 6 * 60), VERDICT_WINDOW);
	s.window_to = 23 * 60;
	assert_int_equal(ask_at(&s, 0), VERDICT_WINDOW);
	assert_int_equal(ask_at(&s, 22 * 60 + 30), VERDICT_OFFER);
	s.urgent = true;
	assert_int_equal(ask_at(&s, 0), VERDICT_OFFER);
}

/* Minutes of an hour in which it is offered. */
static unsigned minutes_open(struct stage *s, const char *from)
{
	struct rollout_device d = device();
	unsigned open = 0;
	int64_t at = 0;
	struct err e = { 0 };

	assert_ok(utc_parse(slice_of(from), &at, &e));
	s->phase_state = PHASE_OPEN;
	for (int i = 0; i < 60; i++)
		open += ask_with(s, &d, 1, &nothing, at + 60 * i) ==
			VERDICT_OFFER;
	return open;
}

static void of_an_hour_that_comes_twice_both_are_open(void **state)
{
	struct stage s = running();

	(void)state;
	s.has_window = true;
	s.window_from = 2 * 60;
	s.window_to = 3 * 60;
	s.zone = (struct window_zone){ 60, SUMMER_EU };
	assert_int_equal(minutes_open(&s, "2026-10-24T23:00:00Z"), 0);
	assert_int_equal(minutes_open(&s, "2026-10-25T00:00:00Z"), 60);
	assert_int_equal(minutes_open(&s, "2026-10-25T01:00:00Z"), 60);
	assert_int_equal(minutes_open(&s, "2026-10-25T02:00:00Z"), 0);
	/* In America it is 01:00 to 02:00 that comes twice. */
	s.window_from = 60;
	s.window_to = 2 * 60;
	s.zone = (struct window_zone){ -7 * 60, SUMMER_US };
	assert_int_equal(minutes_open(&s, "2026-11-01T06:00:00Z"), 0);
	assert_int_equal(minutes_open(&s, "2026-11-01T07:00:00Z"), 60);
	assert_int_equal(minutes_open(&s, "2026-11-01T08:00:00Z"), 60);
	assert_int_equal(minutes_open(&s, "2026-11-01T09:00:00Z"), 0);
}

static void a_revert_is_not_offered_again_and_failures_rest(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();
	struct rollout_past past = { .rolled_back = true };

	(void)state;
	s.phase_state = PHASE_OPEN;
	assert_int_equal(ask_with(&s, &d, 1, &past, T0), VERDICT_ROLLED_BACK);
	past = (struct rollout_past){ .failed = 3, .last_failed = T0 };
	assert_int_equal(ask_with(&s, &d, 1, &past, T0), VERDICT_RESTING);
	past.failed = 2;
	assert_int_equal(ask_with(&s, &d, 1, &past, T0), VERDICT_OFFER);
	past.failed = 3;
	assert_int_equal(ask_with(&s, &d, 1, &past, T0 + s.policy.rest_sec),
			 VERDICT_OFFER);
}

static void what_ends_again_and_again_rests_too(void **state)
{
	struct stage s = running();
	struct rollout_device d = device();
	struct rollout_past past = { .ended = 49, .last_ended = T0 };

	(void)state;
	s.phase_state = PHASE_OPEN;
	assert_int_equal(ask_with(&s, &d, 1, &past, T0), VERDICT_OFFER);
	past.ended = 50;
	assert_int_equal(ask_with(&s, &d, 1, &past, T0), VERDICT_RESTING);
	past.ended = 51; /* no more than one a day from here on */
	assert_int_equal(ask_with(&s, &d, 1, &past, T0 + UTC_DAY - 1),
			 VERDICT_RESTING);
	assert_int_equal(ask_with(&s, &d, 1, &past, T0 + UTC_DAY),
			 VERDICT_OFFER);
}

static void priority_goes_before_the_newest(void **state)
{
	struct stage a = running(), b = running();

	(void)state;
	b.what.seq = 3;
	assert_true(stage_is_preferred(&b, &a));
	a.priority = 1;
	assert_true(stage_is_preferred(&a, &b));
}

/* ---- phases -------------------------------------------------------------- */

static void a_rollout_goes_through_its_phases(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 20);
	struct err e = { 0 };
	struct stage_act go = { .verb = STAGE_ADVANCE, .by = "ann" };
	bool changed;
	int64_t now = T0;

	(void)state;
	assert_int_equal(stage_tick(&s, &t, now), EVENT_OPENED);
	assert_int_equal(stage_tick(&s, &t, now), EVENT_BAKING);
	assert_int_equal(stage_tick(&s, &t, now + 4 * HOUR - 1), EVENT_NONE);
	now += 4 * HOUR;
	assert_int_equal(stage_tick(&s, &t, now), EVENT_HELD);
	assert_int_equal(stage_tick(&s, &t, now + 30 * UTC_DAY), EVENT_NONE);
	go.revision = s.revision;
	assert_ok(stage_act(&s, &go, NULL, &changed, &e));
	assert_int_equal(stage_tick(&s, &t, now), EVENT_OPENED);
	/* An answer that was lost: what it opened is open, and no more. */
	assert_ok(stage_act(&s, &go, NULL, &changed, &e));
	assert_false(changed);
	t.gate[1].confirmed = 2000;
	assert_int_equal(stage_tick(&s, &t, now), EVENT_BAKING);
	now += 12 * HOUR;
	assert_int_equal(stage_tick(&s, &t, now), EVENT_PASSED);
	assert_int_equal(stage_tick(&s, &t, now), EVENT_OPENED);
	t.gate[2].confirmed = 7000;
	assert_int_equal(stage_tick(&s, &t, now), EVENT_BAKING);
	now += 24 * HOUR;
	assert_int_equal(stage_tick(&s, &t, now), EVENT_COMPLETED);
	assert_int_equal(s.status, STAGE_COMPLETED);
	assert_int_equal(stage_tick(&s, &t, now), EVENT_NONE);
}

static void an_urgent_release_skips_waiting_but_no_gate(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 20);

	(void)state;
	s.urgent = true;
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_OPENED);
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_BAKING);
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_HELD);
	t.gate[0].early_bad = 2;
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_PAUSED);
}

static void a_phase_opens_not_before_its_order_says(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 0);

	(void)state;
	s.not_before[0] = T0 + 60;
	assert_int_equal(stage_tick(&s, &t, T0 + 59), EVENT_NONE);
	assert_int_equal(stage_tick(&s, &t, T0 + 60), EVENT_OPENED);
}

static void the_end_of_its_order_pauses(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 0);

	(void)state;
	s.expires = T0 + 60;
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_OPENED);
	assert_int_equal(stage_tick(&s, &t, T0 + 60), EVENT_PAUSED);
	assert_int_equal(s.pause, PAUSE_ORDER);
}

/* All had ended by the time that a person had judged the stop. */
static void who_resumed_after_a_stop_is_asked_where_nobody_is_left(void **state)
{
	struct stage s = running();
	struct tally t;
	int64_t late = T0 + s.policy.evidence_sec;

	(void)state;
	tally_init(&t);
	s.phase_state = PHASE_OPEN;
	s.opened = T0;
	s.epoch = t.epoch = 1;
	t.states[0][STAGE_CONFIRMED] = 18;
	t.states[0][STAGE_ROLLED_BACK] = 2;
	assert_int_equal(stage_tick(&s, &t, late - 1), EVENT_NONE);
	assert_int_equal(stage_tick(&s, &t, late), EVENT_BAKING);
	assert_int_equal(stage_tick(&s, &t, late + 4 * HOUR), EVENT_HELD);
	/* nobody has it at all: that is no evidence */
	s.phase_state = PHASE_OPEN;
	t.states[0][STAGE_CONFIRMED] = 0;
	assert_int_equal(stage_tick(&s, &t, late + 4 * HOUR), EVENT_PAUSED);
	assert_int_equal(s.pause, PAUSE_EVIDENCE);
}

static void evidence_that_never_comes_pauses(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 0);
	int64_t end = T0 + s.policy.evidence_sec + 4 * HOUR;

	(void)state;
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_OPENED);
	assert_int_equal(stage_tick(&s, &t, end - 1), EVENT_NONE);
	assert_int_equal(stage_tick(&s, &t, end), EVENT_PAUSED);
	assert_int_equal(s.pause, PAUSE_EVIDENCE);
	assert_int_equal(stage_tick(&s, &t, end), EVENT_NONE); /* once */
}

static void a_phase_that_has_passed_can_still_stop_it(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 10);

	(void)state;
	s.phase = 1;
	s.phase_state = PHASE_OPEN;
	s.opened = T0;
	t.gate[0].failed[GATE_REL] = 10;
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_PAUSED);
	assert_int_equal(s.pause, PAUSE_GATE);
	assert_int_equal(s.verdict, GATE_TRIP_RATE);
	assert_non_null(strstr(s.reason, "10 of 20 failed"));
}

static void two_evaluators_make_one_change(void **state)
{
	struct stage a = running(), b = a;
	struct tally t = confirmed(0, 20);

	(void)state;
	/* Both read revision 1; whoever stores revision 2 first has won. */
	assert_int_equal(stage_tick(&a, &t, T0), EVENT_OPENED);
	assert_int_equal(stage_tick(&b, &t, T0), EVENT_OPENED);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.revision, 2);
}

/* ---- people -------------------------------------------------------------- */

static struct stage_act an_act(const struct stage *s, enum stage_verb verb)
{
	struct stage_act a = { .verb = verb,
			       .by = "ann",
			       .reason = "because",
			       .revision = s->revision,
			       .now = T0 };

	return a;
}

static int act(struct stage *s, const struct stage_act *a, struct err *e)
{
	bool changed;

	return stage_act(s, a, &ready, &changed, e);
}

static void somebody_else_approves(void **state)
{
	struct stage s = running();
	struct stage_act a;
	struct err e = { 0 };

	(void)state;
	s.status = STAGE_DRAFT;
	a = an_act(&s, STAGE_SUBMIT);
	assert_ok(act(&s, &a, &e));
	a = an_act(&s, STAGE_APPROVE);
	assert_refused(act(&s, &a, &e), ERR_REFUSED);
	a.by = "bob";
	assert_ok(act(&s, &a, &e));
	a = an_act(&s, STAGE_START);
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_RUNNING);
}

/* Nor does its author by having somebody else submit it. */
static void a_draft_waits_to_be_submitted(void **state)
{
	static const enum stage_verb too_early[] = { STAGE_APPROVE, STAGE_START,
						     STAGE_PAUSE,
						     STAGE_RESUME };
	struct stage s = running();
	struct stage_act a;
	struct err e = { 0 };

	(void)state;
	s.status = STAGE_DRAFT;
	strcpy(s.author, "ann");
	for (size_t i = 0; i < ARRAY_LEN(too_early); i++) {
		a = an_act(&s, too_early[i]);
		a.by = "bob";
		assert_refused_saying(act(&s, &a, &e), ERR_CONFLICT,
				      "` says what can be done");
	}
	a = an_act(&s, STAGE_SUBMIT);
	a.by = "bob";
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_PENDING);
	assert_string_equal(s.author, "ann");
	a = an_act(&s, STAGE_APPROVE);
	a.by = "ann";
	assert_refused(act(&s, &a, &e), ERR_REFUSED);
	a.by = "bob";
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_SCHEDULED);
}

static void start_refuses_what_could_not_end_well(void **state)
{
	struct stage s = running();
	struct stage_ready bad;
	struct stage_act a;
	struct err e = { 0 };
	bool changed;

	(void)state;
	s.status = STAGE_SCHEDULED;
	a = an_act(&s, STAGE_START);
	bad = ready;
	bad.refused.code = ERR_UNTRUSTED;
	assert_refused(stage_act(&s, &a, &bad, &changed, &e), ERR_UNTRUSTED);
	bad = ready;
	bad.refused.code = ERR_NOT_FOUND;
	assert_refused(stage_act(&s, &a, &bad, &changed, &e), ERR_NOT_FOUND);
	bad = ready;
	bad.metadata_expires = T0 + 40 * HOUR; /* 4 + 12 + 24 */
	assert_refused(stage_act(&s, &a, &bad, &changed, &e), ERR_EXPIRED);
	bad = ready;
	bad.delta_coverage = 8999;
	s.policy.delta_coverage = 9000;
	assert_refused(stage_act(&s, &a, &bad, &changed, &e), ERR_REFUSED);
	s.ladder.count = 0;
	assert_refused(stage_act(&s, &a, &ready, &changed, &e), ERR_REFUSED);
}

static void who_aims_at_one_device_says_why(void **state)
{
	struct stage s = running(), alone;
	struct stage_act a;
	bool changed;
	struct err e = { 0 };

	(void)state;
	s.status = STAGE_SCHEDULED;
	s.ladder.population = 1;
	alone = s;
	a = an_act(&s, STAGE_START);
	a.reason = "";
	assert_refused(stage_act(&s, &a, &ready, &changed, &e), ERR_USAGE);
	a.reason = "a customer's board, to be looked at";
	assert_ok(stage_act(&s, &a, &ready, &changed, &e));
	/* One person who decides alone, elsewhere, need not. */
	alone.policy.four_eyes = BUCKET_SHARE_ALL + 1;
	a.reason = "";
	assert_ok(stage_act(&alone, &a, &ready, &changed, &e));
}

/* One of twenty failed: too few to prove anything, whoever waits. */
static void who_goes_on_with_too_few_judges_what_failed(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 0);
	int64_t end = T0 + s.policy.evidence_sec + 4 * HOUR;
	struct stage_act a;
	bool changed;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_OPENED);
	t.gate[0].confirmed = t.states[0][STAGE_CONFIRMED] = 19;
	t.gate[0].failed[GATE_REL] = 1;
	assert_int_equal(stage_tick(&s, &t, end), EVENT_PAUSED);
	assert_int_equal(s.pause, PAUSE_EVIDENCE);
	assert_non_null(strstr(s.reason, "go on all the same"));
	a = an_act(&s, STAGE_RESUME);
	a.now = end;
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_int_equal(s.epoch, 1);
	/* while somebody is under way more evidence comes */
	s = running();
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_OPENED);
	t.gate[0].under_way = 1;
	assert_int_equal(stage_tick(&s, &t, end), EVENT_PAUSED);
	a = an_act(&s, STAGE_RESUME);
	a.now = end;
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_int_equal(s.epoch, 0);
}

static void an_edit_of_an_old_revision_is_refused(void **state)
{
	struct stage s = running(), before;
	struct stage_act a = an_act(&s, STAGE_ABORT);
	struct tally t = confirmed(0, 0);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(stage_tick(&s, &t, T0), EVENT_OPENED);
	before = s;
	assert_refused(act(&s, &a, &e), ERR_CONFLICT);
	assert_memory_equal(&s, &before, sizeof(s));
}

static void stopping_never_waits_and_never_counts_twice(void **state)
{
	struct stage s = running();
	struct stage_act a = an_act(&s, STAGE_PAUSE);
	struct err e = { 0 };
	bool changed;

	(void)state;
	a.revision = 0;
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_true(changed);
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_false(changed);
	assert_int_equal(s.revision, 2);
}

static void the_same_act_again_is_no_act(void **state)
{
	struct stage s = running();
	struct stage_act a = an_act(&s, STAGE_ABORT);
	struct err e = { 0 };
	bool changed;

	(void)state;
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_false(changed);
	a.by = "bob";
	assert_refused(act(&s, &a, &e), ERR_CONFLICT);
}

/* The way back is asked for again, to see how far it is. */
static void to_want_the_fleet_back_again_is_no_act(void **state)
{
	struct stage s = running();
	struct stage_act a = an_act(&s, STAGE_ROLLBACK);
	struct err e = { 0 };
	bool changed;

	(void)state;
	assert_ok(act(&s, &a, &e));
	a.revision = s.revision;
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_false(changed);
	assert_int_equal(s.revision, 2);
	/* Another one's word is; and so is it after somebody went on. */
	a.by = "bob";
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_true(changed);
	a = an_act(&s, STAGE_RESUME);
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_RUNNING);
	a = an_act(&s, STAGE_ROLLBACK);
	assert_ok(stage_act(&s, &a, NULL, &changed, &e));
	assert_true(changed);
	assert_int_equal(s.status, STAGE_PAUSED);
	a.revision = s.revision - 2;
	assert_refused(act(&s, &a, &e), ERR_CONFLICT);
}

static void resuming_after_a_stop_wants_a_second_person(void **state)
{
	struct stage s = running();
	struct stage_act a;
	struct err e = { 0 };

	(void)state;
	s.status = STAGE_PAUSED;
	s.pause = PAUSE_GATE;
	s.phase = 1; /* 25 % */
	s.phase_state = PHASE_BAKING;
	a = an_act(&s, STAGE_RESUME);
	/* the first one has asked, and nothing else has changed */
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_PAUSED);
	assert_string_equal(s.asked_by, "ann");
	assert_int_equal(s.epoch, 0);
	/* and is still one person, however often */
	a = an_act(&s, STAGE_RESUME);
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_PAUSED);
	a = an_act(&s, STAGE_RESUME);
	a.by = "bob";
	a.reason = "";
	assert_refused(act(&s, &a, &e), ERR_USAGE);
	a.reason = "fixed in the field";
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_RUNNING);
	assert_string_equal(s.asked_by, "");
	assert_int_equal(s.epoch, 1);
	assert_int_equal(s.phase_state, PHASE_OPEN);
	/* canaries are below the share that wants two */
	s.status = STAGE_PAUSED;
	s.pause = PAUSE_GATE;
	s.phase = 0;
	a = an_act(&s, STAGE_RESUME);
	assert_ok(act(&s, &a, &e));
}

static void resuming_after_a_person_keeps_the_epoch(void **state)
{
	struct stage s = running();
	struct stage_act a = an_act(&s, STAGE_PAUSE);
	struct err e = { 0 };

	(void)state;
	assert_ok(act(&s, &a, &e));
	a = an_act(&s, STAGE_RESUME);
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.epoch, 0);
	s.status = STAGE_PAUSED;
	s.expires = T0;
	a = an_act(&s, STAGE_RESUME);
	assert_refused(act(&s, &a, &e), ERR_EXPIRED);
}

static void an_act_has_its_time(void **state)
{
	static const enum stage_verb not_running[] = {
		STAGE_SUBMIT, STAGE_APPROVE, STAGE_START, STAGE_RESUME,
		STAGE_ADVANCE
	};
	struct stage s = running();
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(not_running); i++) {
		struct stage_act a = an_act(&s, not_running[i]);

		assert_refused(act(&s, &a, &e), ERR_CONFLICT);
	}
	for (int verb = STAGE_SUBMIT; verb <= STAGE_SUPERSEDE; verb++) {
		struct stage_act a = an_act(&s, (enum stage_verb)verb);

		s.status = STAGE_ABORTED;
		assert_refused(act(&s, &a, &e), ERR_CONFLICT);
	}
}

static void who_wants_the_fleet_back_too_late_is_told_how(void **state)
{
	struct stage s = running();
	struct stage_act a;
	struct err e = { 0 };

	(void)state;
	s.status = STAGE_ABORTED;
	a = an_act(&s, STAGE_ROLLBACK);
	assert_refused(act(&s, &a, &e), ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "the release that undoes it"));
	a = an_act(&s, STAGE_PAUSE);
	assert_refused(act(&s, &a, &e), ERR_CONFLICT);
	assert_null(strstr(e.msg, "the release that undoes it"));
}

static void a_fleet_comes_back_by_what_is_signed(void **state)
{
	struct stage_back_facts f = { true, T0 + 1, 5, 5, false };
	const char *why;

	(void)state;
	assert_int_equal(stage_way_back(&f, T0, &why), BACK_UNDO);
	assert_int_equal(stage_way_back(&f, T0 + 1, &why), BACK_ASK);
	f.floor = 6;
	assert_int_equal(stage_way_back(&f, T0, &why), BACK_ASK);
	f.has_undo = false;
	assert_int_equal(stage_way_back(&f, T0, &why), BACK_ASK);
	f.has_step = true;
	assert_int_equal(stage_way_back(&f, T0, &why), BACK_STEP);
	f = (struct stage_back_facts){ true, T0 + 1, 5, 5, true };
	assert_int_equal(stage_way_back(&f, T0, &why), BACK_UNDO);
}

static void metadata_that_expires_in_its_midst_pauses_it(void **state)
{
	struct stage s = running();
	struct tally t = confirmed(0, 0);
	struct stage_act a;
	struct err e = { 0 };

	(void)state;
	s.phase_state = PHASE_OPEN;
	s.opened = T0;
	s.metadata_ends = T0 + 10;
	assert_int_equal(stage_tick(&s, &t, T0 + 9), EVENT_NONE);
	assert_int_equal(stage_tick(&s, &t, T0 + 10), EVENT_PAUSED);
	assert_int_equal(s.pause, PAUSE_METADATA);
	assert_non_null(strstr(s.reason, "expired: have it extended"));
	a = an_act(&s, STAGE_RESUME);
	a.now = T0 + 11;
	assert_refused(act(&s, &a, &e), ERR_EXPIRED);
	s.metadata_ends = T0 + 1000;
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_RUNNING);
	assert_int_equal(s.epoch, 0);
}

static void going_back_stops_and_launders_no_stop(void **state)
{
	struct stage s = running();
	struct stage_act a = an_act(&s, STAGE_ROLLBACK);
	struct err e = { 0 };

	(void)state;
	a.reason = NULL;
	assert_refused(act(&s, &a, &e), ERR_USAGE);
	a.reason = "dark screens";
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_PAUSED);
	assert_int_equal(s.pause, PAUSE_PERSON);
	assert_string_equal(s.reason, "dark screens");
	s.status = STAGE_COMPLETED;
	a = an_act(&s, STAGE_ROLLBACK);
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.status, STAGE_PAUSED);
	/* A gate's stop stays one: it wants two people. */
	s.pause = PAUSE_GATE;
	a = an_act(&s, STAGE_ROLLBACK);
	a.by = "somebody else";
	assert_ok(act(&s, &a, &e));
	assert_int_equal(s.pause, PAUSE_GATE);
	s.status = STAGE_SCHEDULED;
	a = an_act(&s, STAGE_ROLLBACK);
	assert_refused(act(&s, &a, &e), ERR_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_offered_what_its_phase_has_opened),
		cmocka_unit_test(going_back_stops_and_launders_no_stop),
		cmocka_unit_test(what_it_runs_settles_most),
		cmocka_unit_test(who_is_not_meant_is_left_alone),
		cmocka_unit_test(whoever_says_no_bucket_is_asked_for_its_own),
		cmocka_unit_test(what_is_signed_is_asked_before_it_is_offered),
		cmocka_unit_test(an_undo_is_for_who_runs_what_it_undoes),
		cmocka_unit_test(a_window_may_cross_midnight),
		cmocka_unit_test(of_an_hour_that_comes_twice_both_are_open),
		cmocka_unit_test(
			a_revert_is_not_offered_again_and_failures_rest),
		cmocka_unit_test(what_ends_again_and_again_rests_too),
		cmocka_unit_test(priority_goes_before_the_newest),
		cmocka_unit_test(a_rollout_goes_through_its_phases),
		cmocka_unit_test(an_urgent_release_skips_waiting_but_no_gate),
		cmocka_unit_test(a_phase_opens_not_before_its_order_says),
		cmocka_unit_test(the_end_of_its_order_pauses),
		cmocka_unit_test(
			who_resumed_after_a_stop_is_asked_where_nobody_is_left),
		cmocka_unit_test(who_goes_on_with_too_few_judges_what_failed),
		cmocka_unit_test(evidence_that_never_comes_pauses),
		cmocka_unit_test(a_phase_that_has_passed_can_still_stop_it),
		cmocka_unit_test(two_evaluators_make_one_change),
		cmocka_unit_test(somebody_else_approves),
		cmocka_unit_test(a_draft_waits_to_be_submitted),
		cmocka_unit_test(start_refuses_what_could_not_end_well),
		cmocka_unit_test(an_edit_of_an_old_revision_is_refused),
		cmocka_unit_test(stopping_never_waits_and_never_counts_twice),
		cmocka_unit_test(the_same_act_again_is_no_act),
		cmocka_unit_test(to_want_the_fleet_back_again_is_no_act),
		cmocka_unit_test(resuming_after_a_stop_wants_a_second_person),
		cmocka_unit_test(resuming_after_a_person_keeps_the_epoch),
		cmocka_unit_test(an_act_has_its_time),
		cmocka_unit_test(who_wants_the_fleet_back_too_late_is_told_how),
		cmocka_unit_test(a_fleet_comes_back_by_what_is_signed),
		cmocka_unit_test(a_selector_narrows_and_nothing_else),
		cmocka_unit_test(metadata_that_expires_in_its_midst_pauses_it),
		cmocka_unit_test(who_aims_at_one_device_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
