/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rollout.h"

#include <string.h>

#include "tests/unit/check.h"

#define NOW 1000000

static const struct sha256 old_digest = { { 1 } }, new_digest = { { 2 } };

static struct device_id device(unsigned n)
{
	struct device_id id = { { (uint8_t)(n >> 8), (uint8_t)n } };

	return id;
}

static struct rollout a_rollout(void)
{
	struct rollout r = { .state = ROLLOUT_RUNNING,
			     .product = "kiosk",
			     .release = "2",
			     .digest = new_digest,
			     .seq = 2,
			     .models = { "k1" },
			     .model_count = 1,
			     .cohorts = { "canary", "all" },
			     .cohort_count = 2,
			     .limit = UINT64_MAX };

	return r;
}

static struct rollout_device a_device(void)
{
	struct rollout_device d = { .id = { { 9 } },
				    .product = "kiosk",
				    .model = "k1",
				    .cohort = "canary",
				    .has_release = true,
				    .confirmed = true,
				    .seq = 1,
				    .digest = old_digest };

	return d;
}

static const struct rollout_past nothing_before;

static void a_bucket_is_the_head_of_the_documented_hash(void **state)
{
	uint8_t message[14 + SHA256_LEN + DEVICE_ID_LEN] = "pawl/bucket/v1";
	struct device_id id = device(3);
	struct sha256 hash;
	uint64_t want = 0;

	(void)state;
	memcpy(message + 14, new_digest.bytes, SHA256_LEN);
	memcpy(message + 14 + SHA256_LEN, id.bytes, DEVICE_ID_LEN);
	sha256_of((struct slice){ message, sizeof(message) }, &hash);
	for (int i = 0; i < 8; i++)
		want = want * 256 + hash.bytes[i];
	assert_true(bucket_of(&new_digest, &id) == want);
	assert_true(bucket_of(&old_digest, &id) != want);
}

static size_t exposed(const uint64_t *buckets, size_t n, uint64_t limit)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += buckets[i] <= limit;
	return count;
}

static void a_share_opens_exactly_its_part_and_at_least_one(void **state)
{
	static const struct {
		size_t n;
		uint32_t share;
		size_t want;
	} cases[] = {
		{ 1, 1, 1 },       { 1, 10000, 1 },      { 10, 1, 1 },
		{ 10, 1000, 1 },   { 10, 1001, 2 },      { 100, 2500, 25 },
		{ 1000, 100, 10 }, { 1000, 9999, 1000 },
	};
	uint64_t buckets[1000], limit = 0;
	struct err e = { 0 };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		for (unsigned i = 0; i < cases[c].n; i++) {
			struct device_id id = device(i);

			buckets[i] = bucket_of(&new_digest, &id);
		}
		assert_ok(rollout_limit(buckets, cases[c].n, cases[c].share,
					&limit, &e));
		assert_int_equal(exposed(buckets, cases[c].n, limit),
				 cases[c].want);
	}
}

static void larger_shares_contain_smaller_ones_in_any_order(void **state)
{
	uint64_t forward[500], backward[500], a, b, last = 0;
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct device_id id = device(i);

		forward[i] = bucket_of(&new_digest, &id);
		backward[499 - i] = forward[i];
	}
	for (uint32_t share = 1; share <= ROLLOUT_SHARE_ALL; share += 333) {
		assert_ok(rollout_limit(forward, 500, share, &a, &e));
		assert_ok(rollout_limit(backward, 500, share, &b, &e));
		assert_true(a == b);
		assert_true(a >= last);
		last = a;
	}
}

static void the_whole_share_is_open_to_devices_that_join_later(void **state)
{
	uint64_t one = 5, limit = 0;
	struct err e = { 0 };

	(void)state;
	assert_ok(rollout_limit(&one, 1, ROLLOUT_SHARE_ALL, &limit, &e));
	assert_true(limit == UINT64_MAX);
}

static void nobody_and_impossible_shares_are_refused(void **state)
{
	uint64_t one = 5, limit;
	struct err e = { 0 };

	(void)state;
	assert_refused(rollout_limit(&one, 0, 100, &limit, &e), ERR_REFUSED);
	assert_refused(rollout_limit(&one, 1, 0, &limit, &e), ERR_USAGE);
	assert_refused(rollout_limit(&one, 1, 10001, &limit, &e), ERR_USAGE);
}

static const struct rollout_word ordered = { .ordered = true };
static const struct rollout_word unordered = { .ordered = false };

static void an_open_rollout_is_offered(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();

	(void)state;
	assert_int_equal(rollout_decide(&r, &d, &nothing_before, &ordered, NOW),
			 VERDICT_OFFER);
	r.state = ROLLOUT_COMPLETED; /* from the drawer */
	assert_int_equal(rollout_decide(&r, &d, &nothing_before, &ordered, NOW),
			 VERDICT_OFFER);
	r.models[0][0] = 0;
	r.model_count = 0; /* any model */
	assert_int_equal(rollout_decide(&r, &d, &nothing_before, &ordered, NOW),
			 VERDICT_OFFER);
}

static void every_rule_changes_the_decision(void **state)
{
	struct rollout r;
	struct rollout_device d = a_device();

	(void)state;
#define WITH(change, wanted)                                                   \
	r = a_rollout();                                                       \
	d = a_device();                                                        \
	change;                                                                \
	assert_int_equal(                                                      \
		rollout_decide(&r, &d, &nothing_before, &ordered, NOW),        \
		wanted)
	WITH(r.state = ROLLOUT_DRAFT, VERDICT_CLOSED);
	WITH(r.state = ROLLOUT_PAUSED, VERDICT_CLOSED);
	WITH(memcpy(d.product, "other", 6), VERDICT_NOT_FOR);
	WITH(memcpy(d.model, "k2", 3), VERDICT_NOT_FOR);
	WITH(memcpy(d.cohort, "vip", 4), VERDICT_NOT_FOR);
	WITH(r.cohort_count = 0, VERDICT_NOT_FOR);
	WITH(d.digest = new_digest, VERDICT_ALREADY);
	WITH(d.seq = 3, VERDICT_NEWER);
	WITH(d.seq = 2, VERDICT_NEWER);
	WITH(r.not_before = NOW + 1, VERDICT_EARLY);
	WITH(r.not_before = NOW, VERDICT_OFFER);
	WITH(r.limit = bucket_of(&new_digest, &d.id) - 1, VERDICT_OUTSIDE);
	WITH(r.limit = bucket_of(&new_digest, &d.id), VERDICT_OFFER);
	WITH(d.confirmed = false, VERDICT_TRIAL);
#undef WITH
}

static void what_is_signed_of_the_way_decides(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	struct rollout_word word = { .ordered = true, .stranded = true };

	(void)state;
	assert_int_equal(rollout_decide(&r, &d, &nothing_before, &word, NOW),
			 VERDICT_STRANDED);
	/* nothing of ours runs yet: stepping stones do not matter */
	d.has_release = false;
	assert_int_equal(rollout_decide(&r, &d, &nothing_before, &word, NOW),
			 VERDICT_OFFER);
	/* the floor does, at first use too */
	word.below_floor = true;
	assert_int_equal(rollout_decide(&r, &d, &nothing_before, &word, NOW),
			 VERDICT_FLOOR);
}

static void a_step_back_is_offered_once_and_only_if_authorised(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	struct rollout_word word = { .ordered = true };
	struct rollout_past past = { 0 };

	(void)state;
	d.seq = r.seq + 1;
	assert_int_equal(rollout_decide(&r, &d, &past, &word, NOW),
			 VERDICT_NEWER);
	word.back = true;
	assert_int_equal(rollout_decide(&r, &d, &past, &word, NOW),
			 VERDICT_OFFER);
	d.confirmed = false;
	assert_int_equal(rollout_decide(&r, &d, &past, &word, NOW),
			 VERDICT_TRIAL);
	d.confirmed = true;
	past.stepped = true;
	assert_int_equal(rollout_decide(&r, &d, &past, &word, NOW),
			 VERDICT_STEPPED);
	past.stepped = false;
	/* Everything else is asked as ever. */
	word.below_floor = true;
	assert_int_equal(rollout_decide(&r, &d, &past, &word, NOW),
			 VERDICT_FLOOR);
	word.below_floor = false;
	word.ordered = false;
	assert_int_equal(rollout_decide(&r, &d, &past, &word, NOW),
			 VERDICT_NO_ORDER);
}

static void what_was_stepped_back_from_is_not_offered_again(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	const struct rollout_past past = { .left = true };

	(void)state;
	assert_int_equal(rollout_decide(&r, &d, &past, &ordered, NOW),
			 VERDICT_LEFT);
}

static void without_an_order_nothing_is_offered(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();

	(void)state;
	assert_int_equal(
		rollout_decide(&r, &d, &nothing_before, &unordered, NOW),
		VERDICT_NO_ORDER);
	/* the server may be stricter, and says so first */
	r.state = ROLLOUT_PAUSED;
	assert_int_equal(
		rollout_decide(&r, &d, &nothing_before, &unordered, NOW),
		VERDICT_CLOSED);
}

static void what_rolled_back_is_not_offered_again(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	struct rollout_past past = { .rolled_back = true };

	(void)state;
	assert_int_equal(rollout_decide(&r, &d, &past, &ordered, NOW),
			 VERDICT_ROLLED_BACK);
	assert_int_equal(
		rollout_decide(&r, &d, &past, &ordered, NOW + 400 * UTC_DAY),
		VERDICT_ROLLED_BACK);
}

static void three_failures_earn_a_day_of_rest(void **state)
{
	struct rollout r = a_rollout();
	struct rollout_device d = a_device();
	struct rollout_past past = { .failed = 2, .last_failed = NOW };

	(void)state;
	assert_int_equal(rollout_decide(&r, &d, &past, &ordered, NOW),
			 VERDICT_OFFER);
	past.failed = 3;
	assert_int_equal(
		rollout_decide(&r, &d, &past, &ordered, NOW + UTC_DAY - 1),
		VERDICT_RESTING);
	assert_int_equal(rollout_decide(&r, &d, &past, &ordered, NOW + UTC_DAY),
			 VERDICT_OFFER);
}

static void jitter_stays_within_a_tenth(void **state)
{
	(void)state;
	assert_int_equal(rollout_next_check(3600, 0), 3240);
	assert_int_equal(rollout_next_check(3600, 720), 3960);
	assert_int_equal(rollout_next_check(3600, 721), 3240);
	assert_int_equal(rollout_next_check(5, UINT64_MAX), 5);
	assert_int_equal(rollout_next_check(0, 7), 1);
}

/* ---- attempts ------------------------------------------------------------ */

static struct attempt an_attempt(enum attempt_state state)
{
	struct attempt a = {
		.digest = new_digest, .seq = 2, .state = state, .activation = 4
	};

	return a;
}

static struct wire_report report(uint32_t sequence, enum wire_state state)
{
	struct wire_report m = { .sequence = sequence, .state = state };

	return m;
}

static struct wire_checkin runs(const struct sha256 *digest, uint64_t seq,
				uint64_t activation)
{
	struct wire_checkin m = { .has_release = true,
				  .seq = seq,
				  .digest = *digest,
				  .confirmed = true,
				  .activation = activation };

	return m;
}

/* Until it went, what runs is newer than what it shall have: as it should. */
static void a_step_back_waits_for_the_older_release(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_DOWNLOADING);
	struct wire_checkin m = runs(&old_digest, 3, 4);

	(void)state;
	a.back_from = 3;
	assert_false(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_DOWNLOADING);
	/* Something newer came in between. */
	m.seq = 4;
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_SKIPPED);
	a = an_attempt(ATTEMPT_INSTALLED);
	a.back_from = 3;
	m.seq = 3;
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_ROLLED_BACK);
	a = an_attempt(ATTEMPT_INSTALLED);
	a.back_from = 3;
	m = runs(&new_digest, 2, 5);
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_CONFIRMED);
	/* What a person does afterwards is no failure of it. */
	m = runs(&old_digest, 3, 6);
	assert_false(attempt_checkin(&a, &m, NOW));
}

static void reports_walk_an_attempt_forward(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_OFFERED);
	struct wire_report m;

	(void)state;
	m = report(1, WIRE_DOWNLOADING);
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_DOWNLOADING);
	m = report(2, WIRE_DEFERRED);
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_DEFERRED);
	m = report(3, WIRE_VERIFIED);
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_VERIFIED);
	m = report(4, WIRE_INSTALLED);
	assert_true(attempt_report(&a, &m, NOW + 7));
	assert_int_equal(a.state, ATTEMPT_INSTALLED);
	assert_int_equal(a.changed, NOW + 7);
}

static void replayed_and_overtaken_reports_change_nothing(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_OFFERED), before;
	struct wire_report m = report(5, WIRE_INSTALLED);

	(void)state;
	assert_true(attempt_report(&a, &m, NOW));
	before = a;
	assert_false(attempt_report(&a, &m, NOW + 1));
	m = report(4, WIRE_FAILED);
	assert_false(attempt_report(&a, &m, NOW + 1));
	assert_memory_equal(&a, &before, sizeof(a));
	m = report(6, WIRE_DOWNLOADING); /* later, but backwards */
	assert_true(attempt_report(&a, &m, NOW + 1));
	assert_int_equal(a.state, ATTEMPT_INSTALLED);
}

static void a_refusal_by_an_order_is_put_off_and_no_failure(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_OFFERED);
	struct wire_report m = report(1, WIRE_FAILED);

	(void)state;
	memcpy(m.code, ATTEMPT_REFUSED_CODE, sizeof(ATTEMPT_REFUSED_CODE));
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_DEFERRED);
	/* it goes on when the order is there */
	m = report(2, WIRE_DOWNLOADING);
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_DOWNLOADING);
	/* another failure is one, and so is a refusal of what was installed */
	m = report(3, WIRE_FAILED);
	memcpy(m.code, "UNTRUSTED", 10);
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_FAILED);
	a = an_attempt(ATTEMPT_INSTALLED);
	m = report(1, WIRE_FAILED);
	memcpy(m.code, ATTEMPT_REFUSED_CODE, sizeof(ATTEMPT_REFUSED_CODE));
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_FAILED);
}

static void a_claimed_success_is_not_one(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_VERIFIED);
	struct wire_report m = report(1, WIRE_CONFIRMED);

	(void)state;
	m.running = new_digest;
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_INSTALLED);
}

static void success_is_a_confirmed_checkin_after_an_activation(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_INSTALLED);
	struct wire_checkin m = runs(&new_digest, 2, 5);

	(void)state;
	m.confirmed = false; /* on trial */
	assert_false(attempt_checkin(&a, &m, NOW));
	m = runs(&new_digest, 2, 4); /* nothing was started since */
	assert_false(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_INSTALLED);
	m = runs(&new_digest, 2, 5);
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_CONFIRMED);
	assert_false(attempt_checkin(&a, &m, NOW)); /* replay */
}

static void success_counts_even_if_every_report_was_lost(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_OFFERED);
	struct wire_checkin m = runs(&new_digest, 2, 5);

	(void)state;
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_CONFIRMED);
}

static void the_old_release_after_installing_is_a_rollback(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_INSTALLED);
	struct wire_checkin m = runs(&old_digest, 1, 5);

	(void)state;
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_ROLLED_BACK);
	assert_string_equal(a.code, "RUNS_OLDER");
	a = an_attempt(ATTEMPT_CONFIRMED); /* fell back later */
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_ROLLED_BACK);
	a = an_attempt(ATTEMPT_DOWNLOADING); /* still at it */
	assert_false(attempt_checkin(&a, &m, NOW));
}

static void a_rollback_report_brings_its_reason(void **state)
{
	struct attempt a = an_attempt(ATTEMPT_ROLLED_BACK);
	struct wire_report m = report(1, WIRE_ROLLED_BACK);

	(void)state;
	memcpy(m.code, "HEALTH_FAILED", 14);
	assert_true(attempt_report(&a, &m, NOW));
	assert_string_equal(a.code, "HEALTH_FAILED");
	a = an_attempt(ATTEMPT_CONFIRMED);
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_ROLLED_BACK);
	a = an_attempt(ATTEMPT_FAILED);
	assert_true(attempt_report(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_FAILED);
}

static void something_newer_ends_an_attempt_as_skipped(void **state)
{
	static const struct sha256 newer = { { 3 } };
	struct attempt a = an_attempt(ATTEMPT_DOWNLOADING);
	struct wire_checkin m = runs(&newer, 3, 5);

	(void)state;
	assert_true(attempt_checkin(&a, &m, NOW));
	assert_int_equal(a.state, ATTEMPT_SKIPPED);
	a = an_attempt(ATTEMPT_CONFIRMED); /* the next update is no rollback */
	assert_false(attempt_checkin(&a, &m, NOW));
}

static void states_have_names_that_parse(void **state)
{
	enum attempt_state a;
	enum rollout_state r;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < ATTEMPT_STATES; i++) {
		const char *name = attempt_state_name((enum attempt_state)i);

		assert_ok(attempt_state_parse(slice_of(name), &a, &e));
		assert_int_equal(a, i);
	}
	assert_ok(rollout_state_parse(slice_of("paused"), &r, &e));
	assert_int_equal(r, ROLLOUT_PAUSED);
	assert_refused(rollout_state_parse(slice_of("open"), &r, &e),
		       ERR_FORMAT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_is_the_head_of_the_documented_hash),
		cmocka_unit_test(
			a_share_opens_exactly_its_part_and_at_least_one),
		cmocka_unit_test(
			larger_shares_contain_smaller_ones_in_any_order),
		cmocka_unit_test(
			the_whole_share_is_open_to_devices_that_join_later),
		cmocka_unit_test(nobody_and_impossible_shares_are_refused),
		cmocka_unit_test(an_open_rollout_is_offered),
		cmocka_unit_test(every_rule_changes_the_decision),
		cmocka_unit_test(what_is_signed_of_the_way_decides),
		cmocka_unit_test(
			a_step_back_is_offered_once_and_only_if_authorised),
		cmocka_unit_test(
			what_was_stepped_back_from_is_not_offered_again),
		cmocka_unit_test(without_an_order_nothing_is_offered),
		cmocka_unit_test(what_rolled_back_is_not_offered_again),
		cmocka_unit_test(three_failures_earn_a_day_of_rest),
		cmocka_unit_test(jitter_stays_within_a_tenth),
		cmocka_unit_test(a_step_back_waits_for_the_older_release),
		cmocka_unit_test(reports_walk_an_attempt_forward),
		cmocka_unit_test(replayed_and_overtaken_reports_change_nothing),
		cmocka_unit_test(
			a_refusal_by_an_order_is_put_off_and_no_failure),
		cmocka_unit_test(a_claimed_success_is_not_one),
		cmocka_unit_test(
			success_is_a_confirmed_checkin_after_an_activation),
		cmocka_unit_test(success_counts_even_if_every_report_was_lost),
		cmocka_unit_test(
			the_old_release_after_installing_is_a_rollback),
		cmocka_unit_test(a_rollback_report_brings_its_reason),
		cmocka_unit_test(something_newer_ends_an_attempt_as_skipped),
		cmocka_unit_test(states_have_names_that_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
