/* SPDX-License-Identifier: Apache-2.0 */
/* The store's devices. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/store_db.h"

/* ---- devices ------------------------------------------------------------- */

#define DEVICE_FIELDS                                                          \
	"SELECT id, fingerprint, spki, product, model, cohort, revoked,"       \
	" certificate, enrolled, last_seen, release, seq, digest, confirmed,"  \
	" activation, interval, updater, quarantined, posture_known,"          \
	" posture_yes, (SELECT version FROM release l"                         \
	" WHERE l.product = device.product AND l.id = device.release), lab,"   \
	" pin, pin_release, first_use, hardware, " STORE_BOARDS ", blocked"
#define DEVICE_COLUMNS DEVICE_FIELDS " FROM device"
#define NEWEST_ATTEMPT                                                         \
	" FROM attempt WHERE device = device.id ORDER BY attempt.id DESC"      \
	" LIMIT 1)"

static void read_device(struct sql_query *q, struct store_device *d)
{
	struct rollout_device *f = &d->facts;

	sql_get_blob(q, 0, f->id.bytes, DEVICE_ID_LEN);
	sql_get_blob(q, 1, d->fingerprint.bytes, SHA256_LEN);
	sql_get_blob(q, 2, d->spki.bytes, SHA256_LEN);
	sql_get_text(q, 3, f->product, sizeof(f->product));
	sql_get_text(q, 4, f->model, sizeof(f->model));
	sql_get_text(q, 5, f->cohort, sizeof(f->cohort));
	d->revoked = sql_get_int(q, 6) != 0;
	d->retired = sql_get_int(q, 6) == RETIRED;
	sql_get_text(q, 7, d->certificate, sizeof(d->certificate));
	d->enrolled = sql_get_int(q, 8);
	f->enrolled = d->enrolled;
	d->last_seen = sql_get_int(q, 9);
	f->has_release = !sql_get_null(q, 10);
	sql_get_text(q, 10, f->release, sizeof(f->release));
	f->seq = (uint64_t)sql_get_int(q, 11);
	sql_get_blob(q, 12, f->digest.bytes, SHA256_LEN);
	f->confirmed = sql_get_int(q, 13) != 0;
	d->activation = (uint64_t)sql_get_int(q, 14);
	d->interval_sec = (uint32_t)sql_get_int(q, 15);
	sql_get_text(q, 16, f->updater, sizeof(f->updater));
	d->quarantined = sql_get_int(q, 17) != 0;
	f->posture.known = (uint32_t)sql_get_int(q, 18);
	f->posture.yes = (uint32_t)sql_get_int(q, 19);
	sql_get_text(q, 20, f->version, sizeof(f->version));
	f->lab = sql_get_int(q, 21) != 0;
	rollout_keep_to(f, sql_get_int(q, 29) != 0, !sql_get_null(q, 22),
			(uint64_t)sql_get_int(q, 22));
	sql_get_text(q, 23, d->pin_release, sizeof(d->pin_release));
	d->first_use = (enum wire_first_use)sql_get_int(q, 24);
	sql_get_text(q, 25, f->hardware, sizeof(f->hardware));
	rollout_hear(f, d->first_use);
	store_boards_read(q, 26, &d->boards);
}

/* The end of a query for one device. */
static int one_device(struct sql_query *q, bool *found,
		      struct store_device *out, struct err *e)
{
	*found = sql_next(q);
	if (*found)
		read_device(q, out);
	return sql_end(q, e);
}

/* The new certificate was shown: from here on it is the only one. */
static int promote(struct store *s, const struct device_id *id, struct err *e)
{
	return sql_run(s->db,
		       "UPDATE device SET fingerprint = next_fingerprint,"
		       " spki = next_spki, certificate = next_certificate,"
		       " decrypt_proof = next_decrypt_proof,"
		       " next_decrypt_proof = NULL,"
		       " next_fingerprint = NULL, next_spki = NULL,"
		       " next_certificate = NULL WHERE id = ?",
		       SQL_BIND(sql_device(id)), NULL, e);
}

int store_show_locked(struct store *s, const struct device_id *id,
		      const struct sha256 *fingerprint, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT 1 FROM device WHERE id = ? AND next_fingerprint = ?",
		SQL_BIND(sql_device(id), sql_digest(fingerprint)));
	bool is_next = sql_next(q);

	if (sql_end(q, e))
		return -1;
	return is_next ? promote(s, id, e) : 0;
}

int store_device_certify(struct store *s, const struct sha256 *fingerprint,
			 const char *certificate, struct err *e)
{
	store_lock(s);
	return store_unlock(
		s, sql_run(s->db,
			   "UPDATE device SET certificate = ?"
			   " WHERE fingerprint = ? AND certificate = ''",
			   SQL_BIND(sql_text(certificate),
				    sql_digest(fingerprint)),
			   NULL, e));
}

struct holder {
	struct device_id id;
	bool found, quarantined;
};

static int read_holder(struct sql_query *q, struct holder *out, struct err *e)
{
	*out = (struct holder){ .found = sql_next(q) };
	if (out->found) {
		sql_get_blob(q, 0, out->id.bytes, DEVICE_ID_LEN);
		out->quarantined = sql_get_int(q, 1) != 0;
	}
	return sql_end(q, e);
}

/* By its certificate, as nearly always, or by the next one. */
static int find_holder(struct store *s, const struct sha256 *fingerprint,
		       struct holder *out, bool *is_next, struct err *e)
{
	*is_next = false;
	if (read_holder(sql_query(s->db,
				  "SELECT id, quarantined FROM device"
				  " WHERE fingerprint = ? AND revoked = 0",
				  SQL_BIND(sql_digest(fingerprint))),
			out, e))
		return -1;
	if (out->found)
		return 0;
	*is_next = true;
	return read_holder(sql_query(s->db,
				     "SELECT id, quarantined FROM device"
				     " WHERE next_fingerprint = ?"
				     " AND revoked = 0",
				     SQL_BIND(sql_digest(fingerprint))),
			   out, e);
}

static int authorise(struct store *s, const struct sha256 *fingerprint,
		     struct device_id *id, struct err *e)
{
	struct holder h;
	bool is_next;

	if (find_holder(s, fingerprint, &h, &is_next, e))
		return -1;
	if (!h.found)
		return err_set(e, ERR_REFUSED,
			       "this certificate is not (or no longer) "
			       "registered here");
	if (h.quarantined)
		return err_set(e, ERR_REFUSED,
			       "this device is in quarantine until a person "
			       "has looked at it");
	*id = h.id;
	return is_next ? promote(s, id, e) : 0;
}

int store_device_authorise(struct store *s, const struct sha256 *fingerprint,
			   struct device_id *out, struct err *e)
{
	struct device_id id = { 0 };
	int rc;

	store_lock(s);
	rc = store_unlock(s, authorise(s, fingerprint, &id, e));
	if (rc == 0)
		*out = id;
	return rc;
}

int store_device_find_locked(struct store *s, const struct device_id *id,
			     struct store_device *out, struct err *e)
{
	bool found;

	if (one_device(sql_query(s->db, DEVICE_COLUMNS " WHERE id = ?",
				 SQL_BIND(sql_device(id))),
		       &found, out, e))
		return -1;
	return found ? 0
		     : err_set(e, ERR_NOT_FOUND,
			       "no such device (device list shows them)");
}

int store_device_find(struct store *s, const struct device_id *id,
		      struct store_device *out, struct err *e)
{
	store_lock(s);
	return store_unlock(s, store_device_find_locked(s, id, out, e));
}

static void read_newest_attempt(struct sql_query *q, struct store_device *d)
{
	int64_t state = sql_get_int(q, 30);

	if (sql_get_null(q, 30) || state < 0 || state >= STAGE_STATES)
		return;
	d->has_attempt = true;
	d->attempt = (enum stage_state)state;
	sql_get_text(q, 31, d->attempt_code, sizeof(d->attempt_code));
}

static int each_device(struct sql_query *q,
		       void (*visit)(void *ctx, const struct store_device *d),
		       void *ctx, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));

	while (sql_next(q)) {
		memset(d, 0, sizeof(*d));
		read_device(q, d);
		read_newest_attempt(q, d);
		visit(ctx, d);
	}
	free(d);
	return sql_end(q, e);
}

int store_device_each(struct store *s, const struct device_id *after,
		      size_t max,
		      void (*visit)(void *ctx, const struct store_device *d),
		      void *ctx, struct err *e)
{
	struct sql_query *q;
	int rc;

	store_lock(s);
	/* What is shown is up to date. */
	rc = store_flush_locked(s, e);
	if (rc == 0) {
		q = sql_query(
			s->db,
			DEVICE_FIELDS ", (SELECT state" NEWEST_ATTEMPT
				      ", (SELECT code" NEWEST_ATTEMPT
				      " FROM device WHERE id > ?"
				      " ORDER BY id LIMIT ?",
			SQL_BIND(after ? sql_device(after) : sql_blob("", 0),
				 sql_int((int64_t)max)));
		rc = each_device(q, visit, ctx, e);
	}
	return store_unlock(s, rc);
}

static void read_registered(struct sql_query *q, struct store_device *d)
{
	struct rollout_device *f = &d->facts;

	memset(d, 0, sizeof(*d));
	sql_get_blob(q, 0, f->id.bytes, DEVICE_ID_LEN);
	sql_get_text(q, 1, f->product, sizeof(f->product));
	sql_get_text(q, 2, f->model, sizeof(f->model));
	sql_get_text(q, 3, f->cohort, sizeof(f->cohort));
	sql_get_text(q, 4, d->certificate, sizeof(d->certificate));
	sql_get_blob(q, 5, d->decrypt.key.point, EC_POINT_LEN);
	d->decrypt.proof_len = (size_t)sql_get_int(q, 7);
	sql_get_blob(q, 6, d->decrypt.proof, d->decrypt.proof_len);
	sql_get_text(q, 8, f->hardware, sizeof(f->hardware));
	rollout_hear(f, (enum wire_first_use)sql_get_int(q, 9));
}

int store_registry_each(struct store *s, const struct device_id *after,
			size_t max,
			void (*visit)(void *ctx, const struct store_device *d),
			void *ctx, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT id, product, model, cohort, certificate,"
		      " decrypt_key, decrypt_proof,"
		      " min(length(decrypt_proof), 72), hardware, first_use"
		      " FROM device"
		      " WHERE id > ? AND revoked = 0 AND quarantined = 0"
		      " AND blocked = 0"
		      " AND decrypt_key IS NOT NULL"
		      " AND decrypt_proof IS NOT NULL AND certificate != ''"
		      " ORDER BY id LIMIT ?",
		      SQL_BIND(after ? sql_device(after) : sql_blob("", 0),
			       sql_int((int64_t)max)));
	while (sql_next(q)) {
		read_registered(q, d);
		visit(ctx, d);
	}
	rc = store_unlock(s, sql_end(q, e));
	free(d);
	return rc;
}

int store_certificates_each(struct store *s,
			    void (*visit)(void *ctx, const char *certificate),
			    void *ctx, struct err *e)
{
	char pem[X509_PEM_MAX_LEN];
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, "SELECT certificate FROM device WHERE revoked = 0",
		      NULL, 0);
	while (sql_next(q)) {
		sql_get_text(q, 0, pem, sizeof(pem));
		visit(ctx, pem);
	}
	return store_unlock(s, sql_end(q, e));
}

int store_device_counts(struct store *s, uint64_t *active, uint64_t *revoked,
			struct err *e)
{
	struct sql_query *q;

	*active = *revoked = 0;
	store_lock(s);
	/* Counted as they change: store_overview.h. */
	q = sql_query(s->db,
		      "SELECT (SELECT coalesce(sum(n), 0) FROM fleet_day),"
		      " (SELECT coalesce(sum(n), 0) FROM fleet_aside"
		      " WHERE state IN (?, ?))",
		      SQL_BIND(sql_int(REVOKED), sql_int(RETIRED)));
	if (sql_next(q)) {
		*active = (uint64_t)sql_get_int(q, 0);
		*revoked = (uint64_t)sql_get_int(q, 1);
	}
	return store_unlock(s, sql_end(q, e));
}

/* The end of a device. What was revoked cannot be called retired later. */
static int end_device(struct store *s, const struct device_id *id,
		      enum audit_act act, const struct audit_by *by,
		      struct store_device *d, struct err *e)
{
	bool retire = act == AUDIT_DEVICE_RETIRE;
	struct audit_record r;

	if (store_device_find_locked(s, id, d, e))
		return -1;
	if (retire && d->revoked)
		return err_set(e, ERR_CONFLICT, "it is %s already",
			       d->retired ? "retired" : "revoked");
	if (sql_run(s->db,
		    "UPDATE device SET revoked = ?,"
		    " last_seen = seen_day * 86400 WHERE id = ?",
		    SQL_BIND(sql_int(retire ? RETIRED : REVOKED),
			     sql_device(id)),
		    NULL, e))
		return -1;
	if (store_attempts_withdraw_locked(s, id, by->now, e))
		return -1;
	audit_record_init(&r, act, by);
	audit_set_device(&r, id);
	return store_log_locked(s, &r, e);
}

static int end_and_commit(struct store *s, const struct device_id *id,
			  enum audit_act act, const struct audit_by *by,
			  struct sha256 *fingerprint, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, end_device(s, id, act, by, d, e), e);
	if (rc == 0)
		*fingerprint = d->fingerprint;
	(void)store_unlock(s, rc);
	free(d);
	return rc;
}

int store_device_revoke(struct store *s, const struct device_id *id,
			const struct audit_by *by, struct sha256 *fingerprint,
			struct err *e)
{
	return end_and_commit(s, id, AUDIT_DEVICE_REVOKE, by, fingerprint, e);
}

int store_device_retire(struct store *s, const struct device_id *id,
			const struct audit_by *by, struct sha256 *fingerprint,
			struct err *e)
{
	return end_and_commit(s, id, AUDIT_DEVICE_RETIRE, by, fingerprint, e);
}

/* ---- signs of life ------------------------------------------------------- */

static bool same_state(const struct store_device *d,
		       const struct wire_checkin *m)
{
	const struct rollout_device *f = &d->facts;

	return f->has_release == m->has_release && f->seq == m->seq &&
	       f->confirmed == m->confirmed && d->activation == m->activation &&
	       d->interval_sec == m->interval_sec && d->last_seen != 0 &&
	       sha256_equal(&f->digest, &m->digest) &&
	       strcmp(f->release, m->release) == 0 &&
	       strcmp(f->updater, m->updater) == 0 &&
	       strcmp(f->hardware, m->hardware) == 0 &&
	       f->posture.known == m->posture.known &&
	       f->posture.yes == m->posture.yes && d->first_use == m->first_use;
}

int store_device_write_locked(struct store *s, const struct store_device *d,
			      const struct wire_checkin *m, int64_t when,
			      struct err *e)
{
	bool has = m->has_release;

	return sql_run(
		s->db,
		"UPDATE device SET last_seen = ?, release = ?, seq = ?,"
		" before = CASE WHEN digest IS NOT ?4 THEN digest ELSE before"
		" END, digest = ?4, confirmed = ?, activation = ?,"
		" interval = ?, updater = ?, posture_known = ?,"
		" posture_yes = ?, first_use = ?, hardware = ? WHERE id = ?",
		SQL_BIND(sql_int(when), has ? sql_text(m->release) : sql_null(),
			 sql_int((int64_t)m->seq),
			 has ? sql_digest(&m->digest) : sql_null(),
			 sql_int(m->confirmed), sql_int((int64_t)m->activation),
			 sql_int(m->interval_sec), sql_text(m->updater),
			 sql_int(m->posture.known), sql_int(m->posture.yes),
			 sql_int(m->first_use), sql_text(m->hardware),
			 sql_device(&d->facts.id)),
		NULL, e);
}

static void take_state(struct store_device *d, const struct wire_checkin *m,
		       int64_t now)
{
	struct rollout_device *f = &d->facts;

	f->has_release = m->has_release;
	f->confirmed = m->confirmed;
	f->seq = m->seq;
	f->digest = m->digest;
	d->activation = m->activation;
	d->interval_sec = m->interval_sec;
	d->last_seen = now;
	memcpy(f->release, m->release, sizeof(f->release));
	memcpy(f->updater, m->updater, sizeof(f->updater));
	memcpy(f->hardware, m->hardware, sizeof(f->hardware));
	rollout_hear(f, m->first_use);
	f->posture = m->posture;
	d->first_use = m->first_use;
}

/* Of the release that it runs now. */
static int read_version(struct store *s, struct rollout_device *f,
			struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT version FROM release WHERE product = ? AND id = ?",
		SQL_BIND(sql_text(f->product), sql_text(f->release)));

	memset(f->version, 0, sizeof(f->version));
	if (sql_next(q))
		sql_get_text(q, 0, f->version, sizeof(f->version));
	return sql_end(q, e);
}

int store_device_hear_locked(struct store *s, struct store_device *d,
			     const struct wire_checkin *m, int64_t when,
			     struct err *e)
{
	take_state(d, m, when);
	return read_version(s, &d->facts, e);
}

static int note_life(struct store *s, const struct device_id *id, int64_t now,
		     struct err *e)
{
	if (s->seen_count == SEEN_MAX && store_flush_locked(s, e))
		return -1;
	s->seen[s->seen_count].id = *id;
	s->seen[s->seen_count].when = now;
	s->seen_count++;
	return 0;
}

int store_device_seen(struct store *s, struct store_device *d,
		      const struct wire_checkin *m, int64_t now, struct err *e)
{
	bool same = same_state(d, m);
	int rc;

	store_lock(s);
	if (same)
		rc = note_life(s, &d->facts.id, now, e);
	else
		rc = store_device_write_locked(s, d, m, now, e);
	if (rc == 0 && same)
		take_state(d, m, now);
	else if (rc == 0)
		rc = store_device_hear_locked(s, d, m, now, e);
	return store_unlock(s, rc);
}

int store_flush_locked(struct store *s, struct err *e)
{
	int rc = 0;

	if (s->seen_count == 0 && s->control_count == 0)
		return 0;
	if (sql_begin(s->db, e))
		return -1;
	rc = store_control_flush_locked(s, e);
	for (size_t i = 0; rc == 0 && i < s->seen_count; i++)
		rc = sql_run(s->db,
			     "UPDATE device SET last_seen = max(last_seen, ?)"
			     " WHERE id = ?",
			     SQL_BIND(sql_int(s->seen[i].when),
				      sql_device(&s->seen[i].id)),
			     NULL, e);
	rc = sql_finish(s->db, rc, e);
	if (rc == 0) {
		s->seen_count = 0;
		s->control_count = 0;
	}
	return rc;
}

int store_flush(struct store *s, struct err *e)
{
	store_lock(s);
	return store_unlock(s, store_flush_locked(s, e));
}

/* ---- assignments --------------------------------------------------------- */

static int assign(struct store *s, const struct assign *a, int64_t now,
		  struct err *e)
{
	if (store_cohort_for_locked(s, a->cohort, &a->device, now, e))
		return -1;
	return sql_run(s->db,
		       "UPDATE device SET cohort = ?1, lab = ?2 WHERE id = ?3"
		       " AND (cohort != ?1 OR lab != ?2)",
		       SQL_BIND(sql_text(a->cohort), sql_int(a->lab),
				sql_device(&a->device)),
		       NULL, e);
}

int store_device_assign(struct store *s, const struct assign *a, int64_t now,
			struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, assign(s, a, now, e), e);
	return store_unlock(s, rc);
}
