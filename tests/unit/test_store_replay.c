/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup, what happened after it, and the log by which the backup learns of
 * it: two databases that were one.
 */
#include "update-server/store.h"
#include "update-server/store_cohort.h"
#include "update-server/store_renew.h"
#include "update-server/store_return.h"

#include "tests/unit/box.h"

#define NOW 1000000

static const struct audit_by by = { .kind = AUDIT_PERSON,
				    .person = { { 7 } },
				    .now = NOW };
static const struct audit_by later = { .kind = AUDIT_SYSTEM,
				       .now = NOW + 1000 };

struct world {
	struct box box;
	struct store *live, *backup;
	struct store_device old, gone; /* enrolled before the backup */
	int64_t token;                 /* a claim code that lay open then */
};

static struct sha256 hash(unsigned n)
{
	struct sha256 d = { { (uint8_t)n, (uint8_t)(n >> 8), 1 } };

	return d;
}

static void path_of(const struct world *w, const char *name, char out[96])
{
	(void)snprintf(out, 96, "%s/%s", w->box.path, name);
}

static struct store *open_store(const struct world *w, const char *name)
{
	struct store *s = NULL;
	char path[96];
	struct err e = { 0 };

	path_of(w, name, path);
	assert_ok(store_open(path, &s, &e));
	return s;
}

static int64_t give_claim_in(struct store *s, unsigned n, const char *cohort)
{
	struct store_batch b = { .product = "kiosk",
				 .model = "k1",
				 .count = 1,
				 .created = NOW,
				 .activated = NOW,
				 .expires = NOW + 100 };
	const struct sha256 code = hash(n);
	struct err e = { 0 };

	strcpy(b.cohort, cohort);
	assert_ok(store_batch_add(s, &b, &code, &by, &e));
	return b.id;
}

static int64_t give_claim(struct store *s, unsigned n)
{
	return give_claim_in(s, n, "canary");
}

static struct store_device enrol(struct store *s, unsigned n)
{
	struct store_device d = {
		.facts = { .id = { { (uint8_t)n } },
			   .product = "kiosk",
			   .model = "k1" },
		.fingerprint = hash(1000 + n),
		.spki = hash(2000 + n),
		.certificate = "pem",
		.decrypt = { .proof = { 0x30, (uint8_t)n }, .proof_len = 2 },
	};
	const struct sha256 claim = hash(n);
	struct err e = { 0 };

	d.decrypt.key.point[0] = (uint8_t)n;
	assert_ok(store_enrol(s, &claim, &d, &by, &e));
	return d;
}

static void take_backup(struct world *w)
{
	struct buf db = BUF_INIT(1 << 24);
	struct err e = { 0 };

	store_close(w->live); /* all of it is in one file then */
	assert_ok(fs_read_file(w->box.dir, "live", &db, &e));
	assert_ok(fs_replace_file(w->box.dir, "backup", buf_slice(&db), 0600,
				  &e));
	buf_done(&db);
	w->live = open_store(w, "live");
	w->backup = open_store(w, "backup");
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	box_open(&w->box);
	w->live = open_store(w, "live");
	assert_ok(store_cohort_add(w->live, "canary", &by, &e));
	(void)give_claim(w->live, 1);
	(void)give_claim(w->live, 2);
	w->token = give_claim(w->live, 3);
	w->old = enrol(w->live, 1);
	w->gone = enrol(w->live, 2);
	take_backup(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	store_close(w->live);
	store_close(w->backup);
	box_close(&w->box);
	free(w);
	return 0;
}

/* ---- the log goes over --------------------------------------------------- */

struct replay {
	struct store *to;
	uint64_t size, read;
};

static int keep_text(void *ctx, struct slice record, struct err *e)
{
	struct buf *all = ctx;

	return buf_add(all, record, e) || buf_addf(all, e, "\n") ? -1 : 0;
}

static int take_line(struct replay *p, struct slice line, struct err *e)
{
	struct audit_record r = { 0 };
	int rc;

	if (audit_record_parse(line, &r, e))
		return -1;
	rc = store_replay_take(p->to, &r, p->size, e);
	audit_record_done(&r);
	p->read++;
	return rc;
}

static int take_all(struct replay *p, struct slice all, struct err *e)
{
	int rc = 0;

	while (rc == 0 && all.len > 0) {
		const uint8_t *end = memchr(all.ptr, '\n', all.len);
		size_t n = (size_t)(end - all.ptr);

		rc = take_line(p, slice_sub(all, 0, n), e);
		all = slice_sub(all, n + 1, all.len);
	}
	return rc;
}

static int replay(struct world *w, struct err *e)
{
	struct buf all = BUF_INIT(1 << 20);
	struct replay p = { .to = w->backup };
	int rc = -1;

	if (store_audit_each(w->live, 0, 1000, keep_text, &all, e) ||
	    store_replay_begin(p.to, &p.size, e))
		fail();
	rc = take_all(&p, buf_slice(&all), e);
	buf_done(&all);
	return store_replay_end(p.to, rc, p.size, p.read - p.size, &later, e);
}

static bool is_let_in(struct store *s, const struct sha256 *fingerprint)
{
	struct device_id id;
	struct err e = { 0 };

	return store_device_authorise(s, fingerprint, &id, &e) == 0;
}

static struct store_renewal renewal_of(const struct store_device *d,
				       const struct sha256 *from, unsigned n)
{
	struct store_renewal r = { .device = d->facts.id,
				   .from = *from,
				   .spki = hash(3000 + n),
				   .fingerprint = hash(4000 + n),
				   .certificate = "next pem",
				   .decrypt = d->decrypt };

	return r;
}

static void renew(struct store *s, struct store_renewal *r)
{
	bool again;
	struct err e = { 0 };

	assert_ok(store_renew_check(s, r, &by, &again, &e));
	assert_ok(store_renew(s, r, &by, &e));
}

static void assert_same_beginning(struct world *w)
{
	struct sha256 a, b;
	uint64_t live, backup;
	struct err e = { 0 };

	assert_ok(store_audit_size(w->live, &live, &e));
	assert_ok(store_audit_size(w->backup, &backup, &e));
	assert_true(backup >= live);
	assert_ok(store_audit_root(w->live, live, &a, &e));
	assert_ok(store_audit_root(w->backup, live, &b, &e));
	assert_true(sha256_equal(&a, &b));
}

/* ---- what comes back ----------------------------------------------------- */

static void devices_that_joined_are_known_again(void **state)
{
	struct world *w = *state;
	struct store_device d = enrol(w->live, 3), found;
	const struct sha256 claim = hash(3);
	struct err e = { 0 };

	assert_false(is_let_in(w->backup, &d.fingerprint));
	assert_ok(replay(w, &e));
	assert_same_beginning(w);
	assert_true(is_let_in(w->backup, &d.fingerprint));
	assert_ok(store_device_find(w->backup, &d.facts.id, &found, &e));
	assert_string_equal(found.facts.product, "kiosk");
	assert_string_equal(found.facts.model, "k1");
	assert_string_equal(found.facts.cohort, "canary");
	assert_true(sha256_equal(&found.spki, &d.spki));
	assert_int_equal(found.enrolled, NOW);
	/* Its key and its claim code are spent. */
	assert_refused(store_key_take(w->backup, &d.spki, "x", &e),
		       ERR_CONFLICT);
	d.spki = hash(77);
	d.facts.id.bytes[0] = 77;
	assert_refused(store_enrol(w->backup, &claim, &d, &by, &e),
		       ERR_REFUSED);
}

/* The log says that there is one, and not which: no rollout is made until
 * somebody says it again. */
static void a_rule_that_is_lost_is_not_taken_for_none(void **state)
{
	struct world *w = *state;
	struct audit_by why = by;
	struct store_cohort c;
	struct err e = { 0 };
	bool changed;

	why.reason = "test";
	assert_ok(store_cohort_add(w->live, "free", &by, &e));
	assert_ok(store_cohort_add(w->live, "gone", &by, &e));
	assert_ok(store_cohort_rule(
		w->live, &(struct cohort_rule){ "canary", 1, "seq >= 2" }, &why,
		&changed, &e));
	assert_ok(store_cohort_rule(
		w->live, &(struct cohort_rule){ "free", 1, "seq >= 2" }, &why,
		&changed, &e));
	assert_ok(store_cohort_rule(w->live,
				    &(struct cohort_rule){ "free", 2, "" },
				    &why, &changed, &e));
	assert_ok(store_cohort_remove(w->live, "gone", 1, &why, &changed, &e));
	assert_ok(store_cohort_add(w->live, "again", &by, &e));
	assert_ok(store_cohort_remove(w->live, "again", 1, &why, &changed, &e));
	assert_ok(store_cohort_add(w->live, "again", &by, &e));
	assert_ok(replay(w, &e));
	/* A revision that somebody saw names the same content. */
	assert_ok(store_cohort_find(w->live, "again", &c, &e));
	assert_int_equal(c.revision, 3);
	assert_ok(store_cohort_find(w->backup, "again", &c, &e));
	assert_int_equal(c.revision, 3);
	assert_ok(store_cohort_find(w->backup, "canary", &c, &e));
	assert_string_equal(c.rule, STORE_RULE_LOST);
	assert_int_equal(c.revision, 2);
	assert_ok(store_cohort_find(w->backup, "free", &c, &e));
	assert_string_equal(c.rule, "");
	assert_int_equal(c.revision, 3);
	assert_refused(store_cohort_find(w->backup, "gone", &c, &e),
		       ERR_NOT_FOUND);
}

static void cohorts_come_back_and_the_replay_is_recorded(void **state)
{
	struct world *w = *state;
	struct store_device d, found;
	uint64_t live, backup;
	struct assign a = { .cohort = "signed", .version = 1 };
	struct err e = { 0 };

	assert_ok(store_cohort_add(w->live, "later", &by, &e));
	(void)give_claim_in(w->live, 4, "later");
	d = enrol(w->live, 4);
	/* One that an assignment made: no record tells of it. */
	a.device = d.facts.id;
	assert_ok(store_device_assign(w->live, &a, NOW, &e));
	(void)give_claim_in(w->live, 6, "signed");
	(void)enrol(w->live, 6);
	assert_ok(replay(w, &e));
	assert_ok(store_device_find(w->backup, &d.facts.id, &found, &e));
	assert_string_equal(found.facts.cohort, "later");
	(void)give_claim_in(w->backup, 5, "later");
	assert_ok(store_audit_size(w->live, &live, &e));
	assert_ok(store_audit_size(w->backup, &backup, &e));
	assert_int_equal(backup, live + 2); /* the replay, and the token */
}

static void what_was_given_up_stays_given_up(void **state)
{
	struct world *w = *state;
	struct store_person p = { .name = "bob",
				  .roles = "officer",
				  .fingerprint = hash(50) },
			    found;
	const struct sha256 spki = hash(51), claim = hash(3);
	struct store_device now;
	struct sha256 cut;
	struct err e = { 0 };

	/* bob was there before the backup. */
	assert_ok(store_person_add(w->live, &p, &spki, &by, &e));
	store_close(w->backup);
	take_backup(w);
	assert_ok(store_person_revoke(w->live, &p.fingerprint, &by, &e));
	assert_ok(
		store_device_revoke(w->live, &w->gone.facts.id, &by, &cut, &e));
	assert_ok(
		store_device_retire(w->live, &w->old.facts.id, &by, &cut, &e));
	assert_ok(store_claim_revoke(w->live, w->token, &by, &e));
	assert_true(is_let_in(w->backup, &w->gone.fingerprint));
	assert_ok(store_person_find(w->backup, &p.fingerprint, &found, &e));
	assert_ok(replay(w, &e));
	assert_false(is_let_in(w->backup, &w->gone.fingerprint));
	assert_false(is_let_in(w->backup, &w->old.fingerprint));
	assert_ok(store_device_find(w->backup, &w->old.facts.id, &now, &e));
	assert_true(now.retired);
	assert_ok(store_device_find(w->backup, &w->gone.facts.id, &now, &e));
	assert_true(now.revoked && !now.retired);
	assert_refused(store_person_find(w->backup, &p.fingerprint, &found, &e),
		       ERR_REFUSED);
	now = w->old;
	now.facts.id.bytes[0] = 99;
	now.fingerprint = hash(98);
	now.spki = hash(99);
	now.decrypt.key.point[0] = 99;
	assert_refused(store_enrol(w->backup, &claim, &now, &by, &e),
		       ERR_REFUSED);
}

static void renewals_are_followed_over_two_steps(void **state)
{
	struct world *w = *state;
	struct store_renewal one = renewal_of(&w->old, &w->old.fingerprint, 1);
	struct store_renewal two = renewal_of(&w->old, &one.fingerprint, 2);
	struct err e = { 0 };

	renew(w->live, &one);
	assert_true(is_let_in(w->live, &one.fingerprint)); /* shown */
	renew(w->live, &two);
	assert_ok(replay(w, &e));
	assert_false(is_let_in(w->backup, &w->old.fingerprint));
	/* Either of the last two, until the newer one is shown. */
	assert_true(is_let_in(w->backup, &one.fingerprint));
	assert_true(is_let_in(w->backup, &two.fingerprint));
	assert_false(is_let_in(w->backup, &one.fingerprint));
}

static void a_quarantine_and_its_end_come_back(void **state)
{
	struct world *w = *state;
	struct store_renewal one = renewal_of(&w->old, &w->old.fingerprint, 1);
	struct store_renewal two = renewal_of(&w->old, &w->old.fingerprint, 2);
	struct store_renewal three =
		renewal_of(&w->gone, &w->gone.fingerprint, 3);
	struct store_renewal four =
		renewal_of(&w->gone, &w->gone.fingerprint, 4);
	bool again;
	struct err e = { 0 };

	renew(w->live, &one);
	assert_refused(store_renew_check(w->live, &two, &by, &again, &e),
		       ERR_REFUSED);
	renew(w->live, &three);
	assert_refused(store_renew_check(w->live, &four, &by, &again, &e),
		       ERR_REFUSED);
	assert_ok(store_device_release(w->live, &w->gone.facts.id, &by, &e));
	assert_ok(replay(w, &e));
	assert_false(is_let_in(w->backup, &w->old.fingerprint));
	assert_true(is_let_in(w->backup, &w->gone.fingerprint));
}

static void a_block_and_its_end_come_back(void **state)
{
	struct world *w = *state;
	struct sha256 cut;
	struct audit_by who = by;
	struct err e = { 0 };

	who.reason = "stolen";
	/* One that was blocked before the backup, too. */
	assert_ok(store_device_block(w->live, &w->gone.facts.id, true, &who,
				     &cut, &e));
	store_close(w->backup);
	take_backup(w);
	assert_ok(store_device_block(w->live, &w->gone.facts.id, false, &who,
				     &cut, &e));
	assert_ok(store_device_block(w->live, &w->old.facts.id, true, &who,
				     &cut, &e));
	assert_ok(store_device_may_fetch(w->backup, &w->old.facts.id, &e));
	assert_refused(store_device_may_fetch(w->backup, &w->gone.facts.id, &e),
		       ERR_REFUSED);
	assert_ok(replay(w, &e));
	assert_refused(store_device_may_fetch(w->backup, &w->old.facts.id, &e),
		       ERR_REFUSED);
	assert_ok(store_device_may_fetch(w->backup, &w->gone.facts.id, &e));
}

/* Taken back one by one, before the next backup was made. */
static void a_readopted_device_comes_back_in_quarantine(void **state)
{
	struct world *w = *state;
	struct store_readopt d = { .id = { { 9 } },
				   .fingerprint = hash(1009),
				   .spki = hash(2009),
				   .product = "kiosk",
				   .model = "k1",
				   .cohort = "late" };
	struct device_id id = { { 0 } };
	struct err e = { 0 };

	assert_refused(store_readopt(w->live, &d, &by, "why", &e),
		       ERR_NOT_FOUND); /* no such cohort */
	assert_ok(store_cohort_add(w->live, "late", &by, &e));
	assert_ok(store_readopt(w->live, &d, &by, "found in a drawer", &e));
	/* an id, and a key, has one holder */
	assert_refused(store_readopt(w->live, &d, &by, "why", &e),
		       ERR_CONFLICT);
	d.id.bytes[0]++;
	assert_refused(store_readopt(w->live, &d, &by, "why", &e),
		       ERR_CONFLICT);
	d.id = w->gone.facts.id;
	d.spki = hash(2010);
	assert_ok(store_device_revoke(w->live, &w->gone.facts.id, &by,
				      &d.fingerprint, &e));
	assert_refused(store_readopt(w->live, &d, &by, "why", &e),
		       ERR_CONFLICT);
	assert_ok(replay(w, &e));
	d.fingerprint = hash(1009);
	assert_refused_saying(
		store_device_authorise(w->backup, &d.fingerprint, &id, &e),
		ERR_REFUSED, "quarantine");
	id = (struct device_id){ { 9 } };
	assert_ok(store_device_release(w->backup, &id, &by, &e));
	assert_ok(store_device_authorise(w->backup, &d.fingerprint, &id, &e));
	assert_int_equal(id.bytes[0], 9);
}

static void count_registered(void *ctx, const struct store_device *d)
{
	unsigned *count = ctx;

	(void)d;
	*count += 1;
}

/* Until then content cannot be sealed to it: nobody vouches for its key. */
static void keep_to(struct world *w, const struct store_device *d, uint64_t seq)
{
	struct store_pin p = { .device = d->facts.id,
			       .seq = seq,
			       .reason = "a demonstration" };
	struct err e = { 0 };

	if (seq)
		memcpy(p.release, "r5", 3);
	assert_ok(store_device_pin(w->live, &p, &by, &e));
}

static void what_a_device_keeps_to_comes_back(void **state)
{
	struct world *w = *state;
	struct store_device d;
	struct err e = { 0 };

	keep_to(w, &w->gone, 5);
	store_close(w->backup);
	take_backup(w);
	keep_to(w, &w->gone, 0);
	keep_to(w, &w->old, 5);
	assert_ok(replay(w, &e));
	assert_ok(store_device_find(w->backup, &w->old.facts.id, &d, &e));
	assert_int_equal(d.facts.pin, 5);
	assert_string_equal(d.pin_release, "r5");
	assert_ok(store_device_find(w->backup, &w->gone.facts.id, &d, &e));
	assert_int_equal(d.facts.pin, 0);
	assert_string_equal(d.pin_release, "");
}

static void its_next_renewal_makes_such_a_device_whole(void **state)
{
	struct world *w = *state;
	struct store_device d = enrol(w->live, 3), found;
	struct store_renewal r = renewal_of(&d, &d.fingerprint, 1);
	unsigned count = 0;
	bool again;
	struct err e = { 0 };

	assert_ok(replay(w, &e));
	assert_ok(store_registry_each(w->backup, NULL, 100, count_registered,
				      &count, &e));
	assert_int_equal(count, 2);
	assert_ok(store_device_find(w->backup, &d.facts.id, &found, &e));
	assert_string_equal(found.certificate, "");
	assert_ok(store_device_certify(w->backup, &d.fingerprint, "shown", &e));
	assert_ok(store_device_certify(w->backup, &w->old.fingerprint, "other",
				       &e));
	assert_ok(store_device_find(w->backup, &d.facts.id, &found, &e));
	assert_string_equal(found.certificate, "shown");
	assert_ok(store_device_find(w->backup, &w->old.facts.id, &found, &e));
	assert_string_equal(found.certificate, "pem");
	/* Another device's key is not its own. */
	r.decrypt = w->old.decrypt;
	assert_ok(store_renew_check(w->backup, &r, &by, &again, &e));
	assert_refused(store_renew(w->backup, &r, &by, &e), ERR_CONFLICT);
	r.decrypt = d.decrypt;
	renew(w->backup, &r);
	assert_true(is_let_in(w->backup, &r.fingerprint));
	count = 0;
	assert_ok(store_registry_each(w->backup, NULL, 100, count_registered,
				      &count, &e));
	assert_int_equal(count, 3);
	/* From here on the key is bound, as everybody's. */
	r = renewal_of(&d, &r.fingerprint, 2);
	r.decrypt.key.point[5] ^= 1;
	assert_refused(store_renew_check(w->backup, &r, &by, &again, &e),
		       ERR_REFUSED);
}

/* ---- what does not ------------------------------------------------------- */

static void assert_nothing_changed(struct world *w, uint64_t size)
{
	uint64_t now;
	struct err e = { 0 };

	assert_ok(store_audit_size(w->backup, &now, &e));
	assert_int_equal(now, size);
}

static void a_fork_is_refused_whole(void **state)
{
	struct world *w = *state;
	struct store_device d = enrol(w->live, 3);
	uint64_t size;
	struct err e = { 0 };

	assert_ok(store_cohort_add(w->backup, "other", &by, &e));
	assert_ok(store_audit_size(w->backup, &size, &e));
	assert_refused_saying(replay(w, &e), ERR_UNTRUSTED, "were forked");
	assert_nothing_changed(w, size);
	assert_false(is_let_in(w->backup, &d.fingerprint));
}

static void what_cannot_have_happened_is_refused_whole(void **state)
{
	struct world *w = *state;
	struct audit_record r;
	uint64_t size;
	struct err e = { 0 };

	(void)enrol(w->live, 3);
	audit_record_init(&r, AUDIT_DEVICE_RENEW, &by);
	audit_set_device(&r, &w->old.facts.id);
	audit_set_digest(&r, "from", &(struct sha256){ { 9 } });
	audit_set_digest(&r, "certificate", &(struct sha256){ { 8 } });
	audit_set_digest(&r, "key", &(struct sha256){ { 7 } });
	assert_ok(store_log(w->live, &r, &e));
	assert_ok(store_audit_size(w->backup, &size, &e));
	assert_refused(replay(w, &e), ERR_UNTRUSTED);
	assert_nothing_changed(w, size);
}

static struct stage a_rollout(void)
{
	struct stage r = { .what = { .name = "one",
				     .product = "kiosk",
				     .release = "r",
				     .digest = hash(500),
				     .seq = 2,
				     .cohorts = { "canary" },
				     .cohort_count = 1 },
			   .status = STAGE_RUNNING,
			   .phase_state = PHASE_HELD,
			   .policy = stage_usual };

	r.ladder.count = 1;
	r.ladder.rungs[0] = (struct ladder_rung){ .share = 10000,
						  .size = 1,
						  .limit = BUCKET_ALL };
	return r;
}

static void rollouts_are_paused_for_a_person_to_look_at(void **state)
{
	struct world *w = *state;
	struct stage r = a_rollout();
	struct err e = { 0 };

	assert_ok(store_rollout_add(w->live, &r, &by, &e));
	store_close(w->backup);
	take_backup(w);
	(void)enrol(w->live, 3);
	assert_ok(replay(w, &e));
	assert_ok(store_rollout_find(w->backup, "one", &r, &e));
	assert_int_equal(r.status, STAGE_PAUSED);
	assert_int_equal(r.revision, 2);
	assert_string_equal(r.reason, "a backup was restored");
}

/* ---- meanwhile ----------------------------------------------------------- */

static void while_it_is_behind_only_what_takes_away_is_done(void **state)
{
	struct world *w = *state;
	struct sha256 cut;
	uint64_t size;
	struct err e = { 0 };

	assert_ok(store_check_whole(w->backup, &e));
	store_set_behind(w->backup, 30);
	assert_refused_saying(store_check_whole(w->backup, &e), ERR_CONFLICT,
			      "first 30 records");
	assert_ok(store_audit_size(w->backup, &size, &e));
	assert_refused_saying(store_cohort_add(w->backup, "other", &by, &e),
			      ERR_CONFLICT, "audit replay");
	assert_nothing_changed(w, size);
	assert_ok(store_device_revoke(w->backup, &w->gone.facts.id, &by, &cut,
				      &e));
	assert_nothing_changed(w, size + 1);
}

static void while_it_is_behind_no_rollout_completes(void **state)
{
	struct world *w = *state;
	struct stage r = a_rollout();
	struct store_act act = { .act = AUDIT_ROLLOUT_COMPLETE,
				 .by = &by,
				 .revision = 1 };
	struct err e = { 0 };

	assert_ok(store_rollout_add(w->backup, &r, &by, &e));
	store_set_behind(w->backup, 30);
	r.status = STAGE_COMPLETED;
	r.revision = 2;
	assert_refused(store_rollout_save(w->backup, &r, &act, &e),
		       ERR_CONFLICT);
	assert_ok(store_rollout_find(w->backup, "one", &r, &e));
	assert_int_equal(r.status, STAGE_RUNNING);
	assert_int_equal(r.revision, 1);
	store_set_behind(w->backup, 0);
	r.status = STAGE_COMPLETED;
	r.revision = 2;
	assert_ok(store_rollout_save(w->backup, &r, &act, &e));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(devices_that_joined_are_known_again),
		TEST(a_readopted_device_comes_back_in_quarantine),
		TEST(a_rule_that_is_lost_is_not_taken_for_none),
		TEST(cohorts_come_back_and_the_replay_is_recorded),
		TEST(what_was_given_up_stays_given_up),
		TEST(renewals_are_followed_over_two_steps),
		TEST(a_quarantine_and_its_end_come_back),
		TEST(a_block_and_its_end_come_back),
		TEST(what_a_device_keeps_to_comes_back),
		TEST(its_next_renewal_makes_such_a_device_whole),
		TEST(a_fork_is_refused_whole),
		TEST(what_cannot_have_happened_is_refused_whole),
		TEST(rollouts_are_paused_for_a_person_to_look_at),
		TEST(while_it_is_behind_only_what_takes_away_is_done),
		TEST(while_it_is_behind_no_rollout_completes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
