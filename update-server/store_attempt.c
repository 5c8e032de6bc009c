/* SPDX-License-Identifier: Apache-2.0 */
/* The store's attempts. Whatever changes one changes its rollout's counters in
 * the same transaction. */
#include <string.h>

#include "update-server/store_db.h"

/* ---- rows ---------------------------------------------------------------- */

#define ATTEMPT_COLUMNS                                                        \
	"SELECT a.id, a.rollout, a.device, a.digest, a.seq, a.state,"          \
	" a.sequence, a.activation, a.code, a.offered, a.changed, a.evidence," \
	" a.back_from, a.n, a.phase, a.epoch, a.counted, a.stone,"             \
	" a.installed, a.heard, a.interval, a.due, a.kind, a.until"
#define AFTER_COLUMNS 24

static void read_try(struct sql_query *q, struct stage_attempt *t)
{
	int64_t state = sql_get_int(q, 5), phase = sql_get_int(q, 14);

	t->state = state >= 0 && state < STAGE_STATES ? (uint8_t)state
						      : STAGE_FAILED;
	t->sequence = (uint32_t)sql_get_int(q, 6);
	t->activation = (uint64_t)sql_get_int(q, 7);
	sql_get_text(q, 8, t->code, sizeof(t->code));
	t->offered = sql_get_int(q, 9);
	t->changed = sql_get_int(q, 10);
	t->phase = phase >= 0 && phase < LADDER_RUNGS_MAX ? (uint8_t)phase : 0;
	t->epoch = (uint16_t)sql_get_int(q, 15);
	t->counted = sql_get_int(q, 16) != 0;
	t->stone = sql_get_int(q, 17) != 0;
	t->installed = sql_get_int(q, 18);
	t->heard = sql_get_int(q, 19);
	t->interval_sec = (uint32_t)sql_get_int(q, 20);
	t->until = sql_get_int(q, 23);
}

static void read_attempt(struct sql_query *q, struct attempt *a)
{
	memset(a, 0, sizeof(*a));
	a->id = sql_get_int(q, 0);
	a->rollout = sql_get_int(q, 1);
	sql_get_blob(q, 2, a->device.bytes, DEVICE_ID_LEN);
	sql_get_blob(q, 3, a->digest.bytes, SHA256_LEN);
	a->seq = (uint64_t)sql_get_int(q, 4);
	a->back_from = (uint64_t)sql_get_int(q, 12);
	a->n = (uint32_t)sql_get_int(q, 13);
	a->due = sql_get_int(q, 21);
	a->kind = sql_get_int(q, 22);
	read_try(q, &a->at);
}

static int find_attempt(struct store *s, int64_t id, struct attempt *out,
			bool *found, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, ATTEMPT_COLUMNS " FROM attempt a WHERE a.id = ?",
		SQL_BIND(sql_int(id)));

	*found = sql_next(q);
	if (*found)
		read_attempt(q, out);
	return sql_end(q, e);
}

/* ---- what came before ---------------------------------------------------- */

static void add_attempt_of(struct rollout_past *past, struct sql_query *q)
{
	int64_t state = sql_get_int(q, 0), changed = sql_get_int(q, 1);
	char code[WIRE_CODE_MAX + 1];

	sql_get_text(q, 2, code, sizeof(code));
	/* What was never started is no reason against starting it. */
	if (state == STAGE_ROLLED_BACK &&
	    strcmp(code, STAGE_REPLACED_CODE) != 0)
		past->rolled_back = true;
	if (state >= STAGE_CONFIRMED) {
		past->ended++;
		if (changed > past->last_ended)
			past->last_ended = changed;
	}
	if (state != STAGE_FAILED)
		return;
	past->failed++;
	if (changed > past->last_failed)
		past->last_failed = changed;
}

/* Steps back that were confirmed: from where, to where, by which rollout. */
static int read_steps(struct store *s, const struct device_id *device,
		      const struct rollout *r, struct rollout_past *past,
		      struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT rollout, seq, back_from FROM attempt"
		" WHERE device = ? AND state = ? AND back_from > 0"
		" AND cleared = 0",
		SQL_BIND(sql_device(device), sql_int(STAGE_CONFIRMED)));

	while (sql_next(q)) {
		uint64_t to = (uint64_t)sql_get_int(q, 1);

		if (to < r->seq && r->seq <= (uint64_t)sql_get_int(q, 2))
			past->left = true;
		if (to == r->seq && sql_get_int(q, 0) == r->id)
			past->stepped = true;
	}
	return sql_end(q, e);
}

int store_past(struct store *s, const struct device_id *device,
	       const struct rollout *r, struct rollout_past *out, struct err *e)
{
	struct rollout_past past = { 0 };
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT state, changed, code FROM attempt"
		      " WHERE device = ? AND digest = ? AND cleared = 0",
		      SQL_BIND(sql_device(device), sql_digest(&r->digest)));
	while (sql_next(q))
		add_attempt_of(&past, q);
	rc = sql_end(q, e);
	if (rc == 0)
		rc = read_steps(s, device, r, &past, e);
	if (store_unlock(s, rc))
		return -1;
	*out = past;
	return 0;
}

int store_attempt_latest(struct store *s, const struct device_id *device,
			 struct attempt *out, bool *found, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      ATTEMPT_COLUMNS " FROM attempt a WHERE a.device = ?"
				      " ORDER BY a.id DESC LIMIT 1",
		      SQL_BIND(sql_device(device)));
	*found = sql_next(q);
	if (*found)
		read_attempt(q, out);
	return store_unlock(s, sql_end(q, e));
}

int store_attempt_waiting(struct store *s, const struct attempt *before,
			  struct attempt *out, bool *found, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	/* The plus: by the device's index. */
	q = sql_query(s->db,
		      ATTEMPT_COLUMNS
		      " FROM attempt a WHERE a.device = ? AND a.id < ?"
		      " AND +a.state IN (?, ?) ORDER BY a.id DESC LIMIT 1",
		      SQL_BIND(sql_device(&before->device), sql_int(before->id),
			       sql_int(STAGE_INSTALLED), sql_int(STAGE_LOST)));
	*found = sql_next(q);
	if (*found)
		read_attempt(q, out);
	return store_unlock(s, sql_end(q, e));
}

int store_attempt_find(struct store *s, int64_t id,
		       const struct device_id *device, struct attempt *out,
		       struct err *e)
{
	struct attempt a;
	bool found;
	int rc;

	store_lock(s);
	rc = store_unlock(s, find_attempt(s, id, &a, &found, e));
	if (rc)
		return -1;
	if (!found || memcmp(a.device.bytes, device->bytes, DEVICE_ID_LEN) != 0)
		return err_set(e, ERR_NOT_FOUND, "no such attempt");
	*out = a;
	return 0;
}

/* ---- changes ------------------------------------------------------------- */

static int write_attempt(struct store *s, const struct attempt *a,
			 const char *evidence, struct err *e)
{
	const struct stage_attempt *t = &a->at;

	return sql_run(s->db,
		       "UPDATE attempt SET state = ?, sequence = ?, code = ?,"
		       " changed = ?, epoch = ?, installed = ?, heard = ?,"
		       " interval = ?, due = ?, until = ?,"
		       " evidence = coalesce(?, evidence) WHERE id = ?",
		       SQL_BIND(sql_int(t->state), sql_int(t->sequence),
				sql_text(t->code), sql_int(t->changed),
				sql_int(t->epoch), sql_int(t->installed),
				sql_int(t->heard), sql_int(t->interval_sec),
				sql_int(a->due), sql_int(t->until),
				evidence ? sql_text(evidence) : sql_null(),
				sql_int(a->id)),
		       NULL, e);
}

/* The gate epoch of a rollout: a change belongs to that in which it happens. */
static int epoch_of(struct store *s, int64_t rollout, uint16_t *out,
		    struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT epoch FROM rollout WHERE id = ?",
			  SQL_BIND(sql_int(rollout)));

	*out = sql_next(q) ? (uint16_t)sql_get_int(q, 0) : 0;
	return sql_end(q, e);
}

/* Whatever counts attempts hears of this one. */
static int count_attempt(struct store *s, const struct tally_stops *stops,
			 const struct attempt *a,
			 const struct stage_attempt *before, struct err *e)
{
	return store_tally_move_locked(s, a->rollout, stops, before, &a->at,
				       e) ||
			       store_kind_move_locked(s, a, before, e)
		       ? -1
		       : 0;
}

/* An end that says nothing of the release, so no gate asks what stops it. */
static int end_attempt(struct store *s, struct attempt *a, enum stage_state how,
		       const char *code, int64_t now, struct err *e)
{
	static const struct tally_stops none;
	struct stage_attempt before = a->at;

	if (epoch_of(s, a->rollout, &a->at.epoch, e))
		return -1;
	if (!stage_attempt_end(&a->at, how, code, now))
		return 0;
	a->due = 0;
	return write_attempt(s, a, NULL, e) ||
			       count_attempt(s, &none, a, &before, e)
		       ? -1
		       : 0;
}

static int supersede(struct store *s, const struct attempt *by, struct err *e)
{
	struct attempt a;
	struct sql_query *q = sql_query(
		s->db,
		ATTEMPT_COLUMNS
		" FROM attempt a WHERE a.device = ? AND a.state < ?"
		" AND (a.rollout != ? OR a.digest != ?) ORDER BY a.id LIMIT 1",
		SQL_BIND(sql_device(&by->device), sql_int(STAGE_INSTALLED),
			 sql_int(by->rollout), sql_digest(&by->digest)));
	bool found = sql_next(q);

	if (found)
		read_attempt(q, &a);
	if (sql_end(q, e))
		return -1;
	return found ? end_attempt(s, &a, STAGE_SUPERSEDED, "", by->at.offered,
				   e)
		     : 0;
}

static int next_number(struct store *s, struct attempt *a, struct err *e)
{
	/* The plus: by the device's index. A rollout's is as long as a fleet.
	 */
	struct sql_query *q = sql_query(
		s->db,
		"SELECT count(*) FROM attempt"
		" WHERE device = ? AND +rollout = ?",
		SQL_BIND(sql_device(&a->device), sql_int(a->rollout)));

	a->n = sql_next(q) ? (uint32_t)sql_get_int(q, 0) + 1 : 1;
	return sql_end(q, e);
}

static int insert_attempt(struct store *s, const struct attempt *a,
			  struct err *e)
{
	const struct stage_attempt *t = &a->at;

	return sql_run(
		s->db,
		"INSERT INTO attempt (rollout, device, digest, seq,"
		" state, sequence, activation, code, offered, changed,"
		" back_from, n, phase, epoch, counted, stone, installed,"
		" heard, interval, due, kind)"
		" VALUES (?, ?, ?, ?, ?, 0, ?, '', ?, ?, ?, ?, ?, ?, ?,"
		" ?, 0, ?, ?, ?, ?)",
		SQL_BIND(sql_int(a->rollout), sql_device(&a->device),
			 sql_digest(&a->digest), sql_int((int64_t)a->seq),
			 sql_int(STAGE_OFFERED),
			 sql_int((int64_t)t->activation), sql_int(t->offered),
			 sql_int(t->offered), sql_int((int64_t)a->back_from),
			 sql_int(a->n), sql_int(t->phase), sql_int(t->epoch),
			 sql_int(t->counted), sql_int(t->stone),
			 sql_int(t->offered), sql_int(t->interval_sec),
			 sql_int(a->due), sql_int(a->kind)),
		NULL, e);
}

static int add_attempt(struct store *s, const struct stage *r,
		       struct attempt *a, struct err *e)
{
	/* At most one is open at a time, because each new one ends it. */
	if (supersede(s, a, e) || next_number(s, a, e) ||
	    store_kind_of_locked(s, a->rollout, &a->device, &a->kind, e) ||
	    insert_attempt(s, a, e))
		return -1;
	a->id = sql_last_id(s->db);
	return count_attempt(s, &r->policy.stops, a, NULL, e);
}

int store_attempt_add(struct store *s, const struct stage *r, struct attempt *a,
		      int64_t seen, struct err *e)
{
	int rc;

	a->rollout = r->what.id;
	a->at.state = STAGE_OFFERED;
	a->at.changed = a->at.heard = a->at.offered;
	a->at.epoch = r->epoch;
	store_lock(s);
	rc = store_control_room_locked(s, 1, e);
	if (rc == 0)
		rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_attempt(s, r, a, e), e);
	if (rc == 0 && a->n == 1)
		store_control_leaves_locked(s, a->rollout,
					    seen < r->started ? 0 : seen);
	return store_unlock(s, rc);
}

/* From here on the slot that does not run is written over. */
static int overwrite(struct store *s, const struct attempt *a, struct err *e)
{
	return sql_run(s->db,
		       "UPDATE device SET before = NULL WHERE id = ?"
		       " AND before IS NOT NULL AND digest IS NOT ?",
		       SQL_BIND(sql_device(&a->device), sql_digest(&a->digest)),
		       NULL, e);
}

static bool begins_to_write(const struct stage_attempt *before,
			    const struct stage_attempt *after)
{
	return before->state != after->state &&
	       (after->state == STAGE_DOWNLOADING ||
		after->state == STAGE_VERIFIED ||
		after->state == STAGE_INSTALLED);
}

int store_attempt_save_locked(struct store *s, const struct stage *r,
			      const struct attempt *a, const char *evidence,
			      struct err *e)
{
	struct attempt before;
	bool found;

	if (find_attempt(s, a->id, &before, &found, e))
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "no such attempt");
	if (begins_to_write(&before.at, &a->at) && overwrite(s, a, e))
		return -1;
	return write_attempt(s, a, evidence, e) ||
			       count_attempt(s, &r->policy.stops, a, &before.at,
					     e)
		       ? -1
		       : 0;
}

int store_attempt_save(struct store *s, const struct stage *r,
		       const struct attempt *a, const char *evidence,
		       struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db,
				store_attempt_save_locked(s, r, a, evidence, e),
				e);
	return store_unlock(s, rc);
}

int store_attempts_save(struct store *s, const struct store_change *list,
			size_t count, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc)
		return store_unlock(s, rc);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = store_attempt_save_locked(s, list[i].stage,
					       &list[i].attempt, NULL, e);
	return store_unlock(s, sql_finish(s->db, rc, e));
}

int store_attempts_withdraw_locked(struct store *s, const struct device_id *id,
				   int64_t now, struct err *e)
{
	struct attempt a;
	struct sql_query *q;
	bool found;

	do {
		q = sql_query(s->db,
			      ATTEMPT_COLUMNS
			      " FROM attempt a WHERE a.device = ?"
			      " AND (a.state < ? OR a.state = ?) LIMIT 1",
			      SQL_BIND(sql_device(id), sql_int(STAGE_INSTALLED),
				       sql_int(STAGE_LOST)));
		found = sql_next(q);
		if (found)
			read_attempt(q, &a);
		if (sql_end(q, e) ||
		    (found && end_attempt(s, &a, STAGE_RETIRED, "", now, e)))
			return -1;
	} while (found);
	return 0;
}

/* ---- timers -------------------------------------------------------------- */

#define DUE_COLUMNS                                                            \
	ATTEMPT_COLUMNS ", d.last_seen, d.interval, d.revoked FROM attempt a"  \
			" JOIN device d ON d.id = a.device"

static size_t read_due(struct sql_query *q, struct store_due *out)
{
	size_t count = 0;

	while (count < STORE_DUE_MAX && sql_next(q)) {
		read_attempt(q, &out[count].attempt);
		out[count].last_seen = sql_get_int(q, AFTER_COLUMNS);
		out[count].interval_sec =
			(uint32_t)sql_get_int(q, AFTER_COLUMNS + 1);
		out[count].is_out = sql_get_int(q, AFTER_COLUMNS + 2) != 0;
		count++;
	}
	return count;
}

int store_attempts_due(struct store *s, int64_t now, struct store_due *out,
		       size_t *count, struct err *e)
{
	struct sql_query *q;

	*count = 0;
	store_lock(s);
	q = sql_query(s->db,
		      DUE_COLUMNS " WHERE a.due > 0 AND a.due <= ?"
				  " ORDER BY a.due LIMIT ?",
		      SQL_BIND(sql_int(now), sql_int(STORE_DUE_MAX)));
	*count = read_due(q, out);
	return store_unlock(s, sql_end(q, e));
}

int store_attempts_open(struct store *s, int64_t rollout, struct store_due *out,
			size_t *count, struct err *e)
{
	struct sql_query *q;

	*count = 0;
	store_lock(s);
	/* Twice, so that the index of those that are open is used. */
	q = sql_query(s->db,
		      DUE_COLUMNS " WHERE a.rollout = ? AND a.state < 7"
				  " AND a.state < ? LIMIT ?",
		      SQL_BIND(sql_int(rollout), sql_int(STAGE_INSTALLED),
			       sql_int(STORE_DUE_MAX)));
	*count = read_due(q, out);
	return store_unlock(s, sql_end(q, e));
}

/* ---- lists --------------------------------------------------------------- */

int store_attempt_each(struct store *s, const struct device_id *device,
		       void (*visit)(void *ctx, const struct attempt *a,
				     const char *rollout, const char *release,
				     const char *evidence),
		       void *ctx, struct err *e)
{
	char rollout[NAME_MAX_LEN + 1], release[NAME_MAX_LEN + 1];
	char evidence[WIRE_EVIDENCE_MAX + 1];
	struct attempt a;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      /* It may have been the stone that leads to it. */
		      ATTEMPT_COLUMNS
		      ", r.name, coalesce((SELECT l.id"
		      " FROM release l WHERE l.digest = a.digest"
		      " AND l.product = r.product"
		      " AND l.seq = a.seq), r.release)"
		      " FROM attempt a"
		      " JOIN rollout r ON r.id = a.rollout"
		      " WHERE a.device = ? ORDER BY a.id",
		      SQL_BIND(sql_device(device)));
	while (sql_next(q)) {
		read_attempt(q, &a);
		sql_get_text(q, 11, evidence, sizeof(evidence));
		sql_get_text(q, AFTER_COLUMNS, rollout, sizeof(rollout));
		sql_get_text(q, AFTER_COLUMNS + 1, release, sizeof(release));
		visit(ctx, &a, rollout, release, evidence);
	}
	return store_unlock(s, sql_end(q, e));
}

int store_rollout_attempts(struct store *s, int64_t rollout, size_t max,
			   void (*visit)(void *ctx, const struct attempt *a,
					 const char *evidence),
			   void *ctx, struct err *e)
{
	char evidence[WIRE_EVIDENCE_MAX + 1];
	struct attempt a;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      ATTEMPT_COLUMNS " FROM attempt a WHERE a.rollout = ?"
				      " ORDER BY a.id DESC LIMIT ?",
		      SQL_BIND(sql_int(rollout), sql_int((int64_t)max)));
	while (sql_next(q)) {
		read_attempt(q, &a);
		sql_get_text(q, 11, evidence, sizeof(evidence));
		visit(ctx, &a, evidence);
	}
	return store_unlock(s, sql_end(q, e));
}
