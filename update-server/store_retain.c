/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept no longer: old attempts, older evidence, and a device that a
 * person wants forgotten. */
#include "update-server/stage_attempt.h"
#include "update-server/store_db.h"

#define EVIDENCE_SEC (30 * UTC_DAY)
#define ATTEMPTS_SEC (400 * UTC_DAY)
#define SECONDS_SEC  (30 * UTC_DAY)
#define DAYS_LATE    30 /* looked at each day; those before, once */

/* ---- by age -------------------------------------------------------------- */

/* Attempts looked at in one step: some milliseconds. */
#define ROWS 2000

/* How far this step goes; 0: there are no more. */
static int find_end(struct store *s, int64_t after, int64_t *end, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT coalesce(max(id), 0) FROM (SELECT id FROM attempt"
		" WHERE id > ? ORDER BY id LIMIT ?)",
		SQL_BIND(sql_int(after), sql_int(ROWS)));

	*end = sql_next(q) ? sql_get_int(q, 0) : 0;
	return sql_end(q, e);
}

/*
 * What a device came back from, by itself or by a step back, is offered to it
 * no more until a person clears it, however long ago that was: such an attempt
 * is what that is known by. What was replaced before it was tried is none.
 */
static int drop(struct store *s, int64_t now, int64_t end,
		struct store_retained *r, struct err *e)
{
	int64_t evidence = 0, attempts = 0;

	if (sql_run(s->db,
		    "UPDATE attempt SET evidence = '' WHERE id > ? AND id <= ?"
		    " AND evidence != '' AND changed < ?",
		    SQL_BIND(sql_int(r->at), sql_int(end),
			     sql_int(now - EVIDENCE_SEC)),
		    &evidence, e) ||
	    sql_run(s->db,
		    "DELETE FROM attempt WHERE id > ? AND id <= ?"
		    " AND changed < ? AND state >= ? AND NOT (cleared = 0"
		    " AND (state = ? OR back_from > 0) AND code != ?)",
		    SQL_BIND(sql_int(r->at), sql_int(end),
			     sql_int(now - ATTEMPTS_SEC),
			     sql_int(STAGE_CONFIRMED),
			     sql_int(STAGE_ROLLED_BACK),
			     sql_text(STAGE_REPLACED_CODE)),
		    &attempts, e))
		return -1;
	r->evidence += evidence;
	r->attempts += attempts;
	return 0;
}

/*
 * To the second it is known when a device was there as long as a gate may look
 * at it: attempts, and the control group of those that are off at night. After
 * that the day is what is kept.
 */
static int forget_seconds(struct store *s, int64_t now, int64_t *changed,
			  struct err *e)
{
	int64_t last = (now - SECONDS_SEC) / UTC_DAY;

	return sql_run(s->db,
		       "UPDATE device SET last_seen = seen_day * 86400"
		       " WHERE id IN (SELECT id FROM device WHERE revoked = 0"
		       " AND seen_day > ? AND seen_day <= ?"
		       " AND last_seen % 86400 != 0 LIMIT ?)",
		       SQL_BIND(sql_int(last - DAYS_LATE), sql_int(last),
				sql_int(ROWS)),
		       changed, e);
}

/* How far this step goes; false: there are no more. */
static int find_last_seen(struct store *s, const struct device_id *after,
			  struct device_id *end, bool *found, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT max(id) FROM (SELECT id FROM device WHERE id > ?"
		" ORDER BY id LIMIT ?)",
		SQL_BIND(sql_device(after), sql_int(ROWS)));

	*found = sql_next(q) && sql_get_bytes(q, 0).len > 0;
	if (*found)
		sql_get_blob(q, 0, end->bytes, DEVICE_ID_LEN);
	return sql_end(q, e);
}

/*
 * A server that was off for longer has days before those that a round looks at:
 * so after each start all devices are looked at once.
 */
static int forget_before(struct store *s, int64_t now, struct store_retained *r,
			 struct err *e)
{
	struct device_id end;
	bool found;

	if (r->seen_all)
		return 0;
	if (find_last_seen(s, &r->seen, &end, &found, e))
		return -1;
	if (!found) {
		r->seen_all = true;
		return 0;
	}
	if (sql_run(s->db,
		    "UPDATE device SET last_seen = seen_day * 86400"
		    " WHERE id > ? AND id <= ? AND seen_day <= ?"
		    " AND last_seen % 86400 != 0",
		    SQL_BIND(sql_device(&r->seen), sql_device(&end),
			     sql_int((now - SECONDS_SEC) / UTC_DAY)),
		    NULL, e))
		return -1;
	r->seen = end;
	return 0;
}

static int retain(struct store *s, int64_t now, struct store_retained *r,
		  int64_t *end, int64_t *rounded, struct err *e)
{
	if (find_end(s, r->at, end, e) || forget_seconds(s, now, rounded, e) ||
	    forget_before(s, now, r, e))
		return -1;
	return *end ? drop(s, now, *end, r, e) : 0;
}

int store_retain(struct store *s, int64_t now, struct store_retained *r,
		 bool *more, struct err *e)
{
	struct store_retained next = *r;
	int64_t end = 0, rounded = 0;
	int rc;

	store_lock_in_turn(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, retain(s, now, &next, &end, &rounded, e),
				e);
	if (store_unlock(s, rc))
		return -1;
	*more = end > 0 || rounded == ROWS || !next.seen_all;
	*r = next;
	r->at = end;
	return 0;
}

/* ---- by a person's word -------------------------------------------------- */

static int may_be_forgotten(struct store *s, const struct device_id *id,
			    struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT revoked FROM device WHERE id = ?",
			  SQL_BIND(sql_device(id)));
	bool found = sql_next(q);
	bool ended = found && sql_get_int(q, 0) != 0;

	if (sql_end(q, e))
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND,
			       "no such device (device list shows them)");
	return ended ? 0
		     : err_set(e, ERR_CONFLICT,
			       "it belongs to the fleet: device retire or "
			       "device revoke (--reason TEXT) comes first");
}

/* An attempt that had not ended is counted no more. The plus: by the device's
 * index, for a rollout's is as long as a fleet. */
static int uncount(struct store *s, const struct device_id *id, struct err *e)
{
	return sql_run(
		s->db,
		"UPDATE counter SET n = n - 1 WHERE n > 0 AND EXISTS"
		" (SELECT 1 FROM attempt AS a WHERE a.device = ? AND a.state < ?"
		" AND +a.rollout = counter.rollout AND a.phase = counter.phase"
		" AND a.epoch = counter.epoch AND a.state = counter.state"
		" AND a.code = counter.code AND a.counted = counter.counted)",
		SQL_BIND(sql_device(id), sql_int(STAGE_CONFIRMED)), NULL, e);
}

/* The keys stay taken, for ever, but nothing says whose they were. */
int store_forget_locked(struct store *s, const struct device_id *id,
			struct err *e)
{
	char who[2 * DEVICE_ID_LEN + 1];

	hex_format((struct slice){ id->bytes, DEVICE_ID_LEN }, who);
	if (uncount(s, id, e) || store_kind_forget_locked(s, id, e) ||
	    sql_run(s->db, "DELETE FROM attempt WHERE device = ?",
		    SQL_BIND(sql_device(id)), NULL, e) ||
	    sql_run(s->db, "UPDATE claim SET device = NULL WHERE device = ?",
		    SQL_BIND(sql_device(id)), NULL, e) ||
	    sql_run(s->db, "UPDATE key SET who = 'forgotten' WHERE who = ?",
		    SQL_BIND(sql_text(who)), NULL, e))
		return -1;
	return sql_run(s->db, "DELETE FROM device WHERE id = ?",
		       SQL_BIND(sql_device(id)), NULL, e);
}

static int forget(struct store *s, const struct device_id *id,
		  const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	if (may_be_forgotten(s, id, e) || store_forget_locked(s, id, e))
		return -1;
	audit_record_init(&r, AUDIT_DEVICE_FORGET, by);
	audit_set_device(&r, id);
	return store_log_locked(s, &r, e);
}

int store_device_forget(struct store *s, const struct device_id *id,
			const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, forget(s, id, by, e), e);
	return store_unlock(s, rc);
}
