/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: those that this server hands out, and those that it was brought. */
#include "update-server/store_report.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/store_db.h"

/* ---- its own ------------------------------------------------------------- */

int store_report_last(struct store *s, uint64_t *number, struct sha256 *digest,
		      struct err *e)
{
	struct sql_query *q;

	*number = 0;
	*digest = (struct sha256){ { 0 } };
	store_lock(s);
	q = sql_query(s->db,
		      "SELECT n, sha256 FROM report ORDER BY n DESC LIMIT 1",
		      SQL_NOTHING);
	if (sql_next(q)) {
		*number = (uint64_t)sql_get_int(q, 0);
		sql_get_blob(q, 1, digest->bytes, SHA256_LEN);
	}
	return store_unlock(s, sql_end(q, e));
}

static int add_report(struct store *s, uint64_t number, const char *text,
		      const struct audit_by *by, struct err *e)
{
	struct audit_record r;
	struct sha256 digest;

	sha256_of(slice_of(text), &digest);
	audit_record_init(&r, AUDIT_REPORT_EXPORT, by);
	json_set_int(r.objects, "report", (int64_t)number);
	audit_set_digest(&r, "sha256", &digest);
	if (store_log_locked(s, &r, e))
		return -1;
	/* Its record is the newest one. */
	return sql_run(s->db,
		       "INSERT INTO report (n, sha256, record, text)"
		       " SELECT ?, ?, max(n), ? FROM audit",
		       SQL_BIND(sql_int((int64_t)number), sql_digest(&digest),
				sql_text(text)),
		       NULL, e);
}

int store_report_add(struct store *s, uint64_t number, const char *text,
		     const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_report(s, number, text, by, e), e);
	return store_unlock(s, rc);
}

int store_report_sign(struct store *s, uint64_t size, const char *checkpoint,
		      struct err *e)
{
	store_lock(s);
	return store_unlock(
		s,
		sql_run(s->db,
			"UPDATE report SET size = ?, checkpoint = ?"
			" WHERE size = 0 AND record < ?",
			SQL_BIND(sql_int((int64_t)size), sql_text(checkpoint),
				 sql_int((int64_t)size)),
			NULL, e));
}

int store_report_each(struct store *s, uint64_t since, size_t max,
		      void (*visit)(void *ctx, uint64_t number), void *ctx,
		      struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT n FROM (SELECT n FROM report WHERE size > 0"
		      " AND n >= ? ORDER BY n DESC LIMIT ?) ORDER BY n",
		      SQL_BIND(sql_int((int64_t)since), sql_int((int64_t)max)));
	while (sql_next(q))
		visit(ctx, (uint64_t)sql_get_int(q, 0));
	return store_unlock(s, sql_end(q, e));
}

static int read_report(struct store *s, struct store_report *r, bool *found,
		       struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT r.record, r.size, r.checkpoint, r.text, a.record,"
		" coalesce((SELECT size FROM report WHERE n = r.n - 1), 0)"
		" FROM report r JOIN audit a ON a.n = r.record"
		" WHERE r.n = ? AND r.size > 0",
		SQL_BIND(sql_int((int64_t)r->number)));

	*found = sql_next(q);
	if (*found) {
		r->index = (uint64_t)sql_get_int(q, 0);
		r->size = (uint64_t)sql_get_int(q, 1);
		sql_get_text(q, 2, r->checkpoint, sizeof(r->checkpoint));
		sql_get_text(q, 3, r->text, sizeof(r->text));
		sql_get_text(q, 4, r->record, sizeof(r->record));
		r->from = (uint64_t)sql_get_int(q, 5);
	}
	return sql_end(q, e);
}

int store_report_get(struct store *s, struct store_report *r, struct err *e)
{
	bool found;
	int rc;

	store_lock(s);
	rc = read_report(s, r, &found, e);
	if (rc == 0 && !found)
		rc = err_set(e, ERR_NOT_FOUND, "no such report");
	if (rc == 0)
		rc = store_prove_locked(s, r->index, r->from, r->size,
					&r->proofs, e);
	return store_unlock(s, rc);
}

/* ---- of others ----------------------------------------------------------- */

static int add_outpost(struct store *s, const struct store_outpost *o,
		       const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	if (sql_run(s->db,
		    "INSERT INTO outpost (name, key, fingerprint, added)"
		    " VALUES (?, ?, ?, ?)",
		    SQL_BIND(sql_text(o->name), sql_text(o->key),
			     sql_digest(&o->fingerprint), sql_int(by->now)),
		    NULL, e)) {
		if (e->code == ERR_CONFLICT)
			(void)err_set(e, ERR_CONFLICT,
				      "an outpost of this name or with this "
				      "key is known already");
		return -1;
	}
	audit_record_init(&r, AUDIT_OUTPOST_ADD, by);
	json_set_text(r.objects, "outpost", o->name);
	audit_set_digest(&r, "key", &o->fingerprint);
	return store_log_locked(s, &r, e);
}

int store_outpost_add(struct store *s, const struct store_outpost *o,
		      const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_outpost(s, o, by, e), e);
	return store_unlock(s, rc);
}

#define OUTPOST_COLUMNS                                                        \
	"SELECT name, key, fingerprint, number, sha256, size, root, report,"   \
	" added, received FROM outpost"

static void read_outpost(struct sql_query *q, struct store_outpost *o)
{
	memset(o, 0, sizeof(*o));
	sql_get_text(q, 0, o->name, sizeof(o->name));
	sql_get_text(q, 1, o->key, sizeof(o->key));
	sql_get_blob(q, 2, o->fingerprint.bytes, SHA256_LEN);
	o->known.number = (uint64_t)sql_get_int(q, 3);
	sql_get_text(q, 7, o->report, sizeof(o->report));
	o->added = sql_get_int(q, 8);
	o->received = sql_get_int(q, 9);
	if (o->known.number == 0)
		return;
	sql_get_blob(q, 4, o->known.report.bytes, SHA256_LEN);
	o->known.head.size = (uint64_t)sql_get_int(q, 5);
	sql_get_blob(q, 6, o->known.head.root.bytes, SHA256_LEN);
}

static int one_outpost(struct store *s, struct sql_query *q,
		       struct store_outpost *out, struct err *e)
{
	bool found = sql_next(q);

	if (found)
		read_outpost(q, out);
	if (store_unlock(s, sql_end(q, e)))
		return -1;
	return found ? 0
		     : err_set(e, ERR_NOT_FOUND,
			       "no such outpost (outpost list shows them)");
}

int store_outpost_find(struct store *s, const char *name,
		       struct store_outpost *out, struct err *e)
{
	store_lock(s);
	return one_outpost(s,
			   sql_query(s->db, OUTPOST_COLUMNS " WHERE name = ?",
				     SQL_BIND(sql_text(name))),
			   out, e);
}

int store_outpost_of_key(struct store *s, const struct sha256 *fingerprint,
			 struct store_outpost *out, struct err *e)
{
	store_lock(s);
	return one_outpost(s,
			   sql_query(s->db,
				     OUTPOST_COLUMNS " WHERE fingerprint = ?",
				     SQL_BIND(sql_digest(fingerprint))),
			   out, e);
}

int store_outpost_each(struct store *s,
		       void (*visit)(void *ctx, const struct store_outpost *o),
		       void *ctx, struct err *e)
{
	struct store_outpost *o = mem_alloc(1, sizeof(*o));
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = sql_query(s->db, OUTPOST_COLUMNS " ORDER BY name", SQL_NOTHING);
	while (sql_next(q)) {
		read_outpost(q, o);
		visit(ctx, o);
	}
	rc = store_unlock(s, sql_end(q, e));
	free(o);
	return rc;
}

/* Only in the place of the report that it was judged by. */
static int keep_report(struct store *s, const struct store_outpost *o,
		       const struct outpost_known *next,
		       const struct audit_by *by, struct err *e)
{
	struct audit_record r;
	int64_t changed = 0;

	if (sql_run(s->db,
		    "UPDATE outpost SET number = ?, sha256 = ?, size = ?,"
		    " root = ?, report = ?, received = ?"
		    " WHERE name = ? AND number = ?",
		    SQL_BIND(sql_int((int64_t)next->number),
			     sql_digest(&next->report),
			     sql_int((int64_t)next->head.size),
			     sql_digest(&next->head.root), sql_text(o->report),
			     sql_int(by->now), sql_text(o->name),
			     sql_int((int64_t)o->known.number)),
		    &changed, e))
		return -1;
	if (changed != 1)
		return err_set(e, ERR_CONFLICT,
			       "another report came meanwhile");
	audit_record_init(&r, AUDIT_OUTPOST_REPORT, by);
	json_set_text(r.objects, "outpost", o->name);
	json_set_int(r.objects, "report", (int64_t)next->number);
	audit_set_digest(&r, "sha256", &next->report);
	return store_log_locked(s, &r, e);
}

int store_outpost_report(struct store *s, const struct store_outpost *o,
			 const struct outpost_known *next,
			 const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, keep_report(s, o, next, by, e), e);
	return store_unlock(s, rc);
}
