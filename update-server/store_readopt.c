/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's devices that come back one by one: known by nothing but our CA's
 * signature, so into quarantine until a person lets them out.
 */
#include "update-server/store_db.h"

static int check_new(struct store *s, const struct store_readopt *d,
		     struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT (SELECT count(*) FROM device WHERE id = ?1),"
			  " (SELECT count(*) FROM cohort WHERE name = ?2)",
			  SQL_BIND(sql_device(&d->id), sql_text(d->cohort)));
	bool known = false, cohort = false;

	if (sql_next(q)) {
		known = sql_get_int(q, 0) > 0;
		cohort = sql_get_int(q, 1) > 0;
	}
	if (sql_end(q, e))
		return -1;
	if (known)
		return err_set(e, ERR_CONFLICT,
			       "the registry has a device of this id: it comes "
			       "back with its own certificate or not at all");
	return cohort ? 0
		      : err_set(e, ERR_NOT_FOUND, "no cohort %s", d->cohort);
}

int store_readopt_locked(struct store *s, const struct store_readopt *d,
			 int64_t now, struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];

	hex_format((struct slice){ d->id.bytes, DEVICE_ID_LEN }, who);
	if (check_new(s, d, e) || store_take_key_locked(s, &d->spki, who, e))
		return -1;
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
