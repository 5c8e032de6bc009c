/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restore: the end of the log that the backup lacks, taken back record
 * by record, each with what it did to the registry. What was given up stays
 * given up (revocations, used claim codes); devices that joined are known again
 * by their certificate; what only people can decide anew (rollouts) is paused.
 */
#include <string.h>

#include "common/text.h"

#include "update-server/store_cohort.h"
#include "update-server/store_db.h"
#include "update-server/store_return.h"

struct replay {
	struct store *s;
	const struct audit_record *r;
	struct device_id device; /* of records about one */
};

typedef int replay_act(const struct replay *p, struct err *e);

static const char *name_in(const struct replay *p, const char *name)
{
	return json_text(json_get(p->r->objects, name));
}

static int digest_in(const struct replay *p, const char *name,
		     struct sha256 *out, struct err *e)
{
	return json_get_hex(p->r->objects, name, out->bytes, SHA256_LEN, e);
}

static int run_on_device(const struct replay *p, const char *sql, struct err *e)
{
	return sql_run(p->s->db, sql, SQL_BIND(sql_device(&p->device)), NULL,
		       e);
}

/* ---- what records did ---------------------------------------------------- */

static int add_cohort(const struct replay *p, struct err *e)
{
	return store_cohort_appear_locked(p->s, name_in(p, "cohort"),
					  p->r->time, e);
}

/* The log has no texts: that there is a rule is known, and until somebody says
 * which, no rollout is made. */
static int lose_rule(const struct replay *p, struct err *e)
{
	bool narrows = json_int(json_get(p->r->objects, "narrows")) != 0;

	return sql_run(
		p->s->db,
		"UPDATE cohort SET rule = ?, revision = ?"
		" WHERE name = ?",
		SQL_BIND(sql_text(narrows ? STORE_RULE_LOST : ""),
			 sql_int(json_int(json_get(p->r->objects, "revision"))),
			 sql_text(name_in(p, "cohort"))),
		NULL, e);
}

static int remove_cohort(const struct replay *p, struct err *e)
{
	return sql_run(p->s->db,
		       "UPDATE cohort SET removed = 1, rule = '',"
		       " revision = revision + 1 WHERE name = ?",
		       SQL_BIND(sql_text(name_in(p, "cohort"))), NULL, e);
}

static int use_claim(const struct replay *p, struct err *e)
{
	return sql_run(
		p->s->db,
		"UPDATE claim SET state = 1, device = ?, used = ? WHERE id = ?",
		SQL_BIND(sql_device(&p->device), sql_int(p->r->time),
			 sql_int(json_int(json_get(p->r->objects, "token")))),
		NULL, e);
}

/* Its certificate itself comes when it shows it; its decryption key with its
 * next renewal. */
static int add_device(const struct replay *p, struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];
	struct sha256 certificate, key;

	hex_format((struct slice){ p->device.bytes, DEVICE_ID_LEN }, who);
	if (digest_in(p, "certificate", &certificate, e) ||
	    digest_in(p, "key", &key, e) || add_cohort(p, e) ||
	    use_claim(p, e) || store_take_key_locked(p->s, &key, who, e))
		return -1;
	return sql_run(
		p->s->db,
		"INSERT INTO device (id, fingerprint, spki, product,"
		" model, cohort, certificate, claim, enrolled)"
		" VALUES (?, ?, ?, ?, ?, ?, '', ?, ?)",
		SQL_BIND(sql_device(&p->device), sql_digest(&certificate),
			 sql_digest(&key), sql_text(name_in(p, "product")),
			 sql_text(name_in(p, "model")),
			 sql_text(name_in(p, "cohort")),
			 sql_digest(&store_no_claim), sql_int(p->r->time)),
		NULL, e);
}

/* Old and new are good until the new one is shown, as when it happened. */
static int renew_device(const struct replay *p, struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];
	struct sha256 from, certificate, key;
	int64_t changed;

	hex_format((struct slice){ p->device.bytes, DEVICE_ID_LEN }, who);
	if (digest_in(p, "from", &from, e) ||
	    digest_in(p, "certificate", &certificate, e) ||
	    digest_in(p, "key", &key, e) ||
	    store_take_key_locked(p->s, &key, who, e) ||
	    store_show_locked(p->s, &p->device, &from, e) ||
	    sql_run(p->s->db,
		    "UPDATE device SET next_fingerprint = ?, next_spki = ?,"
		    " next_certificate = '', next_decrypt_proof = NULL"
		    " WHERE id = ? AND fingerprint = ?",
		    SQL_BIND(sql_digest(&certificate), sql_digest(&key),
			     sql_device(&p->device), sql_digest(&from)),
		    &changed, e))
		return -1;
	return changed == 1 ? 0
			    : err_set(e, ERR_UNTRUSTED,
				      "it renews a certificate that the "
				      "device did not have");
}

static int copy_name(const struct replay *p, const char *name,
		     char out[NAME_MAX_LEN + 1], struct err *e)
{
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", name_in(p, name));
}

static int readopt_device(const struct replay *p, struct err *e)
{
	struct store_readopt d = { .id = p->device };

	if (digest_in(p, "certificate", &d.fingerprint, e) ||
	    digest_in(p, "key", &d.spki, e) || add_cohort(p, e) ||
	    copy_name(p, "product", d.product, e) ||
	    copy_name(p, "model", d.model, e) ||
	    copy_name(p, "cohort", d.cohort, e))
		return -1;
	return store_readopt_locked(p->s, &d, p->r->time, e);
}

static int quarantine(const struct replay *p, struct err *e)
{
	return run_on_device(
		p, "UPDATE device SET quarantined = 1 WHERE id = ?", e);
}

static int release(const struct replay *p, struct err *e)
{
	return run_on_device(
		p, "UPDATE device SET quarantined = 0 WHERE id = ?", e);
}

static int block(const struct replay *p, struct err *e)
{
	return run_on_device(p, "UPDATE device SET blocked = 1 WHERE id = ?",
			     e);
}

static int unblock(const struct replay *p, struct err *e)
{
	return run_on_device(p, "UPDATE device SET blocked = 0 WHERE id = ?",
			     e);
}

/* To a release that the backup need not know: its number is what holds. */
static int pin(const struct replay *p, struct err *e)
{
	return sql_run(
		p->s->db,
		"UPDATE device SET pin = ?, pin_release = ? WHERE id = ?",
		SQL_BIND(sql_int(json_int(json_get(p->r->objects, "seq"))),
			 sql_text(name_in(p, "release")),
			 sql_device(&p->device)),
		NULL, e);
}

static int unpin(const struct replay *p, struct err *e)
{
	return run_on_device(p,
			     "UPDATE device SET pin = NULL, pin_release = NULL"
			     " WHERE id = ?",
			     e);
}

static int revoke(const struct replay *p, struct err *e)
{
	return run_on_device(p, "UPDATE device SET revoked = 1 WHERE id = ?",
			     e);
}

static int forget(const struct replay *p, struct err *e)
{
	return store_forget_locked(p->s, &p->device, e);
}

static int retire(const struct replay *p, struct err *e)
{
	return run_on_device(p, "UPDATE device SET revoked = 2 WHERE id = ?",
			     e);
}

static int revoke_token(const struct replay *p, struct err *e)
{
	return sql_run(
		p->s->db, "UPDATE claim SET state = 2 WHERE id = ?",
		SQL_BIND(sql_int(json_int(json_get(p->r->objects, "token")))),
		NULL, e);
}

static int revoke_batch(const struct replay *p, struct err *e)
{
	return sql_run(
		p->s->db,
		"UPDATE claim SET state = 2 WHERE batch = ?"
		" AND state = 0",
		SQL_BIND(sql_int(json_int(json_get(p->r->objects, "batch")))),
		NULL, e);
}

static int activate_batch(const struct replay *p, struct err *e)
{
	return store_batch_start_locked(
		p->s, json_int(json_get(p->r->objects, "batch")), p->r->time,
		e);
}

static int miss_import(const struct replay *p, struct err *e)
{
	return store_recorded_replay_locked(p->s, p->r->objects, e);
}

static int revoke_person(const struct replay *p, struct err *e)
{
	struct sha256 person;

	if (digest_in(p, "person", &person, e))
		return -1;
	return sql_run(p->s->db,
		       "UPDATE person SET revoked = 1 WHERE fingerprint = ?",
		       SQL_BIND(sql_digest(&person)), NULL, e);
}

static replay_act *const acts[AUDIT_ACTS] = {
	[AUDIT_IMPORT] = miss_import,
	[AUDIT_COHORT_CREATE] = add_cohort,
	[AUDIT_COHORT_RULE] = lose_rule,
	[AUDIT_COHORT_REMOVE] = remove_cohort,
	[AUDIT_TOKEN_ACTIVATE] = activate_batch,
	[AUDIT_TOKEN_REVOKE] = revoke_token,
	[AUDIT_BATCH_REVOKE] = revoke_batch,
	[AUDIT_PERSON_REVOKE] = revoke_person,
	[AUDIT_DEVICE_ENROL] = add_device,
	[AUDIT_DEVICE_RENEW] = renew_device,
	[AUDIT_DEVICE_READOPT] = readopt_device,
	[AUDIT_DEVICE_RETURN] = renew_device,
	[AUDIT_DEVICE_QUARANTINE] = quarantine,
	[AUDIT_DEVICE_TWIN] = quarantine,
	[AUDIT_DEVICE_RELEASE] = release,
	[AUDIT_DEVICE_BLOCK] = block,
	[AUDIT_DEVICE_UNBLOCK] = unblock,
	[AUDIT_DEVICE_PIN] = pin,
	[AUDIT_DEVICE_UNPIN] = unpin,
	[AUDIT_DEVICE_REVOKE] = revoke,
	[AUDIT_DEVICE_RETIRE] = retire,
	[AUDIT_DEVICE_FORGET] = forget,
};

/* ---- one record ---------------------------------------------------------- */

static int apply(struct store *s, const struct audit_record *r, struct err *e)
{
	struct replay p = { .s = s, .r = r };

	if (!acts[r->act])
		return 0;
	if (json_get(r->objects, "device") &&
	    json_get_hex(r->objects, "device", p.device.bytes, DEVICE_ID_LEN,
			 e))
		return -1;
	return acts[r->act](&p, e);
}

/* The same bytes as in the log, for whoever has them. */
static int compare(struct store *s, uint64_t n, struct slice text,
		   struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT record = ? FROM audit WHERE n = ?",
		SQL_BIND(sql_blob(text.ptr, text.len), sql_int((int64_t)n)));
	bool same = sql_next(q) && sql_get_int(q, 0) != 0;

	if (sql_end(q, e))
		return -1;
	return same ? 0
		    : err_set(e, ERR_UNTRUSTED,
			      "the logs were forked: record %llu here is "
			      "another one; was the server used since it was "
			      "restored? restore the backup again",
			      (unsigned long long)n);
}

static int take(struct store *s, const struct audit_record *r, uint64_t size,
		struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_RECORD_MAX);
	int rc = audit_record_format(r, &text, e);

	if (rc == 0 && r->number < size)
		rc = compare(s, r->number, buf_slice(&text), e);
	else if (rc == 0)
		rc = store_keep_record_locked(s, r, buf_slice(&text), e) ||
				     apply(s, r, e)
			     ? -1
			     : 0;
	buf_done(&text);
	return rc ? err_in(e, "record %llu", (unsigned long long)r->number) : 0;
}

/* ---- the whole ----------------------------------------------------------- */

static int pause_all(struct store *s, const char *reason,
		     const struct audit_by *by, struct err *e)
{
	char name[NAME_MAX_LEN + 1];
	struct sql_query *q;
	bool found;

	do {
		q = sql_query(s->db,
			      "SELECT name FROM rollout WHERE state IN (?, ?)"
			      " ORDER BY id LIMIT 1",
			      SQL_BIND(sql_int(STAGE_RUNNING),
				       sql_int(STAGE_COMPLETED)));
		found = sql_next(q);
		if (found)
			sql_get_text(q, 0, name, sizeof(name));
		if (sql_end(q, e) ||
		    (found && store_pause_locked(s, name, reason, by, e)))
			return -1;
	} while (found);
	return 0;
}

int store_replay_begin(struct store *s, uint64_t *size, struct err *e)
{
	if (store_audit_size(s, size, e))
		return -1;
	store_lock(s);
	return sql_begin(s->db, e) ? store_unlock(s, -1) : 0;
}

int store_replay_take(struct store *s, const struct audit_record *r,
		      uint64_t size, struct err *e)
{
	return take(s, r, size, e);
}

static int note(struct store *s, uint64_t first, uint64_t count,
		const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_LOG_REPLAY, by);
	json_set_int(r.objects, "first", (int64_t)first);
	json_set_int(r.objects, "count", (int64_t)count);
	return store_log_locked(s, &r, e);
}

int store_replay_end(struct store *s, int rc, uint64_t first, uint64_t count,
		     const struct audit_by *by, struct err *e)
{
	if (rc == 0 && (pause_all(s, "a backup was restored", by, e) ||
			store_readopt_open_locked(s, by->now, e) ||
			note(s, first, count, by, e)))
		rc = -1;
	return store_unlock(s, sql_finish(s->db, rc, e));
}

/* ---- a backup that lacks nothing ----------------------------------------- */

static int note_restore(struct store *s, const struct audit_by *by,
			struct err *e)
{
	struct audit_record r;

	if (pause_all(s, "a backup was restored", by, e) ||
	    store_readopt_open_locked(s, by->now, e))
		return -1;
	audit_record_init(&r, AUDIT_SERVER_RESTORE, by);
	return store_log_locked(s, &r, e);
}

int store_note_restore(struct store *s, const struct audit_by *by,
		       struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, note_restore(s, by, e), e);
	return store_unlock(s, rc);
}
