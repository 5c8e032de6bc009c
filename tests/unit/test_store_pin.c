/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"

static struct store_device seen(struct store *s, unsigned n)
{
	struct store_device d;
	struct device_id id = { { (uint8_t)n } };
	struct err e = { 0 };

	assert_ok(store_device_find(s, &id, &d, &e));
	return d;
}

static void a_pin_is_kept_until_it_is_taken_away(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct store_pin p = { d.facts.id, 7, "seven", "a wish" };
	struct err e = { 0 };

	assert_false(seen(*state, 1).facts.pinned);
	assert_ok(store_device_pin(*state, &p, &fleet_by, &e));
	d = seen(*state, 1);
	assert_true(d.facts.pinned);
	assert_int_equal(d.facts.pin, 7);
	assert_string_equal(d.pin_release, "seven");
	assert_refused(store_device_pin(*state, &p, &fleet_by, &e),
		       ERR_CONFLICT);
	p.seq = 0;
	assert_ok(store_device_pin(*state, &p, &fleet_by, &e));
	assert_false(seen(*state, 1).facts.pinned);
	assert_refused(store_device_pin(*state, &p, &fleet_by, &e),
		       ERR_CONFLICT);
}

static void who_is_out_of_the_fleet_is_not_pinned(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	const struct store_pin p = { d.facts.id, 7, "seven", "a wish" };
	struct sha256 fingerprint;
	struct err e = { 0 };

	assert_ok(store_device_retire(*state, &d.facts.id, &fleet_by,
				      &fingerprint, &e));
	assert_refused(store_device_pin(*state, &p, &fleet_by, &e),
		       ERR_CONFLICT);
}

static void who_is_blocked_is_given_nothing(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	const struct store_pin p = { d.facts.id, 7, "seven", "a wish" };
	struct audit_by by = fleet_by;
	struct sha256 fingerprint;
	struct err e = { 0 };

	by.reason = "stolen";
	assert_ok(store_device_pin(*state, &p, &fleet_by, &e));
	assert_ok(store_device_may_fetch(*state, &d.facts.id, &e));
	assert_ok(store_device_block(*state, &d.facts.id, true, &by,
				     &fingerprint, &e));
	/* By which its open connections are found. */
	assert_true(sha256_equal(&fingerprint, &d.fingerprint));
	assert_refused(store_device_block(*state, &d.facts.id, true, &by,
					  &fingerprint, &e),
		       ERR_CONFLICT);
	d = seen(*state, 1);
	assert_true(d.facts.blocked && d.facts.pinned);
	assert_int_equal(d.facts.pin, 0); /* no release is that one */
	assert_refused(store_device_may_fetch(*state, &d.facts.id, &e),
		       ERR_REFUSED);
	/* It is still who it is, and keeps to what was said before. */
	assert_ok(store_device_authorise(*state, &d.fingerprint, &d.facts.id,
					 &e));
	assert_ok(store_device_block(*state, &d.facts.id, false, &by,
				     &fingerprint, &e));
	d = seen(*state, 1);
	assert_false(d.facts.blocked);
	assert_int_equal(d.facts.pin, 7);
	assert_ok(store_device_may_fetch(*state, &d.facts.id, &e));
	assert_ok(store_device_retire(*state, &d.facts.id, &by, &fingerprint,
				      &e));
	assert_refused(store_device_block(*state, &d.facts.id, true, &by,
					  &fingerprint, &e),
		       ERR_CONFLICT);
}

static void note_registered(void *ctx, const struct store_device *d)
{
	(void)d;
	(*(unsigned *)ctx)++;
}

static void no_keys_are_sealed_to_who_is_blocked(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct audit_by by = fleet_by;
	struct sha256 fingerprint;
	unsigned n = 0;
	struct err e = { 0 };

	by.reason = "stolen";
	assert_ok(
		store_registry_each(*state, NULL, 10, note_registered, &n, &e));
	assert_int_equal(n, 1);
	assert_ok(store_device_block(*state, &d.facts.id, true, &by,
				     &fingerprint, &e));
	assert_ok(
		store_registry_each(*state, NULL, 10, note_registered, &n, &e));
	assert_int_equal(n, 1);
}

static void what_is_cleared_is_forgiven(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct stage r = fleet_rollout(*state, "one", 2);
	struct attempt a = fleet_offer(*state, &r, &d);
	const struct store_clear c = { d.facts.id, "a new disk" };
	struct rollout_past past;
	int64_t cleared = 0;
	struct err e = { 0 };

	/* What has not ended is nothing yet. */
	assert_refused(store_device_clear(*state, &c, &fleet_by, &cleared, &e),
		       ERR_CONFLICT);
	fleet_move(*state, &r, &a, STAGE_INSTALLED, "");
	fleet_move(*state, &r, &a, STAGE_ROLLED_BACK, "HEALTH_FAILED");
	assert_ok(store_past(*state, &d.facts.id, &r.what, &past, &e));
	assert_true(past.rolled_back);
	assert_ok(store_device_clear(*state, &c, &fleet_by, &cleared, &e));
	assert_int_equal(cleared, 1);
	assert_ok(store_past(*state, &d.facts.id, &r.what, &past, &e));
	assert_false(past.rolled_back);
	assert_int_equal(past.ended, 0);
	assert_refused(store_device_clear(*state, &c, &fleet_by, &cleared, &e),
		       ERR_CONFLICT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_pin_is_kept_until_it_is_taken_away),
		TEST(who_is_out_of_the_fleet_is_not_pinned),
		TEST(who_is_blocked_is_given_nothing),
		TEST(no_keys_are_sealed_to_who_is_blocked),
		TEST(what_is_cleared_is_forgiven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
