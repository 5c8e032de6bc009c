/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/stage_attempt.h"

#include <string.h>

#include "tests/unit/check.h"

#define T0 1000000

static const struct stage_goal what = { .digest = { { 2 } }, .seq = 2 };
static const struct stage_timers timers = {
	.start_min = 3600,
	.progress_min = 6 * 3600,
	.dark_min = 3600,
	.give_up = 7 * UTC_DAY,
	.start_polls = 2,
	.dark_polls = 3,
	.min_rate = 10000,
};

static struct stage_attempt offered(void)
{
	struct stage_attempt a = { .activation = 5,
				   .offered = T0,
				   .changed = T0,
				   .heard = T0,
				   .interval_sec = 3600 };

	return a;
}

static bool says_when(struct stage_attempt *a, uint32_t sequence,
		      enum wire_state state, const char *code, bool lapsed)
{
	static struct wire_report m;

	memset(&m, 0, sizeof(m));
	m.sequence = sequence;
	m.state = state;
	memcpy(m.code, code, strlen(code) + 1);
	return stage_attempt_report(a, &m, lapsed, T0 + sequence);
}

static bool says(struct stage_attempt *a, uint32_t sequence,
		 enum wire_state state, const char *code)
{
	return says_when(a, sequence, state, code, false);
}

static bool runs(struct stage_attempt *a, uint8_t digest, uint64_t activation,
		 bool confirmed)
{
	struct wire_checkin m = { .has_release = true,
				  .digest = { { digest } },
				  .seq = digest,
				  .activation = activation,
				  .confirmed = confirmed,
				  .interval_sec = 3600 };

	return stage_attempt_checkin(a, &what, &m, T0 + 500);
}

static struct stage_attempt installed(void)
{
	struct stage_attempt a = offered();

	assert_true(says(&a, 1, WIRE_INSTALLED, ""));
	return a;
}

static void only_a_check_in_makes_a_success(void **state)
{
	struct stage_attempt a = installed();

	(void)state;
	assert_true(says(&a, 2, WIRE_CONFIRMED, ""));
	assert_int_equal(a.state, STAGE_INSTALLED);
	assert_false(runs(&a, 2, 6, false)); /* still on trial */
	assert_false(runs(&a, 2, 5, true));  /* nothing was started since */
	assert_true(runs(&a, 2, 6, true));
	assert_int_equal(a.state, STAGE_CONFIRMED);
	assert_false(runs(&a, 2, 6, true));
}

static void duplicates_and_late_reports_change_nothing(void **state)
{
	struct stage_attempt a = offered(), before;

	(void)state;
	assert_true(says(&a, 3, WIRE_INSTALLED, ""));
	before = a;
	assert_false(says(&a, 3, WIRE_FAILED, "HEALTH_FAILED"));
	assert_false(says(&a, 2, WIRE_FAILED, "HEALTH_FAILED"));
	assert_memory_equal(&a, &before, sizeof(a));
	assert_true(says(&a, 4, WIRE_DOWNLOADING, ""));
	assert_int_equal(a.state, STAGE_INSTALLED);
}

static void the_old_release_after_installing_is_a_roll_back(void **state)
{
	struct stage_attempt a = installed(), b = installed();

	(void)state;
	assert_true(runs(&a, 1, 6, true));
	assert_int_equal(a.state, STAGE_ROLLED_BACK);
	assert_string_equal(a.code, "RUNS_OLDER");
	assert_true(runs(&b, 2, 6, true));
	assert_true(runs(&b, 1, 7, true)); /* even after it was a success */
	assert_int_equal(b.state, STAGE_ROLLED_BACK);
}

/* Installed, and the boot that starts it is still to come. */
static void who_waits_for_its_boot_has_not_gone_back(void **state)
{
	struct stage_attempt a = installed(), b;
	const struct wire_checkin empty = { .activation = 5 };

	(void)state;
	assert_false(runs(&a, 1, 5, true));
	/* what ran before may be none of ours */
	assert_false(stage_attempt_checkin(&a, &what, &empty, T0 + 600));
	assert_int_equal(a.state, STAGE_INSTALLED);
	assert_int_equal(a.heard, T0 + 600);
	/* off for a while: dark, and no more than that */
	assert_true(stage_attempt_tick(&a, &timers, 0, T0 + UTC_DAY));
	assert_true(runs(&a, 1, 5, true));
	assert_int_equal(a.state, STAGE_INSTALLED);
	assert_string_equal(a.code, "");
	b = a;
	assert_true(runs(&a, 2, 6, true));
	assert_int_equal(a.state, STAGE_CONFIRMED);
	assert_true(runs(&b, 1, 6, true)); /* tried, and left again */
	assert_int_equal(b.state, STAGE_ROLLED_BACK);
	assert_string_equal(b.code, "RUNS_OLDER");
}

/* No client of the new release came so far as to count a trial. */
static void what_a_loader_gave_up_the_device_tells(void **state)
{
	struct stage_attempt a = installed(), b = installed(), c = installed();

	(void)state;
	assert_false(runs(&a, 1, 5, true));
	assert_true(says(&a, 2, WIRE_ROLLED_BACK, "TRIAL_ATTEMPTS"));
	assert_int_equal(a.state, STAGE_ROLLED_BACK);
	assert_string_equal(a.code, "TRIAL_ATTEMPTS");
	/* After it was dark, too, and whether or not it was heard before. */
	assert_true(stage_attempt_tick(&b, &timers, 0, T0 + UTC_DAY));
	assert_true(says(&b, 2, WIRE_ROLLED_BACK, "NOT_SWITCHED"));
	assert_int_equal(b.state, STAGE_ROLLED_BACK);
	/* Its journal is lost, and with it what it waited for. */
	assert_true(runs(&c, 1, 4, true));
	assert_int_equal(c.state, STAGE_ROLLED_BACK);
	assert_string_equal(c.code, "RUNS_OLDER");
}

static void a_device_with_something_newer_is_skipped(void **state)
{
	struct stage_attempt a = offered();

	(void)state;
	assert_true(runs(&a, 3, 6, true));
	assert_int_equal(a.state, STAGE_SKIPPED);
	assert_string_equal(a.code, "NEWER");
}

/* It had it before: nothing was installed, and nothing was started since. */
static void a_device_that_had_it_already_is_skipped(void **state)
{
	struct stage_attempt a = offered(), b = offered(), c = installed();

	(void)state;
	assert_false(runs(&a, 2, 5, false)); /* on trial: wait and see */
	assert_true(runs(&a, 2, 5, true));
	assert_int_equal(a.state, STAGE_SKIPPED);
	assert_string_equal(a.code, "ALREADY");
	/* Started since the offer: installed, though no report came through. */
	assert_true(runs(&b, 2, 6, true));
	assert_int_equal(b.state, STAGE_CONFIRMED);
	/* Said to be installed, and not started. */
	assert_false(runs(&c, 2, 5, true));
	assert_int_equal(c.state, STAGE_INSTALLED);
}

static void a_device_may_say_why_it_is_not_for_it(void **state)
{
	static const char *const codes[STAGE_SKIPS] = {
		"ALREADY", "NEWER",   "NO_PAYLOAD", "INCOMPATIBLE",
		"PINNED",  "BLOCKED", "HARDWARE",
	};
	struct stage_attempt a;

	(void)state;
	for (int i = 0; i < STAGE_SKIPS; i++) {
		assert_string_equal(stage_skip_code((enum stage_skip)i),
				    codes[i]);
		a = offered();
		assert_true(says(&a, 1, WIRE_FAILED, codes[i]));
		assert_int_equal(a.state, STAGE_SKIPPED);
		assert_string_equal(a.code, codes[i]);
		/* It tried: now the word is no way out of a failure. */
		a = installed();
		assert_true(says(&a, 2, WIRE_FAILED, codes[i]));
		assert_int_equal(a.state, STAGE_FAILED);
	}
}

static void who_puts_it_off_goes_on_later(void **state)
{
	struct stage_attempt a = offered();

	(void)state;
	assert_true(says(&a, 1, WIRE_VERIFIED, ""));
	assert_true(says(&a, 2, WIRE_DEFERRED, ""));
	assert_int_equal(a.state, STAGE_DEFERRED);
	assert_true(says(&a, 3, WIRE_VERIFIED, ""));
	assert_int_equal(a.state, STAGE_VERIFIED);
}

static void until_when_is_known_while_it_is_put_off(void **state)
{
	const struct wire_report later = { .sequence = 1,
					   .state = WIRE_DEFERRED,
					   .until = T0 + 9000 };
	struct stage_attempt a = offered();

	(void)state;
	assert_true(stage_attempt_report(&a, &later, false, T0 + 1));
	assert_int_equal(a.until, T0 + 9000);
	assert_true(says(&a, 2, WIRE_DOWNLOADING, ""));
	assert_int_equal(a.until, 0);
}

static bool ticks_at(struct stage_attempt *a, uint64_t size, int64_t due)
{
	assert_int_equal(stage_attempt_due(a, &timers, size), due);
	assert_false(stage_attempt_tick(a, &timers, size, due - 1));
	return stage_attempt_tick(a, &timers, size, due);
}

static void silence_is_judged_by_its_moment(void **state)
{
	struct stage_attempt a = offered(), b = offered(), c = installed();

	(void)state;
	assert_true(ticks_at(&a, 0, T0 + 7200));
	assert_int_equal(a.state, STAGE_STALLED);
	assert_true(ticks_at(&a, 0, T0 + 7200 + timers.give_up));
	assert_int_equal(a.state, STAGE_EXPIRED);
	assert_true(says(&b, 1, WIRE_DOWNLOADING, ""));
	/* 1 GB at 10 kB/s: longer than the least */
	assert_true(ticks_at(&b, 1000000000, T0 + 1 + 100000));
	assert_int_equal(b.state, STAGE_STALLED);
	assert_true(ticks_at(&c, 0, T0 + 1 + 3 * 3600));
	assert_int_equal(c.state, STAGE_LOST);
	assert_int_equal(stage_attempt_due(&c, &timers, 0), INT64_MAX);
}

static void a_slow_start_is_judged_by_the_devices_own_rhythm(void **state)
{
	struct stage_timers t = timers;
	struct stage_attempt a = offered();

	(void)state;
	t.start_polls = 3;
	assert_int_equal(stage_attempt_due(&a, &t, 0), T0 + 3 * 3600);
	t.start_min = 5 * 3600;
	assert_int_equal(stage_attempt_due(&a, &t, 0), T0 + 5 * 3600);
}

static void a_dark_device_may_come_back(void **state)
{
	struct stage_attempt a = installed(), b;

	(void)state;
	assert_true(stage_attempt_tick(&a, &timers, 0, T0 + UTC_DAY));
	b = a;
	assert_true(runs(&a, 2, 6, true));
	assert_int_equal(a.state, STAGE_CONFIRMED);
	assert_true(runs(&b, 2, 6, false)); /* alive, still on trial */
	assert_int_equal(b.state, STAGE_INSTALLED);
}

static void what_has_installed_finishes_by_itself(void **state)
{
	struct stage_attempt a = offered(), b = installed();

	(void)state;
	assert_true(stage_attempt_end(&a, STAGE_SUPERSEDED, "", T0));
	assert_false(stage_attempt_end(&b, STAGE_SUPERSEDED, "", T0));
	assert_true(stage_attempt_tick(&b, &timers, 0, T0 + UTC_DAY));
	assert_true(stage_attempt_end(&b, STAGE_RETIRED, "", T0));
}

/* Until it went, what runs is newer than what it shall have: as it should. */
static void a_step_back_waits_for_the_older_release(void **state)
{
	const struct stage_goal back = { { { 2 } }, 2, 5 };
	struct stage_attempt a = offered();
	struct wire_checkin m = { .has_release = true,
				  .digest = { { 5 } },
				  .seq = 5,
				  .activation = 5,
				  .confirmed = true };

	(void)state;
	assert_false(stage_attempt_checkin(&a, &back, &m, T0 + 1));
	assert_int_equal(a.state, STAGE_OFFERED);
	/* Something newer came in between. */
	m.seq = 6;
	assert_true(stage_attempt_checkin(&a, &back, &m, T0 + 1));
	assert_int_equal(a.state, STAGE_SKIPPED);
	a = installed();
	m.seq = 5;
	/* Its boot is still to come; then it was there, and is no longer. */
	assert_false(stage_attempt_checkin(&a, &back, &m, T0 + 1));
	m.activation = 6;
	assert_true(stage_attempt_checkin(&a, &back, &m, T0 + 1));
	assert_int_equal(a.state, STAGE_ROLLED_BACK);
	assert_string_equal(a.code, "RUNS_NEWER");
	a = installed();
	m = (struct wire_checkin){ .has_release = true,
				   .digest = { { 2 } },
				   .seq = 2,
				   .activation = 6,
				   .confirmed = true };
	assert_true(stage_attempt_checkin(&a, &back, &m, T0 + 1));
	assert_int_equal(a.state, STAGE_CONFIRMED);
	/* What a person does afterwards is no failure of it. */
	m.seq = 5;
	m.digest.bytes[0] = 5;
	assert_false(stage_attempt_checkin(&a, &back, &m, T0 + 2));
}

static void a_refusal_by_an_order_is_put_off_and_no_failure(void **state)
{
	struct stage_attempt a = offered();

	(void)state;
	assert_true(says(&a, 1, WIRE_FAILED, STAGE_REFUSED_CODE));
	assert_int_equal(a.state, STAGE_DEFERRED);
	/* it goes on when the order is there */
	assert_true(says(&a, 2, WIRE_DOWNLOADING, ""));
	assert_int_equal(a.state, STAGE_DOWNLOADING);
	/* another failure is one, and so is a refusal of what was installed */
	assert_true(says(&a, 3, WIRE_FAILED, "UNTRUSTED"));
	assert_int_equal(a.state, STAGE_FAILED);
	a = installed();
	assert_true(says(&a, a.sequence + 1, WIRE_FAILED, STAGE_REFUSED_CODE));
	assert_int_equal(a.state, STAGE_FAILED);
}

static void expired_is_put_off_where_the_server_knows_it_too(void **state)
{
	struct stage_attempt a = offered();

	(void)state;
	assert_true(says_when(&a, 1, WIRE_FAILED, STAGE_EXPIRED_CODE, true));
	assert_int_equal(a.state, STAGE_DEFERRED);
	assert_string_equal(a.code, STAGE_EXPIRED_CODE);
	assert_true(says(&a, 2, WIRE_DOWNLOADING, ""));
	assert_int_equal(a.state, STAGE_DOWNLOADING);
	/* what else failed then is a failure, and so is what was installed */
	assert_true(says_when(&a, 3, WIRE_FAILED, "UNTRUSTED", true));
	assert_int_equal(a.state, STAGE_FAILED);
	a = installed();
	assert_true(says_when(&a, a.sequence + 1, WIRE_FAILED,
			      STAGE_EXPIRED_CODE, true));
	assert_int_equal(a.state, STAGE_FAILED);
	/* where nothing has ended, it is the device, or its way to the server
	 */
	a = offered();
	assert_true(says(&a, 1, WIRE_FAILED, STAGE_EXPIRED_CODE));
	assert_int_equal(a.state, STAGE_FAILED);
}

static bool runs_later(struct stage_attempt *a,
		       const struct stage_attempt *newer, uint64_t seq,
		       uint64_t activation)
{
	struct wire_checkin m = { .has_release = true,
				  .seq = seq,
				  .digest = { { (uint8_t)seq } },
				  .confirmed = true,
				  .activation = activation };

	return stage_attempt_checkin_older(a, &what, newer, &m, T0 + 700);
}

/* It had installed, and something newer was offered before its boot. */
static void an_older_one_waits_for_its_boot_until_it_is_replaced(void **state)
{
	struct stage_attempt a = installed(), newer = offered(), lost;

	(void)state;
	assert_false(runs_later(&a, &newer, 1, 5));
	assert_int_equal(a.heard, T0 + 700);
	/* It is that one that starts. */
	assert_true(runs_later(&a, &newer, 2, 6));
	assert_int_equal(a.state, STAGE_CONFIRMED);
	a = installed();
	assert_true(runs_later(&a, &newer, 1, 6)); /* tried, and left */
	assert_string_equal(a.code, "RUNS_OLDER");
	/* In its place; whether that one waits or runs. */
	assert_true(says(&newer, 1, WIRE_INSTALLED, ""));
	a = installed();
	lost = a;
	assert_true(runs_later(&a, &newer, 1, 5));
	assert_int_equal(a.state, STAGE_ROLLED_BACK);
	assert_string_equal(a.code, STAGE_REPLACED_CODE);
	assert_true(stage_attempt_tick(&lost, &timers, 0, T0 + UTC_DAY));
	newer = offered();
	newer.state = STAGE_CONFIRMED; /* and its reports were lost */
	assert_true(runs_later(&lost, &newer, 3, 6));
	assert_string_equal(lost.code, STAGE_REPLACED_CODE);
	/* It ran before that one was installed. */
	a = installed();
	assert_true(runs_later(&a, &newer, 2, 6));
	assert_int_equal(a.state, STAGE_CONFIRMED);
	assert_false(runs_later(&a, &newer, 2, 6));
}

static void states_have_names_that_parse(void **state)
{
	enum stage_state s;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < STAGE_STATES; i++) {
		const char *name = stage_state_name((enum stage_state)i);

		assert_ok(stage_state_parse(slice_of(name), &s, &e));
		assert_int_equal(s, i);
	}
	assert_refused(stage_state_parse(slice_of("lost"), &s, &e), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_back_waits_for_the_older_release),
		cmocka_unit_test(
			a_refusal_by_an_order_is_put_off_and_no_failure),
		cmocka_unit_test(
			expired_is_put_off_where_the_server_knows_it_too),
		cmocka_unit_test(states_have_names_that_parse),
		cmocka_unit_test(only_a_check_in_makes_a_success),
		cmocka_unit_test(duplicates_and_late_reports_change_nothing),
		cmocka_unit_test(
			the_old_release_after_installing_is_a_roll_back),
		cmocka_unit_test(who_waits_for_its_boot_has_not_gone_back),
		cmocka_unit_test(what_a_loader_gave_up_the_device_tells),
		cmocka_unit_test(a_device_with_something_newer_is_skipped),
		cmocka_unit_test(a_device_that_had_it_already_is_skipped),
		cmocka_unit_test(a_device_may_say_why_it_is_not_for_it),
		cmocka_unit_test(who_puts_it_off_goes_on_later),
		cmocka_unit_test(until_when_is_known_while_it_is_put_off),
		cmocka_unit_test(silence_is_judged_by_its_moment),
		cmocka_unit_test(
			a_slow_start_is_judged_by_the_devices_own_rhythm),
		cmocka_unit_test(a_dark_device_may_come_back),
		cmocka_unit_test(what_has_installed_finishes_by_itself),
		cmocka_unit_test(
			an_older_one_waits_for_its_boot_until_it_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
