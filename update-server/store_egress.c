/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_egress.h"

#include "update-server/store_db.h"

static int add(struct store *s, const struct egress_count *c, int64_t now,
	       struct err *e)
{
	return sql_run(
		s->db,
		"INSERT INTO egress (package, since, sent, busy)"
		" SELECT ?1, ?2, ?3, ?4 WHERE ?3 > 0"
		" OR EXISTS (SELECT 1 FROM payload WHERE digest = ?1)"
		" OR EXISTS (SELECT 1 FROM egress WHERE package = ?1)"
		" ON CONFLICT (package) DO UPDATE SET"
		" sent = sent + excluded.sent, busy = busy + excluded.busy",
		SQL_BIND(sql_digest(&c->package), sql_int(now),
			 sql_int((int64_t)c->sent), sql_int((int64_t)c->busy)),
		NULL, e);
}

int store_egress_add(struct store *s, const struct egress_count *counts,
		     size_t count, int64_t now, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc)
		return store_unlock(s, rc);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add(s, &counts[i], now, e);
	return store_unlock(s, sql_finish(s->db, rc, e));
}

int store_egress_get(struct store *s, const struct sha256 *package,
		     struct store_egress *out, struct err *e)
{
	struct store_egress found = { .since = 0 };
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT since, sent, busy FROM egress WHERE package = ?",
		      SQL_BIND(sql_digest(package)));
	if (sql_next(q)) {
		found.since = sql_get_int(q, 0);
		found.sent = (uint64_t)sql_get_int(q, 1);
		found.busy = (uint64_t)sql_get_int(q, 2);
	}
	rc = store_unlock(s, sql_end(q, e));
	if (rc == 0)
		*out = found;
	return rc;
}
