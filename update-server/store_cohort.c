/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cohorts. A removed one keeps its row, which devices and codes of the past
 * refer to (also those of a table that is being moved): nobody sees it any
 * more.
 */
#include "update-server/store_cohort.h"

#include <string.h>

#include "update-server/store_db.h"

#define COLUMNS                                                                \
	"SELECT name, rule, revision, coalesce(sum(n), 0) FROM cohort"         \
	" LEFT JOIN fleet_count ON cohort = cohort.name WHERE removed = 0"

static void read_cohort(struct sql_query *q, struct store_cohort *c)
{
	memset(c, 0, sizeof(*c));
	sql_get_text(q, 0, c->name, sizeof(c->name));
	sql_get_text(q, 1, c->rule, sizeof(c->rule));
	c->revision = (uint64_t)sql_get_int(q, 2);
	c->devices = (uint64_t)sql_get_int(q, 3);
}

int store_cohort_need_locked(struct store *s, const char *name, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT 1 FROM cohort WHERE name = ? AND removed = 0",
		SQL_BIND(sql_text(name)));
	bool found = sql_next(q);

	if (sql_end(q, e))
		return -1;
	return found ? 0
		     : err_set(e, ERR_NOT_FOUND,
			       "no cohort %s (cohort list shows them): create "
			       "it with `cohort create %s`",
			       name, name);
}

int store_cohort_appear_locked(struct store *s, const char *name, int64_t now,
			       struct err *e)
{
	return sql_run(s->db,
		       "INSERT INTO cohort (name, created) VALUES (?, ?)"
		       " ON CONFLICT (name) DO UPDATE SET removed = 0,"
		       " rule = '', revision = revision + 1 WHERE removed != 0",
		       SQL_BIND(sql_text(name), sql_int(now)), NULL, e);
}

/* A removed one is not brought back by what was signed for a device that has
 * gone since: each start reads it again. */
int store_cohort_for_locked(struct store *s, const char *name,
			    const struct device_id *device, int64_t now,
			    struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT 1 FROM cohort WHERE name = ? AND removed != 0"
			  " AND NOT EXISTS (SELECT 1 FROM device WHERE id = ?"
			  " AND revoked = 0)",
			  SQL_BIND(sql_text(name), sql_device(device)));
	bool stays_removed = sql_next(q);

	if (sql_end(q, e))
		return -1;
	return stays_removed ? 0 : store_cohort_appear_locked(s, name, now, e);
}

/* ---- add ----------------------------------------------------------------- */

static int add(struct store *s, const char *name, const struct audit_by *by,
	       struct err *e)
{
	struct audit_record r;
	int64_t changed;

	if (sql_run(s->db,
		    "INSERT INTO cohort (name, created) VALUES (?, ?)"
		    " ON CONFLICT (name) DO UPDATE SET removed = 0, rule = '',"
		    " created = excluded.created, revision = revision + 1"
		    " WHERE removed != 0",
		    SQL_BIND(sql_text(name), sql_int(by->now)), &changed, e))
		return -1;
	if (changed == 0)
		return err_set(e, ERR_CONFLICT, "cohort %s exists already",
			       name);
	audit_record_init(&r, AUDIT_COHORT_CREATE, by);
	json_set_text(r.objects, "cohort", name);
	return store_log_locked(s, &r, e);
}

int store_cohort_add(struct store *s, const char *name,
		     const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add(s, name, by, e), e);
	return store_unlock(s, rc);
}

/* ---- look ---------------------------------------------------------------- */

int store_cohort_each(struct store *s,
		      void (*visit)(void *ctx, const struct store_cohort *c),
		      void *ctx, struct err *e)
{
	struct store_cohort c;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      COLUMNS " GROUP BY cohort.name ORDER BY cohort.name",
		      SQL_NOTHING);
	while (sql_next(q)) {
		read_cohort(q, &c);
		visit(ctx, &c);
	}
	return store_unlock(s, sql_end(q, e));
}

static int find(struct store *s, const char *name, struct store_cohort *out,
		struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, COLUMNS " AND cohort.name = ? GROUP BY cohort.name",
		SQL_BIND(sql_text(name)));
	bool found = sql_next(q);

	if (found)
		read_cohort(q, out);
	if (sql_end(q, e))
		return -1;
	return found ? 0
		     : err_set(e, ERR_NOT_FOUND,
			       "no cohort %s (cohort list shows them)", name);
}

int store_cohort_find(struct store *s, const char *name,
		      struct store_cohort *out, struct err *e)
{
	store_lock(s);
	return store_unlock(s, find(s, name, out, e));
}

static int check_seen(const struct store_cohort *c, uint64_t revision,
		      struct err *e)
{
	if (c->revision == revision)
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "cohort %s was changed meanwhile (revision %llu now): "
		       "look again",
		       c->name, (unsigned long long)c->revision);
}

/* ---- change -------------------------------------------------------------- */

static int set_rule(struct store *s, const struct cohort_rule *set,
		    const struct audit_by *by, bool *changed, struct err *e)
{
	struct store_cohort c;
	struct audit_record r;

	if (find(s, set->name, &c, e))
		return -1;
	*changed = c.revision != set->revision + 1 ||
		   strcmp(c.rule, set->rule) != 0;
	if (!*changed)
		return 0;
	if (check_seen(&c, set->revision, e) ||
	    sql_run(s->db,
		    "UPDATE cohort SET rule = ?, revision = revision + 1"
		    " WHERE name = ?",
		    SQL_BIND(sql_text(set->rule), sql_text(set->name)), NULL,
		    e))
		return -1;
	audit_record_init(&r, AUDIT_COHORT_RULE, by);
	json_set_text(r.objects, "cohort", set->name);
	json_set_int(r.objects, "revision", (int64_t)c.revision + 1);
	json_set_int(r.objects, "narrows", set->rule[0] != 0);
	audit_set_secret(&r, "rule", set->rule);
	return store_log_locked(s, &r, e);
}

int store_cohort_rule(struct store *s, const struct cohort_rule *r,
		      const struct audit_by *by, bool *changed, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, set_rule(s, r, by, changed, e), e);
	return store_unlock(s, rc);
}

/* ---- remove -------------------------------------------------------------- */

static int check_codes(struct store *s, const char *name, int64_t now,
		       struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT (SELECT count(*) FROM claim WHERE cohort = ?1"
			  " AND state = 0 AND (expires = 0 OR expires > ?2)),"
			  " (SELECT count(*) FROM waiting WHERE cohort = ?1"
			  " AND expires > ?2)",
			  SQL_BIND(sql_text(name), sql_int(now)));
	int64_t codes = 0, waiting = 0;

	if (sql_next(q)) {
		codes = sql_get_int(q, 0);
		waiting = sql_get_int(q, 1);
	}
	if (sql_end(q, e))
		return -1;
	if (codes > 0)
		return err_set(e, ERR_REFUSED,
			       "%lld claim codes may still be used for cohort "
			       "%s: token revoke",
			       (long long)codes, name);
	if (waiting > 0)
		return err_set(e, ERR_REFUSED,
			       "%lld devices that were approved for cohort %s "
			       "have not come yet",
			       (long long)waiting, name);
	return 0;
}

/* Names are joined by spaces. */
static int check_rollouts(struct store *s, const char *name, struct err *e)
{
	char rollout[NAME_MAX_LEN + 1], cohorts[STORE_LIST_MAX * 8];
	struct sql_query *q = sql_query(
		s->db,
		"SELECT name, cohorts FROM rollout WHERE state IN"
		" (?, ?, ?, ?, ?) ORDER BY id",
		SQL_BIND(sql_int(STAGE_DRAFT), sql_int(STAGE_PENDING),
			 sql_int(STAGE_SCHEDULED), sql_int(STAGE_RUNNING),
			 sql_int(STAGE_PAUSED)));
	bool found = false;

	while (!found && sql_next(q)) {
		sql_get_text(q, 0, rollout, sizeof(rollout));
		sql_get_text(q, 1, cohorts, sizeof(cohorts));
		found = rights_holds(cohorts, name);
	}
	if (sql_end(q, e))
		return -1;
	return found ? err_set(e, ERR_REFUSED,
			       "rollout %s is for cohort %s, and not over",
			       rollout, name)
		     : 0;
}

/* *changed is false if it is gone since the person saw this revision. */
static int see_removal(struct store *s, const char *name, uint64_t revision,
		       bool *changed, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT 1 FROM cohort WHERE name = ? AND removed != 0"
		" AND revision = ?",
		SQL_BIND(sql_text(name), sql_int((int64_t)revision + 1)));

	*changed = !sql_next(q);
	return sql_end(q, e);
}

static int remove_cohort(struct store *s, const char *name, uint64_t revision,
			 const struct audit_by *by, bool *changed,
			 struct err *e)
{
	struct store_cohort c;
	struct audit_record r;

	if (see_removal(s, name, revision, changed, e))
		return -1;
	if (!*changed)
		return 0;
	if (find(s, name, &c, e) || check_seen(&c, revision, e))
		return -1;
	if (c.devices > 0)
		return err_set(e, ERR_REFUSED,
			       "%llu devices are in cohort %s: move them with "
			       "cohort add, or retire them",
			       (unsigned long long)c.devices, name);
	if (check_codes(s, name, by->now, e) || check_rollouts(s, name, e) ||
	    sql_run(s->db,
		    "UPDATE cohort SET removed = 1, rule = '',"
		    " revision = revision + 1 WHERE name = ?",
		    SQL_BIND(sql_text(name)), NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_COHORT_REMOVE, by);
	json_set_text(r.objects, "cohort", name);
	json_set_int(r.objects, "revision", (int64_t)c.revision);
	return store_log_locked(s, &r, e);
}

int store_cohort_remove(struct store *s, const char *name, uint64_t revision,
			const struct audit_by *by, bool *changed, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(
			s->db, remove_cohort(s, name, revision, by, changed, e),
			e);
	return store_unlock(s, rc);
}
