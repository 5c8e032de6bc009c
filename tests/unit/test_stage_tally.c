/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/stage_tally.h"

#include <string.h>

#include "common/text.h"

#include "tests/unit/check.h"

#define T0 INT64_C(3600000) /* the beginning of an hour */

static const struct tally_stops stops = { { "TRIAL_ATTEMPTS" }, 1 };

static struct stage_attempt an_attempt(enum stage_state s, const char *code)
{
	struct stage_attempt a = { .state = (uint8_t)s, .counted = true };

	for (size_t i = 0; code[i]; i++)
		a.code[i] = code[i];
	if (s >= STAGE_INSTALLED)
		a.installed = T0;
	return a;
}

static void add(struct tally *t, struct stage_attempt a)
{
	tally_move(t, &stops, NULL, &a);
}

static void go(struct tally *t, struct stage_attempt *a, enum stage_state to,
	       const char *code)
{
	struct stage_attempt after = an_attempt(to, code);

	after.epoch = t->epoch;
	tally_move(t, &stops, a, &after);
	*a = after;
}

static struct gate_facts facts_at(const struct tally *t, int64_t now)
{
	struct gate_facts f;

	tally_facts(t, TALLY_PHASE_ALL, 3600, now, &f);
	return f;
}

static void each_class_is_counted_apart(void **state)
{
	struct tally t;
	struct gate_facts f;

	(void)state;
	tally_init(&t);
	add(&t, an_attempt(STAGE_CONFIRMED, ""));
	add(&t, an_attempt(STAGE_FAILED, "HEALTH_FAILED"));
	add(&t, an_attempt(STAGE_FAILED, "SPACE"));
	add(&t, an_attempt(STAGE_FAILED, "NOT_FOUND"));
	add(&t, an_attempt(STAGE_FAILED, "UNTRUSTED"));
	add(&t, an_attempt(STAGE_OFFERED, ""));
	add(&t, an_attempt(STAGE_VERIFIED, ""));
	f = facts_at(&t, T0);
	assert_int_equal(f.confirmed, 1);
	assert_int_equal(f.bad, 1);
	assert_int_equal(f.other, 1);
	assert_int_equal(f.trouble, 2);
	assert_int_equal(f.started, 6);
	assert_int_equal(tally_count(&t, STAGE_FAILED), 4);
	assert_false(f.stop_code);
}

static void assert_reason(const struct gate_reason *r, const char *code,
			  uint64_t n)
{
	assert_string_equal(r->code, code);
	assert_int_equal(r->n, n);
}

static void the_code_that_most_have_is_the_reason(void **state)
{
	const struct tally_stops smoke = { { "SMOKE" }, 1 };
	struct stage_attempt a = an_attempt(STAGE_FAILED, "HEALTH_FAILED");
	struct tally t;
	struct gate_facts f;

	(void)state;
	tally_init(&t);
	tally_reasons(&t, TALLY_PHASE_ALL, &smoke, &f);
	assert_reason(&f.why_bad, "", 0);
	add(&t, a);
	add(&t, an_attempt(STAGE_ROLLED_BACK, "HEALTH_FAILED"));
	add(&t, an_attempt(STAGE_FAILED, "SMOKE"));
	for (int i = 0; i < 5; i++)
		add(&t, an_attempt(STAGE_FAILED, "SPACE"));
	add(&t, an_attempt(STAGE_FAILED, "NOT_FOUND"));
	a.phase = 1;
	a.state = STAGE_FAILED;
	memcpy(a.code, "BOOT_TIMEOUT", 13);
	for (int i = 0; i < 3; i++)
		add(&t, a);
	tally_reasons(&t, 0, &smoke, &f);
	assert_reason(&f.why_bad, "HEALTH_FAILED", 2);
	assert_reason(&f.why_trouble, "NOT_FOUND", 1);
	assert_reason(&f.why_stopped, "SMOKE", 1);
	tally_reasons(&t, TALLY_PHASE_ALL, &smoke, &f);
	assert_reason(&f.why_bad, "BOOT_TIMEOUT", 3);
	/* One of them came up in the end. */
	go(&t, &a, STAGE_CONFIRMED, "");
	tally_reasons(&t, 1, &smoke, &f);
	assert_reason(&f.why_bad, "BOOT_TIMEOUT", 2);
	assert_reason(&f.why_stopped, "", 0);
	tally_epoch(&t, 1);
	tally_reasons(&t, TALLY_PHASE_ALL, &smoke, &f);
	assert_reason(&f.why_bad, "", 0);
}

/* Devices make up codes: what most of them really say is told all the same. */
static void made_up_codes_do_not_hide_the_reason(void **state)
{
	const struct tally_stops none = { .count = 0 };
	struct stage_attempt a = an_attempt(STAGE_FAILED, "");
	struct tally t;
	struct gate_facts f;
	struct err e = { 0 };

	(void)state;
	tally_init(&t);
	for (unsigned i = 0; i < 2 * TALLY_CODES_MAX; i++) {
		assert_ok(text_format(a.code, sizeof(a.code), &e, "A%u", i));
		tally_add(&t, &a, 1);
	}
	memcpy(a.code, "HEALTH_FAILED", 14);
	tally_add(&t, &a, 7);
	tally_reasons(&t, TALLY_PHASE_ALL, &none, &f);
	assert_reason(&f.why_bad, "HEALTH_FAILED", 7);
}

static void what_is_undone_is_taken_out(void **state)
{
	struct stage_attempt a = an_attempt(STAGE_OFFERED, "");
	struct tally t;
	struct gate_facts f;

	(void)state;
	tally_init(&t);
	add(&t, a);
	go(&t, &a, STAGE_INSTALLED, "");
	go(&t, &a, STAGE_LOST, "DARK");
	assert_int_equal(facts_at(&t, T0).lost, 1);
	go(&t, &a, STAGE_CONFIRMED, "");
	go(&t, &a, STAGE_ROLLED_BACK, "RUNS_OLDER");
	f = facts_at(&t, T0);
	assert_int_equal(f.confirmed, 0);
	assert_int_equal(f.lost, 0);
	assert_int_equal(f.bad, 1);
	assert_int_equal(f.started, 1);
}

static void new_devices_and_stepping_stones_do_not_count(void **state)
{
	struct stage_attempt new = an_attempt(STAGE_FAILED, "HEALTH_FAILED");
	struct stage_attempt stone = new;
	struct tally t;

	(void)state;
	new.counted = false;
	stone.stone = true;
	tally_init(&t);
	add(&t, new);
	add(&t, stone);
	assert_int_equal(facts_at(&t, T0).bad, 0);
	assert_int_equal(facts_at(&t, T0).started, 0);
	assert_int_equal(tally_count(&t, STAGE_FAILED), 2);
}

static void a_new_epoch_forgets_what_ended_not_what_is_under_way(void **state)
{
	struct stage_attempt a = an_attempt(STAGE_VERIFIED, "");
	struct tally t;
	struct gate_facts f;

	(void)state;
	tally_init(&t);
	add(&t, a);
	add(&t, an_attempt(STAGE_FAILED, "TRIAL_ATTEMPTS"));
	add(&t, an_attempt(STAGE_FAILED, "HEALTH_FAILED"));
	f = facts_at(&t, T0);
	assert_true(f.stop_code);
	assert_int_equal(f.early_bad, 2);
	tally_epoch(&t, 1);
	f = facts_at(&t, T0);
	assert_false(f.stop_code);
	assert_int_equal(f.early_bad, 0);
	assert_int_equal(f.bad, 0);
	assert_int_equal(f.started, 1);
	go(&t, &a, STAGE_FAILED, "HEALTH_FAILED");
	f = facts_at(&t, T0);
	assert_int_equal(f.bad, 1);
	assert_int_equal(f.started, 1);
}

static void only_the_first_five_are_early(void **state)
{
	struct tally t;

	(void)state;
	tally_init(&t);
	for (size_t i = 0; i < GATE_EARLY; i++)
		add(&t, an_attempt(STAGE_CONFIRMED, ""));
	add(&t, an_attempt(STAGE_FAILED, "HEALTH_FAILED"));
	add(&t, an_attempt(STAGE_FAILED, "HEALTH_FAILED"));
	assert_int_equal(facts_at(&t, T0).early_bad, 0);
}

static void the_dark_are_compared_with_others_of_their_hour(void **state)
{
	struct tally t;
	struct gate_facts f;

	(void)state;
	tally_init(&t);
	/* 100 others were online; 90 of them again an hour later. */
	for (size_t i = 0; i < 100; i++)
		tally_control_seen(&t, TALLY_NO_HOUR, T0 + 60);
	for (size_t i = 0; i < 90; i++)
		tally_control_seen(&t, T0 + 60, T0 + 3700);
	for (size_t i = 0; i < 40; i++)
		add(&t, an_attempt(STAGE_INSTALLED, ""));
	for (size_t i = 0; i < 10; i++)
		add(&t, an_attempt(STAGE_LOST, "DARK"));
	f = facts_at(&t, T0 + 7199); /* too early to say */
	assert_int_equal(f.dark.n, 0);
	f = facts_at(&t, T0 + 7200);
	assert_int_equal(f.dark.n, 50);
	assert_int_equal(f.dark.dark, 10);
	assert_int_equal(f.dark.control_n, 100);
	assert_int_equal(f.dark.control_dark, 10);
	/* One that was offered something is no longer one of the others. */
	tally_control_leaves(&t, T0 + 3700);
	assert_int_equal(facts_at(&t, T0 + 7200).dark.control_dark, 10);
}

static void what_is_usual_is_remembered_where_nobody_is_left(void **state)
{
	struct tally t;
	struct gate_facts f;

	(void)state;
	tally_init(&t);
	/* Two hours before there were others, one in ten of which is dark. */
	for (size_t i = 0; i < 100; i++)
		tally_control_seen(&t, TALLY_NO_HOUR, T0 - 7200);
	for (size_t i = 0; i < 90; i++)
		tally_control_leaves(&t, T0 - 7200);
	for (size_t i = 0; i < 40; i++)
		add(&t, an_attempt(STAGE_INSTALLED, ""));
	f = facts_at(&t, T0 + 7200);
	assert_int_equal(f.dark.n, 0); /* no reason to stop */
	assert_int_equal(f.usual_n, 100);
	assert_int_equal(f.usual_dark, 10);
	assert_int_equal(f.awaited, 40);
}

static void hours_of_a_week_ago_are_forgotten(void **state)
{
	struct tally t;

	(void)state;
	tally_init(&t);
	for (size_t i = 0; i < 100; i++)
		tally_control_seen(&t, TALLY_NO_HOUR, T0);
	tally_control_seen(&t, T0, T0 + TALLY_HOURS * TALLY_HOUR);
	tally_control_leaves(&t, T0); /* no longer there: no harm */
	add(&t, an_attempt(STAGE_INSTALLED, ""));
	assert_int_equal(facts_at(&t, T0 + 30 * UTC_DAY).dark.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_class_is_counted_apart),
		cmocka_unit_test(the_code_that_most_have_is_the_reason),
		cmocka_unit_test(made_up_codes_do_not_hide_the_reason),
		cmocka_unit_test(what_is_undone_is_taken_out),
		cmocka_unit_test(new_devices_and_stepping_stones_do_not_count),
		cmocka_unit_test(
			a_new_epoch_forgets_what_ended_not_what_is_under_way),
		cmocka_unit_test(only_the_first_five_are_early),
		cmocka_unit_test(
			the_dark_are_compared_with_others_of_their_hour),
		cmocka_unit_test(
			what_is_usual_is_remembered_where_nobody_is_left),
		cmocka_unit_test(hours_of_a_week_ago_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
