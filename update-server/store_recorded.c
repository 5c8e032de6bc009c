/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_recorded.h"

#include "update-server/store_db.h"

#define TOP "('root', 'targets')"

/* ---- a record that came back --------------------------------------------- */

static int put(struct store *s, const char *role, int64_t version,
	       struct err *e)
{
	return sql_run(s->db,
		       "INSERT OR REPLACE INTO recorded (role, version)"
		       " VALUES (?, ?)",
		       SQL_BIND(sql_text(role), sql_int(version)), NULL, e);
}

/* On record, else here: an import that brought none was under these. */
static int get_top(struct store *s, int64_t *root, int64_t *targets,
		   struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"WITH top AS (SELECT coalesce(max(root), 0) AS root,"
		" coalesce(max(targets), 0) AS targets FROM metadata)"
		" SELECT max(root, coalesce((SELECT version FROM recorded"
		" WHERE role = 'root'), 0)), coalesce((SELECT version"
		" FROM recorded WHERE role = 'targets'), targets) FROM top",
		SQL_NOTHING);

	if (sql_next(q)) {
		*root = sql_get_int(q, 0);
		*targets = sql_get_int(q, 1);
	}
	return sql_end(q, e);
}

/* Of these an import brings what is new alone. With a newer root the targets
 * may begin anew: their keys may have changed. */
static int put_top(struct store *s, const struct json *objects, struct err *e)
{
	int64_t root = json_int(json_get(objects, "root"));
	int64_t targets = json_int(json_get(objects, "targets"));
	int64_t known_root = 0, known_targets = 0;

	if (get_top(s, &known_root, &known_targets, e))
		return -1;
	if (targets > 0 && (targets > known_targets || root > known_root))
		known_targets = targets;
	if (root > known_root)
		known_root = root;
	return put(s, "root", known_root, e) ||
			       put(s, "targets", known_targets, e)
		       ? -1
		       : 0;
}

/* Of roles it tells all; what was recorded before they had versions, none. */
int store_recorded_replay_locked(struct store *s, const struct json *objects,
				 struct err *e)
{
	const struct json *roles = json_get(objects, "roles");
	const struct json *versions = json_get(objects, "versions");

	if (put_top(s, objects, e) ||
	    sql_run(s->db, "DELETE FROM recorded WHERE role NOT IN " TOP,
		    SQL_NOTHING, NULL, e))
		return -1;
	for (size_t i = 0; i < json_count(versions); i++)
		if (put(s, json_text(json_at(roles, i)),
			json_int(json_at(versions, i)), e))
			return -1;
	return 0;
}

/* ---- an import that makes up for it -------------------------------------- */

int store_recorded_role_locked(struct store *s, const struct store_role *r,
			       struct err *e)
{
	return sql_run(s->db,
		       "DELETE FROM recorded WHERE role = ?1 AND EXISTS"
		       " (SELECT 1 FROM role WHERE name = ?1 AND version > ?2)",
		       SQL_BIND(sql_text(r->name), sql_int(r->version)), NULL,
		       e);
}

int store_recorded_top_locked(struct store *s, struct err *e)
{
	return sql_run(s->db,
		       "DELETE FROM recorded WHERE role = 'targets'"
		       " AND (SELECT max(root) FROM metadata) >"
		       " (SELECT version FROM recorded WHERE role = 'root')",
		       SQL_NOTHING, NULL, e);
}

/* ---- what is missing ----------------------------------------------------- */

/* A role that is not known here is missing until newer targets have come, which
 * may lack it; one that targets dropped is missed by nobody. */
int store_missing_each(struct store *s,
		       void (*visit)(void *ctx, const struct store_missing *m),
		       void *ctx, struct err *e)
{
	struct store_missing m;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(
		s->db,
		"WITH top AS (SELECT coalesce(max(root), 0) AS root,"
		" coalesce(max(targets), 0) AS targets FROM metadata),"
		" all_roles AS (SELECT r.role AS role, r.version AS version,"
		" CASE r.role WHEN 'root' THEN top.root WHEN 'targets'"
		" THEN top.targets ELSE coalesce(l.version, 0) END AS here,"
		" r.role IN " TOP " OR (l.name IS NULL AND top.targets <="
		" (SELECT version FROM recorded WHERE role = 'targets'))"
		" OR l.problem != ? AS wanted FROM recorded r, top"
		" LEFT JOIN role l ON l.name = r.role)"
		" SELECT role, version, here FROM all_roles"
		" WHERE here < version AND wanted ORDER BY role",
		SQL_BIND(sql_text(STORE_ROLE_DROPPED)));
	while (sql_next(q)) {
		sql_get_text(q, 0, m.role, sizeof(m.role));
		m.recorded = sql_get_int(q, 1);
		m.here = sql_get_int(q, 2);
		visit(ctx, &m);
	}
	return store_unlock(s, sql_end(q, e));
}
