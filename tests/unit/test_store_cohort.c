/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fleet.h"

#include "update-server/store_cohort.h"

static struct audit_by person(void)
{
	struct audit_by by = fleet_by;

	by.reason = "for a good one";
	return by;
}

static struct store_cohort cohort(struct store *s, const char *name)
{
	struct store_cohort c;
	struct err e = { 0 };

	assert_ok(store_cohort_find(s, name, &c, &e));
	return c;
}

static int narrow(struct store *s, uint64_t revision, const char *rule,
		  struct err *e)
{
	struct audit_by by = person();
	bool changed;

	return store_cohort_rule(
		s, &(struct cohort_rule){ "canary", revision, rule }, &by,
		&changed, e);
}

static int take_away(struct store *s, const char *name, struct err *e)
{
	struct audit_by by = person();
	bool changed;

	return store_cohort_remove(s, name, cohort(s, name).revision, &by,
				   &changed, e);
}

/* An answer that was lost is asked for again, and is no second act. */
static void the_same_change_again_is_no_change(void **state)
{
	const struct audit_by by = person();
	uint64_t before, after;
	struct err e = { 0 };
	bool changed;

	assert_ok(store_cohort_rule(
		*state, &(struct cohort_rule){ "canary", 1, "seq >= 3" }, &by,
		&changed, &e));
	assert_true(changed);
	assert_ok(store_audit_size(*state, &before, &e));
	assert_ok(store_cohort_rule(
		*state, &(struct cohort_rule){ "canary", 1, "seq >= 3" }, &by,
		&changed, &e));
	assert_false(changed);
	assert_int_equal(cohort(*state, "canary").revision, 2);
	assert_ok(store_audit_size(*state, &after, &e));
	assert_int_equal(before, after);
	assert_ok(store_cohort_remove(*state, "canary", 2, &by, &changed, &e));
	assert_true(changed);
	assert_ok(store_cohort_remove(*state, "canary", 2, &by, &changed, &e));
	assert_false(changed);
	assert_ok(store_audit_size(*state, &before, &e));
	assert_int_equal(before, after + 1);
}

static int take_record(void *ctx, struct slice record, struct err *e)
{
	char *last = ctx;

	(void)e;
	memset(last, 0, AUDIT_RECORD_MAX);
	memcpy(last, record.ptr, record.len);
	return 0;
}

static void a_rule_is_kept_by_the_revision_that_was_seen(void **state)
{
	static char last[AUDIT_RECORD_MAX];
	struct err e = { 0 };

	assert_string_equal(cohort(*state, "canary").rule, "");
	assert_int_equal(cohort(*state, "canary").revision, 1);
	assert_ok(narrow(*state, 1, "seq >= 3", &e));
	assert_string_equal(cohort(*state, "canary").rule, "seq >= 3");
	assert_int_equal(cohort(*state, "canary").revision, 2);
	assert_refused(narrow(*state, 1, "seq >= 4", &e), ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "revision 2 now"));
	assert_string_equal(cohort(*state, "canary").rule, "seq >= 3");
	assert_ok(store_audit_each(*state, 0, 1000, take_record, last, &e));
	assert_non_null(strstr(last, "\"act\":\"cohort-rule\""));
	assert_non_null(strstr(last, "\"narrows\":1"));
	assert_null(strstr(last, "seq >="));
	assert_ok(narrow(*state, 2, "", &e));
	assert_ok(store_audit_each(*state, 0, 1000, take_record, last, &e));
	assert_non_null(strstr(last, "\"narrows\":0"));
}

static void a_cohort_with_devices_stays(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct sha256 fingerprint;
	struct err e = { 0 };

	assert_int_equal(cohort(*state, "canary").devices, 1);
	assert_refused(take_away(*state, "canary", &e), ERR_REFUSED);
	assert_ok(store_device_revoke(*state, &d.facts.id, &fleet_by,
				      &fingerprint, &e));
	/* What was of it stays on record. */
	assert_ok(take_away(*state, "canary", &e));
	assert_ok(store_device_find(*state, &d.facts.id, &d, &e));
	assert_string_equal(d.facts.cohort, "canary");
}

static void a_cohort_that_codes_lead_to_stays(void **state)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "canary",
				 .count = 1,
				 .created = FLEET_NOW,
				 .activated = FLEET_NOW,
				 .expires = FLEET_NOW + 1 };
	const struct sha256 code = fleet_hash(9);
	struct audit_by by = person();
	bool changed;
	struct err e = { 0 };

	assert_ok(store_batch_add(*state, &b, &code, &fleet_by, &e));
	assert_refused(take_away(*state, "canary", &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "1 claim codes"));
	/* Once it has ended, it leads nowhere. */
	by.now = b.expires;
	assert_ok(store_cohort_remove(*state, "canary", 1, &by, &changed, &e));
}

static void a_cohort_that_a_rollout_is_for_stays(void **state)
{
	struct stage r = fleet_stage("one", 2);
	struct err e = { 0 };
	struct store_act act = { .act = AUDIT_ROLLOUT_ABORT,
				 .by = &fleet_by,
				 .revision = 1,
				 .reason = "test" };

	assert_ok(store_cohort_add(*state, "can", &fleet_by, &e));
	assert_ok(store_rollout_add(*state, &r, &fleet_by, &e));
	assert_refused(take_away(*state, "canary", &e), ERR_REFUSED);
	assert_non_null(strstr(e.msg, "rollout one"));
	/* By whole names. */
	assert_ok(take_away(*state, "can", &e));
	assert_ok(store_rollout_find(*state, "one", &r, &e));
	r.status = STAGE_ABORTED;
	r.revision = 2;
	assert_ok(store_rollout_save(*state, &r, &act, &e));
	assert_ok(take_away(*state, "canary", &e));
}

struct names {
	char text[256];
};

static void add_name(void *ctx, const struct store_cohort *c)
{
	struct names *n = ctx;

	strcat(n->text, c->name);
	strcat(n->text, " ");
}

static void what_is_removed_is_not_there_and_may_come_again(void **state)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .cohort = "canary",
				 .count = 1 };
	struct stage r = fleet_stage("one", 2);
	const struct sha256 code = fleet_hash(9);
	struct audit_by by = person();
	bool changed;
	struct names names = { "" };
	struct store_cohort c;
	struct err e = { 0 };

	assert_ok(store_cohort_add(*state, "beta", &fleet_by, &e));
	assert_ok(narrow(*state, 1, "seq >= 3", &e));
	assert_refused(
		store_cohort_remove(*state, "canary", 1, &by, &changed, &e),
		ERR_CONFLICT);
	assert_ok(take_away(*state, "canary", &e));
	assert_refused(store_cohort_find(*state, "canary", &c, &e),
		       ERR_NOT_FOUND);
	assert_refused(
		store_cohort_remove(*state, "canary", 3, &by, &changed, &e),
		ERR_NOT_FOUND);
	assert_refused(narrow(*state, 3, "", &e), ERR_NOT_FOUND);
	assert_ok(store_cohort_each(*state, add_name, &names, &e));
	assert_string_equal(names.text, "beta ");
	assert_refused(store_batch_add(*state, &b, &code, &fleet_by, &e),
		       ERR_NOT_FOUND);
	assert_refused(store_rollout_add(*state, &r, &fleet_by, &e),
		       ERR_NOT_FOUND);
	assert_ok(store_cohort_add(*state, "canary", &fleet_by, &e));
	/* As new, but of no revision that somebody saw before. */
	assert_string_equal(cohort(*state, "canary").rule, "");
	assert_true(cohort(*state, "canary").revision > 3);
	assert_refused(store_cohort_add(*state, "canary", &fleet_by, &e),
		       ERR_CONFLICT);
}

static void who_is_assigned_to_it_brings_it_back(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct assign to = { .device = d.facts.id,
			     .cohort = "beta",
			     .version = 1 };
	struct err e = { 0 };

	struct audit_by by = person();
	uint64_t seen;
	bool changed;

	assert_ok(store_cohort_add(*state, "beta", &fleet_by, &e));
	assert_ok(store_cohort_rule(
		*state, &(struct cohort_rule){ "beta", 1, "seq >= 2" }, &by,
		&changed, &e));
	seen = cohort(*state, "beta").revision;
	assert_ok(take_away(*state, "beta", &e));
	assert_ok(store_device_assign(*state, &to, FLEET_NOW, &e));
	assert_int_equal(cohort(*state, "beta").devices, 1);
	assert_int_equal(cohort(*state, "canary").devices, 0);
	/* As new: what narrowed it is gone, and what was seen of it is old. */
	assert_string_equal(cohort(*state, "beta").rule, "");
	assert_int_equal(cohort(*state, "beta").revision, seen + 2);
	/* Once. */
	assert_ok(store_device_assign(*state, &to, FLEET_NOW, &e));
	assert_int_equal(cohort(*state, "beta").revision, seen + 2);
}

/* Each start reads all that is signed. */
static void who_has_gone_does_not_bring_it_back(void **state)
{
	struct store_device d = fleet_device(*state, 1);
	struct assign to = { .device = d.facts.id,
			     .cohort = "beta",
			     .version = 1 };
	struct store_cohort c;
	struct sha256 cut;
	struct err e = { 0 };

	assert_ok(store_device_assign(*state, &to, FLEET_NOW, &e));
	assert_ok(store_device_retire(*state, &to.device, &fleet_by, &cut, &e));
	assert_ok(take_away(*state, "beta", &e));
	assert_ok(store_device_assign(*state, &to, FLEET_NOW, &e));
	to.device.bytes[0] ^= 1; /* nobody has that */
	assert_ok(store_device_assign(*state, &to, FLEET_NOW, &e));
	assert_refused(store_cohort_find(*state, "beta", &c, &e),
		       ERR_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fleet_fresh, fleet_gone)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_rule_is_kept_by_the_revision_that_was_seen),
		TEST(the_same_change_again_is_no_change),
		TEST(a_cohort_with_devices_stays),
		TEST(a_cohort_that_codes_lead_to_stays),
		TEST(a_cohort_that_a_rollout_is_for_stays),
		TEST(what_is_removed_is_not_there_and_may_come_again),
		TEST(who_is_assigned_to_it_brings_it_back),
		TEST(who_has_gone_does_not_bring_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
