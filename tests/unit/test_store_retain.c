/* SPDX-License-Identifier: Apache-2.0 */
/* What goes after its time, what goes by a person's word, and what stays. */
#include "tests/unit/fleet.h"
#include "update-server/sql.h"
#include "update-server/sql_sqlite.h"

#define DAY 86400

struct seen {
	unsigned attempts, evidence;
};

static void look(void *ctx, const struct attempt *a, const char *rollout,
		 const char *release, const char *evidence)
{
	struct seen *s = ctx;

	(void)a;
	(void)rollout;
	(void)release;
	s->attempts++;
	s->evidence += evidence[0] != 0;
}

static struct seen attempts_of(struct store *s, const struct store_device *d)
{
	struct seen seen = { 0 };
	struct err e = { 0 };

	assert_ok(store_attempt_each(s, &d->facts.id, look, &seen, &e));
	return seen;
}

/* A whole round; returns how many steps it took. */
static unsigned retain(struct store *s, int64_t now,
		       struct store_retained *gone)
{
	struct err e = { 0 };
	unsigned steps = 0;
	bool more;

	*gone = (struct store_retained){ 0 };
	do {
		assert_ok(store_retain(s, now, gone, &more, &e));
		steps++;
	} while (more);
	return steps;
}

/* After a month the day is what is kept, and of who comes the second. */
static void when_a_device_was_there_is_known_by_the_day(void **state)
{
	struct store_device a = fleet_device(*state, 1);
	struct store_device b = fleet_device(*state, 2);
	const int64_t day = FLEET_NOW - FLEET_NOW % UTC_DAY;
	const int64_t month = 30 * UTC_DAY;
	struct wire_checkin m = { .interval_sec = 60 };
	struct store_retained gone;
	struct err e = { 0 };

	assert_ok(store_device_seen(*state, &a, &m, day + 77, &e));
	assert_ok(store_device_seen(*state, &b, &m, day + UTC_DAY + 88, &e));
	assert_ok(store_flush(*state, &e));
	(void)retain(*state, day + month - 1, &gone);
	assert_ok(store_device_find(*state, &a.facts.id, &a, &e));
	assert_int_equal(a.last_seen, day + 77);
	(void)retain(*state, day + month, &gone);
	assert_ok(store_device_find(*state, &a.facts.id, &a, &e));
	assert_int_equal(a.last_seen, day);
	assert_ok(store_device_find(*state, &b.facts.id, &b, &e));
	assert_int_equal(b.last_seen, day + UTC_DAY + 88);
}

/* Of a day that no round came to: the server was off for years. */
static void the_second_is_forgotten_however_late(void **state)
{
	struct store_device a = fleet_device(*state, 1);
	struct store_device b = fleet_device(*state, 2);
	const int64_t day = FLEET_NOW - FLEET_NOW % UTC_DAY;
	const int64_t later = day + 2000 * UTC_DAY;
	struct wire_checkin m = { .interval_sec = 60 };
	struct store_retained gone = { .seen_all = true };
	struct err e = { 0 };
	bool more;

	assert_ok(store_device_seen(*state, &a, &m, day + 77, &e));
	assert_ok(store_device_seen(*state, &b, &m, later - 88, &e));
	assert_ok(store_flush(*state, &e));
	/* All were looked at before: a round is of a month's days. */
	assert_ok(store_retain(*state, later, &gone, &more, &e));
	assert_false(more);
	assert_ok(store_device_find(*state, &a.facts.id, &a, &e));
	assert_int_equal(a.last_seen, day + 77);
	assert_true(retain(*state, later, &gone) > 1);
	assert_true(gone.seen_all);
	assert_ok(store_device_find(*state, &a.facts.id, &a, &e));
	assert_int_equal(a.last_seen, day);
	assert_ok(store_device_find(*state, &b.facts.id, &b, &e));
	assert_int_equal(b.last_seen, later - 88);
}

/* No gate looks at who has left the fleet. */
static void of_who_leaves_the_day_is_kept_at_once(void **state)
{
	struct store_device a = fleet_device(*state, 1);
	const int64_t day = FLEET_NOW - FLEET_NOW % UTC_DAY;
	struct wire_checkin m = { .interval_sec = 60 };
	struct sha256 print;
	struct err e = { 0 };

	assert_ok(store_device_seen(*state, &a, &m, day + 77, &e));
	assert_ok(store_flush(*state, &e));
	assert_ok(store_device_revoke(*state, &a.facts.id, &fleet_by, &print,
				      &e));
	assert_ok(store_device_find(*state, &a.facts.id, &a, &e));
	assert_int_equal(a.last_seen, day);
}

/* A whole fleet that was silent since one day: more than one step. */
static void many_days_take_more_steps(void **state)
{
	const int64_t day = FLEET_NOW - FLEET_NOW % UTC_DAY;
	struct wire_checkin m = { .interval_sec = 60 };
	struct store_retained gone;
	struct store_device d;
	struct err e = { 0 };

	for (unsigned n = 1; n <= 2001; n++) {
		d = fleet_device(*state, n);
		assert_ok(store_device_seen(*state, &d, &m, day + 77, &e));
	}
	assert_ok(store_flush(*state, &e));
	assert_true(retain(*state, day + 30 * UTC_DAY, &gone) > 1);
	for (unsigned n = 1; n <= 2001; n += 100) {
		d.facts.id =
			(struct device_id){ { (uint8_t)n, (uint8_t)(n >> 8) } };
		assert_ok(store_device_find(*state, &d.facts.id, &d, &e));
		assert_int_equal(d.last_seen, day);
	}
}

/* An attempt that failed, with its last words. */
static struct attempt failed(struct store *s, struct stage *r,
			     const struct store_device *d)
{
	struct attempt a = fleet_offer(s, r, d);
	struct err e = { 0 };

	fleet_move(s, r, &a, STAGE_FAILED, "HEALTH_FAILED");
	assert_ok(store_attempt_save(s, r, &a, "last words", &e));
	return a;
}

static void evidence_goes_first_and_then_the_attempt(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage one = fleet_rollout(*state, "one", 2);
	struct attempt a = failed(*state, &one, &d);
	int64_t when = a.at.changed;
	struct store_retained gone;
	static struct tally t;
	struct err e = { 0 };

	(void)retain(*state, when + 30 * DAY, &gone);
	assert_int_equal(gone.evidence, 0);
	assert_int_equal(attempts_of(*state, &d).evidence, 1);
	(void)retain(*state, when + 30 * DAY + 1, &gone);
	assert_int_equal(gone.evidence, 1);
	assert_int_equal(attempts_of(*state, &d).evidence, 0);
	(void)retain(*state, when + 400 * DAY, &gone);
	assert_int_equal(gone.attempts, 0);
	(void)retain(*state, when + 400 * DAY + 1, &gone);
	assert_int_equal(gone.attempts, 1);
	assert_int_equal(attempts_of(*state, &d).attempts, 0);
	/* What was counted stays counted. */
	assert_ok(store_tally(*state, &one, FLEET_NOW, &t, &e));
	assert_int_equal(tally_count(&t, STAGE_FAILED), 1);
}

static void an_attempt_that_goes_on_is_kept(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage one = fleet_rollout(*state, "one", 2);
	struct store_retained gone;

	(void)fleet_offer(*state, &one, &d);
	(void)retain(*state, FLEET_NOW + 4000 * DAY, &gone);
	assert_int_equal(gone.attempts, 0);
	assert_int_equal(attempts_of(*state, &d).attempts, 1);
}

static void what_a_device_came_back_from_is_not_forgotten(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage one = fleet_rollout(*state, "one", 2);
	struct store_clear clear = { .device = d.facts.id, .reason = "mended" };
	struct attempt a = fleet_offer(*state, &one, &d);
	struct store_retained gone;
	struct rollout_past past;
	struct err e = { 0 };
	int64_t cleared;

	fleet_move(*state, &one, &a, STAGE_ROLLED_BACK, "HEALTH_FAILED");
	assert_ok(store_attempt_save(*state, &one, &a, "last words", &e));
	(void)retain(*state, FLEET_NOW + 4000 * DAY, &gone);
	assert_int_equal(gone.attempts, 0);
	assert_int_equal(attempts_of(*state, &d).evidence, 0);
	assert_ok(store_past(*state, &d.facts.id, &one.what, &past, &e));
	assert_true(past.rolled_back);
	/* Once a person has cleared it there is nothing to be known by it. */
	assert_ok(store_device_clear(*state, &clear, &fleet_by, &cleared, &e));
	(void)retain(*state, FLEET_NOW + 4000 * DAY, &gone);
	assert_int_equal(gone.attempts, 1);
}

/* As it says nothing against offering it again. */
static void what_was_replaced_before_its_boot_goes_as_others(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage one = fleet_rollout(*state, "one", 2);
	struct attempt a = fleet_offer(*state, &one, &d);
	struct store_retained gone;

	fleet_move(*state, &one, &a, STAGE_ROLLED_BACK, STAGE_REPLACED_CODE);
	(void)retain(*state, a.at.changed + 400 * DAY, &gone);
	assert_int_equal(gone.attempts, 0);
	(void)retain(*state, a.at.changed + 400 * DAY + 1, &gone);
	assert_int_equal(gone.attempts, 1);
	assert_int_equal(attempts_of(*state, &d).attempts, 0);
}

static void what_a_device_was_led_back_from_is_not_forgotten(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage back = fleet_rollout(*state, "back", 2);
	struct rollout left = { .id = back.what.id + 1, .seq = 3 };
	struct attempt a = { .device = d.facts.id,
			     .digest = back.what.digest,
			     .seq = 2,
			     .back_from = 3,
			     .at = { .offered = FLEET_NOW,
				     .interval_sec = 3600,
				     .counted = true } };
	struct store_retained gone;
	struct rollout_past past;
	struct err e = { 0 };

	assert_ok(store_attempt_add(*state, &back, &a, 0, &e));
	fleet_move(*state, &back, &a, STAGE_CONFIRMED, "");
	(void)retain(*state, FLEET_NOW + 4000 * DAY, &gone);
	assert_int_equal(gone.attempts, 0);
	assert_ok(store_past(*state, &d.facts.id, &left, &past, &e));
	assert_true(past.left);
}

static void no_step_looks_at_more_than_a_few(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage one = fleet_rollout(*state, "one", 2);
	struct attempt a = failed(*state, &one, &d);
	struct store_retained gone;
	struct sql *db = NULL;
	struct err e = { 0 };

	/* More than two steps of the same attempt. */
	assert_ok(sql_open(&sql_sqlite, fleet_path, &db, &e));
	assert_ok(sql_script(
		db,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
		" FROM n WHERE i < 4500) INSERT INTO attempt (rollout, device,"
		" digest, seq, state, sequence, activation, code, evidence,"
		" offered, changed, n) SELECT rollout, device, digest, seq,"
		" state, sequence, activation, code, evidence, offered,"
		" changed, i + 1 FROM attempt, n",
		&e));
	sql_close(db);
	assert_int_equal(retain(*state, a.at.changed + 401 * DAY, &gone), 4);
	assert_int_equal(gone.attempts, 4501);
	assert_int_equal(attempts_of(*state, &d).attempts, 0);
}

static void nothing_is_left_of_a_forgotten_device_but_its_keys(void **state)
{
	struct store_device d = fleet_device(*state, 1), out;
	struct store_device other = fleet_device(*state, 2);
	struct stage one = fleet_rollout(*state, "one", 2);
	struct stage two = fleet_rollout(*state, "two", 3);
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = FLEET_NOW };
	struct sha256 cut;
	static struct tally t;
	struct err e = { 0 };

	(void)failed(*state, &one, &d);
	(void)fleet_offer(*state, &two, &d);
	(void)fleet_offer(*state, &two, &other);
	assert_refused(store_device_forget(*state, &d.facts.id, &by, &e),
		       ERR_CONFLICT);
	assert_ok(store_device_retire(*state, &d.facts.id, &by, &cut, &e));
	assert_ok(store_device_forget(*state, &d.facts.id, &by, &e));
	assert_refused(store_device_find(*state, &d.facts.id, &out, &e),
		       ERR_NOT_FOUND);
	assert_refused(store_device_forget(*state, &d.facts.id, &by, &e),
		       ERR_NOT_FOUND);
	assert_int_equal(attempts_of(*state, &d).attempts, 0);
	/* Its key is known for ever, to nobody's name. */
	assert_refused(store_key_take(*state, &d.spki, "another", &e),
		       ERR_CONFLICT);
	/* What it had not ended is counted no more, what it ended is. */
	assert_ok(store_tally(*state, &two, FLEET_NOW, &t, &e));
	assert_int_equal(tally_count(&t, STAGE_OFFERED), 1);
	assert_ok(store_tally(*state, &one, FLEET_NOW, &t, &e));
	assert_int_equal(tally_count(&t, STAGE_FAILED), 1);
	assert_int_equal(attempts_of(*state, &other).attempts, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(evidence_goes_first_and_then_the_attempt),
		TEST(an_attempt_that_goes_on_is_kept),
		TEST(what_a_device_came_back_from_is_not_forgotten),
		TEST(what_was_replaced_before_its_boot_goes_as_others),
		TEST(what_a_device_was_led_back_from_is_not_forgotten),
		TEST(no_step_looks_at_more_than_a_few),
		TEST(when_a_device_was_there_is_known_by_the_day),
		TEST(the_second_is_forgotten_however_late),
		TEST(of_who_leaves_the_day_is_kept_at_once),
		TEST(many_days_take_more_steps),
		TEST(nothing_is_left_of_a_forgotten_device_but_its_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
