/* SPDX-License-Identifier: Apache-2.0 */
/* The store's renewals: one device, two certificates for a while. */
#include "update-server/store_renew.h"

#include <string.h>

#include "common/mem.h"

#include "update-server/store_db.h"

/* How the row stands, seen from the certificate that the device showed. */
struct standing {
	bool pending, same; /* a next key was accepted; it is this one */
	bool decrypts;      /* with the key that content is sealed to */
};

static int look(struct store *s, struct store_renewal *r, struct standing *out,
		struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT next_spki, next_certificate,"
		" decrypt_key IS NULL OR decrypt_key = ?"
		" FROM device WHERE id = ?"
		" AND fingerprint = ? AND revoked = 0 AND quarantined = 0",
		SQL_BIND(sql_blob(r->decrypt.key.point, EC_POINT_LEN),
			 sql_device(&r->device), sql_digest(&r->from)));
	bool found = sql_next(q);
	struct sha256 next;

	*out = (struct standing){ .pending = found && !sql_get_null(q, 0) };
	out->decrypts = found && sql_get_int(q, 2) != 0;
	if (out->pending) {
		sql_get_blob(q, 0, next.bytes, SHA256_LEN);
		out->same = sha256_equal(&next, &r->spki);
	}
	if (out->same)
		sql_get_text(q, 1, r->certificate, sizeof(r->certificate));
	if (sql_end(q, e))
		return -1;
	if (!found)
		return err_set(e, ERR_REFUSED,
			       "this certificate is no longer the device's");
	return out->decrypts ? 0
			     : err_set(e, ERR_REFUSED,
				       "a renewal keeps the decryption key");
}

/* A second key for one identity: two boards have its first. Neither is heard
 * until a person has decided. */
static int quarantine(struct store *s, const struct store_renewal *r,
		      const struct audit_by *by, struct err *e)
{
	struct audit_record a;

	if (sql_run(s->db, "UPDATE device SET quarantined = 1 WHERE id = ?",
		    SQL_BIND(sql_device(&r->device)), NULL, e))
		return -1;
	audit_record_init(&a, AUDIT_DEVICE_QUARANTINE, by);
	audit_set_device(&a, &r->device);
	audit_set_digest(&a, "key", &r->spki);
	return store_log_locked(s, &a, e);
}

static int check(struct store *s, struct store_renewal *r,
		 const struct audit_by *by, struct standing *st, struct err *e)
{
	if (look(s, r, st, e))
		return -1;
	/* Else the keeper is asked, and there is a certificate: whatever would
	 * refuse it later refuses it here. */
	if (!st->pending)
		return store_key_is_new_locked(s, &r->spki, e) ||
				       store_may_log_locked(s, e)
			       ? -1
			       : 0;
	return st->same ? 0 : quarantine(s, r, by, e);
}

int store_renew_check(struct store *s, struct store_renewal *r,
		      const struct audit_by *by, bool *again, struct err *e)
{
	struct standing st = { 0 };
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, check(s, r, by, &st, e), e);
	(void)store_unlock(s, rc);
	if (rc == 0 && st.pending && !st.same)
		return err_set(e, ERR_REFUSED,
			       "another key was accepted for this device: it "
			       "is in quarantine now");
	*again = st.same;
	return rc;
}

/* A device that is known since the log was replayed brings its key again. */
static int take_decrypt(struct store *s, const struct store_renewal *r,
			const char *who, struct err *e)
{
	struct sha256 key;
	int64_t changed;

	if (sql_run(s->db,
		    "UPDATE device SET decrypt_key = ? WHERE id = ?"
		    " AND decrypt_key IS NULL",
		    SQL_BIND(sql_blob(r->decrypt.key.point, EC_POINT_LEN),
			     sql_device(&r->device)),
		    &changed, e))
		return -1;
	if (changed == 0)
		return 0;
	ec_public_fingerprint(&r->decrypt.key, &key);
	return store_take_key_locked(s, &key, who, e);
}

static int renew(struct store *s, const struct store_renewal *r,
		 const struct audit_by *by, struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];
	struct audit_record a;
	int64_t changed;

	hex_format((struct slice){ r->device.bytes, DEVICE_ID_LEN }, who);
	if (store_take_key_locked(s, &r->spki, who, e) ||
	    take_decrypt(s, r, who, e) ||
	    sql_run(s->db,
		    "UPDATE device SET next_fingerprint = ?, next_spki = ?,"
		    " next_certificate = ?, next_decrypt_proof = ?"
		    " WHERE id = ? AND fingerprint = ?"
		    " AND revoked = 0 AND quarantined = 0"
		    " AND next_spki IS NULL",
		    SQL_BIND(sql_digest(&r->fingerprint), sql_digest(&r->spki),
			     sql_text(r->certificate),
			     sql_blob(r->decrypt.proof, r->decrypt.proof_len),
			     sql_device(&r->device), sql_digest(&r->from)),
		    &changed, e))
		return -1;
	if (changed != 1)
		return err_set(e, ERR_CONFLICT,
			       "the device was changed meanwhile: ask again");
	audit_record_init(&a, AUDIT_DEVICE_RENEW, by);
	audit_set_device(&a, &r->device);
	audit_set_digest(&a, "from", &r->from);
	audit_set_digest(&a, "certificate", &r->fingerprint);
	audit_set_digest(&a, "key", &r->spki);
	return store_log_locked(s, &a, e);
}

int store_renew(struct store *s, const struct store_renewal *r,
		const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, renew(s, r, by, e), e);
	return store_unlock(s, rc);
}

static int release(struct store *s, const struct device_id *id,
		   const struct audit_by *by, struct err *e)
{
	struct store_device known;
	struct audit_record a;
	int64_t changed;

	if (store_device_find_locked(s, id, &known, e) ||
	    sql_run(s->db,
		    "UPDATE device SET quarantined = 0, boots = NULL,"
		    " returns = 0, drops = 0 WHERE id = ?"
		    " AND quarantined = 1 AND revoked = 0",
		    SQL_BIND(sql_device(id)), &changed, e))
		return -1;
	if (changed != 1)
		return err_set(e, ERR_CONFLICT, "it is not in quarantine");
	audit_record_init(&a, AUDIT_DEVICE_RELEASE, by);
	audit_set_device(&a, id);
	return store_log_locked(s, &a, e);
}

int store_device_release(struct store *s, const struct device_id *id,
			 const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, release(s, id, by, e), e);
	return store_unlock(s, rc);
}
