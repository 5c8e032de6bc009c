/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"

/* It checks in, with this revision, and runs that. */
static void comes(struct store *s, struct store_device *d, const char *hardware,
		  unsigned release)
{
	struct wire_checkin m = { .product = "kiosk",
				  .model = "k1",
				  .has_release = true,
				  .seq = release,
				  .digest = fleet_hash(500 + release),
				  .confirmed = true,
				  .interval_sec = 3600,
				  .updater = "0.1.0" };
	struct err e = { 0 };

	(void)snprintf(m.release, sizeof(m.release), "%u", release);
	(void)snprintf(m.hardware, sizeof(m.hardware), "%s", hardware);
	assert_ok(store_device_seen(s, d, &m, FLEET_NOW, &e));
}

struct seen {
	char text[1024];
	size_t count;
	uint64_t offered;
	struct device_id sample;
};

static void see(void *ctx, const struct store_kind *k)
{
	struct seen *out = ctx;
	size_t used = strlen(out->text);

	out->count++;
	out->offered += k->n.offered;
	if (k->has_sample)
		out->sample = k->sample;
	(void)snprintf(out->text + used, sizeof(out->text) - used,
		       "%s %s %s %s: %u %u %u %u %u;", k->cohort, k->model,
		       k->hardware, k->runs, (unsigned)k->n.offered,
		       (unsigned)k->n.confirmed, (unsigned)k->n.bad,
		       (unsigned)k->n.other, (unsigned)k->n.dark);
}

static struct seen all_of(struct store *s, const struct stage *r)
{
	struct seen out = { .count = 0 };
	struct err e = { 0 };

	assert_ok(store_kind_each(s, r->what.id, see, &out, &e));
	return out;
}

static void each_kind_is_counted(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 9);
	struct stage other = fleet_rollout(*state, "two", 8);

	for (unsigned n = 1; n <= 4; n++) {
		struct store_device d = fleet_device(*state, n);
		struct attempt a;

		comes(*state, &d, n == 1 ? "rev-b" : "rev-a", 1);
		a = fleet_offer(*state, &r, &d);
		/* What it becomes changes no kind that it was of. */
		comes(*state, &d, "rev-c", 2);
		fleet_move(*state, &r, &a, STAGE_INSTALLED, "");
		fleet_move(*state, &r, &a,
			   n == 1   ? STAGE_ROLLED_BACK
			   : n == 2 ? STAGE_CONFIRMED
			   : n == 3 ? STAGE_LOST
				    : STAGE_FAILED,
			   n == 1   ? "HEALTH_FAILED"
			   : n == 4 ? "NETWORK"
				    : "");
		if (n == 3)
			fleet_move(*state, &r, &a, STAGE_CONFIRMED, "");
	}
	assert_string_equal(all_of(*state, &r).text,
			    "canary k1 rev-b 1: 1 0 1 0 0;"
			    "canary k1 rev-a 1: 3 2 0 1 0;");
	assert_string_equal(all_of(*state, &other).text, "");
}

static void what_no_gate_counts_is_in_none(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 9);
	struct store_device d = fleet_device(*state, 1);
	struct attempt a = { .device = d.facts.id,
			     .digest = r.what.digest,
			     .at = { .offered = FLEET_NOW, .counted = false } };
	struct err e = { 0 };

	assert_ok(store_attempt_add(*state, &r, &a, 0, &e));
	fleet_move(*state, &r, &a, STAGE_FAILED, "HEALTH_FAILED");
	assert_string_equal(all_of(*state, &r).text, "canary k1  : 0 0 0 0 0;");
}

/* A device says its revision by itself: inventing more of them fills nothing.
 */
static void invented_revisions_fill_nothing(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 9);
	struct store_device d;
	char hardware[16];
	struct seen seen;

	d = fleet_device(*state, 1);
	for (unsigned n = 1; n <= 262; n++) {
		struct attempt a;

		(void)snprintf(hardware, sizeof(hardware), "rev-%u", n);
		comes(*state, &d, hardware, 1);
		a = fleet_offer(*state, &r, &d);
		fleet_move(*state, &r, &a, STAGE_WITHDRAWN, "");
	}
	seen = all_of(*state, &r);
	assert_int_equal(seen.count, 257);
	assert_int_equal(seen.offered, 262);
}

static void who_is_forgotten_is_no_sample(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 9);
	struct store_device d = fleet_device(*state, 1);
	struct attempt a = fleet_offer(*state, &r, &d);
	static const struct device_id nobody;
	struct sha256 fingerprint;
	struct seen seen;
	struct err e = { 0 };

	fleet_move(*state, &r, &a, STAGE_FAILED, "HEALTH_FAILED");
	seen = all_of(*state, &r);
	assert_memory_equal(&seen.sample, &d.facts.id, sizeof(seen.sample));
	assert_ok(store_device_revoke(*state, &d.facts.id, &fleet_by,
				      &fingerprint, &e));
	assert_ok(store_device_forget(*state, &d.facts.id, &fleet_by, &e));
	seen = all_of(*state, &r);
	assert_memory_equal(&seen.sample, &nobody, sizeof(nobody));
	assert_string_equal(seen.text, "canary k1  : 1 0 1 0 0;");
}

static void who_came_back_is_no_sample(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 9);
	struct store_device d = fleet_device(*state, 1);
	struct store_device other = fleet_device(*state, 2);
	struct attempt a = fleet_offer(*state, &r, &d);
	struct attempt b = fleet_offer(*state, &r, &other);
	static const struct device_id nobody;
	struct seen seen;

	fleet_move(*state, &r, &a, STAGE_INSTALLED, "");
	fleet_move(*state, &r, &a, STAGE_LOST, "");
	seen = all_of(*state, &r);
	assert_memory_equal(&seen.sample, &d.facts.id, sizeof(seen.sample));
	/* What becomes of others changes nothing of it. */
	fleet_move(*state, &r, &b, STAGE_INSTALLED, "");
	fleet_move(*state, &r, &b, STAGE_CONFIRMED, "");
	seen = all_of(*state, &r);
	assert_memory_equal(&seen.sample, &d.facts.id, sizeof(seen.sample));
	fleet_move(*state, &r, &a, STAGE_CONFIRMED, "");
	seen = all_of(*state, &r);
	assert_memory_equal(&seen.sample, &nobody, sizeof(nobody));
	assert_string_equal(seen.text, "canary k1  : 2 2 0 0 0;");
}

static void who_leaves_the_fleet_is_dark_no_more(void **state)
{
	struct stage r = fleet_rollout(*state, "one", 9);
	struct store_device d = fleet_device(*state, 1);
	struct attempt a = fleet_offer(*state, &r, &d);
	static const struct device_id nobody;
	struct sha256 fingerprint;
	struct seen seen;
	struct err e = { 0 };

	fleet_move(*state, &r, &a, STAGE_INSTALLED, "");
	fleet_move(*state, &r, &a, STAGE_LOST, "");
	assert_ok(store_device_revoke(*state, &d.facts.id, &fleet_by,
				      &fingerprint, &e));
	assert_ok(store_device_forget(*state, &d.facts.id, &fleet_by, &e));
	seen = all_of(*state, &r);
	assert_memory_equal(&seen.sample, &nobody, sizeof(nobody));
	assert_string_equal(seen.text, "canary k1  : 1 0 0 0 0;");
}

#define TEST_HERE(name)                                                        \
	cmocka_unit_test_setup_teardown(name, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST_HERE(each_kind_is_counted),
		TEST_HERE(what_no_gate_counts_is_in_none),
		TEST_HERE(invented_revisions_fill_nothing),
		TEST_HERE(who_is_forgotten_is_no_sample),
		TEST_HERE(who_came_back_is_no_sample),
		TEST_HERE(who_leaves_the_fleet_is_dark_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
