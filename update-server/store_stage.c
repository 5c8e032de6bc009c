/* SPDX-License-Identifier: Apache-2.0 */
/* The store's staged files: what one operator signed and others have yet to. */
#include <string.h>

#include "update-server/store_db.h"

#define COLUMNS "SELECT role, version, since, bytes FROM staged"

static void read_stage(struct sql_query *q, struct store_stage *out)
{
	sql_get_text(q, 0, out->role, sizeof(out->role));
	out->version = sql_get_int(q, 1);
	out->since = sql_get_int(q, 2);
}

int store_stage_get(struct store *s, const char *role, struct store_stage *out,
		    struct buf *bytes, struct err *e)
{
	struct sql_query *q;
	bool found;
	int rc = 0;

	store_lock(s);
	q = sql_query(s->db, COLUMNS " WHERE role = ?",
		      SQL_BIND(sql_text(role)));
	found = sql_next(q);
	if (found) {
		read_stage(q, out);
		rc = buf_add(bytes, sql_get_bytes(q, 3), e);
	}
	if (sql_end(q, e))
		rc = -1;
	if (rc == 0 && !found)
		rc = err_set(e, ERR_NOT_FOUND, "nothing of %s waits", role);
	return store_unlock(s, rc);
}

int store_stage_each(struct store *s,
		     void (*visit)(void *ctx, const struct store_stage *stage,
				   struct slice bytes),
		     void *ctx, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, COLUMNS " ORDER BY role", SQL_NOTHING);
	while (sql_next(q)) {
		struct store_stage stage = { .version = 0 };

		read_stage(q, &stage);
		visit(ctx, &stage, sql_get_bytes(q, 3));
	}
	return store_unlock(s, sql_end(q, e));
}

static int put(struct store *s, const struct store_stage *stage,
	       struct slice bytes, const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	if (sql_run(s->db,
		    "INSERT INTO staged (role, version, since, bytes)"
		    " VALUES (?, ?, ?, ?) ON CONFLICT (role) DO UPDATE SET"
		    " version = excluded.version, bytes = excluded.bytes,"
		    " since = CASE WHEN version = excluded.version"
		    " THEN since ELSE excluded.since END",
		    SQL_BIND(sql_text(stage->role), sql_int(stage->version),
			     sql_int(stage->since),
			     sql_blob(bytes.ptr, bytes.len)),
		    NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_ORDER_STAGE, by);
	json_set_text(r.objects, "role", stage->role);
	json_set_int(r.objects, "version", stage->version);
	audit_set_digest(&r, "signed", &stage->digest);
	json_set_int(r.objects, "signatures", stage->signatures);
	return store_log_locked(s, &r, e);
}

int store_stage_put(struct store *s, const struct store_stage *stage,
		    struct slice bytes, const struct audit_by *by,
		    struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, put(s, stage, bytes, by, e), e);
	return store_unlock(s, rc);
}

static int drop(struct store *s, const char *role, int64_t version,
		const struct audit_by *by, struct err *e)
{
	struct audit_record r;
	int64_t changed;

	if (sql_run(s->db, "DELETE FROM staged WHERE role = ? AND version = ?",
		    SQL_BIND(sql_text(role), sql_int(version)), &changed, e))
		return -1;
	if (changed == 0)
		return err_set(e, ERR_NOT_FOUND,
			       "%s version %lld does not wait", role,
			       (long long)version);
	audit_record_init(&r, AUDIT_ORDER_DISCARD, by);
	json_set_text(r.objects, "role", role);
	json_set_int(r.objects, "version", version);
	return store_log_locked(s, &r, e);
}

int store_stage_drop(struct store *s, const char *role, int64_t version,
		     const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, drop(s, role, version, by, e), e);
	return store_unlock(s, rc);
}
