/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/machine.h"

#include <string.h>

#include "tests/unit/check.h"

static enum machine_action step(struct machine *m, enum machine_event event,
				enum slot current, enum machine_reason reason)
{
	const struct machine_input in = { .event = event,
					  .current = current,
					  .reason = reason,
					  .next = current };
	enum machine_action action = ACTION_REST;
	struct err e = { 0 };

	assert_ok(machine_step(m, &in, &action, &e));
	return action;
}

/* Walk the way of a good update up to its trial. */
static struct machine on_trial(enum slot current)
{
	struct machine m = { 0 };

	assert_int_equal(step(&m, EVENT_CHOSEN, current, 0), ACTION_ROOM);
	assert_int_equal(m.state, MACHINE_CHECKED);
	assert_int_equal(m.from, current);
	assert_int_equal(m.to, slot_other(current));
	assert_int_equal(step(&m, EVENT_ROOM, current, 0), ACTION_FETCH);
	assert_int_equal(m.state, MACHINE_FETCHING);
	assert_int_equal(step(&m, EVENT_FETCHED, current, 0), ACTION_APPLY);
	assert_int_equal(m.state, MACHINE_APPLYING);
	assert_int_equal(step(&m, EVENT_APPLIED, current, 0), ACTION_SWITCH);
	assert_int_equal(m.state, MACHINE_INSTALLED);
	assert_int_equal(step(&m, EVENT_SWITCHED, m.to, 0), ACTION_TRY);
	assert_int_equal(m.state, MACHINE_TRIAL);
	assert_int_equal(m.attempts_left, MACHINE_ATTEMPTS - 1);
	return m;
}

static void a_healthy_release_is_confirmed(void **state)
{
	struct machine m = on_trial(SLOT_A);

	(void)state;
	/* The loader hears of it first: a cut before that is a trial still. */
	assert_int_equal(step(&m, EVENT_HEALTHY, SLOT_B, 0), ACTION_KEEP);
	assert_int_equal(m.state, MACHINE_TRIAL);
	assert_int_equal(step(&m, EVENT_KEPT, SLOT_B, 0), ACTION_REST);
	assert_int_equal(m.state, MACHINE_CONFIRMED);
	assert_int_equal(m.reason, REASON_NONE);
}

static void an_unhealthy_release_goes_back_with_its_reason(void **state)
{
	struct machine m = on_trial(SLOT_A);

	(void)state;
	assert_int_equal(step(&m, EVENT_UNHEALTHY, SLOT_B, REASON_DEADLINE),
			 ACTION_BACK);
	/* The reason is known, and so in the journal, before the switch. */
	assert_int_equal(m.state, MACHINE_TRIAL);
	assert_int_equal(m.reason, REASON_DEADLINE);
	assert_int_equal(step(&m, EVENT_SWITCHED, SLOT_A, 0), ACTION_REST);
	assert_int_equal(m.state, MACHINE_ROLLED_BACK);
	assert_int_equal(m.reason, REASON_DEADLINE);
}

/* Else no release could come that mends it. */
static void without_a_way_back_what_failed_stays(void **state)
{
	struct machine m = on_trial(SLOT_A);

	(void)state;
	(void)step(&m, EVENT_UNHEALTHY, SLOT_B, REASON_HEALTH);
	assert_int_equal(step(&m, EVENT_FAILED, SLOT_B, 0), ACTION_REST);
	assert_int_equal(m.state, MACHINE_IDLE);
	assert_int_equal(m.reason, REASON_NONE);
	assert_int_equal(step(&m, EVENT_CHOSEN, SLOT_B, 0), ACTION_ROOM);
	assert_int_equal(m.to, SLOT_A);
}

static void nothing_but_its_end_follows_the_way_back(void **state)
{
	struct machine m = on_trial(SLOT_A);

	(void)state;
	(void)step(&m, EVENT_UNHEALTHY, SLOT_B, REASON_HEALTH);
	for (int event = 0; event < EVENTS; event++) {
		const struct machine_input in = {
			.event = (enum machine_event)event,
			.current = SLOT_B,
			.reason = REASON_HEALTH
		};
		struct machine copy = m;
		enum machine_action action;
		struct err e = { 0 };

		if (event == EVENT_START || event == EVENT_SWITCHED ||
		    event == EVENT_ROLLBACK || event == EVENT_FAILED)
			continue;
		assert_refused(machine_step(&copy, &in, &action, &e),
			       ERR_CONFLICT);
	}
}

static void the_first_install_goes_from_nothing_to_a(void **state)
{
	struct machine m = on_trial(SLOT_NONE);

	(void)state;
	assert_int_equal(m.to, SLOT_A);
	assert_int_equal(step(&m, EVENT_UNHEALTHY, SLOT_A, REASON_HEALTH),
			 ACTION_BACK);
	assert_int_equal(m.from, SLOT_NONE);
}

static void a_damaged_base_begins_again_with_the_full_package(void **state)
{
	struct machine m = { .state = MACHINE_APPLYING };

	(void)state;
	assert_int_equal(step(&m, EVENT_CHOSEN, SLOT_B, 0), ACTION_ROOM);
	assert_int_equal(m.state, MACHINE_CHECKED);
	assert_int_equal(m.to, SLOT_A);
}

static void a_start_before_the_switch_lets_the_update_go(void **state)
{
	static const enum machine_state before[] = { MACHINE_CHECKED,
						     MACHINE_FETCHING,
						     MACHINE_APPLYING,
						     MACHINE_INSTALLED };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		struct machine m = { .state = before[i],
				     .from = SLOT_A,
				     .to = SLOT_B };

		assert_int_equal(step(&m, EVENT_START, SLOT_A, 0), ACTION_REST);
		assert_int_equal(m.state, MACHINE_IDLE);
	}
}

static void a_start_right_after_the_switch_is_a_trial(void **state)
{
	struct machine m = { .state = MACHINE_INSTALLED,
			     .from = SLOT_A,
			     .to = SLOT_B };

	(void)state;
	assert_int_equal(step(&m, EVENT_START, SLOT_B, 0), ACTION_TRY);
	assert_int_equal(m.state, MACHINE_TRIAL);
	assert_int_equal(m.attempts_left, MACHINE_ATTEMPTS - 1);
}

static void crashes_in_the_trial_use_up_the_attempts(void **state)
{
	struct machine m = on_trial(SLOT_A);
	int tries = 1;

	(void)state;
	while (step(&m, EVENT_START, SLOT_B, 0) == ACTION_TRY)
		tries++;
	assert_int_equal(tries, MACHINE_ATTEMPTS);
	assert_int_equal(m.reason, REASON_ATTEMPTS);
	assert_int_equal(m.state, MACHINE_TRIAL);
	/* And a cut on the way back goes on with the way back. */
	assert_int_equal(step(&m, EVENT_START, SLOT_B, 0), ACTION_BACK);
	/* Also when the link is back already: the restart may be missing. */
	assert_int_equal(step(&m, EVENT_START, SLOT_A, 0), ACTION_BACK);
	assert_int_equal(m.state, MACHINE_TRIAL);
	assert_int_equal(step(&m, EVENT_SWITCHED, SLOT_A, 0), ACTION_REST);
	assert_int_equal(m.state, MACHINE_ROLLED_BACK);
	assert_int_equal(m.reason, REASON_ATTEMPTS);
}

static void clean_stops_in_the_trial_use_up_nothing(void **state)
{
	struct machine m = on_trial(SLOT_A);

	(void)state;
	for (int i = 0; i < MACHINE_STOPS; i++) {
		assert_int_equal(step(&m, EVENT_STOPPED, SLOT_B, 0),
				 ACTION_RENEW);
		assert_int_equal(m.attempts_left, MACHINE_ATTEMPTS);
		assert_int_equal(step(&m, EVENT_START, SLOT_B, 0), ACTION_TRY);
	}
	assert_int_equal(m.attempts_left, MACHINE_ATTEMPTS - 1);
}

static void clean_stops_without_end_do(void **state)
{
	struct machine m = on_trial(SLOT_A);
	enum machine_action action = ACTION_TRY;
	int starts = 1;

	(void)state;
	for (; action == ACTION_TRY; starts++) {
		(void)step(&m, EVENT_STOPPED, SLOT_B, 0);
		action = step(&m, EVENT_START, SLOT_B, 0);
	}
	assert_int_equal(action, ACTION_BACK);
	assert_int_equal(m.reason, REASON_ATTEMPTS);
	assert_int_equal(starts, MACHINE_ATTEMPTS + MACHINE_STOPS + 1);
}

static void a_foreign_switch_back_has_a_reason_too(void **state)
{
	struct machine m = on_trial(SLOT_A);

	(void)state;
	assert_int_equal(step(&m, EVENT_START, SLOT_A, 0), ACTION_REST);
	assert_int_equal(m.state, MACHINE_ROLLED_BACK);
	assert_int_equal(m.reason, REASON_FOREIGN);
}

/* Told to start B, the loader started A: was B ever started? */
static void who_ignores_the_record_is_told_from_who_changed_it(void **state)
{
	static const struct {
		enum machine_state state;
		enum slot next;
		enum machine_reason reason;
	} rows[] = {
		{ MACHINE_REBOOT, SLOT_B, REASON_NOT_SWITCHED },
		{ MACHINE_REBOOT, SLOT_A, REASON_FOREIGN },
		{ MACHINE_TRIAL, SLOT_B, REASON_FOREIGN },
		{ MACHINE_TRIAL, SLOT_A, REASON_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct machine_input in = { .event = EVENT_START,
						  .current = SLOT_A,
						  .reboots = true,
						  .rebooted = true,
						  .next = rows[i].next };
		struct machine m = { .state = rows[i].state,
				     .from = SLOT_A,
				     .to = SLOT_B,
				     .attempts_left = 2 };
		enum machine_action action;
		struct err e = { 0 };

		assert_ok(machine_step(&m, &in, &action, &e));
		assert_int_equal(m.reason, rows[i].reason);
	}
}

static void what_waits_for_its_boot_is_replaced_and_nothing_else(void **state)
{
	struct machine m = { .state = MACHINE_REBOOT,
			     .from = SLOT_A,
			     .to = SLOT_B };
	struct machine there = m, back = m;
	struct machine_input in = { .event = EVENT_REPLACED,
				    .current = SLOT_A,
				    .reboots = true,
				    .next = SLOT_B };
	enum machine_action action;
	struct err e = { 0 };

	(void)state;
	back.reason = REASON_HEALTH;
	assert_refused(machine_step(&back, &in, &action, &e), ERR_CONFLICT);
	in.current = SLOT_B;
	assert_refused(machine_step(&there, &in, &action, &e), ERR_CONFLICT);
	for (int rest = MACHINE_IDLE; rest < MACHINE_REBOOT; rest++) {
		there.state = (enum machine_state)rest;
		assert_refused(machine_step(&there, &in, &action, &e),
			       ERR_CONFLICT);
	}
	in.current = SLOT_A;
	assert_ok(machine_step(&m, &in, &action, &e));
	assert_int_equal(action, ACTION_BACK);
	/* Cut off, it is done again; and no boot comes first. */
	in.event = EVENT_START;
	assert_ok(machine_step(&m, &in, &action, &e));
	assert_int_equal(action, ACTION_BACK);
	in.event = EVENT_SWITCHED;
	in.next = SLOT_A;
	assert_ok(machine_step(&m, &in, &action, &e));
	assert_int_equal(action, ACTION_REST);
	assert_int_equal(m.state, MACHINE_ROLLED_BACK);
	assert_int_equal(m.reason, REASON_REPLACED);
}

static void a_person_goes_back_from_a_confirmed_release(void **state)
{
	struct machine m = { .state = MACHINE_CONFIRMED,
			     .proven = 1U << SLOT_A };

	(void)state;
	assert_int_equal(step(&m, EVENT_ROLLBACK, SLOT_B, 0), ACTION_BACK);
	assert_int_equal(m.from, SLOT_A);
	assert_int_equal(m.to, SLOT_B);
	assert_int_equal(m.reason, REASON_PERSON);
	assert_int_equal(step(&m, EVENT_SWITCHED, SLOT_A, 0), ACTION_REST);
	assert_int_equal(m.state, MACHINE_ROLLED_BACK);
}

/* It failed, or never ran: a person's word alone proves nothing. */
static void going_back_to_what_was_never_confirmed_is_a_trial(void **state)
{
	static const struct machine rest[] = {
		{ .state = MACHINE_IDLE },
		{ .state = MACHINE_CONFIRMED, .proven = 1U << SLOT_A },
		{ .state = MACHINE_ROLLED_BACK,
		  .reason = REASON_HEALTH,
		  .from = SLOT_A,
		  .to = SLOT_B,
		  .proven = 1U << SLOT_A },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		struct machine m = rest[i];

		assert_int_equal(step(&m, EVENT_ROLLBACK, SLOT_A, 0),
				 ACTION_SWITCH);
		assert_int_equal(m.state, MACHINE_INSTALLED);
		assert_int_equal(m.reason, REASON_NONE);
		assert_int_equal(m.from, SLOT_A);
		assert_int_equal(step(&m, EVENT_SWITCHED, SLOT_B, 0),
				 ACTION_TRY);
		assert_int_equal(
			step(&m, EVENT_UNHEALTHY, SLOT_B, REASON_HEALTH),
			ACTION_BACK);
		assert_int_equal(step(&m, EVENT_SWITCHED, SLOT_A, 0),
				 ACTION_REST);
		assert_int_equal(m.state, MACHINE_ROLLED_BACK);
		assert_int_equal(m.proven, rest[i].proven);
	}
}

static void what_was_confirmed_stays_so_until_it_is_written_over(void **state)
{
	struct machine m = on_trial(SLOT_A);

	(void)state;
	assert_false(machine_has_proven(&m, SLOT_B));
	(void)step(&m, EVENT_HEALTHY, SLOT_B, 0);
	assert_false(machine_has_proven(&m, SLOT_B));
	(void)step(&m, EVENT_KEPT, SLOT_B, 0);
	assert_true(machine_has_proven(&m, SLOT_B));
	assert_false(machine_has_proven(&m, SLOT_A));
	/* From a to b again: until b is written, it holds what it held. */
	(void)step(&m, EVENT_CHOSEN, SLOT_A, 0);
	(void)step(&m, EVENT_FAILED, SLOT_A, 0);
	assert_true(machine_has_proven(&m, SLOT_B));
	(void)step(&m, EVENT_CHOSEN, SLOT_A, 0);
	(void)step(&m, EVENT_ROOM, SLOT_A, 0);
	(void)step(&m, EVENT_FETCHED, SLOT_A, 0);
	assert_false(machine_has_proven(&m, SLOT_B));
}

static void nobody_goes_back_from_nothing(void **state)
{
	const struct machine_input in = { .event = EVENT_ROLLBACK };
	struct machine m = { 0 };
	enum machine_action action;
	struct err e = { 0 };

	(void)state;
	assert_refused(machine_step(&m, &in, &action, &e), ERR_CONFLICT);
}

static void a_confirmation_is_for_a_trial(void **state)
{
	static const bool allowed[MACHINE_STATES] = {
		[MACHINE_TRIAL] = true, [MACHINE_CONFIRMED] = true
	};

	(void)state;
	for (int s = 0; s < MACHINE_STATES; s++) {
		const struct machine_input in = { .event = EVENT_CONFIRM,
						  .current = SLOT_B };
		struct machine m = { .state = (enum machine_state)s,
				     .to = SLOT_B };
		enum machine_action action;
		struct err e = { 0 };

		assert_int_equal(machine_step(&m, &in, &action, &e),
				 allowed[s] ? 0 : -1);
	}
}

/* ---- every state, every event -------------------------------------------- */

static void check_one(const struct machine *before,
		      const struct machine_input *in)
{
	struct machine m = *before;
	enum machine_action action = ACTION_REST;
	struct err e = { 0 };

	if (machine_step(&m, in, &action, &e)) {
		/* A refusal changes nothing and is a conflict. */
		assert_int_equal(e.code, ERR_CONFLICT);
		assert_memory_equal(&m, before, sizeof(m));
		assert_int_not_equal(in->event, EVENT_START);
		return;
	}
	assert_in_range(m.state, 0, MACHINE_STATES - 1);
	assert_in_range(m.attempts_left, 0, MACHINE_ATTEMPTS);
	/* The slot that is written is never the one that runs. */
	if (action == ACTION_APPLY || action == ACTION_FETCH)
		assert_int_not_equal(m.to, m.from);
	/* No slot goes back without a reason. */
	if (action == ACTION_BACK || m.state == MACHINE_ROLLED_BACK)
		assert_int_not_equal(m.reason, REASON_NONE);
	if (action == ACTION_TRY) {
		assert_int_equal(m.state, MACHINE_TRIAL);
		assert_int_equal(m.reason, REASON_NONE);
	}
	/* A switch forward is only ever asked for by INSTALLED. */
	if (action == ACTION_SWITCH)
		assert_int_equal(m.state, MACHINE_INSTALLED);
	if (m.state == MACHINE_CONFIRMED && before->state != m.state)
		assert_int_equal(before->state, MACHINE_TRIAL);
	/* Nothing is proven but by the end of a trial, and then it is. */
	if (m.proven & ~before->proven)
		assert_int_equal(in->event, EVENT_KEPT);
	if (in->event == EVENT_KEPT)
		assert_true(machine_has_proven(&m, m.to));
	/* Who has not proven himself is not gone back to without a trial. */
	if (in->event == EVENT_ROLLBACK && action == ACTION_BACK &&
	    before->state != MACHINE_TRIAL && before->state != MACHINE_REBOOT)
		assert_true(machine_has_proven(before, m.from));
}

/* States of the journal as they can really be found on a disk. */
static bool is_reachable(const struct machine *m)
{
	bool with_reason = m->reason != REASON_NONE;

	if (m->state == MACHINE_ROLLED_BACK)
		return with_reason && m->from != m->to;
	if (m->state == MACHINE_TRIAL || m->state == MACHINE_REBOOT)
		return m->from != m->to && m->to != SLOT_NONE;
	if (m->state >= MACHINE_CHECKED && m->state <= MACHINE_INSTALLED)
		return !with_reason && m->from != m->to && m->to != SLOT_NONE;
	return !with_reason;
}

static void every_state_answers_every_event_soundly(void **state)
{
	unsigned checked = 0;
	unsigned n = MACHINE_STATES * REASONS * 9 * 4 * EVENTS * 3 * 2 * 36 * 2;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		unsigned x = i;
		struct machine m = { 0 };
		struct machine_input in = { 0 };

		m.state = (enum machine_state)(x % MACHINE_STATES);
		x /= MACHINE_STATES;
		m.reason = (enum machine_reason)(x % REASONS);
		x /= REASONS;
		m.from = (enum slot)(x % 3);
		x /= 3;
		m.to = (enum slot)(x % 3);
		x /= 3;
		m.attempts_left = x % (MACHINE_ATTEMPTS + 1);
		x /= MACHINE_ATTEMPTS + 1;
		in.event = (enum machine_event)(x % EVENTS);
		x /= EVENTS;
		in.current = (enum slot)(x % 3);
		x /= 3;
		in.reason = x % 2 ? REASON_HEALTH : REASON_NONE;
		x /= 2;
		in.next = (enum slot)(x % 3);
		x /= 3;
		in.failed = (enum slot)(x % 3);
		x /= 3;
		in.reboots = x % 2;
		x /= 2;
		in.rebooted = x % 2;
		if (x / 2)
			m.proven = 1U << slot_other(in.current);
		if (!is_reachable(&m))
			continue;
		/* A clean stop only follows a try, which took an attempt. */
		if (in.event == EVENT_STOPPED &&
		    m.attempts_left == MACHINE_ATTEMPTS)
			continue;
		check_one(&m, &in);
		checked++;
	}
	print_message("%u states and events\n", checked);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_release_is_confirmed),
		cmocka_unit_test(
			an_unhealthy_release_goes_back_with_its_reason),
		cmocka_unit_test(without_a_way_back_what_failed_stays),
		cmocka_unit_test(nothing_but_its_end_follows_the_way_back),
		cmocka_unit_test(the_first_install_goes_from_nothing_to_a),
		cmocka_unit_test(
			a_damaged_base_begins_again_with_the_full_package),
		cmocka_unit_test(a_start_before_the_switch_lets_the_update_go),
		cmocka_unit_test(a_start_right_after_the_switch_is_a_trial),
		cmocka_unit_test(crashes_in_the_trial_use_up_the_attempts),
		cmocka_unit_test(clean_stops_in_the_trial_use_up_nothing),
		cmocka_unit_test(clean_stops_without_end_do),
		cmocka_unit_test(a_foreign_switch_back_has_a_reason_too),
		cmocka_unit_test(
			who_ignores_the_record_is_told_from_who_changed_it),
		cmocka_unit_test(
			what_waits_for_its_boot_is_replaced_and_nothing_else),
		cmocka_unit_test(a_person_goes_back_from_a_confirmed_release),
		cmocka_unit_test(
			going_back_to_what_was_never_confirmed_is_a_trial),
		cmocka_unit_test(
			what_was_confirmed_stays_so_until_it_is_written_over),
		cmocka_unit_test(nobody_goes_back_from_nothing),
		cmocka_unit_test(a_confirmation_is_for_a_trial),
		cmocka_unit_test(every_state_answers_every_event_soundly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
