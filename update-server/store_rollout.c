/* SPDX-License-Identifier: Apache-2.0 */
/* The store's rollouts: what they are, how they stand, and each change of them
 * with its record. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/stage_policy.h"
#include "update-server/store_db.h"

#define MODELS_TEXT   (RELEASE_MODELS_MAX * (NAME_MAX_LEN + 1))
#define HARDWARE_TEXT (RELEASE_HARDWARE_MAX * (NAME_MAX_LEN + 1))
#define COHORTS_TEXT  (ROLLOUT_COHORTS_MAX * (NAME_MAX_LEN + 1))
#define EXCLUDED_TEXT (STAGE_EXCLUDED_MAX * (2 * DEVICE_ID_LEN + 1) + 1)

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

static void join_ids(const struct stage *r, char out[EXCLUDED_TEXT])
{
	size_t used = 0;

	for (size_t i = 0; i < r->excluded_count; i++) {
		hex_format(
			(struct slice){ r->excluded[i].bytes, DEVICE_ID_LEN },
			out + used);
		used += 2 * DEVICE_ID_LEN;
		out[used++] = ' ';
	}
	out[used] = 0;
}

static void split_ids(const char *text, struct stage *r)
{
	struct slice word = { (const uint8_t *)text, 2 * DEVICE_ID_LEN };
	struct err ignored; /* we wrote it: one that is damaged is no id */

	while (strlen((const char *)word.ptr) > word.len &&
	       r->excluded_count < STAGE_EXCLUDED_MAX) {
		if (hex_parse(word, r->excluded[r->excluded_count].bytes,
			      DEVICE_ID_LEN, &ignored) == 0)
			r->excluded_count++;
		word.ptr += word.len + 1;
	}
}

/* ---- reading ------------------------------------------------------------- */

#define ROLLOUT_COLUMNS                                                        \
	"SELECT id, name, state, product, release, digest, seq, requires_seq," \
	" not_before, models, cohorts, population, reason, created, changed,"  \
	" step_back, revision, pause, verdict, epoch, author, last_by,"        \
	" last_verb, asked_by, asked_verb, acked, started, policy, excluded,"  \
	" size, undo_of, urgent, priority, expires, window_from, window_to,"   \
	" phase, phase_state, opened, baking, zone, summer, lab_only,"         \
	" selector, hardware, last_revision, everybody FROM rollout"

static void read_what(struct sql_query *q, struct rollout *r)
{
	char names[MODELS_TEXT];

	r->id = sql_get_int(q, 0);
	sql_get_text(q, 1, r->name, sizeof(r->name));
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
	r->step_back = sql_get_int(q, 15) != 0;
	r->lab_only = sql_get_int(q, 42) != 0;
	sql_get_text(q, 44, names, sizeof(names));
	r->hardware_count = split(names, r->hardware, RELEASE_HARDWARE_MAX);
}

/* A number of ours that must name something; else it is the last, which for
 * every kind of state is the safe one. */
static int bounded(struct sql_query *q, int column, int last)
{
	int64_t n = sql_get_int(q, column);

	return n >= 0 && n <= last ? (int)n : last;
}

static void read_state(struct sql_query *q, struct stage *r)
{
	r->revision = (uint64_t)sql_get_int(q, 16);
	r->status = (enum stage_status)bounded(q, 2, STAGE_REPLACED);
	r->pause = (enum stage_pause)bounded(q, 17, PAUSE_LAST);
	r->verdict = (enum gate_verdict)bounded(q, 18, GATE_TRIP_TROUBLE);
	sql_get_text(q, 12, r->reason, sizeof(r->reason));
	r->epoch = (uint16_t)sql_get_int(q, 19);
	sql_get_text(q, 20, r->author, sizeof(r->author));
	sql_get_text(q, 21, r->last_by, sizeof(r->last_by));
	r->last_verb = bounded(q, 22, STAGE_VERB_LAST);
	r->last_revision = (uint64_t)sql_get_int(q, 45);
	r->everybody = sql_get_int(q, 46) != 0;
	sql_get_text(q, 23, r->asked_by, sizeof(r->asked_by));
	r->asked_verb = bounded(q, 24, STAGE_VERB_LAST);
	r->acked = (uint64_t)sql_get_int(q, 25);
	r->created = sql_get_int(q, 13);
	r->changed = sql_get_int(q, 14);
	r->started = sql_get_int(q, 26);
	r->phase = (size_t)bounded(q, 36, LADDER_RUNGS_MAX - 1);
	r->phase_state = (enum stage_phase_state)bounded(q, 37, PHASE_PASSED);
	r->opened = sql_get_int(q, 38);
	r->baking = sql_get_int(q, 39);
}

static int read_rollout(struct sql_query *q, struct stage *r, struct err *e)
{
	char policy[STAGE_POLICY_TEXT], excluded[EXCLUDED_TEXT];
	char where[SELECTOR_TEXT_MAX + 1];
	int64_t summer;

	memset(r, 0, sizeof(*r));
	read_what(q, &r->what);
	read_state(q, r);
	sql_get_text(q, 27, policy, sizeof(policy));
	sql_get_text(q, 28, excluded, sizeof(excluded));
	split_ids(excluded, r);
	r->size = (uint64_t)sql_get_int(q, 29);
	r->is_undo = !sql_get_null(q, 30);
	if (r->is_undo)
		sql_get_blob(q, 30, r->undo_of.bytes, SHA256_LEN);
	r->urgent = sql_get_int(q, 31) != 0;
	r->priority = (int)sql_get_int(q, 32);
	r->expires = sql_get_int(q, 33);
	r->has_window = !sql_get_null(q, 34);
	r->window_from = (uint16_t)sql_get_int(q, 34);
	r->window_to = (uint16_t)sql_get_int(q, 35);
	r->zone.offset_min = (int)sql_get_int(q, 40);
	summer = sql_get_int(q, 41);
	r->zone.summer = summer > 0 && summer < SUMMER_RULES
				 ? (enum window_summer)summer
				 : SUMMER_NONE;
	r->ladder.population = (uint64_t)sql_get_int(q, 11);
	r->policy = stage_usual;
	sql_get_text(q, 43, where, sizeof(where));
	return stage_policy_read(slice_of(policy), &r->policy, e) ||
			       stage_set_where(r, slice_of(where), e)
		       ? err_in(e, "rollout %s", r->what.name)
		       : 0;
}

static int read_phases(struct store *s, struct stage *r, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT n, share, size, bucket_limit, bake, manual, not_before,"
		" opened, passed FROM phase WHERE rollout = ? ORDER BY n",
		SQL_BIND(sql_int(r->what.id)));

	while (r->ladder.count < LADDER_RUNGS_MAX && sql_next(q)) {
		size_t i = r->ladder.count++;
		struct ladder_rung *rung = &r->ladder.rungs[i];

		rung->share = (uint32_t)sql_get_int(q, 1);
		rung->size = (uint64_t)sql_get_int(q, 2);
		rung->limit = read_limit(q, 3);
		rung->bake_sec = sql_get_int(q, 4);
		rung->manual = sql_get_int(q, 5) != 0;
		r->not_before[i] = sql_get_int(q, 6);
		r->opened_at[i] = sql_get_int(q, 7);
		r->passed_at[i] = sql_get_int(q, 8);
	}
	return sql_end(q, e);
}

static int find_rollout(struct store *s, const char *name, struct stage *out,
			struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, ROLLOUT_COLUMNS " WHERE name = ?",
			  SQL_BIND(sql_text(name)));
	bool found = sql_next(q);
	int rc = found ? read_rollout(q, out, e) : 0;
	struct err ended = { 0 };

	if (sql_end(q, rc ? &ended : e) || rc)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND,
			       "no rollout %s (rollout list shows them)", name);
	return read_phases(s, out, e);
}

int store_rollout_find(struct store *s, const char *name, struct stage *out,
		       struct err *e)
{
	struct stage r;
	int rc;

	store_lock(s);
	rc = store_unlock(s, find_rollout(s, name, &r, e));
	if (rc == 0)
		*out = r;
	return rc;
}

static int read_all(struct store *s, struct stage **out, size_t *count,
		    struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, ROLLOUT_COLUMNS " ORDER BY seq DESC, id DESC",
			  SQL_NOTHING);
	struct err ended = { 0 };
	int rc = 0;

	while (rc == 0 && sql_next(q)) {
		if (*count % 16 == 0)
			*out = mem_resize(*out, *count + 16, sizeof(**out));
		rc = read_rollout(q, &(*out)[*count], e);
		*count += rc == 0;
	}
	if (sql_end(q, rc ? &ended : e))
		rc = -1;
	for (size_t i = 0; rc == 0 && i < *count; i++)
		rc = read_phases(s, &(*out)[i], e);
	return rc;
}

int store_rollout_all(struct store *s, struct stage **out, size_t *count,
		      struct err *e)
{
	struct stage *all = NULL;
	size_t n = 0;
	int rc;

	store_lock(s);
	rc = store_unlock(s, read_all(s, &all, &n, e));
	if (rc) {
		free(all);
		return -1;
	}
	*out = all;
	*count = n;
	return 0;
}

/* ---- writing ------------------------------------------------------------- */

static int log_creation(struct store *s, const struct stage *r,
			const struct audit_by *by, struct err *e)
{
	const struct rollout *w = &r->what;
	struct json *cohorts = json_new_array();
	struct audit_record a;

	for (size_t i = 0; i < w->cohort_count; i++)
		json_add(cohorts, json_new_text(w->cohorts[i]));
	audit_record_init(&a, AUDIT_ROLLOUT_CREATE, by);
	json_set_text(a.objects, "rollout", w->name);
	json_set_text(a.objects, "product", w->product);
	json_set_text(a.objects, "release", w->release);
	audit_set_digest(&a, "digest", &w->digest);
	json_set(a.objects, "cohorts", cohorts);
	json_set_int(a.objects, "share",
		     r->ladder.rungs[r->ladder.count - 1].share);
	json_set_int(a.objects, "step_back", w->step_back ? 1 : 0);
	return store_log_locked(s, &a, e);
}

static int write_phases(struct store *s, const struct stage *r, struct err *e)
{
	uint8_t limit[8];

	for (size_t i = 0; i < r->ladder.count; i++) {
		const struct ladder_rung *rung = &r->ladder.rungs[i];

		if (sql_run(s->db,
			    "INSERT OR REPLACE INTO phase (rollout, n, share,"
			    " size, bucket_limit, bake, manual, not_before,"
			    " opened, passed)"
			    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			    SQL_BIND(sql_int(r->what.id), sql_int((int64_t)i),
				     sql_int(rung->share),
				     sql_int((int64_t)rung->size),
				     bind_limit(rung->limit, limit),
				     sql_int(rung->bake_sec),
				     sql_int(rung->manual),
				     sql_int(r->not_before[i]),
				     sql_int(r->opened_at[i]),
				     sql_int(r->passed_at[i])),
			    NULL, e))
			return -1;
	}
	return 0;
}

static int insert_rollout(struct store *s, const struct stage *r,
			  const char *policy, struct err *e)
{
	char models[MODELS_TEXT], cohorts[COHORTS_TEXT];
	char excluded[EXCLUDED_TEXT], hardware[HARDWARE_TEXT];
	const struct rollout *w = &r->what;

	join(w->models, w->model_count, models);
	join(w->cohorts, w->cohort_count, cohorts);
	join(w->hardware, w->hardware_count, hardware);
	join_ids(r, excluded);
	return sql_run(
		s->db,
		"INSERT INTO rollout (name, state, product, release, digest,"
		" seq, requires_seq, not_before, models, cohorts, population,"
		" created, changed, step_back, author, policy, excluded, size,"
		" undo_of, urgent, priority, window_from, window_to, zone,"
		" summer, lab_only, selector, hardware, everybody)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		SQL_BIND(sql_text(w->name), sql_int(r->status),
			 sql_text(w->product), sql_text(w->release),
			 sql_digest(&w->digest), sql_int((int64_t)w->seq),
			 sql_int((int64_t)w->requires_seq),
			 sql_int(w->not_before), sql_text(models),
			 sql_text(cohorts),
			 sql_int((int64_t)r->ladder.population),
			 sql_int(r->created), sql_int(r->created),
			 sql_int(w->step_back), sql_text(r->author),
			 sql_text(policy), sql_text(excluded),
			 sql_int((int64_t)r->size),
			 r->is_undo ? sql_digest(&r->undo_of) : sql_null(),
			 sql_int(r->urgent), sql_int(r->priority),
			 r->has_window ? sql_int(r->window_from) : sql_null(),
			 r->has_window ? sql_int(r->window_to) : sql_null(),
			 sql_int(r->zone.offset_min), sql_int(r->zone.summer),
			 sql_int(w->lab_only), sql_text(r->where),
			 sql_text(hardware), sql_int(r->everybody)),
		NULL, e);
}

static int add_rollout(struct store *s, struct stage *r,
		       const struct audit_by *by, struct err *e)
{
	char policy[STAGE_POLICY_TEXT];

	for (size_t i = 0; i < r->what.cohort_count; i++)
		if (store_cohort_need_locked(s, r->what.cohorts[i], e))
			return -1;
	if (stage_policy_write(&r->policy, policy, e))
		return -1;
	if (insert_rollout(s, r, policy, e)) {
		if (e->code == ERR_CONFLICT)
			(void)err_set(e, ERR_CONFLICT,
				      "rollout %s exists already",
				      r->what.name);
		return -1;
	}
	r->what.id = sql_last_id(s->db);
	return write_phases(s, r, e) || log_creation(s, r, by, e) ? -1 : 0;
}

int store_rollout_add(struct store *s, struct stage *r,
		      const struct audit_by *by, struct err *e)
{
	int rc;

	r->revision = 1;
	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_rollout(s, r, by, e), e);
	return store_unlock(s, rc);
}

/* ---- changes ------------------------------------------------------------- */

static void set_limit(struct json *j, const struct stage *r)
{
	uint64_t limit = r->ladder.rungs[r->phase].limit;
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(limit >> (56 - 8 * i));
	json_set_hex(j, "limit", (struct slice){ bytes, 8 });
}

/* What each act has, as audit_record.c lists it. */
static int log_act(struct store *s, const struct stage *r,
		   const struct store_act *act, struct err *e)
{
	struct audit_record a;
	struct json *j;

	audit_record_init(&a, act->act, act->by);
	j = a.objects;
	json_set_text(j, "rollout", r->what.name);
	switch (act->act) {
	case AUDIT_ROLLOUT_START:
	case AUDIT_ROLLOUT_RESUME:
		json_set_int(j, "share", r->ladder.rungs[r->phase].share);
		set_limit(j, r);
		json_set_int(j, "population", (int64_t)r->ladder.population);
		break;
	case AUDIT_ROLLOUT_PAUSE:
		audit_set_secret(&a, "reason", r->reason);
		break;
	case AUDIT_ROLLOUT_PHASE:
		json_set_int(j, "revision", (int64_t)r->revision);
		json_set_int(j, "phase", (int64_t)r->phase + 1);
		json_set_int(j, "state", (int64_t)r->phase_state);
		set_limit(j, r);
		break;
	case AUDIT_ROLLOUT_COMPLETE:
		break;
	default:
		json_set_int(j, "revision", (int64_t)r->revision);
		if (act->reason)
			audit_set_secret(&a, "reason", act->reason);
		break;
	}
	return store_log_locked(s, &a, e);
}

/* Completion is an act of its own, whoever it was that brought it about. */
static int log_change(struct store *s, const struct stage *before,
		      const struct stage *next, const struct store_act *act,
		      struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_GATE, .now = act->by->now };
	const struct store_act completed = { .act = AUDIT_ROLLOUT_COMPLETE,
					     .by = &by };

	if (log_act(s, next, act, e))
		return -1;
	if (act->act == AUDIT_ROLLOUT_COMPLETE ||
	    act->act == AUDIT_ROLLOUT_RESUME ||
	    next->status != STAGE_COMPLETED ||
	    before->status == STAGE_COMPLETED)
		return 0;
	return log_act(s, next, &completed, e);
}

static int write_state(struct store *s, const struct stage *r,
		       uint64_t revision, int64_t *changed, struct err *e)
{
	return sql_run(
		s->db,
		"UPDATE rollout SET state = ?, revision = ?, pause = ?,"
		" verdict = ?, reason = ?, epoch = ?, author = ?, last_by = ?,"
		" last_verb = ?, asked_by = ?, asked_verb = ?, acked = ?,"
		" started = ?, changed = ?, population = ?, expires = ?,"
		" phase = ?, phase_state = ?, opened = ?, baking = ?,"
		" last_revision = ?, everybody = ?"
		" WHERE id = ? AND revision = ?",
		SQL_BIND(sql_int(r->status), sql_int((int64_t)r->revision),
			 sql_int(r->pause), sql_int(r->verdict),
			 sql_text(r->reason), sql_int(r->epoch),
			 sql_text(r->author), sql_text(r->last_by),
			 sql_int(r->last_verb), sql_text(r->asked_by),
			 sql_int(r->asked_verb), sql_int((int64_t)r->acked),
			 sql_int(r->started), sql_int(r->changed),
			 sql_int((int64_t)r->ladder.population),
			 sql_int(r->expires), sql_int((int64_t)r->phase),
			 sql_int(r->phase_state), sql_int(r->opened),
			 sql_int(r->baking), sql_int((int64_t)r->last_revision),
			 sql_int(r->everybody), sql_int(r->what.id),
			 sql_int((int64_t)revision)),
		changed, e);
}

static int save_rollout(struct store *s, const struct stage *next,
			const struct store_act *act, struct err *e)
{
	struct stage before;
	int64_t changed = 0;

	if (find_rollout(s, next->what.name, &before, e) ||
	    write_state(s, next, act->revision, &changed, e))
		return -1;
	if (changed != 1)
		return err_set(e, ERR_CONFLICT,
			       "rollout %s was changed meanwhile (revision "
			       "%llu now): look again",
			       next->what.name,
			       (unsigned long long)before.revision);
	/* What the log lacks may be what stopped it. */
	if (s->behind && next->status == STAGE_COMPLETED &&
	    before.status != STAGE_COMPLETED)
		return err_set(
			e, ERR_CONFLICT,
			"the end of the audit log is missing: no rollout "
			"completes until it is replayed");
	if (write_phases(s, next, e) ||
	    (next->epoch != before.epoch &&
	     store_tally_epoch_locked(s, next->what.id, e)))
		return -1;
	return log_change(s, &before, next, act, e);
}

int store_rollout_save(struct store *s, const struct stage *next,
		       const struct store_act *act, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, save_rollout(s, next, act, e), e);
	return store_unlock(s, rc);
}

/* By a rule: whoever looks at it decides. */
int store_pause_locked(struct store *s, const char *name, const char *reason,
		       const struct audit_by *by, struct err *e)
{
	const struct stage_act pause = {
		.verb = STAGE_PAUSE,
		.by = "the server",
		.reason = reason,
		.now = by->now,
	};
	struct store_act act = { .act = AUDIT_ROLLOUT_PAUSE, .by = by };
	struct stage r;
	bool changed = false;

	if (find_rollout(s, name, &r, e))
		return -1;
	act.revision = r.revision;
	if (stage_act(&r, &pause, NULL, &changed, e))
		return -1;
	return changed ? save_rollout(s, &r, &act, e) : 0;
}

/* ---- what is beside it --------------------------------------------------- */

int store_rollout_later(struct store *s, const struct rollout *r, bool *out,
			struct err *e)
{
	char cohorts[COHORTS_TEXT];
	struct sql_query *q;

	join(r->cohorts, r->cohort_count, cohorts);
	store_lock(s);
	q = sql_query(s->db,
		      "SELECT 1 FROM rollout WHERE product = ? AND state = ?"
		      " AND cohorts = ? AND seq > ? LIMIT 1",
		      SQL_BIND(sql_text(r->product), sql_int(STAGE_COMPLETED),
			       sql_text(cohorts), sql_int((int64_t)r->seq)));
	*out = sql_next(q);
	return store_unlock(s, sql_end(q, e));
}

int store_rollout_running(struct store *s, const struct rollout *r,
			  uint64_t *out, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT coalesce(sum(n), 0) FROM fleet_count"
		      " WHERE product = ? AND seq = ?",
		      SQL_BIND(sql_text(r->product), sql_int((int64_t)r->seq)));
	*out = sql_next(q) ? (uint64_t)sql_get_int(q, 0) : 0;
	return store_unlock(s, sql_end(q, e));
}
