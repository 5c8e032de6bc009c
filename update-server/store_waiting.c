/* SPDX-License-Identifier: Apache-2.0 */
/* The store's waiting devices: no claim code, until an officer has decided. */
#include "update-server/store_waiting.h"

#include <string.h>

#include "update-server/store_db.h"

#define COLUMNS                                                                \
	"SELECT spki, code, nonce, product, model, state, cohort, since,"      \
	" expires, coalesce(point, ''), first IS NOT NULL,"                    \
	" coalesce(root, '') FROM waiting"

#define NOBODY_WAITS                                                           \
	"no device of this code waits (any more): a code is good for an hour"

static void read_waiting(struct sql_query *q, struct store_waiting *w)
{
	sql_get_blob(q, 0, w->spki.bytes, SHA256_LEN);
	sql_get_text(q, 1, w->code, sizeof(w->code));
	sql_get_blob(q, 2, w->nonce, WIRE_NONCE_LEN);
	sql_get_text(q, 3, w->product, sizeof(w->product));
	sql_get_text(q, 4, w->model, sizeof(w->model));
	w->state = (enum waiting_state)sql_get_int(q, 5);
	sql_get_text(q, 6, w->cohort, sizeof(w->cohort));
	w->since = sql_get_int(q, 7);
	w->expires = sql_get_int(q, 8);
	sql_get_blob(q, 9, w->key.point, EC_POINT_LEN);
	w->seconded = sql_get_int(q, 10) != 0;
	sql_get_blob(q, 11, w->root.bytes, SHA256_LEN);
}

static int forget_expired(struct store *s, int64_t now, struct err *e)
{
	return sql_run(s->db, "DELETE FROM waiting WHERE expires <= ?",
		       SQL_BIND(sql_int(now)), NULL, e);
}

/* ---- asking -------------------------------------------------------------- */

static int find_by_key(struct store *s, const struct sha256 *spki, bool *found,
		       struct store_waiting *out, struct err *e)
{
	struct sql_query *q = sql_query(s->db, COLUMNS " WHERE spki = ?",
					SQL_BIND(sql_digest(spki)));

	*found = sql_next(q);
	if (*found)
		read_waiting(q, out);
	return sql_end(q, e);
}

static int read_successor(struct store *s, struct store_device *d,
			  struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT replaces FROM waiting WHERE spki = ?",
			  SQL_BIND(sql_digest(&d->spki)));

	if (sql_next(q))
		store_successor_read(q, 0, &d->successor);
	return sql_end(q, e);
}

static bool is_of(const struct store_waiting *w, const char *product,
		  const char *model)
{
	return strcmp(w->product, product) == 0 && strcmp(w->model, model) == 0;
}

/* Neither a crowd nor a key that is known may join those who wait. */
static int may_wait(struct store *s, const struct store_waiting *w,
		    uint64_t max, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT count(*), (SELECT count(*) FROM key WHERE spki = ?)"
		" FROM waiting WHERE state = 0",
		SQL_BIND(sql_digest(&w->spki)));
	uint64_t waiting = 0;
	bool known = false;

	if (sql_next(q)) {
		waiting = (uint64_t)sql_get_int(q, 0);
		known = sql_get_int(q, 1) > 0;
	}
	if (sql_end(q, e))
		return -1;
	if (known)
		return err_set(e, ERR_CONFLICT,
			       "this public key is known here already; a key "
			       "has one holder, for ever");
	if (waiting >= max)
		return err_set(e, ERR_BUSY,
			       "too many devices wait for an officer: try "
			       "again later");
	return 0;
}

static int add(struct store *s, struct store_waiting *w, uint64_t max,
	       int64_t now, struct err *e)
{
	w->state = WAITING_OPEN;
	w->cohort[0] = 0;
	w->since = now;
	w->expires = now + STORE_WAITING_SEC;
	/* The same key under another model or root asks anew. */
	if (sql_run(s->db, "DELETE FROM waiting WHERE spki = ?",
		    SQL_BIND(sql_digest(&w->spki)), NULL, e) ||
	    may_wait(s, w, max, e))
		return -1;
	return sql_run(s->db,
		       "INSERT INTO waiting (spki, code, nonce, product,"
		       " model, state, cohort, since, expires, point, root)"
		       " VALUES (?, ?, ?, ?, ?, 0, '', ?, ?, ?, ?)",
		       SQL_BIND(sql_digest(&w->spki), sql_text(w->code),
				sql_blob(w->nonce, WIRE_NONCE_LEN),
				sql_text(w->product), sql_text(w->model),
				sql_int(w->since), sql_int(w->expires),
				sql_blob(w->key.point, EC_POINT_LEN),
				sql_digest(&w->root)),
		       NULL, e);
}

static int wait_in(struct store *s, struct store_waiting *w, uint64_t max,
		   int64_t now, struct err *e)
{
	struct store_waiting before = { 0 };
	bool found;

	if (forget_expired(s, now, e) ||
	    find_by_key(s, &w->spki, &found, &before, e))
		return -1;
	if (found && before.state == WAITING_DENIED)
		return err_set(e, ERR_REFUSED,
			       "an officer decided against this device");
	if (!found || !is_of(&before, w->product, w->model) ||
	    !sha256_equal(&before.root, &w->root))
		return add(s, w, max, now, e);
	*w = before;
	return 0;
}

int store_wait(struct store *s, struct store_waiting *w, uint64_t max,
	       int64_t now, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, wait_in(s, w, max, now, e), e);
	return store_unlock(s, rc);
}

int store_waiting_find(struct store *s, const char *code, int64_t now,
		       struct store_waiting *out, struct err *e)
{
	struct sql_query *q;
	bool found;
	int rc;

	store_lock(s);
	q = sql_query(s->db, COLUMNS " WHERE code = ? AND expires > ?",
		      SQL_BIND(sql_text(code), sql_int(now)));
	found = sql_next(q);
	if (found)
		read_waiting(q, out);
	rc = sql_end(q, e);
	if (rc == 0 && !found)
		rc = err_set(e, ERR_NOT_FOUND, NOBODY_WAITS);
	return store_unlock(s, rc);
}

int store_waiting_each(struct store *s, int64_t now,
		       void (*visit)(void *ctx, const struct store_waiting *w),
		       void *ctx, struct err *e)
{
	struct store_waiting w;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, COLUMNS " WHERE expires > ? ORDER BY since, code",
		      SQL_BIND(sql_int(now)));
	while (sql_next(q)) {
		read_waiting(q, &w);
		visit(ctx, &w);
	}
	return store_unlock(s, sql_end(q, e));
}

/* ---- deciding ------------------------------------------------------------ */

static int find_open(struct store *s, const char *code, int64_t now,
		     struct store_waiting *w, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, COLUMNS " WHERE code = ? AND expires > ?",
			  SQL_BIND(sql_text(code), sql_int(now)));
	bool found = sql_next(q);

	if (found)
		read_waiting(q, w);
	if (sql_end(q, e))
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, NOBODY_WAITS);
	if (w->state != WAITING_OPEN)
		return err_set(e, ERR_CONFLICT, "it was %s already",
			       w->state == WAITING_APPROVED ? "approved"
							    : "denied");
	return 0;
}

static int approve(struct store *s, const char *code, const char *cohort,
		   const struct store_successor *successor,
		   const struct audit_by *by, struct err *e)
{
	struct store_waiting w;
	struct audit_record r;

	if (find_open(s, code, by->now, &w, e) ||
	    store_cohort_need_locked(s, cohort, e) ||
	    store_successor_check_locked(s, successor, w.product, w.model, e) ||
	    sql_run(s->db,
		    "UPDATE waiting SET state = ?, cohort = ?, expires = ?,"
		    " replaces = ? WHERE spki = ?",
		    SQL_BIND(sql_int(WAITING_APPROVED), sql_text(cohort),
			     sql_int(by->now + STORE_APPROVED_SEC),
			     store_successor_value(successor),
			     sql_digest(&w.spki)),
		    NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_DEVICE_APPROVE, by);
	audit_set_digest(&r, "key", &w.spki);
	json_set_text(r.objects, "product", w.product);
	json_set_text(r.objects, "model", w.model);
	json_set_text(r.objects, "cohort", cohort);
	return store_log_locked(s, &r, e);
}

int store_waiting_approve(struct store *s, const char *code, const char *cohort,
			  const struct store_successor *successor,
			  const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db,
				approve(s, code, cohort, successor, by, e), e);
	return store_unlock(s, rc);
}

static int note_first(struct store *s, const struct store_waiting *w,
		      const char *cohort, const struct audit_by *by,
		      struct err *e)
{
	struct audit_record r;

	if (sql_run(s->db,
		    "UPDATE waiting SET first = ?, first_cohort = ?,"
		    " expires = ? WHERE spki = ?",
		    SQL_BIND(sql_digest(&by->person), sql_text(cohort),
			     sql_int(by->now + STORE_APPROVED_SEC),
			     sql_digest(&w->spki)),
		    NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_DEVICE_ASK, by);
	audit_set_digest(&r, "key", &w->spki);
	json_set_text(r.objects, "product", w->product);
	json_set_text(r.objects, "model", w->model);
	json_set_text(r.objects, "cohort", cohort);
	return store_log_locked(s, &r, e);
}

static int compare_first(struct store *s, const struct store_waiting *w,
			 const char *cohort, const struct audit_by *by,
			 struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT first = ?2, first_cohort = ?3 FROM waiting"
			  " WHERE spki = ?1",
			  SQL_BIND(sql_digest(&w->spki),
				   sql_digest(&by->person), sql_text(cohort)));
	bool same = true, agrees = false;

	if (sql_next(q)) {
		same = sql_get_int(q, 0) != 0;
		agrees = sql_get_int(q, 1) != 0;
	}
	if (sql_end(q, e))
		return -1;
	if (same)
		return err_set(e, ERR_CONFLICT,
			       "you have approved it: now a second officer "
			       "has to");
	return agrees ? 0
		      : err_set(e, ERR_CONFLICT,
				"the first officer approved it for another "
				"cohort: deny it, and let it ask again");
}

static int may_second(struct store *s, const char *code, const char *cohort,
		      const struct audit_by *by, struct store_waiting *w,
		      struct err *e)
{
	if (find_open(s, code, by->now, w, e) ||
	    store_cohort_need_locked(s, cohort, e))
		return -1;
	return w->seconded ? compare_first(s, w, cohort, by, e) : 0;
}

int store_waiting_may_second(struct store *s, const char *code,
			     const char *cohort, const struct audit_by *by,
			     struct err *e)
{
	struct store_waiting w;

	store_lock(s);
	return store_unlock(s, may_second(s, code, cohort, by, &w, e));
}

static int second(struct store *s, const char *code, const char *cohort,
		  const struct audit_by *by, bool *first, struct err *e)
{
	struct store_waiting w;

	if (may_second(s, code, cohort, by, &w, e))
		return -1;
	*first = !w.seconded;
	return *first ? note_first(s, &w, cohort, by, e) : 0;
}

int store_waiting_second(struct store *s, const char *code, const char *cohort,
			 const struct audit_by *by, bool *first, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, second(s, code, cohort, by, first, e),
				e);
	return store_unlock(s, rc);
}

/* It is remembered for a day, or the device would ask again at once. */
static int deny(struct store *s, const char *code, const struct audit_by *by,
		struct err *e)
{
	struct store_waiting w;
	struct audit_record r;

	if (find_open(s, code, by->now, &w, e) ||
	    sql_run(s->db,
		    "UPDATE waiting SET state = ?, expires = ?"
		    " WHERE spki = ?",
		    SQL_BIND(sql_int(WAITING_DENIED),
			     sql_int(by->now + STORE_APPROVED_SEC),
			     sql_digest(&w.spki)),
		    NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_DEVICE_DENY, by);
	audit_set_digest(&r, "key", &w.spki);
	return store_log_locked(s, &r, e);
}

int store_waiting_deny(struct store *s, const char *code,
		       const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, deny(s, code, by, e), e);
	return store_unlock(s, rc);
}

/* ---- enrolment ----------------------------------------------------------- */

int store_waiting_take_locked(struct store *s, struct store_device *d,
			      int64_t now, struct err *e)
{
	struct store_waiting w = { 0 };
	bool found;

	if (find_by_key(s, &d->spki, &found, &w, e))
		return -1;
	if (!found || !is_of(&w, d->facts.product, d->facts.model) ||
	    w.state != WAITING_APPROVED || w.expires <= now)
		return err_set(e, ERR_REFUSED,
			       "no officer has approved this device");
	memcpy(d->facts.cohort, w.cohort, sizeof(d->facts.cohort));
	if (read_successor(s, d, e))
		return -1;
	return sql_run(s->db, "DELETE FROM waiting WHERE spki = ?",
		       SQL_BIND(sql_digest(&w.spki)), NULL, e);
}
