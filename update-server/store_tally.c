/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's counters: what stage_tally counts, in rows. Each is changed in
 * the transaction that changes an attempt; only the hours of the control group
 * are gathered in memory first, as signs of life are.
 */
#include <assert.h>
#include <string.h>

#include "update-server/store_db.h"

/* ---- rows ---------------------------------------------------------------- */

/* A device says what codes there are: no row outlives those that it counts, or
 * one device could fill the disk with codes that it has no more. */
static int drop_empty(struct store *s, int64_t rollout,
		      const struct stage_attempt *a, struct err *e)
{
	return sql_run(s->db,
		       "DELETE FROM counter WHERE rollout = ? AND phase = ?"
		       " AND epoch = ? AND state = ? AND code = ? AND n = 0",
		       SQL_BIND(sql_int(rollout), sql_int(a->phase),
				sql_int(a->epoch), sql_int(a->state),
				sql_text(a->code)),
		       NULL, e);
}

static int count(struct store *s, int64_t rollout,
		 const struct stage_attempt *a, int64_t by, struct err *e)
{
	bool counted = a->counted && !a->stone;

	return sql_run(s->db,
		       "INSERT INTO counter (rollout, phase, epoch, state,"
		       " code, counted, n) VALUES (?, ?, ?, ?, ?, ?, ?)"
		       " ON CONFLICT (rollout, phase, epoch, state, code,"
		       " counted) DO UPDATE SET n = n + excluded.n",
		       SQL_BIND(sql_int(rollout), sql_int(a->phase),
				sql_int(a->epoch), sql_int(a->state),
				sql_text(a->code), sql_int(counted),
				sql_int(by)),
		       NULL, e);
}

static int read_early(struct store *s, int64_t rollout, size_t phase,
		      uint16_t epoch, struct tally_gate *g, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT ended, bad, stop FROM early WHERE rollout = ?"
			  " AND phase = ? AND epoch = ?",
			  SQL_BIND(sql_int(rollout), sql_int((int64_t)phase),
				   sql_int(epoch)));

	if (sql_next(q)) {
		g->early = (uint32_t)sql_get_int(q, 0);
		g->early_bad = (uint32_t)sql_get_int(q, 1);
		g->stop_code = sql_get_int(q, 2) != 0;
	}
	return sql_end(q, e);
}

static int write_early(struct store *s, int64_t rollout, size_t phase,
		       uint16_t epoch, const struct tally_gate *g,
		       struct err *e)
{
	return sql_run(s->db,
		       "INSERT OR REPLACE INTO early"
		       " (rollout, phase, epoch, ended, bad, stop)"
		       " VALUES (?, ?, ?, ?, ?, ?)",
		       SQL_BIND(sql_int(rollout), sql_int((int64_t)phase),
				sql_int(epoch), sql_int(g->early),
				sql_int(g->early_bad), sql_int(g->stop_code)),
		       NULL, e);
}

static void take_hour(struct sql_query *q, struct tally *t)
{
	struct tally_hour h = { .hour = sql_get_int(q, 0) };

	h.installed = (uint64_t)sql_get_int(q, 1);
	h.dark = (uint64_t)sql_get_int(q, 2);
	h.seen = (uint64_t)sql_get_int(q, 3);
	h.last = (uint64_t)sql_get_int(q, 4);
	t->hours[(uint64_t)h.hour % TALLY_HOURS] = h;
}

#define HOUR_COLUMNS "SELECT hour, installed, dark, seen, last FROM hour"

static int read_hour(struct store *s, int64_t rollout, int64_t hour,
		     struct tally *t, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, HOUR_COLUMNS " WHERE rollout = ? AND hour = ?",
			  SQL_BIND(sql_int(rollout), sql_int(hour)));

	if (sql_next(q))
		take_hour(q, t);
	return sql_end(q, e);
}

static int write_hour(struct store *s, int64_t rollout,
		      const struct tally_hour *h, struct err *e)
{
	return sql_run(s->db,
		       "INSERT INTO hour (rollout, hour, installed, dark)"
		       " VALUES (?, ?, ?, ?) ON CONFLICT (rollout, hour)"
		       " DO UPDATE SET installed = excluded.installed,"
		       " dark = excluded.dark",
		       SQL_BIND(sql_int(rollout), sql_int(h->hour),
				sql_int((int64_t)h->installed),
				sql_int((int64_t)h->dark)),
		       NULL, e);
}

/* ---- one change ---------------------------------------------------------- */

/*
 * The rows of an attempt's phase and of the hour in which it installed are read
 * into a tally, so that stage_tally alone says what a change means to them.
 */
static int move_rest(struct store *s, int64_t rollout,
		     const struct tally_stops *stops,
		     const struct stage_attempt *before,
		     const struct stage_attempt *after, struct err *e)
{
	struct tally *t = &s->tally;
	struct tally_gate *g = &t->gate[after->phase], was;
	int64_t hour = after->installed / TALLY_HOUR;
	struct tally_hour *h = &t->hours[(uint64_t)hour % TALLY_HOURS];

	tally_init(t);
	t->epoch = after->epoch;
	if (read_early(s, rollout, after->phase, after->epoch, g, e) ||
	    (after->installed && read_hour(s, rollout, hour, t, e)))
		return -1;
	was = *g;
	tally_move(t, stops, before, after);
	if ((g->early != was.early || g->stop_code != was.stop_code) &&
	    write_early(s, rollout, after->phase, after->epoch, g, e))
		return -1;
	return after->installed && h->hour == hour
		       ? write_hour(s, rollout, h, e)
		       : 0;
}

int store_tally_move_locked(struct store *s, int64_t rollout,
			    const struct tally_stops *stops,
			    const struct stage_attempt *before,
			    const struct stage_attempt *after, struct err *e)
{
	if (before && before->state == after->state &&
	    before->epoch == after->epoch &&
	    strcmp(before->code, after->code) == 0)
		return 0;
	if ((before && (count(s, rollout, before, -1, e) ||
			drop_empty(s, rollout, before, e))) ||
	    count(s, rollout, after, 1, e))
		return -1;
	if (before && before->state == after->state)
		return 0;
	return move_rest(s, rollout, stops, before, after, e);
}

int store_tally_epoch_locked(struct store *s, int64_t rollout, struct err *e)
{
	return sql_run(s->db,
		       "UPDATE hour SET installed = 0, dark = 0"
		       " WHERE rollout = ?",
		       SQL_BIND(sql_int(rollout)), NULL, e);
}

/* ---- those that were offered nothing ------------------------------------- */

static void add_control(struct store *s, const struct control *c)
{
	for (size_t i = 0; i < s->control_count; i++)
		if (s->control[i].rollout == c->rollout &&
		    s->control[i].hour == c->hour) {
			s->control[i].seen += c->seen;
			s->control[i].last += c->last;
			return;
		}
	assert(s->control_count < CONTROL_MAX);
	s->control[s->control_count++] = *c;
}

int store_control_room_locked(struct store *s, size_t rollouts, struct err *e)
{
	return s->control_count + 2 * rollouts > CONTROL_MAX
		       ? store_flush_locked(s, e)
		       : 0;
}

void store_control_leaves_locked(struct store *s, int64_t rollout, int64_t seen)
{
	const struct control c = { rollout, seen / TALLY_HOUR, 0, -1 };

	if (seen)
		add_control(s, &c);
}

/* One question for all of them: most devices have few attempts. */
static int find_offered(struct store *s, const struct stage *const *rollouts,
			size_t count, const struct device_id *id, bool *offered,
			struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT rollout FROM attempt WHERE device = ?",
			  SQL_BIND(sql_device(id)));

	while (sql_next(q))
		for (size_t i = 0; i < count; i++)
			if (rollouts[i]->what.id == sql_get_int(q, 0))
				offered[i] = true;
	return sql_end(q, e);
}

static int control_seen(struct store *s, const struct stage *const *rollouts,
			size_t count, const struct store_sign *sign,
			struct err *e)
{
	bool offered[STORE_CONTROL_MAX] = { false };

	if (store_control_room_locked(s, count, e) ||
	    (!sign->untried &&
	     find_offered(s, rollouts, count, &sign->id, offered, e)))
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct stage *r = rollouts[i];
		const struct control c = { r->what.id, sign->now / TALLY_HOUR,
					   1, 1 };

		if (offered[i])
			continue;
		store_control_leaves_locked(
			s, r->what.id,
			sign->before < r->started ? 0 : sign->before);
		add_control(s, &c);
	}
	return 0;
}

int store_control_seen(struct store *s, const struct stage *const *rollouts,
		       size_t count, const struct store_sign *sign,
		       struct err *e)
{
	const struct stage *new[STORE_CONTROL_MAX];
	int64_t before = sign->before;
	size_t n = 0;

	assert(count <= STORE_CONTROL_MAX);
	/* Once an hour says it: nothing to look up in between. */
	for (size_t i = 0; i < count; i++)
		if (before < rollouts[i]->started ||
		    before / TALLY_HOUR != sign->now / TALLY_HOUR)
			new[n++] = rollouts[i];
	if (n == 0)
		return 0;
	store_lock(s);
	return store_unlock(s, control_seen(s, new, n, sign, e));
}

static int write_control(struct store *s, const struct control *c,
			 struct err *e)
{
	if (sql_run(s->db,
		    "INSERT INTO hour (rollout, hour, seen, last)"
		    " VALUES (?1, ?2, max(?3, 0), max(?4, 0))"
		    " ON CONFLICT (rollout, hour) DO UPDATE SET"
		    " seen = max(seen + ?3, 0), last = max(last + ?4, 0)",
		    SQL_BIND(sql_int(c->rollout), sql_int(c->hour),
			     sql_int(c->seen), sql_int(c->last)),
		    NULL, e))
		return -1;
	return sql_run(
		s->db, "DELETE FROM hour WHERE rollout = ? AND hour < ?",
		SQL_BIND(sql_int(c->rollout), sql_int(c->hour - TALLY_HOURS)),
		NULL, e);
}

int store_control_flush_locked(struct store *s, struct err *e)
{
	for (size_t i = 0; i < s->control_count; i++)
		if (write_control(s, &s->control[i], e))
			return -1;
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

#define COUNTER_COLUMNS                                                        \
	"SELECT phase, epoch, state, code, counted, n FROM counter"            \
	" WHERE rollout = ? AND n > 0"

static bool read_counter(struct sql_query *q, struct store_counter *c)
{
	int64_t phase = sql_get_int(q, 0), state = sql_get_int(q, 2);

	c->phase = (size_t)phase;
	c->epoch = (uint16_t)sql_get_int(q, 1);
	c->state = (enum stage_state)state;
	sql_get_text(q, 3, c->code, sizeof(c->code));
	c->counted = sql_get_int(q, 4) != 0;
	c->n = (uint64_t)sql_get_int(q, 5);
	return phase >= 0 && phase < LADDER_RUNGS_MAX && state >= 0 &&
	       state < STAGE_STATES;
}

int store_counter_each(struct store *s, int64_t rollout,
		       void (*visit)(void *ctx, const struct store_counter *c),
		       void *ctx, struct err *e)
{
	struct store_counter c;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, COUNTER_COLUMNS " ORDER BY phase, state, code",
		      SQL_BIND(sql_int(rollout)));
	while (sql_next(q))
		if (read_counter(q, &c))
			visit(ctx, &c);
	return store_unlock(s, sql_end(q, e));
}

static int read_counters(struct store *s, int64_t rollout, struct tally *t,
			 struct err *e)
{
	struct store_counter c;
	struct sql_query *q =
		sql_query(s->db, COUNTER_COLUMNS, SQL_BIND(sql_int(rollout)));

	while (sql_next(q)) {
		struct stage_attempt like = { .counted = true };

		if (!read_counter(q, &c))
			continue;
		like.phase = (uint8_t)c.phase;
		like.epoch = c.epoch;
		like.state = (uint8_t)c.state;
		like.counted = c.counted;
		memcpy(like.code, c.code, sizeof(like.code));
		tally_add(t, &like, c.n);
	}
	return sql_end(q, e);
}

static int read_hours(struct store *s, int64_t rollout, int64_t now,
		      struct tally *t, struct err *e)
{
	int64_t hour = now / TALLY_HOUR;
	struct sql_query *q = sql_query(
		s->db,
		HOUR_COLUMNS " WHERE rollout = ? AND hour > ? AND hour <= ?",
		SQL_BIND(sql_int(rollout), sql_int(hour - TALLY_HOURS),
			 sql_int(hour)));

	while (sql_next(q))
		take_hour(q, t);
	return sql_end(q, e);
}

static int read_tally(struct store *s, const struct stage *r, int64_t now,
		      struct tally *t, struct err *e)
{
	tally_init(t);
	t->epoch = r->epoch;
	if (read_counters(s, r->what.id, t, e))
		return -1;
	for (size_t i = 0; i < LADDER_RUNGS_MAX; i++)
		if (read_early(s, r->what.id, i, r->epoch, &t->gate[i], e))
			return -1;
	return read_hours(s, r->what.id, now, t, e);
}

int store_tally(struct store *s, const struct stage *r, int64_t now,
		struct tally *out, struct err *e)
{
	store_lock(s);
	return store_unlock(s, read_tally(s, r, now, out, e));
}
