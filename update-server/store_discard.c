/* SPDX-License-Identifier: Apache-2.0 */
/* A rollout that never began: it may go without a trace but the log's. */
#include "update-server/store_db.h"

struct planned {
	int64_t id, revision;
	enum stage_status status;
};

static int find_planned(struct store *s, const char *name, struct planned *out,
			struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT id, revision, state FROM rollout WHERE name = ?",
		SQL_BIND(sql_text(name)));
	bool found = sql_next(q);

	if (found) {
		out->id = sql_get_int(q, 0);
		out->revision = sql_get_int(q, 1);
		out->status = (enum stage_status)sql_get_int(q, 2);
	}
	if (sql_end(q, e))
		return -1;
	return found ? 0
		     : err_set(e, ERR_NOT_FOUND,
			       "no rollout %s (rollout list shows them)", name);
}

static int may_go(const struct planned *p, const char *name, uint64_t revision,
		  struct err *e)
{
	if ((uint64_t)p->revision != revision)
		return err_set(e, ERR_CONFLICT,
			       "rollout %s was changed meanwhile (revision "
			       "%lld now): look again",
			       name, (long long)p->revision);
	if (p->status == STAGE_DRAFT || p->status == STAGE_PENDING ||
	    p->status == STAGE_SCHEDULED)
		return 0;
	return err_set(
		e, ERR_REFUSED,
		"rollout %s was started, and devices know of it: rollout "
		"abort ends it",
		name);
}

/* Nothing refers to it but what describes it: there were no attempts. */
static int clear(struct store *s, int64_t id, struct err *e)
{
	static const char *const statements[] = {
		"DELETE FROM phase WHERE rollout = ?",
		"DELETE FROM counter WHERE rollout = ?",
		"DELETE FROM early WHERE rollout = ?",
		"DELETE FROM hour WHERE rollout = ?",
		"DELETE FROM rollout WHERE id = ?",
	};

	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		if (sql_run(s->db, statements[i], SQL_BIND(sql_int(id)), NULL,
			    e))
			return -1;
	return 0;
}

static int discard(struct store *s, const char *name, uint64_t revision,
		   const struct audit_by *by, struct err *e)
{
	struct audit_record r;
	struct planned p = { .id = 0 };

	if (find_planned(s, name, &p, e) || may_go(&p, name, revision, e) ||
	    clear(s, p.id, e))
		return -1;
	audit_record_init(&r, AUDIT_ROLLOUT_DISCARD, by);
	json_set_text(r.objects, "rollout", name);
	json_set_int(r.objects, "revision", p.revision);
	return store_log_locked(s, &r, e);
}

int store_rollout_discard(struct store *s, const char *name, uint64_t revision,
			  const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, discard(s, name, revision, by, e), e);
	return store_unlock(s, rc);
}
