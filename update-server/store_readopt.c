/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's devices that come back after a restore one by one: known by
 * nothing but our CA's signature, so into quarantine until a person lets them
 * out. And whether anybody may.
 */
#include "update-server/store_db.h"
#include "update-server/store_return.h"

/* ---- may they come back? ------------------------------------------------- */

static int since(struct store *s, int64_t *out, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT opened FROM readopt", SQL_NOTHING);

	*out = sql_next(q) ? sql_get_int(q, 0) : 0;
	return sql_end(q, e);
}

int store_readopt_since(struct store *s, int64_t *out, struct err *e)
{
	store_lock(s);
	return store_unlock(s, since(s, out, e));
}

int store_readopt_open_locked(struct store *s, int64_t now, struct err *e)
{
	return sql_run(s->db, "DELETE FROM readopt", SQL_NOTHING, NULL,
		       e) || sql_run(s->db,
				     "INSERT INTO readopt (opened) VALUES (?)",
				     SQL_BIND(sql_int(now)), NULL, e)
		       ? -1
		       : 0;
}

static int close_it(struct store *s, const struct audit_by *by, struct err *e)
{
	struct audit_record r;
	int64_t opened;

	if (since(s, &opened, e))
		return -1;
	if (opened == 0)
		return err_set(e, ERR_CONFLICT, "it is closed");
	if (sql_run(s->db, "DELETE FROM readopt", SQL_NOTHING, NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_READOPT_CLOSE, by);
	json_set_int(r.objects, "since", opened);
	return store_log_locked(s, &r, e);
}

int store_readopt_close(struct store *s, const struct audit_by *by,
			struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, close_it(s, by, e), e);
	return store_unlock(s, rc);
}

/* ---- one by one ---------------------------------------------------------- */

/* Whom the registry has comes back as what it was. */
static int check_same(struct store *s, const struct store_readopt *d,
		      bool *known, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT revoked = 0,"
			  " product = ?2 AND model = ?3 AND cohort = ?4"
			  " FROM device WHERE id = ?1",
			  SQL_BIND(sql_device(&d->id), sql_text(d->product),
				   sql_text(d->model), sql_text(d->cohort)));
	bool belongs = true, same = true;

	*known = sql_next(q);
	if (*known) {
		belongs = sql_get_int(q, 0) != 0;
		same = sql_get_int(q, 1) != 0;
	}
	if (sql_end(q, e))
		return -1;
	if (!belongs)
		return err_set(e, ERR_CONFLICT,
			       "this device was revoked or retired: it does "
			       "not come back");
	return same ? 0
		    : err_set(e, ERR_CONFLICT,
			      "the registry knows this device as another "
			      "product, model or cohort: device show");
}

static int put_back(struct store *s, const struct store_readopt *d, bool known,
		    int64_t now, struct err *e)
{
	if (known)
		return sql_run(
			s->db,
			"UPDATE device SET fingerprint = ?, spki = ?,"
			" certificate = '', decrypt_proof = NULL,"
			" next_fingerprint = NULL, next_spki = NULL,"
			" next_certificate = NULL, next_decrypt_proof = NULL,"
			" quarantined = 1 WHERE id = ?",
			SQL_BIND(sql_digest(&d->fingerprint),
				 sql_digest(&d->spki), sql_device(&d->id)),
			NULL, e);
	return sql_run(s->db,
		       "INSERT INTO device (id, fingerprint, spki, product,"
		       " model, cohort, certificate, claim, enrolled,"
		       " quarantined) VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, 1)",
		       SQL_BIND(sql_device(&d->id), sql_digest(&d->fingerprint),
				sql_digest(&d->spki), sql_text(d->product),
				sql_text(d->model), sql_text(d->cohort),
				sql_digest(&store_no_claim), sql_int(now)),
		       NULL, e);
}

int store_readopt_locked(struct store *s, const struct store_readopt *d,
			 int64_t now, struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];
	bool known;

	hex_format((struct slice){ d->id.bytes, DEVICE_ID_LEN }, who);
	if (check_same(s, d, &known, e) ||
	    store_cohort_need_locked(s, d->cohort, e) ||
	    store_take_key_locked(s, &d->spki, who, e))
		return -1;
	return put_back(s, d, known, now, e);
}

static int log_it(struct store *s, const struct store_readopt *d,
		  const struct audit_by *by, const char *reason, struct err *e)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_DEVICE_READOPT, by);
	audit_set_device(&r, &d->id);
	audit_set_digest(&r, "certificate", &d->fingerprint);
	audit_set_digest(&r, "key", &d->spki);
	json_set_text(r.objects, "product", d->product);
	json_set_text(r.objects, "model", d->model);
	json_set_text(r.objects, "cohort", d->cohort);
	audit_set_secret(&r, "reason", reason);
	return store_log_locked(s, &r, e);
}

int store_readopt(struct store *s, const struct store_readopt *d,
		  const struct audit_by *by, const char *reason, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0) {
		rc = store_readopt_locked(s, d, by->now, e) ||
				     log_it(s, d, by, reason, e)
			     ? -1
			     : 0;
		rc = sql_finish(s->db, rc, e);
	}
	return store_unlock(s, rc);
}
