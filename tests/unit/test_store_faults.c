/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every change of the store, with the database failing at its first operation,
 * its second, and so on: it is refused with the reason, nothing of it is there,
 * and the same change succeeds as soon as there is room again.
 */
#include <string.h>

#include "common/digest.h"
#include "tests/unit/fleet.h"
#include "update-server/sql_sqlite.h"
#include "update-server/store_egress.h"
#include "update-server/store_hand.h"
#include "update-server/store_observe.h"
#include "update-server/store_report.h"

/* ---- an engine whose disk is full, once ---------------------------------- */

static unsigned countdown; /* operations until then; 0: not at all */

static bool fails(struct err *e)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	(void)err_set(e, ERR_SPACE, "database: the disk is full");
	return true;
}

static int full_run(struct sql_handle *h, const char *text, struct err *e)
{
	return fails(e) ? -1 : sql_sqlite.run(h, text, e);
}

static int full_begin(struct sql_handle *h, struct err *e)
{
	return fails(e) ? -1 : sql_sqlite.begin(h, e);
}

static int full_set_version(struct sql_handle *h, size_t version, struct err *e)
{
	return fails(e) ? -1 : sql_sqlite.set_version(h, version, e);
}

static int full_prepare(struct sql_handle *h, const char *text,
			struct sql_statement **out, struct err *e)
{
	return fails(e) ? -1 : sql_sqlite.prepare(h, text, out, e);
}

static int full_step(struct sql_statement *q, struct err *e)
{
	return fails(e) ? -1 : sql_sqlite.step(q, e);
}

static struct sql_engine full;

static void make_engine(void)
{
	full = sql_sqlite;
	full.run = full_run;
	full.begin = full_begin;
	full.set_version = full_set_version;
	full.prepare = full_prepare;
	full.step = full_step;
}

/* ---- all that is in the database ----------------------------------------- */

#define COLUMNS 64 /* more than any table has; those past the end are empty */

static void add_table(struct digest *sum, struct sql_handle *h,
		      struct slice name)
{
	struct sql_statement *q = NULL;
	struct err e = { 0 };
	char text[96];

	(void)snprintf(text, sizeof(text), "SELECT * FROM %.*s", (int)name.len,
		       (const char *)name.ptr);
	digest_add(sum, slice_of(text));
	assert_ok(sql_sqlite.prepare(h, text, &q, &e));
	while (sql_sqlite.step(q, &e) > 0)
		for (int i = 0; i < COLUMNS; i++) {
			digest_add(sum, sql_sqlite.bytes(q, i));
			digest_add(sum, slice_of("|"));
		}
	sql_sqlite.finalize(q);
}

static struct sha256 picture(void)
{
	struct digest sum;
	struct sql_statement *q = NULL;
	struct sql_handle *h = NULL;
	struct sha256 out;
	struct err e = { 0 };

	digest_start(&sum);
	assert_ok(sql_sqlite.open(fleet_path, &h, &e));
	assert_ok(sql_sqlite.prepare(h,
				     "SELECT name FROM sqlite_master"
				     " WHERE type = 'table' ORDER BY name",
				     &q, &e));
	while (sql_sqlite.step(q, &e) > 0)
		add_table(&sum, h, sql_sqlite.bytes(q, 0));
	sql_sqlite.finalize(q);
	sql_sqlite.close(h);
	digest_finish(&sum, &out);
	return out;
}

/* ---- the changes --------------------------------------------------------- */

struct world {
	struct store *store;
	struct store_device device, retired;
	struct stage rollout;
	struct attempt attempt;
};

static int add_cohort(struct world *w, struct err *e)
{
	return store_cohort_add(w->store, "field", &fleet_by, e);
}

static int add_person(struct world *w, struct err *e)
{
	const struct store_person p = { .name = "ann",
					.roles = "operator",
					.scope = { .share = 10000 },
					.fingerprint = fleet_hash(900) };
	const struct sha256 spki = fleet_hash(901);

	return store_person_add(w->store, &p, &spki, &fleet_by, e);
}

static int revoke_device(struct world *w, struct err *e)
{
	struct sha256 fingerprint;

	return store_device_revoke(w->store, &w->device.facts.id, &fleet_by,
				   &fingerprint, e);
}

static int forget_device(struct world *w, struct err *e)
{
	return store_device_forget(w->store, &w->retired.facts.id, &fleet_by,
				   e);
}

static int add_rollout(struct world *w, struct err *e)
{
	struct stage r = fleet_stage("two", 3);

	return store_rollout_add(w->store, &r, &fleet_by, e);
}

static int pause_rollout(struct world *w, struct err *e)
{
	const struct store_act act = { .act = AUDIT_ROLLOUT_PAUSE,
				       .by = &fleet_by,
				       .revision = w->rollout.revision,
				       .reason = "it smells" };
	struct stage next = w->rollout;

	next.status = STAGE_PAUSED;
	next.epoch++;
	next.revision++;
	return store_rollout_save(w->store, &next, &act, e);
}

/* With what a device says: the counters move with it. */
static int save_attempt(struct world *w, struct err *e)
{
	struct attempt a = w->attempt;

	a.at.state = STAGE_FAILED;
	a.at.changed = FLEET_NOW + 5;
	memcpy(a.at.code, "HEALTH_FAILED", 14);
	return store_attempt_save(w->store, &w->rollout, &a, "no lights", e);
}

static int stage_role(struct world *w, struct err *e)
{
	const struct store_stage stage = { .role = "rollout-wide",
					   .version = 4,
					   .since = FLEET_NOW,
					   .signatures = 1 };

	return store_stage_put(w->store, &stage, slice_of("an envelope"),
			       &fleet_by, e);
}

static int import(struct world *w, struct err *e)
{
	const struct store_file files[] = {
		{ .name = "2.root.json", .bytes = slice_of("r"), .root = 2 },
		{ .name = "3.targets.json",
		  .bytes = slice_of("t"),
		  .targets = 3 },
	};
	const struct store_payload p = { .url = "kiosk/1/aa.f", .length = 9 };
	const struct store_release r = { .product = "kiosk",
					 .id = "1",
					 .version = "1.0",
					 .seq = 1,
					 .detail = (char *)(uintptr_t) "{}" };
	const struct store_import in = { .files = files,
					 .file_count = 2,
					 .payloads = &p,
					 .payload_count = 1,
					 .releases = &r,
					 .release_count = 1 };

	return store_import(w->store, &in, &fleet_by, e);
}

static int go_online(struct world *w, struct err *e)
{
	const struct store_online online = {
		.timestamp = slice_of("time"),
		.snapshot = { .name = "1.snapshot.json",
			      .bytes = slice_of("snap") },
	};

	return store_online(w->store, &online, &fleet_by, e);
}

static int put_score(struct world *w, struct err *e)
{
	const struct store_score score = { FLEET_NOW, 77, "{}" };

	return store_score_put(w->store, &score, e);
}

static int add_report(struct world *w, struct err *e)
{
	return store_report_add(w->store, 1, "{}", &fleet_by, e);
}

static int add_egress(struct world *w, struct err *e)
{
	const struct egress_count counts[] = { { fleet_hash(700), 5, 0 },
					       { fleet_hash(701), 6, 1 } };

	return store_egress_add(w->store, counts, ARRAY_LEN(counts), FLEET_NOW,
				e);
}

/* The record, what runs there, and what it makes of the attempt. */
static int carry_word(struct world *w, struct err *e)
{
	const struct wire_checkin said = { .product = "kiosk",
					   .model = "k1",
					   .has_release = true,
					   .release = "2",
					   .seq = 2,
					   .digest = w->attempt.digest,
					   .confirmed = true,
					   .activation = 9,
					   .interval_sec = 3600 };
	struct store_hand word = { .said = &said,
				   .file = fleet_hash(800),
				   .changes = { { &w->rollout, w->attempt } },
				   .count = 1 };
	struct store_device d = w->device;

	word.changes[0].attempt.at.state = STAGE_CONFIRMED;
	word.changes[0].attempt.at.changed = FLEET_NOW + 5;
	return store_hand_hear(w->store, &d, &said, e) ||
			       store_hand_save(w->store, &d, &word, &fleet_by,
					       e)
		       ? -1
		       : 0;
}

static int retire_device(struct world *w, struct err *e)
{
	struct sha256 fingerprint;

	return store_device_retire(w->store, &w->device.facts.id, &fleet_by,
				   &fingerprint, e);
}

static int block_device(struct world *w, struct err *e)
{
	struct audit_by by = fleet_by;
	struct sha256 fingerprint;

	by.reason = "stolen";
	return store_device_block(w->store, &w->device.facts.id, true, &by,
				  &fingerprint, e);
}

static const struct {
	const char *name;
	int (*change)(struct world *w, struct err *e);
} changes[] = {
	{ "a block", block_device },
	{ "a cohort", add_cohort },
	{ "a person", add_person },
	{ "a revocation", revoke_device },
	{ "an honourable end", retire_device },
	{ "a device forgotten", forget_device },
	{ "a rollout", add_rollout },
	{ "a pause", pause_rollout },
	{ "a report of a device", save_attempt },
	{ "a word carried by hand", carry_word },
	{ "a staged role", stage_role },
	{ "an import", import },
	{ "new online metadata", go_online },
	{ "a score", put_score },
	{ "what went out", add_egress },
	{ "a report over the gap", add_report },
};

/* ---- tests --------------------------------------------------------------- */

static void begin(struct world *w)
{
	struct sha256 fingerprint;
	struct err e = { 0 };

	assert_ok(store_open_with(&full, fleet_path, &w->store, &e));
	assert_ok(store_cohort_add(w->store, "canary", &fleet_by, &e));
	w->device = fleet_device(w->store, 1);
	w->retired = fleet_device(w->store, 2);
	assert_ok(store_device_retire(w->store, &w->retired.facts.id, &fleet_by,
				      &fingerprint, &e));
	w->rollout = fleet_rollout(w->store, "one", 2);
	w->attempt = fleet_offer(w->store, &w->rollout, &w->device);
}

/* The n-th operation fails; false once the change needs fewer than n. */
static bool fails_at(struct world *w, size_t which, unsigned n,
		     const struct sha256 *before)
{
	struct err e = { 0 };
	struct sha256 after;
	bool failed;
	int rc;

	countdown = n;
	rc = changes[which].change(w, &e);
	failed = countdown == 0;
	countdown = 0;
	if (!failed) {
		assert_ok(rc);
		return false;
	}
	after = picture();
	if (rc == 0)
		fail_msg("%s: said to be done, with operation %u failing",
			 changes[which].name, n);
	assert_int_equal(e.code, ERR_SPACE);
	if (!sha256_equal(before, &after))
		fail_msg("%s: half of it stays when operation %u fails",
			 changes[which].name, n);
	return true;
}

static void a_change_is_whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct world w = { 0 };
		struct sha256 before, after;
		void *none = NULL;
		unsigned n = 1;

		assert_int_equal(fleet_fresh(&none), 0);
		store_close(none);
		assert_int_equal(unlink(fleet_path), 0);
		begin(&w);
		before = picture();
		while (fails_at(&w, i, n, &before))
			n++;
		after = picture();
		if (n < 3 || sha256_equal(&before, &after))
			fail_msg("%s: %u operations, and no change",
				 changes[i].name, n);
		none = w.store;
		assert_int_equal(fleet_gone(&none), 0);
	}
}

/* A schema that was brought halfway is brought all the way the next time. */
static void opening_goes_on_where_it_failed(void **state)
{
	struct store *s = NULL;
	struct err e = { 0 };
	void *none = NULL;
	unsigned n;

	(void)state;
	assert_int_equal(fleet_fresh(&none), 0);
	store_close(none);
	assert_int_equal(unlink(fleet_path), 0);
	for (n = 1;; n++) {
		countdown = n;
		if (store_open_with(&full, fleet_path, &s, &e) == 0)
			break;
		assert_int_equal(e.code, ERR_SPACE);
	}
	countdown = 0;
	assert_true(n > 2);
	assert_ok(store_check(s, &e));
	assert_ok(store_cohort_add(s, "canary", &fleet_by, &e));
	none = s;
	assert_int_equal(fleet_gone(&none), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_whole_or_not_at_all),
		cmocka_unit_test(opening_goes_on_where_it_failed),
	};

	make_engine();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
