/* SPDX-License-Identifier: Apache-2.0 */
/* How a device comes into the store: by a claim or an approval, once. */
#include <string.h>

#include "update-server/store_db.h"

const struct sha256 store_no_claim;

/* ---- may it? ------------------------------------------------------------- */

/* Whatever would refuse it later refuses it here: once the keeper is asked,
 * there is a certificate. */
static int may_enrol(struct store *s, const struct store_ask *ask,
		     struct err *e)
{
	struct sha256 decrypt;

	ec_public_fingerprint(ask->decrypt, &decrypt);
	if (!sha256_equal(&ask->claim, &store_no_claim) &&
	    store_claim_check_locked(s, ask, e))
		return -1;
	return store_key_is_new_locked(s, &ask->spki, e) ||
			       store_key_is_new_locked(s, &decrypt, e) ||
			       store_may_log_locked(s, e)
		       ? -1
		       : 0;
}

/* Which device took the key, by the key: by its claim or product it would be a
 * search of all of them, for whoever may ask. */
static int find_holder(struct store *s, const struct sha256 *spki,
		       struct device_id *out, bool *found, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT who FROM key WHERE spki = ?",
			  SQL_BIND(sql_digest(spki)));
	struct err a_person;

	*found = sql_next(q) && hex_parse(sql_get_bytes(q, 0), out->bytes,
					  DEVICE_ID_LEN, &a_person) == 0;
	return sql_end(q, e);
}

/* It has enrolled with this very claim and these keys, and belongs to us. */
static int is_enrolled(struct store *s, const struct store_ask *ask,
		       const struct device_id *id, bool *yes, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT 1 FROM device WHERE id = ? AND claim = ? AND spki = ?"
		" AND revoked = 0 AND product = ? AND model = ?"
		" AND decrypt_key = ?",
		SQL_BIND(sql_device(id), sql_digest(&ask->claim),
			 sql_digest(&ask->spki), sql_text(ask->product),
			 sql_text(ask->model),
			 sql_blob(ask->decrypt->point, EC_POINT_LEN)));

	*yes = sql_next(q);
	return sql_end(q, e);
}

static int find_enrolled(struct store *s, const struct store_ask *ask,
			 bool *again, struct store_device *out, struct err *e)
{
	struct device_id id;

	if (find_holder(s, &ask->spki, &id, again, e))
		return -1;
	if (*again && is_enrolled(s, ask, &id, again, e))
		return -1;
	return *again ? store_device_find_locked(s, &id, out, e) : 0;
}

int store_enrol_check(struct store *s, const struct store_ask *ask, bool *again,
		      struct store_device *out, struct err *e)
{
	int rc;

	store_lock(s);
	rc = find_enrolled(s, ask, again, out, e);
	if (rc == 0 && !*again)
		rc = may_enrol(s, ask, e);
	return store_unlock(s, rc);
}

/* ---- successors ---------------------------------------------------------- */

int store_successor_check_locked(struct store *s,
				 const struct store_successor *successor,
				 const char *product, const char *model,
				 struct err *e)
{
	struct sql_query *q;
	bool found, same;

	if (!successor->replaces)
		return 0;
	q = sql_query(s->db,
		      "SELECT product = ? AND model = ? FROM device"
		      " WHERE id = ? AND revoked = 0",
		      SQL_BIND(sql_text(product), sql_text(model),
			       sql_device(&successor->replaced)));
	found = sql_next(q);
	same = found && sql_get_int(q, 0) != 0;
	if (sql_end(q, e))
		return -1;
	if (!found)
		return err_set(
			e, ERR_NOT_FOUND,
			"no device to be replaced has this id (device list shows them)");
	return same ? 0
		    : err_set(e, ERR_CONFLICT,
			      "the device to be replaced is of another product "
			      "or model");
}

struct sql_value store_successor_value(const struct store_successor *successor)
{
	return successor->replaces ? sql_device(&successor->replaced)
				   : sql_null();
}

void store_successor_read(struct sql_query *q, int column,
			  struct store_successor *out)
{
	out->replaces = !sql_get_null(q, column);
	if (out->replaces)
		sql_get_blob(q, column, out->replaced.bytes, DEVICE_ID_LEN);
}

/* The old identity ends as the new one begins, so none is counted twice. */
static int succeed(struct store *s, const struct store_device *d,
		   const struct audit_by *by, struct err *e)
{
	struct audit_record r;
	int64_t changed;

	if (!d->successor.replaces)
		return 0;
	if (sql_run(s->db,
		    "UPDATE device SET revoked = ?,"
		    " last_seen = seen_day * 86400"
		    " WHERE id = ? AND revoked = 0",
		    SQL_BIND(sql_int(RETIRED),
			     sql_device(&d->successor.replaced)),
		    &changed, e))
		return -1;
	if (changed == 0)
		return 0;
	audit_record_init(&r, AUDIT_DEVICE_RETIRE, by);
	audit_set_device(&r, &d->successor.replaced);
	return store_log_locked(s, &r, e);
}

/* ---- enrolment ------------------------------------------------------------
 */

static int log_enrolment(struct store *s, const struct store_device *d,
			 int64_t token, const struct audit_by *by,
			 struct err *e)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_DEVICE_ENROL, by);
	audit_set_device(&r, &d->facts.id);
	audit_set_digest(&r, "certificate", &d->fingerprint);
	audit_set_digest(&r, "key", &d->spki);
	json_set_int(r.objects, "token", token);
	json_set_text(r.objects, "product", d->facts.product);
	json_set_text(r.objects, "model", d->facts.model);
	json_set_text(r.objects, "cohort", d->facts.cohort);
	return store_log_locked(s, &r, e);
}

static int enrol(struct store *s, const struct sha256 *claim,
		 struct store_device *d, const struct audit_by *by,
		 struct err *e)
{
	const struct rollout_device *f = &d->facts;
	char who[2 * DEVICE_ID_LEN + 1];
	struct sha256 decrypt;
	int64_t token = 0;

	hex_format((struct slice){ f->id.bytes, DEVICE_ID_LEN }, who);
	if ((claim ? store_claim_take_locked(s, claim, d, by->now, &token, e)
		   : store_waiting_take_locked(s, d, by->now, e)) ||
	    store_take_key_locked(s, &d->spki, who, e))
		return -1;
	ec_public_fingerprint(&d->decrypt.key, &decrypt);
	if (store_take_key_locked(s, &decrypt, who, e))
		return -1;
	d->enrolled = by->now;
	if (sql_run(s->db,
		    "INSERT INTO device (id, fingerprint, spki, product,"
		    " model, cohort, certificate, claim, enrolled,"
		    " decrypt_key, decrypt_proof)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		    SQL_BIND(sql_device(&f->id), sql_digest(&d->fingerprint),
			     sql_digest(&d->spki), sql_text(f->product),
			     sql_text(f->model), sql_text(f->cohort),
			     sql_text(d->certificate),
			     sql_digest(claim ? claim : &store_no_claim),
			     sql_int(by->now),
			     sql_blob(d->decrypt.key.point, EC_POINT_LEN),
			     sql_blob(d->decrypt.proof, d->decrypt.proof_len)),
		    NULL, e))
		return -1;
	return log_enrolment(s, d, token, by, e) || succeed(s, d, by, e) ? -1
									 : 0;
}

int store_enrol(struct store *s, const struct sha256 *claim,
		struct store_device *d, const struct audit_by *by,
		struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, enrol(s, claim, d, by, e), e);
	return store_unlock(s, rc);
}
