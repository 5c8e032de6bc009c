/* SPDX-License-Identifier: Apache-2.0 */
/* What people say of one device: which release it keeps to, and that what it
 * made of a release is forgiven. */
#include "update-server/store_db.h"

static int log_pin(struct store *s, const struct store_pin *p,
		   const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	audit_record_init(&r, p->seq ? AUDIT_DEVICE_PIN : AUDIT_DEVICE_UNPIN,
			  by);
	audit_set_device(&r, &p->device);
	if (p->seq) {
		json_set_text(r.objects, "release", p->release);
		json_set_int(r.objects, "seq", (int64_t)p->seq);
	}
	audit_set_secret(&r, "reason", p->reason);
	return store_log_locked(s, &r, e);
}

static int pin(struct store *s, const struct store_pin *p,
	       const struct audit_by *by, struct err *e)
{
	int64_t changed;

	if (sql_run(s->db,
		    "UPDATE device SET pin = ?1, pin_release = ?2"
		    " WHERE id = ?3 AND revoked = 0"
		    " AND (pin IS NOT ?1 OR pin_release IS NOT ?2)",
		    SQL_BIND(p->seq ? sql_int((int64_t)p->seq) : sql_null(),
			     p->seq ? sql_text(p->release) : sql_null(),
			     sql_device(&p->device)),
		    &changed, e))
		return -1;
	if (changed == 0)
		return err_set(e, ERR_CONFLICT,
			       p->seq ? "it is pinned there already, or no "
					"part of the fleet"
				      : "it is not pinned");
	return log_pin(s, p, by, e);
}

int store_device_pin(struct store *s, const struct store_pin *p,
		     const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, pin(s, p, by, e), e);
	return store_unlock(s, rc);
}

static int read_fingerprint(struct store *s, const struct device_id *id,
			    struct sha256 *out, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT fingerprint FROM device WHERE id = ?",
			  SQL_BIND(sql_device(id)));

	if (sql_next(q))
		sql_get_blob(q, 0, out->bytes, SHA256_LEN);
	return sql_end(q, e);
}

static int block(struct store *s, const struct device_id *id, bool on,
		 const struct audit_by *by, struct err *e)
{
	struct store_device known;
	struct audit_record r;
	int64_t changed;

	if (store_device_find_locked(s, id, &known, e) ||
	    sql_run(s->db,
		    "UPDATE device SET blocked = ?1 WHERE id = ?2"
		    " AND revoked = 0 AND blocked != ?1",
		    SQL_BIND(sql_int(on), sql_device(id)), &changed, e))
		return -1;
	if (changed == 0)
		return err_set(e, ERR_CONFLICT,
			       on ? "it is blocked already, or no part of the "
				    "fleet"
				  : "it is not blocked");
	audit_record_init(&r, on ? AUDIT_DEVICE_BLOCK : AUDIT_DEVICE_UNBLOCK,
			  by);
	audit_set_device(&r, id);
	return store_log_locked(s, &r, e);
}

int store_device_block(struct store *s, const struct device_id *id, bool on,
		       const struct audit_by *by, struct sha256 *fingerprint,
		       struct err *e)
{
	struct sha256 whose = { { 0 } };
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db,
				read_fingerprint(s, id, &whose, e) ||
						block(s, id, on, by, e)
					? -1
					: 0,
				e);
	if (store_unlock(s, rc))
		return -1;
	*fingerprint = whose;
	return 0;
}

int store_device_may_fetch(struct store *s, const struct device_id *id,
			   struct err *e)
{
	struct sql_query *q;
	bool blocked;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT 1 FROM device WHERE id = ? AND blocked = 1",
		      SQL_BIND(sql_device(id)));
	blocked = sql_next(q);
	if (store_unlock(s, sql_end(q, e)))
		return -1;
	return blocked ? err_set(e, ERR_REFUSED,
				 "this device is blocked until a person says "
				 "otherwise")
		       : 0;
}

/* What holds it back is read by store_past(): failures, reverts, ends, and
 * steps back. */
static int clear(struct store *s, const struct store_clear *c,
		 const struct audit_by *by, int64_t *cleared, struct err *e)
{
	struct audit_record r;

	if (sql_run(s->db,
		    "UPDATE attempt SET cleared = 1 WHERE device = ?"
		    " AND cleared = 0 AND state >= ?"
		    " AND (state != ? OR back_from > 0)",
		    SQL_BIND(sql_device(&c->device), sql_int(STAGE_CONFIRMED),
			     sql_int(STAGE_CONFIRMED)),
		    cleared, e))
		return -1;
	if (*cleared == 0)
		return err_set(e, ERR_CONFLICT,
			       "nothing of its past is held against it");
	audit_record_init(&r, AUDIT_DEVICE_CLEAR, by);
	audit_set_device(&r, &c->device);
	json_set_int(r.objects, "attempts", *cleared);
	audit_set_secret(&r, "reason", c->reason);
	return store_log_locked(s, &r, e);
}

int store_device_clear(struct store *s, const struct store_clear *c,
		       const struct audit_by *by, int64_t *cleared,
		       struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, clear(s, c, by, cleared, e), e);
	return store_unlock(s, rc);
}
