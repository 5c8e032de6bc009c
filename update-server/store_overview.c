/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_overview.h"

#include <string.h>

#include "update-server/store_db.h"

#define WEEK (7 * UTC_DAY)

/* ---- what the database counts by itself ---------------------------------- */

#define MOVED                                                                  \
	"(old.revoked != new.revoked OR old.product != new.product"            \
	" OR old.cohort != new.cohort OR old.release IS NOT new.release"       \
	" OR old.seq != new.seq)"
#define OF_OLD                                                                 \
	" WHERE product = old.product AND cohort = old.cohort"                 \
	" AND release = coalesce(old.release, '') AND seq = old.seq"
#define ON_MOVE                                                                \
	" AFTER UPDATE OF revoked, product, cohort, release, seq ON device"

/* A device begins to count, or ceases to. */
#define COUNT                                                                  \
	" BEGIN INSERT INTO fleet_count VALUES (new.product, new.cohort,"      \
	" coalesce(new.release, ''), new.seq, 1)"                              \
	" ON CONFLICT DO UPDATE SET n = n + 1; END;"
#define UNCOUNT                                                                \
	" BEGIN UPDATE fleet_count SET n = n - 1" OF_OLD ";"                   \
	" DELETE FROM fleet_count" OF_OLD " AND n < 1; END;"

/* The same for those that stand aside. */
#define WHEN_OLD_ASIDE " WHEN old.revoked != 0 OR old.quarantined != 0"
#define WHEN_NEW_ASIDE " WHEN new.revoked != 0 OR new.quarantined != 0"
#define ON_ASIDE       " AFTER UPDATE OF revoked, quarantined ON device"
#define COUNT_ASIDE                                                            \
	" BEGIN INSERT INTO fleet_aside VALUES (CASE WHEN new.revoked != 0"    \
	" THEN new.revoked ELSE 3 END, 1)"                                     \
	" ON CONFLICT DO UPDATE SET n = n + 1; END;"
#define UNCOUNT_ASIDE                                                          \
	" BEGIN UPDATE fleet_aside SET n = n - 1 WHERE state ="                \
	" CASE WHEN old.revoked != 0 THEN old.revoked ELSE 3 END; END;"

/*
 * What a record of the audit log is about; the indexes are over the same words.
 * A record has one spelling and no quote within its names, so its text can be
 * cut; SQLite trusts no JSON function in a schema.
 */
#define RECORD     "CAST(record AS TEXT)"
#define DEVICE_AT  "instr(" RECORD ", '\"device\":\"')"
#define DEVICE_IN  "substr(" RECORD ", " DEVICE_AT " + 10, 32)"
#define ROLLOUT_AT "instr(" RECORD ", '\"rollout\":\"')"
#define ROLLOUT_ON "substr(" RECORD ", " ROLLOUT_AT " + 11)"
#define ROLLOUT_IN "substr(" ROLLOUT_ON ", 1, instr(" ROLLOUT_ON ", '\"') - 1)"

const char store_overview_tables[] =
	"CREATE TABLE fleet_count (product TEXT NOT NULL,"
	" cohort TEXT NOT NULL, release TEXT NOT NULL, seq INTEGER NOT NULL,"
	" n INTEGER NOT NULL, PRIMARY KEY (product, cohort, release, seq))"
	" WITHOUT ROWID;"
	/* By the day of the last sign of life, since 1970; 0: never. */
	"CREATE TABLE fleet_day (day INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
	/* 1 revoked, 2 retired, 3 in quarantine. */
	"CREATE TABLE fleet_aside (state INTEGER PRIMARY KEY,"
	" n INTEGER NOT NULL);"
	"CREATE TABLE fleet_history (product TEXT NOT NULL,"
	" at INTEGER NOT NULL, release TEXT NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY (product, at, release)) WITHOUT ROWID;"
	"CREATE INDEX fleet_history_at ON fleet_history (at);"
	"ALTER TABLE device ADD COLUMN seen_day INTEGER NOT NULL DEFAULT 0;"
	"UPDATE device SET seen_day = last_seen / 86400;"
	"CREATE INDEX device_release ON device (product, release)"
	" WHERE revoked = 0;"
	"CREATE INDEX device_cohort ON device (cohort) WHERE revoked = 0;"
	"CREATE INDEX device_day ON device (seen_day) WHERE revoked = 0;"
	"CREATE INDEX device_gone ON device (revoked) WHERE revoked != 0;"
	"CREATE INDEX device_aside ON device (revoked)"
	" WHERE quarantined != 0;"
	"INSERT INTO fleet_count SELECT product, cohort,"
	" coalesce(release, ''), seq, count(*) FROM device WHERE revoked = 0"
	" GROUP BY 1, 2, 3, 4;"
	"INSERT INTO fleet_day SELECT seen_day, count(*) FROM device"
	" WHERE revoked = 0 GROUP BY 1;"
	"INSERT INTO fleet_aside SELECT CASE WHEN revoked != 0 THEN revoked"
	" ELSE 3 END, count(*) FROM device"
	" WHERE revoked != 0 OR quarantined != 0 GROUP BY 1;"
	"CREATE INDEX audit_rollout ON audit (" ROLLOUT_IN ")"
	" WHERE " ROLLOUT_AT " > 0;"
	"CREATE INDEX audit_device ON audit (" DEVICE_IN ")"
	" WHERE " DEVICE_AT " > 0;";

const char store_overview_attempts_index[] =
	"CREATE INDEX attempt_state ON attempt (rollout, state, id);";

const char store_overview_triggers[] =
	"CREATE TRIGGER device_comes AFTER INSERT ON device"
	" WHEN new.revoked = 0" COUNT
	"CREATE TRIGGER device_goes AFTER DELETE ON device"
	" WHEN old.revoked = 0" UNCOUNT "CREATE TRIGGER device_leaves" ON_MOVE
	" WHEN old.revoked = 0 AND " MOVED UNCOUNT
	"CREATE TRIGGER device_joins" ON_MOVE
	" WHEN new.revoked = 0 AND " MOVED COUNT

	"CREATE TRIGGER device_aside_comes AFTER INSERT ON device" WHEN_NEW_ASIDE
		COUNT_ASIDE
	"CREATE TRIGGER device_aside_goes AFTER DELETE ON device" WHEN_OLD_ASIDE
		UNCOUNT_ASIDE
	"CREATE TRIGGER device_aside_leaves" ON_ASIDE WHEN_OLD_ASIDE
		UNCOUNT_ASIDE
	"CREATE TRIGGER device_aside_joins" ON_ASIDE WHEN_NEW_ASIDE COUNT_ASIDE

	/* Once a day per device, however often it comes. */
	"CREATE TRIGGER device_day_comes AFTER INSERT ON device"
	" WHEN new.revoked = 0 BEGIN"
	" UPDATE device SET seen_day = new.last_seen / 86400"
	" WHERE id = new.id AND new.last_seen != 0;"
	" INSERT INTO fleet_day VALUES (new.last_seen / 86400, 1)"
	" ON CONFLICT DO UPDATE SET n = n + 1; END;"
	"CREATE TRIGGER device_day_goes AFTER DELETE ON device"
	" WHEN old.revoked = 0 BEGIN"
	" UPDATE fleet_day SET n = n - 1 WHERE day = old.seen_day; END;"
	"CREATE TRIGGER device_day_moves AFTER UPDATE OF last_seen ON device"
	" WHEN new.last_seen / 86400 != old.seen_day BEGIN"
	" UPDATE fleet_day SET n = n - 1"
	" WHERE day = old.seen_day AND old.revoked = 0;"
	" INSERT INTO fleet_day"
	" SELECT new.last_seen / 86400, 1 WHERE old.revoked = 0"
	" ON CONFLICT DO UPDATE SET n = n + 1;"
	" UPDATE device SET seen_day = new.last_seen / 86400"
	" WHERE id = new.id; END;"
	"CREATE TRIGGER device_day_ends AFTER UPDATE OF revoked ON device"
	" WHEN old.revoked = 0 AND new.revoked != 0 BEGIN"
	" UPDATE fleet_day SET n = n - 1 WHERE day = new.seen_day; END;"
	"CREATE TRIGGER device_day_returns AFTER UPDATE OF revoked ON device"
	" WHEN old.revoked != 0 AND new.revoked = 0 BEGIN"
	" INSERT INTO fleet_day VALUES (new.seen_day, 1)"
	" ON CONFLICT DO UPDATE SET n = n + 1; END;";

/* ---- counts -------------------------------------------------------------- */

int store_overview_totals(struct store *s, struct overview_totals *out,
			  struct err *e)
{
	struct overview_totals t = { 0 };
	uint64_t *const aside[] = { NULL, &t.revoked, &t.retired,
				    &t.quarantined };
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT coalesce(sum(n), 0),"
		      " coalesce(sum(n) FILTER (WHERE day = 0), 0)"
		      " FROM fleet_day",
		      SQL_NOTHING);
	if (sql_next(q)) {
		t.devices = (uint64_t)sql_get_int(q, 0);
		t.never_seen = (uint64_t)sql_get_int(q, 1);
	}
	rc = sql_end(q, e);
	if (rc == 0) {
		q = sql_query(s->db,
			      "SELECT state, n FROM fleet_aside"
			      " WHERE state BETWEEN 1 AND 3",
			      SQL_NOTHING);
		while (sql_next(q))
			*aside[sql_get_int(q, 0)] = (uint64_t)sql_get_int(q, 1);
		rc = sql_end(q, e);
	}
	if (store_unlock(s, rc) == 0)
		*out = t;
	return rc;
}

int store_overview_silent(struct store *s, int64_t day, uint64_t *out,
			  struct err *e)
{
	struct sql_query *q;
	uint64_t n = 0;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT coalesce(sum(n), 0) FROM fleet_day"
		      " WHERE day > 0 AND day < ?",
		      SQL_BIND(sql_int(day)));
	if (sql_next(q))
		n = (uint64_t)sql_get_int(q, 0);
	rc = store_unlock(s, sql_end(q, e));
	if (rc == 0)
		*out = n;
	return rc;
}

int store_overview_releases(struct store *s,
			    void (*visit)(void *ctx,
					  const struct overview_release *r),
			    void *ctx, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT product, release, max(seq), sum(n)"
		      " FROM fleet_count GROUP BY product, release"
		      " ORDER BY product, max(seq) DESC, release",
		      SQL_NOTHING);
	while (sql_next(q)) {
		struct overview_release r = { 0 };

		sql_get_text(q, 0, r.product, sizeof(r.product));
		sql_get_text(q, 1, r.release, sizeof(r.release));
		r.seq = (uint64_t)sql_get_int(q, 2);
		r.devices = (uint64_t)sql_get_int(q, 3);
		visit(ctx, &r);
	}
	return store_unlock(s, sql_end(q, e));
}

int store_overview_cohorts(struct store *s,
			   void (*visit)(void *ctx, const char *cohort,
					 uint64_t devices),
			   void *ctx, struct err *e)
{
	char name[NAME_MAX_LEN + 1];
	struct sql_query *q;

	store_lock(s);
	q = sql_query(
		s->db,
		"SELECT cohort.name, coalesce(sum(n), 0) FROM cohort"
		" LEFT JOIN fleet_count ON cohort = cohort.name"
		" WHERE removed = 0 GROUP BY cohort.name ORDER BY cohort.name",
		SQL_NOTHING);
	while (sql_next(q)) {
		sql_get_text(q, 0, name, sizeof(name));
		visit(ctx, name, (uint64_t)sql_get_int(q, 1));
	}
	return store_unlock(s, sql_end(q, e));
}

/* ---- who did what ---------------------------------------------------------
 */

#define ACTS(at, in)                                                           \
	"SELECT record FROM audit WHERE " at " > 0 AND " in                    \
	" = ? AND n < ? ORDER BY n DESC LIMIT ?"

int store_overview_acts(struct store *s, const struct overview_acts *about,
			int (*visit)(void *ctx, struct slice record,
				     struct err *e),
			void *ctx, struct err *e)
{
	struct sql_query *q;
	struct err ignored; /* the visitor's is the first */
	int rc = 0;

	store_lock(s);
	q = sql_query(s->db,
		      about->of_device ? ACTS(DEVICE_AT, DEVICE_IN)
				       : ACTS(ROLLOUT_AT, ROLLOUT_IN),
		      SQL_BIND(sql_text(about->name),
			       sql_int(about->before ? (int64_t)about->before
						     : INT64_MAX),
			       sql_int((int64_t)about->max)));
	while (rc == 0 && sql_next(q))
		rc = visit(ctx, sql_get_bytes(q, 0), e);
	if (sql_end(q, rc == 0 ? e : &ignored))
		rc = -1;
	return store_unlock(s, rc);
}

/* ---- over time ----------------------------------------------------------- */

/* Samples stand at multiples of the step, so what is not on the hour, or the
 * day, can be told by its time. */
static int thin_out(struct store *s, int64_t now, struct err *e)
{
	return sql_run(s->db,
		       "DELETE FROM fleet_history WHERE at < ?1"
		       " AND (at % 3600 != 0 OR at < ?2 AND at % 86400 != 0"
		       " OR at < ?3)",
		       SQL_BIND(sql_int(now - WEEK),
				sql_int(now - 60 * UTC_DAY),
				sql_int(now - 400 * UTC_DAY)),
		       NULL, e);
}

int store_overview_sample(struct store *s, int64_t now, struct err *e)
{
	int64_t at = now - now % OVERVIEW_STEP;
	int rc;

	store_lock(s);
	if (sql_begin(s->db, e))
		return store_unlock(s, -1);
	rc = sql_run(s->db,
		     "INSERT OR REPLACE INTO fleet_history"
		     " SELECT product, ?, release, sum(n) FROM fleet_count"
		     " GROUP BY product, release",
		     SQL_BIND(sql_int(at)), NULL, e);
	if (rc == 0)
		rc = thin_out(s, now, e);
	return store_unlock(s, sql_finish(s->db, rc, e));
}

int store_overview_history(struct store *s, const struct overview_span *span,
			   void (*visit)(void *ctx, int64_t at,
					 const char *release, uint64_t devices),
			   void *ctx, struct err *e)
{
	char release[NAME_MAX_LEN + 1];
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT at, release, n FROM fleet_history"
		      " WHERE product = ? AND at >= ? ORDER BY at LIMIT ?",
		      SQL_BIND(sql_text(span->product), sql_int(span->since),
			       sql_int((int64_t)span->max)));
	while (sql_next(q)) {
		sql_get_text(q, 1, release, sizeof(release));
		visit(ctx, sql_get_int(q, 0), release,
		      (uint64_t)sql_get_int(q, 2));
	}
	return store_unlock(s, sql_end(q, e));
}

/* ---- lists --------------------------------------------------------------- */

#define COLUMNS                                                                \
	"SELECT id, product, model, cohort, coalesce(release, ''), confirmed," \
	" last_seen, seen_day, hardware FROM device"
#define AFTER " AND id > ? ORDER BY id LIMIT ?"

static struct sql_query *start_list(struct store *s,
				    const struct overview_list *l)
{
	struct sql_value after =
		l->has_after ? sql_device(&l->after) : sql_blob("", 0);
	struct sql_value max = sql_int((int64_t)l->max);

	switch (l->kind) {
	case OVERVIEW_ALL:
		return sql_query(s->db, COLUMNS " WHERE revoked = 0" AFTER,
				 SQL_BIND(after, max));
	case OVERVIEW_RELEASE:
		return sql_query(s->db,
				 COLUMNS " WHERE revoked = 0 AND product = ?"
					 " AND release IS ?" AFTER,
				 SQL_BIND(sql_text(l->product),
					  l->release[0] ? sql_text(l->release)
							: sql_null(),
					  after, max));
	case OVERVIEW_COHORT:
		return sql_query(s->db,
				 COLUMNS
				 " WHERE revoked = 0 AND cohort = ?" AFTER,
				 SQL_BIND(sql_text(l->cohort), after, max));
	case OVERVIEW_SILENT:
		return sql_query(s->db,
				 COLUMNS " WHERE revoked = 0 AND seen_day > 0"
					 " AND seen_day < ?"
					 " AND (seen_day, id) > (?, ?)"
					 " ORDER BY seen_day, id LIMIT ?",
				 SQL_BIND(sql_int(l->day),
					  sql_int(l->after_day), after, max));
	case OVERVIEW_NEVER:
		return sql_query(s->db,
				 COLUMNS
				 " WHERE revoked = 0 AND seen_day = 0" AFTER,
				 SQL_BIND(after, max));
	case OVERVIEW_QUARANTINED:
		return sql_query(s->db,
				 COLUMNS " WHERE quarantined != 0"
					 " AND revoked = 0" AFTER,
				 SQL_BIND(after, max));
	case OVERVIEW_REVOKED:
	case OVERVIEW_RETIRED:
		break;
	}
	return sql_query(s->db,
			 COLUMNS " WHERE revoked != 0 AND revoked = ?" AFTER,
			 SQL_BIND(sql_int(l->kind == OVERVIEW_RETIRED ? 2 : 1),
				  after, max));
}

int store_overview_list(struct store *s, const struct overview_list *l,
			void (*visit)(void *ctx,
				      const struct overview_device *d),
			void *ctx, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = start_list(s, l);
	while (sql_next(q)) {
		struct overview_device d = { 0 };

		sql_get_blob(q, 0, d.id.bytes, DEVICE_ID_LEN);
		sql_get_text(q, 1, d.product, sizeof(d.product));
		sql_get_text(q, 2, d.model, sizeof(d.model));
		sql_get_text(q, 3, d.cohort, sizeof(d.cohort));
		sql_get_text(q, 4, d.release, sizeof(d.release));
		d.confirmed = sql_get_int(q, 5) != 0;
		d.last_seen = sql_get_int(q, 6);
		d.day = sql_get_int(q, 7);
		sql_get_text(q, 8, d.hardware, sizeof(d.hardware));
		visit(ctx, &d);
	}
	return store_unlock(s, sql_end(q, e));
}

static void read_attempt(struct sql_query *q, struct overview_attempt *a)
{
	memset(a, 0, sizeof(*a));
	a->id = sql_get_int(q, 0);
	sql_get_blob(q, 1, a->device.bytes, DEVICE_ID_LEN);
	a->state = (enum stage_state)sql_get_int(q, 2);
	sql_get_text(q, 3, a->code, sizeof(a->code));
	a->changed = sql_get_int(q, 4);
	a->phase = (uint32_t)sql_get_int(q, 5);
	a->counted = sql_get_int(q, 6) != 0;
	a->kind = sql_get_int(q, 7);
	a->until = sql_get_int(q, 8);
}

int store_overview_attempts(struct store *s, const struct overview_attempts *l,
			    bool (*visit)(void *ctx,
					  const struct overview_attempt *a),
			    void *ctx, struct err *e)
{
	int64_t state = l->has_after ? (int64_t)l->after_state : -1;
	struct overview_attempt a;
	struct sql_query *q;
	bool more = true;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT id, device, state, code, changed, phase,"
		      " counted AND NOT stone, kind, until"
		      " FROM attempt WHERE rollout = ?"
		      " AND state BETWEEN ? AND ? AND (state, id) > (?, ?)"
		      " ORDER BY state, id LIMIT ?",
		      SQL_BIND(sql_int(l->rollout), sql_int(l->from),
			       sql_int(l->to), sql_int(state),
			       sql_int(l->after), sql_int((int64_t)l->max)));
	while (more && sql_next(q)) {
		read_attempt(q, &a);
		more = visit(ctx, &a);
	}
	return store_unlock(s, sql_end(q, e));
}

/* ---- what a rollout has to do with devices --------------------------------
 */

static int read_mark(struct store *s, int64_t rollout,
		     const struct device_id *id, struct overview_mark *m,
		     struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT before, EXISTS (SELECT 1 FROM attempt"
			  /* The plus: by the device's index. */
			  " WHERE device = ?1 AND +rollout = ?2)"
			  " FROM device WHERE id = ?1",
			  SQL_BIND(sql_device(id), sql_int(rollout)));

	memset(m, 0, sizeof(*m));
	if (sql_next(q)) {
		m->has_before = sql_get_bytes(q, 0).len == SHA256_LEN;
		if (m->has_before)
			sql_get_blob(q, 0, m->before.bytes, SHA256_LEN);
		m->tried = sql_get_int(q, 1) != 0;
	}
	return sql_end(q, e);
}

int store_overview_marks(struct store *s, int64_t rollout,
			 const struct overview_device *devices, size_t count,
			 struct overview_mark *out, struct err *e)
{
	int rc = 0;

	store_lock(s);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = read_mark(s, rollout, &devices[i].id, &out[i], e);
	return store_unlock(s, rc);
}
