/* SPDX-License-Identifier: Apache-2.0 */
/* The store's rollouts and attempts. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/store_db.h"

#define MODELS_TEXT  (RELEASE_MODELS_MAX * (NAME_MAX_LEN + 1))
#define COHORTS_TEXT (ROLLOUT_COHORTS_MAX * (NAME_MAX_LEN + 1))
#define MEMBERS_MAX  (16u << 20)

/* ---- names joined by spaces ---------------------------------------------- */

static void join(const char (*names)[NAME_MAX_LEN + 1], size_t count, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);

		if (i > 0)
			out[used++] = ' ';
		memcpy(out + used, names[i], len);
		used += len;
	}
	out[used] = 0;
}

static size_t split(const char *text, char (*names)[NAME_MAX_LEN + 1],
		    size_t max)
{
	size_t count = 0;

	while (*text && count < max) {
		size_t len = strcspn(text, " ");

		if (len > 0 && len <= NAME_MAX_LEN) {
			memcpy(names[count], text, len);
			names[count++][len] = 0;
		}
		text += len + (text[len] == ' ');
	}
	return count;
}

/* SQLite's integers are signed; a limit is all 64 bits. */
static struct sql_value bind_limit(uint64_t limit, uint8_t out[8])
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(limit >> (8 * i));
	return sql_blob(out, 8);
}

static uint64_t read_limit(struct sql_query *q, int column)
{
	uint8_t bytes[8];
	uint64_t limit = 0;

	sql_get_blob(q, column, bytes, sizeof(bytes));
	for (size_t i = 8; i-- > 0;)
		limit = limit << 8 | bytes[i];
	return limit;
}

/* ---- rollouts ------------------------------------------------------------ */

#define ROLLOUT_COLUMNS                                                        \
	"SELECT id, name, state, product, release, digest, seq, requires_seq," \
	" not_before, models, cohorts, share, bucket_limit, population,"       \
	" reason, created, changed, step_back FROM rollout"

static void read_rollout(struct sql_query *q, struct rollout *r)
{
	char names[MODELS_TEXT];

	memset(r, 0, sizeof(*r));
	r->id = sql_get_int(q, 0);
	sql_get_text(q, 1, r->name, sizeof(r->name));
	r->state = (enum rollout_state)(sql_get_int(q, 2) & 3);
	sql_get_text(q, 3, r->product, sizeof(r->product));
	sql_get_text(q, 4, r->release, sizeof(r->release));
	sql_get_blob(q, 5, r->digest.bytes, SHA256_LEN);
	r->seq = (uint64_t)sql_get_int(q, 6);
	r->requires_seq = (uint64_t)sql_get_int(q, 7);
	r->not_before = sql_get_int(q, 8);
	sql_get_text(q, 9, names, sizeof(names));
	r->model_count = split(names, r->models, RELEASE_MODELS_MAX);
	sql_get_text(q, 10, names, sizeof(names));
	r->cohort_count = split(names, r->cohorts, ROLLOUT_COHORTS_MAX);
	r->share = (uint32_t)sql_get_int(q, 11);
	r->limit = read_limit(q, 12);
	r->population = (uint64_t)sql_get_int(q, 13);
	sql_get_text(q, 14, r->reason, sizeof(r->reason));
	r->created = sql_get_int(q, 15);
	r->changed = sql_get_int(q, 16);
	r->step_back = sql_get_int(q, 17) != 0;
}

static int cohort_must_exist(struct store *s, const char *name, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT 1 FROM cohort WHERE name = ?",
			  SQL_BIND(sql_text(name)));
	bool found = sql_next(q);

	if (sql_end(q, e))
		return -1;
	return found ? 0 : err_set(e, ERR_NOT_FOUND, "no cohort %s", name);
}

static int log_rollout(struct store *s, const struct rollout *r,
		       const struct audit_by *by, struct err *e)
{
	struct json *cohorts = json_new_array();
	struct audit_record a;

	for (size_t i = 0; i < r->cohort_count; i++)
		json_add(cohorts, json_new_text(r->cohorts[i]));
	audit_record_init(&a, AUDIT_ROLLOUT_CREATE, by);
	json_set_text(a.objects, "rollout", r->name);
	json_set_text(a.objects, "product", r->product);
	json_set_text(a.objects, "release", r->release);
	audit_set_digest(&a, "digest", &r->digest);
	json_set(a.objects, "cohorts", cohorts);
	json_set_int(a.objects, "share", r->share);
	json_set_int(a.objects, "step_back", r->step_back ? 1 : 0);
	return store_log_locked(s, &a, e);
}

static int add_rollout(struct store *s, struct rollout *r,
		       const struct audit_by *by, struct err *e)
{
	char models[MODELS_TEXT], cohorts[COHORTS_TEXT];
	const struct rollout *in = r;
	uint8_t limit[8];

	for (size_t i = 0; i < r->cohort_count; i++)
		if (cohort_must_exist(s, r->cohorts[i], e))
			return -1;
	join(in->models, in->model_count, models);
	join(in->cohorts, in->cohort_count, cohorts);
	if (sql_run(s->db,
		    "INSERT INTO rollout (name, state, product, release,"
		    " digest, seq, requires_seq, not_before, models, cohorts,"
		    " share, bucket_limit, population, created, changed,"
		    " step_back)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
		    SQL_BIND(sql_text(r->name), sql_int(r->state),
			     sql_text(r->product), sql_text(r->release),
			     sql_digest(&r->digest), sql_int((int64_t)r->seq),
			     sql_int((int64_t)r->requires_seq),
			     sql_int(r->not_before), sql_text(models),
			     sql_text(cohorts), sql_int(r->share),
			     bind_limit(0, limit), sql_int(r->created),
			     sql_int(r->created), sql_int(r->step_back)),
		    NULL, e) == 0) {
		r->id = sql_last_id(s->db);
		return log_rollout(s, r, by, e);
	}
	if (e->code == ERR_CONFLICT)
		return err_set(e, ERR_CONFLICT, "rollout %s exists already",
			       r->name);
	return -1;
}

int store_rollout_add(struct store *s, struct rollout *r,
		      const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_rollout(s, r, by, e), e);
	return store_unlock(s, rc);
}

int store_rollout_find(struct store *s, const char *name, struct rollout *out,
		       struct err *e)
{
	struct sql_query *q;
	bool found;
	int rc;

	store_lock(s);
	q = sql_query(s->db, ROLLOUT_COLUMNS " WHERE name = ?",
		      SQL_BIND(sql_text(name)));
	found = sql_next(q);
	if (found)
		read_rollout(q, out);
	rc = sql_end(q, e);
	if (rc == 0 && !found)
		rc = err_set(e, ERR_NOT_FOUND, "no rollout %s", name);
	return store_unlock(s, rc);
}

int store_rollout_each(struct store *s,
		       void (*visit)(void *ctx, const struct rollout *r),
		       void *ctx, struct err *e)
{
	struct rollout r;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, ROLLOUT_COLUMNS " ORDER BY seq DESC, id DESC",
		      SQL_NOTHING);
	while (sql_next(q)) {
		read_rollout(q, &r);
		visit(ctx, &r);
	}
	return store_unlock(s, sql_end(q, e));
}

/* The buckets of all devices that a rollout concerns. */
static int read_buckets(struct store *s, const struct rollout *r,
			uint64_t **buckets, size_t *count, struct err *e)
{
	char model[NAME_MAX_LEN + 1], cohort[NAME_MAX_LEN + 1];
	struct device_id id;
	size_t room = 0;
	struct sql_query *q = sql_query(s->db,
					"SELECT id, model, cohort FROM device"
					" WHERE product = ? AND revoked = 0",
					SQL_BIND(sql_text(r->product)));

	while (*count < MEMBERS_MAX && sql_next(q)) {
		sql_get_blob(q, 0, id.bytes, DEVICE_ID_LEN);
		sql_get_text(q, 1, model, sizeof(model));
		sql_get_text(q, 2, cohort, sizeof(cohort));
		if (!rollout_concerns(r, r->product, model, cohort))
			continue;
		if (*count == room) {
			room = room ? 2 * room : 1024;
			*buckets = mem_resize(*buckets, room, sizeof(uint64_t));
		}
		(*buckets)[(*count)++] = bucket_of(&r->digest, &id);
	}
	return sql_end(q, e);
}

static int log_opening(struct store *s, const struct rollout *r,
		       enum rollout_state from, const struct audit_by *by,
		       struct err *e)
{
	struct audit_record a;
	uint8_t limit[8];

	for (size_t i = 0; i < sizeof(limit); i++)
		limit[i] = (uint8_t)(r->limit >> (56 - 8 * i));
	audit_record_init(&a,
			  from == ROLLOUT_PAUSED ? AUDIT_ROLLOUT_RESUME
						 : AUDIT_ROLLOUT_START,
			  by);
	json_set_text(a.objects, "rollout", r->name);
	json_set_int(a.objects, "share", r->share);
	json_set_hex(a.objects, "limit", (struct slice){ limit, 8 });
	json_set_int(a.objects, "population", (int64_t)r->population);
	return store_log_locked(s, &a, e);
}

static int open_rollout(struct store *s, struct rollout *r,
			enum rollout_state from, const struct audit_by *by,
			struct err *e)
{
	uint64_t *buckets = NULL, limit = 0;
	uint8_t bytes[8];
	size_t count = 0;
	int64_t changed;
	int rc = -1;

	if (read_buckets(s, r, &buckets, &count, e) ||
	    rollout_limit(buckets, count, r->share, &limit, e))
		goto out;
	if (limit > r->limit)
		r->limit = limit;
	if (sql_run(s->db,
		    "UPDATE rollout SET state = ?, share = ?,"
		    " bucket_limit = ?, population = ?, reason = '',"
		    " changed = ? WHERE id = ? AND state = ?",
		    SQL_BIND(sql_int(ROLLOUT_RUNNING), sql_int(r->share),
			     bind_limit(r->limit, bytes),
			     sql_int((int64_t)count), sql_int(by->now),
			     sql_int(r->id), sql_int(from)),
		    &changed, e))
		goto out;
	if (changed != 1) {
		(void)err_set(e, ERR_CONFLICT,
			      "rollout %s was changed by "
			      "somebody else: look again",
			      r->name);
		goto out;
	}
	r->state = ROLLOUT_RUNNING;
	r->population = count;
	r->changed = by->now;
	rc = log_opening(s, r, from, by, e);
out:
	free(buckets);
	return rc;
}

int store_rollout_open(struct store *s, struct rollout *r,
		       enum rollout_state from, const struct audit_by *by,
		       struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, open_rollout(s, r, from, by, e), e);
	return store_unlock(s, rc);
}

int store_rollout_plan(struct store *s, struct rollout *r, uint64_t *opened,
		       struct err *e)
{
	uint64_t *buckets = NULL;
	size_t count = 0;
	int rc;

	store_lock(s);
	rc = store_unlock(s, read_buckets(s, r, &buckets, &count, e));
	if (rc == 0)
		rc = rollout_limit(buckets, count, r->share, &r->limit, e);
	if (rc == 0) {
		r->population = count;
		*opened = 0;
		while (*opened < count && buckets[*opened] <= r->limit)
			(*opened)++;
	}
	free(buckets);
	return rc;
}

int store_pause_locked(struct store *s, const char *name, const char *reason,
		       const struct audit_by *by, struct err *e)
{
	struct audit_record a;
	int64_t changed = 0;

	if (sql_run(s->db,
		    "UPDATE rollout SET state = ?, reason = ?, changed = ?"
		    " WHERE name = ? AND state IN (?, ?)",
		    SQL_BIND(sql_int(ROLLOUT_PAUSED), sql_text(reason),
			     sql_int(by->now), sql_text(name),
			     sql_int(ROLLOUT_RUNNING),
			     sql_int(ROLLOUT_COMPLETED)),
		    &changed, e))
		return -1;
	if (changed == 0)
		return err_set(e, ERR_CONFLICT,
			       "rollout %s is not running, so it cannot pause",
			       name);
	audit_record_init(&a, AUDIT_ROLLOUT_PAUSE, by);
	json_set_text(a.objects, "rollout", name);
	audit_set_secret(&a, "reason", reason);
	return store_log_locked(s, &a, e);
}

int store_rollout_pause(struct store *s, const char *name, const char *reason,
			const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db,
				store_pause_locked(s, name, reason, by, e), e);
	return store_unlock(s, rc);
}

static int log_completion(struct store *s, int64_t id, int64_t now,
			  struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_GATE, .now = now };
	char name[NAME_MAX_LEN + 1] = "";
	struct audit_record a;
	struct sql_query *q =
		sql_query(s->db, "SELECT name FROM rollout WHERE id = ?",
			  SQL_BIND(sql_int(id)));

	if (sql_next(q))
		sql_get_text(q, 0, name, sizeof(name));
	if (sql_end(q, e))
		return -1;
	audit_record_init(&a, AUDIT_ROLLOUT_COMPLETE, &by);
	json_set_text(a.objects, "rollout", name);
	return store_log_locked(s, &a, e);
}

static int settle(struct store *s, int64_t id, int64_t now, struct err *e)
{
	int64_t changed = 0;

	if (s->behind)
		return 0;
	/* Somebody still to come: a member that does not run it, confirmed; for
	 * a step back, one that runs something newer. Who tried it and came
	 * back keeps the rollout open: that is no success. Stops at the
	 * first. */
	if (sql_run(s->db,
		    "UPDATE rollout SET state = ?, changed = ?"
		    " WHERE id = ? AND state = ? AND share = ? AND NOT EXISTS ("
		    "SELECT 1 FROM device d WHERE d.product = rollout.product"
		    " AND d.revoked = 0 AND instr(' ' || rollout.cohorts || ' ',"
		    " ' ' || d.cohort || ' ') > 0"
		    " AND (rollout.models = '' OR instr(' ' || rollout.models ||"
		    " ' ', ' ' || d.model || ' ') > 0)"
		    " AND (CASE rollout.step_back WHEN 0 THEN"
		    " d.seq < rollout.seq ELSE d.seq > rollout.seq END"
		    " OR d.confirmed = 0))",
		    SQL_BIND(sql_int(ROLLOUT_COMPLETED), sql_int(now),
			     sql_int(id), sql_int(ROLLOUT_RUNNING),
			     sql_int(ROLLOUT_SHARE_ALL)),
		    &changed, e))
		return -1;
	return changed == 0 ? 0 : log_completion(s, id, now, e);
}

int store_rollout_settle(struct store *s, int64_t id, int64_t now,
			 struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, settle(s, id, now, e), e);
	return store_unlock(s, rc);
}

int store_rollout_counts(struct store *s, int64_t id,
			 uint64_t counts[ATTEMPT_STATES], struct err *e)
{
	struct sql_query *q;

	memset(counts, 0, ATTEMPT_STATES * sizeof(*counts));
	store_lock(s);
	q = sql_query(s->db, "SELECT state, n FROM counter WHERE rollout = ?",
		      SQL_BIND(sql_int(id)));
	while (sql_next(q)) {
		int64_t state = sql_get_int(q, 0);

		if (state >= 0 && state < ATTEMPT_STATES)
			counts[state] = (uint64_t)sql_get_int(q, 1);
	}
	return store_unlock(s, sql_end(q, e));
}

/* ---- attempts ------------------------------------------------------------ */

#define ATTEMPT_COLUMNS                                                        \
	"SELECT a.id, a.rollout, a.device, a.digest, a.seq, a.state,"          \
	" a.sequence, a.activation, a.code, a.offered, a.changed, a.evidence," \
	" a.back_from"

static void read_attempt(struct sql_query *q, struct attempt *a)
{
	int64_t state = sql_get_int(q, 5);

	memset(a, 0, sizeof(*a));
	a->id = sql_get_int(q, 0);
	a->rollout = sql_get_int(q, 1);
	sql_get_blob(q, 2, a->device.bytes, DEVICE_ID_LEN);
	sql_get_blob(q, 3, a->digest.bytes, SHA256_LEN);
	a->seq = (uint64_t)sql_get_int(q, 4);
	a->state = state >= 0 && state < ATTEMPT_STATES
			   ? (enum attempt_state)state
			   : ATTEMPT_FAILED;
	a->sequence = (uint32_t)sql_get_int(q, 6);
	a->activation = (uint64_t)sql_get_int(q, 7);
	sql_get_text(q, 8, a->code, sizeof(a->code));
	a->offered = sql_get_int(q, 9);
	a->changed = sql_get_int(q, 10);
	a->back_from = (uint64_t)sql_get_int(q, 12);
}

static void add_attempt_of(struct rollout_past *past, int64_t state,
			   int64_t changed)
{
	if (state == ATTEMPT_ROLLED_BACK)
		past->rolled_back = true;
	if (state != ATTEMPT_FAILED)
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
		SQL_BIND(sql_device(device), sql_int(ATTEMPT_CONFIRMED)));

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
		      "SELECT state, changed FROM attempt"
		      " WHERE device = ? AND digest = ? AND cleared = 0",
		      SQL_BIND(sql_device(device), sql_digest(&r->digest)));
	while (sql_next(q))
		add_attempt_of(&past, sql_get_int(q, 0), sql_get_int(q, 1));
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

int store_attempt_find(struct store *s, int64_t id,
		       const struct device_id *device, struct attempt *out,
		       struct err *e)
{
	struct sql_query *q;
	bool found;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      ATTEMPT_COLUMNS " FROM attempt a WHERE a.id = ?"
				      " AND a.device = ?",
		      SQL_BIND(sql_int(id), sql_device(device)));
	found = sql_next(q);
	if (found)
		read_attempt(q, out);
	rc = store_unlock(s, sql_end(q, e));
	if (rc == 0 && !found)
		return err_set(e, ERR_NOT_FOUND, "no such attempt");
	return rc;
}

static int count(struct store *s, int64_t rollout, int64_t state, int64_t by,
		 struct err *e)
{
	return sql_run(s->db,
		       "INSERT INTO counter (rollout, state, n)"
		       " VALUES (?, ?, ?) ON CONFLICT (rollout, state)"
		       " DO UPDATE SET n = n + excluded.n",
		       SQL_BIND(sql_int(rollout), sql_int(state), sql_int(by)),
		       NULL, e);
}

static int supersede(struct store *s, const struct attempt *a, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT id, rollout, state FROM attempt"
		" WHERE device = ? AND state < ?"
		" AND (rollout != ? OR digest != ?) ORDER BY id LIMIT 1",
		SQL_BIND(sql_device(&a->device), sql_int(ATTEMPT_INSTALLED),
			 sql_int(a->rollout), sql_digest(&a->digest)));
	bool found = sql_next(q);
	int64_t id = found ? sql_get_int(q, 0) : 0;
	int64_t rollout = found ? sql_get_int(q, 1) : 0;
	int64_t state = found ? sql_get_int(q, 2) : 0;

	if (sql_end(q, e))
		return -1;
	if (!found)
		return 0;
	if (sql_run(s->db,
		    "UPDATE attempt SET state = ?, changed = ? WHERE id = ?",
		    SQL_BIND(sql_int(ATTEMPT_SUPERSEDED), sql_int(a->offered),
			     sql_int(id)),
		    NULL, e) ||
	    count(s, rollout, state, -1, e))
		return -1;
	return count(s, rollout, ATTEMPT_SUPERSEDED, 1, e);
}

static int add_attempt(struct store *s, struct attempt *a, struct err *e)
{
	/* At most one is open at a time, because each new one ends it. */
	if (supersede(s, a, e) ||
	    sql_run(s->db,
		    "INSERT INTO attempt (rollout, device, digest, seq, state,"
		    " sequence, activation, code, offered, changed, back_from)"
		    " VALUES (?, ?, ?, ?, ?, 0, ?, '', ?, ?, ?)",
		    SQL_BIND(sql_int(a->rollout), sql_device(&a->device),
			     sql_digest(&a->digest), sql_int((int64_t)a->seq),
			     sql_int(ATTEMPT_OFFERED),
			     sql_int((int64_t)a->activation),
			     sql_int(a->offered), sql_int(a->offered),
			     sql_int((int64_t)a->back_from)),
		    NULL, e))
		return -1;
	a->id = sql_last_id(s->db);
	a->state = ATTEMPT_OFFERED;
	return count(s, a->rollout, ATTEMPT_OFFERED, 1, e);
}

int store_attempt_add(struct store *s, struct attempt *a, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_attempt(s, a, e), e);
	return store_unlock(s, rc);
}

static int former_state(struct store *s, int64_t id, int64_t *state,
			struct err *e)
{
	struct sql_query *q = sql_query(s->db,
					"SELECT state FROM attempt"
					" WHERE id = ?",
					SQL_BIND(sql_int(id)));

	*state = sql_next(q) ? sql_get_int(q, 0) : 0;
	return sql_end(q, e);
}

static int save_attempt(struct store *s, const struct attempt *a,
			const char *evidence, struct err *e)
{
	int64_t before;

	if (former_state(s, a->id, &before, e) ||
	    sql_run(s->db,
		    "UPDATE attempt SET state = ?, sequence = ?, code = ?,"
		    " changed = ?, evidence = coalesce(?, evidence)"
		    " WHERE id = ?",
		    SQL_BIND(sql_int(a->state), sql_int(a->sequence),
			     sql_text(a->code), sql_int(a->changed),
			     evidence ? sql_text(evidence) : sql_null(),
			     sql_int(a->id)),
		    NULL, e))
		return -1;
	if (before == (int64_t)a->state)
		return 0;
	if (count(s, a->rollout, before, -1, e))
		return -1;
	return count(s, a->rollout, a->state, 1, e);
}

int store_attempt_save(struct store *s, const struct attempt *a,
		       const char *evidence, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, save_attempt(s, a, evidence, e), e);
	return store_unlock(s, rc);
}

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
		sql_get_text(q, 13, rollout, sizeof(rollout));
		sql_get_text(q, 14, release, sizeof(release));
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
