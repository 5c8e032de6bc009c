/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"
#include "update-server/store_audience.h"

#include <signal.h>
#include <sys/wait.h>

static void attempts_are_counted_and_superseded(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage one = fleet_rollout(*state, "one", 2);
	struct stage two = fleet_rollout(*state, "two", 3);
	struct attempt a = fleet_offer(*state, &one, &d), b, out;
	static struct tally t;
	struct rollout_past past;
	struct err e = { 0 };
	bool found;

	b = a;
	assert_refused(store_attempt_add(*state, &one, &b, 0, &e),
		       ERR_CONFLICT);
	b = fleet_offer(*state, &two, &d);
	assert_ok(store_attempt_find(*state, a.id, &d.facts.id, &out, &e));
	assert_int_equal(out.at.state, STAGE_SUPERSEDED);
	assert_ok(store_attempt_latest(*state, &d.facts.id, &out, &found, &e));
	assert_true(found && out.id == b.id);
	b.at.sequence = 4;
	fleet_move(*state, &two, &b, STAGE_ROLLED_BACK, "HEALTH_FAILED");
	assert_ok(store_attempt_save(*state, &two, &b, "last words", &e));
	assert_ok(store_tally(*state, &two, FLEET_NOW, &t, &e));
	assert_int_equal(tally_count(&t, STAGE_OFFERED), 0);
	assert_int_equal(tally_count(&t, STAGE_ROLLED_BACK), 1);
	assert_int_equal(t.gate[0].failed[GATE_REL], 1);
	assert_ok(store_tally(*state, &one, FLEET_NOW, &t, &e));
	assert_int_equal(tally_count(&t, STAGE_SUPERSEDED), 1);
	assert_int_equal(tally_count(&t, STAGE_OFFERED), 0);
	assert_ok(store_past(*state, &d.facts.id, &two.what, &past, &e));
	assert_true(past.rolled_back);
	assert_ok(store_past(*state, &d.facts.id, &one.what, &past, &e));
	assert_false(past.rolled_back);
	d.facts.id.bytes[0] ^= 1; /* somebody else's attempt */
	assert_refused(store_attempt_find(*state, b.id, &d.facts.id, &out, &e),
		       ERR_NOT_FOUND);
}

/* A newer one came before its boot: it was never started. */
static void what_was_replaced_may_be_offered_again(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct attempt a = fleet_offer(*state, &r, &d);
	struct rollout_past past;
	struct err e = { 0 };

	fleet_move(*state, &r, &a, STAGE_INSTALLED, "");
	fleet_move(*state, &r, &a, STAGE_ROLLED_BACK, "REPLACED");
	assert_ok(store_past(*state, &d.facts.id, &r.what, &past, &e));
	assert_false(past.rolled_back);
	assert_int_equal(past.ended, 1); /* so it cannot go round for ever */
	/* Tried then, it came back for good, whatever was replaced after. */
	a = fleet_offer(*state, &r, &d);
	fleet_move(*state, &r, &a, STAGE_ROLLED_BACK, "REPLACED_BY_HAND");
	a = fleet_offer(*state, &r, &d);
	fleet_move(*state, &r, &a, STAGE_ROLLED_BACK, "REPLACED");
	assert_ok(store_past(*state, &d.facts.id, &r.what, &past, &e));
	assert_true(past.rolled_back);
}

/* A device says it runs something newer, then older: each is another one. */
static void all_that_ended_is_told(void **state)
{
	static const enum stage_state ends[] = { STAGE_SKIPPED, STAGE_CONFIRMED,
						 STAGE_WITHDRAWN,
						 STAGE_FAILED };
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct rollout_past past;
	struct attempt a;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		a = fleet_offer(*state, &r, &d);
		fleet_move(*state, &r, &a, ends[i], "");
	}
	a = fleet_offer(*state, &r, &d); /* it has not ended */
	assert_ok(store_past(*state, &d.facts.id, &r.what, &past, &e));
	assert_int_equal(past.ended, ARRAY_LEN(ends));
	assert_int_equal(past.last_ended, FLEET_NOW + 1);
	assert_int_equal(past.failed, 1);
}

/* A stone and what it leads to are two attempts of one rollout. */
static void another_release_of_a_rollout_is_another_attempt(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage one = fleet_rollout(*state, "one", 9);
	struct attempt a = { .device = d.facts.id,
			     .digest = fleet_hash(505),
			     .seq = 5,
			     .at = { .offered = FLEET_NOW, .stone = true } },
		       b, out;
	struct err e = { 0 };

	assert_ok(store_attempt_add(*state, &one, &a, 0, &e));
	b = fleet_offer(*state, &one, &d);
	assert_int_equal(a.n, 1);
	assert_int_equal(b.n, 2);
	assert_ok(store_attempt_find(*state, a.id, &d.facts.id, &out, &e));
	assert_int_equal(out.at.state, STAGE_SUPERSEDED);
	assert_true(out.at.stone);
	assert_ok(store_attempt_find(*state, b.id, &d.facts.id, &out, &e));
	assert_int_equal(out.at.state, STAGE_OFFERED);
}

static struct rollout_past past_with(struct store *s,
				     const struct store_device *d,
				     const struct stage *r, uint64_t seq)
{
	struct rollout of = r->what;
	struct rollout_past past;
	struct err e = { 0 };

	of.seq = seq;
	of.digest = fleet_hash(500 + (unsigned)seq);
	assert_ok(store_past(s, &d->facts.id, &of, &past, &e));
	return past;
}

static void a_confirmed_step_back_is_remembered(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage back = fleet_rollout(*state, "back", 7);
	struct stage other = fleet_rollout(*state, "other", 7);
	struct attempt a = { .device = d.facts.id,
			     .digest = back.what.digest,
			     .seq = 7,
			     .back_from = 9,
			     .at = { .offered = FLEET_NOW } },
		       out;
	struct err e = { 0 };

	assert_ok(store_attempt_add(*state, &back, &a, 0, &e));
	assert_ok(store_attempt_find(*state, a.id, &d.facts.id, &out, &e));
	assert_int_equal(out.back_from, 9);
	assert_false(past_with(*state, &d, &back, 7).stepped);
	assert_false(past_with(*state, &d, &back, 9).left);
	fleet_move(*state, &back, &a, STAGE_CONFIRMED, "");
	assert_true(past_with(*state, &d, &back, 7).stepped);
	assert_false(past_with(*state, &d, &other, 7).stepped);
	assert_false(past_with(*state, &d, &back, 7).left);
	assert_true(past_with(*state, &d, &back, 8).left);
	assert_true(past_with(*state, &d, &back, 9).left);
	assert_false(past_with(*state, &d, &back, 10).left);
	d.facts.id.bytes[0] ^= 1;
	assert_false(past_with(*state, &d, &back, 9).left);
}

static void timers_ring_in_their_order_and_once(void **state)
{
	struct store_device d[3];
	struct stage r = fleet_rollout(*state, "one", 2);
	static struct store_due due[STORE_DUE_MAX];
	struct store_change change = { .stage = &r };
	struct attempt a[3];
	size_t count;
	struct err e = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		d[i] = fleet_device(*state, i + 1);
		a[i] = fleet_offer(*state, &r, &d[i]);
		a[i].due = FLEET_NOW + 100 - 10 * (int64_t)i;
		assert_ok(store_attempt_save(*state, &r, &a[i], NULL, &e));
	}
	assert_ok(store_attempts_due(*state, FLEET_NOW + 79, due, &count, &e));
	assert_int_equal(count, 0);
	assert_ok(store_attempts_due(*state, FLEET_NOW + 90, due, &count, &e));
	assert_int_equal(count, 2);
	assert_int_equal(due[0].attempt.id, a[2].id);
	assert_false(due[0].is_out);
	change.attempt = due[0].attempt;
	change.attempt.at.state = STAGE_STALLED;
	change.attempt.due = 0;
	assert_ok(store_attempts_save(*state, &change, 1, &e));
	assert_ok(store_attempts_due(*state, FLEET_NOW + 90, due, &count, &e));
	assert_int_equal(count, 1);
	assert_int_equal(due[0].attempt.id, a[1].id);
	/* what has not installed can be ended together */
	fleet_move(*state, &r, &a[0], STAGE_INSTALLED, "");
	assert_ok(store_attempts_open(*state, r.what.id, due, &count, &e));
	assert_int_equal(count, 2);
}

static void who_leaves_the_fleet_counts_no_more(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct store_device dark = fleet_device(*state, 2);
	struct store_device installed = fleet_device(*state, 3);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct attempt a = fleet_offer(*state, &r, &d);
	struct attempt b = fleet_offer(*state, &r, &dark);
	struct attempt c = fleet_offer(*state, &r, &installed), out;
	static struct store_due due[STORE_DUE_MAX];
	static struct tally t;
	struct sha256 cut;
	size_t count;
	struct err e = { 0 };

	fleet_move(*state, &r, &b, STAGE_INSTALLED, "");
	fleet_move(*state, &r, &b, STAGE_LOST, "DARK");
	c.due = 1;
	fleet_move(*state, &r, &c, STAGE_INSTALLED, "");
	assert_ok(store_tally(*state, &r, FLEET_NOW, &t, &e));
	assert_int_equal(t.gate[0].lost, 1);
	assert_ok(
		store_device_retire(*state, &d.facts.id, &fleet_by, &cut, &e));
	assert_ok(store_device_revoke(*state, &dark.facts.id, &fleet_by, &cut,
				      &e));
	assert_ok(store_device_revoke(*state, &installed.facts.id, &fleet_by,
				      &cut, &e));
	assert_ok(store_attempt_find(*state, a.id, &d.facts.id, &out, &e));
	assert_int_equal(out.at.state, STAGE_RETIRED);
	assert_ok(store_tally(*state, &r, FLEET_NOW, &t, &e));
	assert_int_equal(t.gate[0].lost, 0);
	assert_int_equal(tally_count(&t, STAGE_RETIRED), 2);
	/* the one that installed is known to be out when its timer rings */
	assert_ok(store_attempts_due(*state, FLEET_NOW, due, &count, &e));
	assert_int_equal(count, 1);
	assert_true(due[0].is_out);
}

/* The counters are those of the attempts, whenever the power goes. */
static void a_kill_loses_no_acknowledged_report(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct attempt a, out;
	static struct tally t;
	bool found;
	struct err e = { 0 };
	pid_t child;
	int status;

	store_close(*state);
	*state = NULL;
	child = fork();
	if (child == 0) {
		struct store *s = fleet_open();

		a = fleet_offer(s, &r, &d);
		fleet_move(s, &r, &a, STAGE_INSTALLED, "");
		fleet_move(s, &r, &a, STAGE_ROLLED_BACK, "HEALTH_FAILED");
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	*state = fleet_open();
	assert_ok(store_attempt_latest(*state, &d.facts.id, &out, &found, &e));
	assert_true(found);
	assert_int_equal(out.at.state, STAGE_ROLLED_BACK);
	assert_ok(store_tally(*state, &r, FLEET_NOW, &t, &e));
	assert_int_equal(tally_count(&t, STAGE_ROLLED_BACK), 1);
	assert_int_equal(tally_count(&t, STAGE_INSTALLED), 0);
	assert_int_equal(t.gate[0].early_bad, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

/* ---- what the other slot holds --------------------------------------------
 */

static void comes(struct store *s, struct store_device *d, unsigned release)
{
	struct wire_checkin m = { .product = "kiosk",
				  .model = "k1",
				  .has_release = true,
				  .confirmed = true,
				  .seq = release,
				  .digest = fleet_hash(500 + release) };
	struct err e = { 0 };

	(void)snprintf(m.release, sizeof(m.release), "%u", release);
	m.activation = d->activation + 1;
	assert_ok(store_device_seen(s, d, &m, FLEET_NOW, &e));
}

static void count_held(void *ctx, const char *release, uint64_t devices)
{
	unsigned *held = ctx;

	held[release[0] - '0'] += (unsigned)devices;
}

/* Of those that run 3: how many hold 1, and how many 2. */
static void expect_held(struct store *s, unsigned one, unsigned two)
{
	struct rollout r = { .product = "kiosk", .release = "3", .seq = 3 };
	unsigned held[10] = { 0 };
	struct err e = { 0 };

	assert_ok(store_rollout_before(s, &r, count_held, held, &e));
	assert_int_equal(held[1], one);
	assert_int_equal(held[2], two);
}

static void list_releases(struct store *s)
{
	struct store_release list[3] = { 0 };
	char detail[] = "{}";
	const struct store_import in = { .releases = list, .release_count = 3 };
	struct err e = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		memcpy(list[i].product, "kiosk", 6);
		(void)snprintf(list[i].id, sizeof(list[i].id), "%u", i + 1);
		list[i].seq = i + 1;
		list[i].digest = fleet_hash(500 + i + 1);
		list[i].detail = detail;
	}
	assert_ok(store_import(s, &in, &fleet_by, &e));
}

static void the_other_slot_holds_what_ran_before(void **state)
{
	struct store_device a = fleet_device(*state, 1),
			    b = fleet_device(*state, 2);
	struct stage four = fleet_rollout(*state, "four", 4);
	struct rollout r = { .product = "kiosk", .release = "3", .seq = 3 };
	struct attempt try;
	uint64_t runs = 0;
	struct err e = { 0 };

	list_releases(*state);
	comes(*state, &a, 1);
	comes(*state, &a, 3);
	comes(*state, &a, 3);
	comes(*state, &b, 2);
	comes(*state, &b, 3);
	expect_held(*state, 1, 1);
	assert_ok(store_rollout_running(*state, &r, &runs, &e));
	assert_int_equal(runs, 2);
	/* An offer writes nothing; a download does. */
	try = fleet_offer(*state, &four, &a);
	expect_held(*state, 1, 1);
	fleet_move(*state, &four, &try, STAGE_DOWNLOADING, "");
	expect_held(*state, 0, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(attempts_are_counted_and_superseded),
		TEST(what_was_replaced_may_be_offered_again),
		TEST(all_that_ended_is_told),
		TEST(another_release_of_a_rollout_is_another_attempt),
		TEST(a_confirmed_step_back_is_remembered),
		TEST(timers_ring_in_their_order_and_once),
		TEST(who_leaves_the_fleet_counts_no_more),
		TEST(a_kill_loses_no_acknowledged_report),
		TEST(the_other_slot_holds_what_ran_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
