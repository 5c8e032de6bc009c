/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's counters by kind of device: cohort, model, revision of the
 * hardware, and the release that ran when the offer was made. An attempt keeps
 * its kind, whatever becomes of the device; the counters change in the
 * transaction that changes the attempt, so a page reads a few rows.
 */
#include <string.h>

#include "update-server/store_db.h"

/* A device says its revision itself: no rollout has more kinds than so many,
 * and of those beyond it cohort and model alone are told apart. */
#define KINDS_MAX 256

static int read_device(struct store *s, const struct device_id *id,
		       struct store_kind *k, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT cohort, model, hardware,"
			  " coalesce(release, '') FROM device WHERE id = ?",
			  SQL_BIND(sql_device(id)));

	memset(k, 0, sizeof(*k));
	if (sql_next(q)) {
		sql_get_text(q, 0, k->cohort, sizeof(k->cohort));
		sql_get_text(q, 1, k->model, sizeof(k->model));
		sql_get_text(q, 2, k->hardware, sizeof(k->hardware));
		sql_get_text(q, 3, k->runs, sizeof(k->runs));
	}
	return sql_end(q, e);
}

/* 0 where there is none yet. */
static int find(struct store *s, int64_t rollout, const struct store_kind *k,
		int64_t *out, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT id FROM kind WHERE rollout = ? AND cohort = ?"
			  " AND model = ? AND hardware = ? AND runs = ?",
			  SQL_BIND(sql_int(rollout), sql_text(k->cohort),
				   sql_text(k->model), sql_text(k->hardware),
				   sql_text(k->runs)));

	*out = sql_next(q) ? sql_get_int(q, 0) : 0;
	return sql_end(q, e);
}

static int is_full(struct store *s, int64_t rollout, bool *full, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT count(*) FROM kind WHERE rollout = ?",
			  SQL_BIND(sql_int(rollout)));

	*full = sql_next(q) && sql_get_int(q, 0) >= KINDS_MAX;
	return sql_end(q, e);
}

static int add(struct store *s, int64_t rollout, const struct store_kind *k,
	       int64_t *out, struct err *e)
{
	if (sql_run(s->db,
		    "INSERT INTO kind (rollout, cohort, model, hardware, runs)"
		    " VALUES (?, ?, ?, ?, ?)",
		    SQL_BIND(sql_int(rollout), sql_text(k->cohort),
			     sql_text(k->model), sql_text(k->hardware),
			     sql_text(k->runs)),
		    NULL, e))
		return -1;
	*out = sql_last_id(s->db);
	return 0;
}

int store_kind_of_locked(struct store *s, int64_t rollout,
			 const struct device_id *device, int64_t *out,
			 struct err *e)
{
	struct store_kind k;
	bool full;

	if (read_device(s, device, &k, e) || find(s, rollout, &k, out, e))
		return -1;
	if (*out)
		return 0;
	if (is_full(s, rollout, &full, e))
		return -1;
	if (!full)
		return add(s, rollout, &k, out, e);
	memcpy(k.hardware, KINDS_REST, sizeof(KINDS_REST));
	memcpy(k.runs, KINDS_REST, sizeof(KINDS_REST));
	if (find(s, rollout, &k, out, e))
		return -1;
	return *out ? 0 : add(s, rollout, &k, out, e);
}

/* What an attempt is to its kind's counters. */
static struct kinds_counts weight(const struct stage_attempt *a)
{
	struct kinds_counts c = { .offered = 0 };

	if (!a || !a->counted || a->stone)
		return c;
	c.offered = 1;
	c.confirmed = a->state == STAGE_CONFIRMED;
	c.dark = a->state == STAGE_LOST;
	if (a->state != STAGE_FAILED && a->state != STAGE_ROLLED_BACK)
		return c;
	c.bad = gate_class_of(a->code) == GATE_REL;
	c.other = !c.bad;
	return c;
}

static int64_t change(uint64_t before, uint64_t after)
{
	return (int64_t)after - (int64_t)before;
}

int store_kind_move_locked(struct store *s, const struct attempt *a,
			   const struct stage_attempt *before, struct err *e)
{
	struct kinds_counts was = weight(before), is = weight(&a->at);
	bool wrong = is.bad || is.other || is.dark;

	if (a->kind == 0 || memcmp(&was, &is, sizeof(was)) == 0)
		return 0;
	return sql_run(s->db,
		       "UPDATE kind SET offered = offered + ?,"
		       " confirmed = confirmed + ?, bad = bad + ?,"
		       " other = other + ?, dark = dark + ?,"
		       /* Who came back after all is an example of nothing. */
		       " sample = coalesce(?, nullif(sample, ?)) WHERE id = ?",
		       SQL_BIND(sql_int(change(was.offered, is.offered)),
				sql_int(change(was.confirmed, is.confirmed)),
				sql_int(change(was.bad, is.bad)),
				sql_int(change(was.other, is.other)),
				sql_int(change(was.dark, is.dark)),
				wrong ? sql_device(&a->device) : sql_null(),
				sql_device(&a->device), sql_int(a->kind)),
		       NULL, e);
}

int store_kind_forget_locked(struct store *s, const struct device_id *id,
			     struct err *e)
{
	return sql_run(s->db, "UPDATE kind SET sample = NULL WHERE sample = ?",
		       SQL_BIND(sql_device(id)), NULL, e);
}

static void read_kind(struct sql_query *q, struct store_kind *k)
{
	memset(k, 0, sizeof(*k));
	k->id = sql_get_int(q, 10);
	sql_get_text(q, 0, k->cohort, sizeof(k->cohort));
	sql_get_text(q, 1, k->model, sizeof(k->model));
	sql_get_text(q, 2, k->hardware, sizeof(k->hardware));
	sql_get_text(q, 3, k->runs, sizeof(k->runs));
	k->n.offered = (uint64_t)sql_get_int(q, 4);
	k->n.confirmed = (uint64_t)sql_get_int(q, 5);
	k->n.bad = (uint64_t)sql_get_int(q, 6);
	k->n.other = (uint64_t)sql_get_int(q, 7);
	k->n.dark = (uint64_t)sql_get_int(q, 8);
	k->has_sample = sql_get_bytes(q, 9).len == DEVICE_ID_LEN;
	if (k->has_sample)
		sql_get_blob(q, 9, k->sample.bytes, DEVICE_ID_LEN);
}

int store_kind_each(struct store *s, int64_t rollout,
		    void (*visit)(void *ctx, const struct store_kind *k),
		    void *ctx, struct err *e)
{
	struct store_kind k;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT cohort, model, hardware, runs, offered,"
		      " confirmed, bad, other, dark, sample, id FROM kind"
		      " WHERE rollout = ? ORDER BY id",
		      SQL_BIND(sql_int(rollout)));
	while (sql_next(q)) {
		read_kind(q, &k);
		visit(ctx, &k);
	}
	return store_unlock(s, sql_end(q, e));
}
