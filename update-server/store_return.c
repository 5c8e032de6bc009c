/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's devices that come back after a restore by themselves: those whose
 * renewals lead from what the registry knows to what they are.
 */
#include "update-server/store_return.h"

#include "update-server/store_db.h"

/* What the registry has of the device. */
struct known {
	bool found;
	struct sha256 fingerprint, spki;
	bool pending; /* a next one was accepted: */
	struct sha256 next_fingerprint, next_spki;
};

static void read_known(struct sql_query *q, struct known *k)
{
	sql_get_blob(q, 0, k->fingerprint.bytes, SHA256_LEN);
	sql_get_blob(q, 1, k->spki.bytes, SHA256_LEN);
	k->pending = !sql_get_null(q, 2);
	if (!k->pending)
		return;
	sql_get_blob(q, 2, k->next_fingerprint.bytes, SHA256_LEN);
	sql_get_blob(q, 3, k->next_spki.bytes, SHA256_LEN);
}

static int look_up(struct store *s, const struct device_id *id,
		   struct known *out, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT fingerprint, spki, next_fingerprint, next_spki,"
		" revoked, quarantined FROM device WHERE id = ?",
		SQL_BIND(sql_device(id)));
	bool revoked = false, quarantined = false;

	*out = (struct known){ .found = sql_next(q) };
	if (out->found) {
		read_known(q, out);
		revoked = sql_get_int(q, 4) != 0;
		quarantined = sql_get_int(q, 5) != 0;
	}
	if (sql_end(q, e))
		return -1;
	if (revoked)
		return err_set(e, ERR_REFUSED,
			       "this device was revoked: it does not come "
			       "back");
	return quarantined ? err_set(e, ERR_REFUSED,
				     "this device is in quarantine until a "
				     "person has looked at it")
			   : 0;
}

/* The key that came after link i. */
static void next_key(const struct store_return *r, size_t i, struct sha256 *out)
{
	if (i + 1 < r->chain->count)
		ec_public_fingerprint(&r->chain->links[i + 1].key, out);
	else
		*out = r->spki;
}

static bool is_of(const struct wire_link *link,
		  const struct sha256 *fingerprint, const struct sha256 *spki)
{
	struct sha256 own;

	ec_public_fingerprint(&link->key, &own);
	return sha256_equal(&link->certificate, fingerprint) &&
	       sha256_equal(&own, spki);
}

/* Is this key the device's, or was it once? */
static int was_ours(struct store *s, const struct store_return *r,
		    const struct sha256 *key, bool *out, struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];
	struct sql_query *q;

	hex_format((struct slice){ r->id.bytes, DEVICE_ID_LEN }, who);
	q = sql_query(s->db, "SELECT 1 FROM key WHERE spki = ? AND who = ?",
		      SQL_BIND(sql_digest(key), sql_text(who)));
	*out = sql_next(q);
	return sql_end(q, e);
}

/*
 * A copy of what the device was before a renewal proves nothing about what it
 * is now: with it somebody could have the healthy device set apart.
 */
static int check_not_former(struct store *s, const struct store_return *r,
			    struct err *e)
{
	bool former;

	if (was_ours(s, r, &r->spki, &former, e))
		return -1;
	return former ? err_set(e, ERR_REFUSED,
				"this key is known here, with another "
				"certificate or as one that was replaced")
		      : 0;
}

static int find_fork(struct store *s, struct store_return *r,
		     enum store_origin *out, struct err *e)
{
	for (size_t i = r->chain->count; i-- > 0;) {
		struct sha256 key;
		bool ours;

		ec_public_fingerprint(&r->chain->links[i].key, &key);
		if (was_ours(s, r, &key, &ours, e))
			return -1;
		if (!ours)
			continue;
		r->from = i;
		*out = ORIGIN_FORKED;
		return check_not_former(s, r, e);
	}
	return 0;
}

static int find_origin(struct store *s, struct store_return *r,
		       enum store_origin *out, struct err *e)
{
	struct known k;

	*out = ORIGIN_UNKNOWN;
	if (look_up(s, &r->id, &k, e))
		return -1;
	if (!k.found)
		return 0;
	for (size_t i = r->chain->count; i-- > 0;) {
		const struct wire_link *link = &r->chain->links[i];
		bool is_next = k.pending &&
			       is_of(link, &k.next_fingerprint, &k.next_spki);
		struct sha256 next;

		if (!is_next && !is_of(link, &k.fingerprint, &k.spki))
			continue;
		next_key(r, i, &next);
		r->from = i;
		*out = is_next || !k.pending ||
				       sha256_equal(&next, &k.next_spki)
			       ? ORIGIN_KNOWN
			       : ORIGIN_FORKED;
		return 0;
	}
	return find_fork(s, r, out, e);
}

int store_return_find(struct store *s, struct store_return *r,
		      enum store_origin *out, struct err *e)
{
	store_lock(s);
	return store_unlock(s, find_origin(s, r, out, e));
}

/* A key has one holder; the accepted next one is this device's already. */
static int take_key(struct store *s, const struct store_return *r,
		    const struct sha256 *key, struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];
	struct known k;

	if (look_up(s, &r->id, &k, e))
		return -1;
	if (k.pending && sha256_equal(&k.next_spki, key))
		return 0;
	hex_format((struct slice){ r->id.bytes, DEVICE_ID_LEN }, who);
	return store_take_key_locked(s, key, who, e);
}

static int put_next(struct store *s, const struct store_return *r, size_t i,
		    const struct sha256 *key, const struct sha256 *certificate,
		    struct err *e)
{
	bool last = i + 1 == r->chain->count;
	int64_t changed;

	if (sql_run(s->db,
		    "UPDATE device SET next_fingerprint = ?, next_spki = ?,"
		    " next_certificate = ?, next_decrypt_proof = NULL"
		    " WHERE id = ? AND fingerprint = ?"
		    " AND revoked = 0 AND quarantined = 0"
		    " AND (next_spki IS NULL OR next_spki = ?)",
		    SQL_BIND(sql_digest(certificate), sql_digest(key),
			     sql_text(last ? r->certificate : ""),
			     sql_device(&r->id),
			     sql_digest(&r->chain->links[i].certificate),
			     sql_digest(key)),
		    &changed, e))
		return -1;
	return changed == 1 ? 0
			    : err_set(e, ERR_CONFLICT,
				      "the device was changed meanwhile: ask "
				      "again");
}

static int follow_link(struct store *s, const struct store_return *r, size_t i,
		       const struct audit_by *by, struct err *e)
{
	const struct wire_link *link = &r->chain->links[i];
	const struct sha256 *certificate = i + 1 < r->chain->count
						   ? &link[1].certificate
						   : &r->fingerprint;
	struct audit_record a;
	struct sha256 key;

	next_key(r, i, &key);
	if (store_show_locked(s, &r->id, &link->certificate, e) ||
	    take_key(s, r, &key, e) || put_next(s, r, i, &key, certificate, e))
		return -1;
	audit_record_init(&a, AUDIT_DEVICE_RETURN, by);
	audit_set_device(&a, &r->id);
	audit_set_digest(&a, "from", &link->certificate);
	audit_set_digest(&a, "certificate", certificate);
	audit_set_digest(&a, "key", &key);
	return store_log_locked(s, &a, e);
}

/* What was sealed to it stays readable, with the new key as who vouches. */
static int keep_decrypt(struct store *s, const struct store_return *r,
			struct err *e)
{
	const struct decrypt_key *d = &r->chain->decrypt;

	if (!r->chain->has_decrypt)
		return 0;
	return sql_run(s->db,
		       "UPDATE device SET next_decrypt_proof = ? WHERE id = ?"
		       " AND decrypt_key = ?",
		       SQL_BIND(sql_blob(d->proof, d->proof_len),
				sql_device(&r->id),
				sql_blob(d->key.point, EC_POINT_LEN)),
		       NULL, e);
}

static int follow(struct store *s, const struct store_return *r,
		  const struct audit_by *by, struct err *e)
{
	for (size_t i = r->from; i < r->chain->count; i++)
		if (follow_link(s, r, i, by, e))
			return -1;
	return keep_decrypt(s, r, e);
}

int store_return(struct store *s, const struct store_return *r,
		 const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, follow(s, r, by, e), e);
	return store_unlock(s, rc);
}

static int set_apart(struct store *s, const struct store_return *r,
		     const struct audit_by *by, struct err *e)
{
	struct audit_record a;

	if (sql_run(s->db,
		    "UPDATE device SET quarantined = 1 WHERE id = ?"
		    " AND revoked = 0",
		    SQL_BIND(sql_device(&r->id)), NULL, e))
		return -1;
	audit_record_init(&a, AUDIT_DEVICE_QUARANTINE, by);
	audit_set_device(&a, &r->id);
	audit_set_digest(&a, "key", &r->spki);
	return store_log_locked(s, &a, e);
}

int store_return_fork(struct store *s, const struct store_return *r,
		      const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, set_apart(s, r, by, e), e);
	return store_unlock(s, rc);
}
