/* SPDX-License-Identifier: Apache-2.0 */
/* What of the store is counted for monitoring; nothing here scans the fleet. */
#include "update-server/store_observe.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/store_db.h"

void store_watch_commits(struct store *s, void (*seen)(void *ctx, uint64_t ns),
			 void *ctx)
{
	store_lock(s);
	sql_watch_commits(s->db, seen, ctx);
	(void)store_unlock(s, 0);
}

/* The id that marks a database as Pawl's, written once more. */
int store_probe(struct store *s, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db,
				sql_run(s->db,
					"PRAGMA application_id=0x5061776c",
					SQL_NOTHING, NULL, e),
				e);
	return store_unlock(s, rc);
}

int store_attempt_totals(struct store *s, uint64_t counts[STAGE_STATES],
			 struct err *e)
{
	struct sql_query *q;

	for (int i = 0; i < STAGE_STATES; i++)
		counts[i] = 0;
	store_lock(s);
	q = sql_query(s->db, "SELECT state, sum(n) FROM counter GROUP BY state",
		      SQL_NOTHING);
	while (sql_next(q)) {
		int64_t state = sql_get_int(q, 0);

		if (state >= 0 && state < STAGE_STATES)
			counts[state] = (uint64_t)sql_get_int(q, 1);
	}
	return store_unlock(s, sql_end(q, e));
}

int store_survey(struct store *s, const struct device_id *after, size_t max,
		 void (*visit)(void *ctx, const struct store_device *d),
		 void *ctx, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT id, product, model, revoked, quarantined,"
		      " enrolled, last_seen, release, seq, interval,"
		      " certificate, posture_known, posture_yes, first_use,"
		      " hardware"
		      " FROM device WHERE id > ?"
		      " ORDER BY id LIMIT ?",
		      SQL_BIND(after ? sql_device(after) : sql_blob("", 0),
			       sql_int((int64_t)max)));
	while (sql_next(q)) {
		struct rollout_device *f = &d->facts;

		memset(d, 0, sizeof(*d));
		sql_get_blob(q, 0, f->id.bytes, DEVICE_ID_LEN);
		sql_get_text(q, 1, f->product, sizeof(f->product));
		sql_get_text(q, 2, f->model, sizeof(f->model));
		d->revoked = sql_get_int(q, 3) != 0;
		d->retired = sql_get_int(q, 3) == RETIRED;
		d->quarantined = sql_get_int(q, 4) != 0;
		d->enrolled = sql_get_int(q, 5);
		d->last_seen = sql_get_int(q, 6);
		f->has_release = !sql_get_null(q, 7);
		f->seq = (uint64_t)sql_get_int(q, 8);
		d->interval_sec = (uint32_t)sql_get_int(q, 9);
		sql_get_text(q, 10, d->certificate, sizeof(d->certificate));
		d->facts.posture.known = (uint32_t)sql_get_int(q, 11);
		d->facts.posture.yes = (uint32_t)sql_get_int(q, 12);
		d->first_use = (enum wire_first_use)sql_get_int(q, 13);
		sql_get_text(q, 14, f->hardware, sizeof(f->hardware));
		visit(ctx, d);
	}
	rc = store_unlock(s, sql_end(q, e));
	free(d);
	return rc;
}

/* ---- the score ----------------------------------------------------------- */

#define SCORE_DAYS 400 /* are kept */

int store_score_put(struct store *s, const struct store_score *score,
		    struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(
			s->db,
			sql_run(s->db,
				"INSERT INTO score (day, time, points, detail)"
				" VALUES (?, ?, ?, ?) ON CONFLICT (day)"
				" DO UPDATE SET time = excluded.time,"
				" points = excluded.points,"
				" detail = excluded.detail",
				SQL_BIND(sql_int(score->when / UTC_DAY),
					 sql_int(score->when),
					 sql_int(score->points),
					 sql_text(score->detail)),
				NULL,
				e) || sql_run(s->db,
					      "DELETE FROM score"
					      " WHERE day < ?",
					      SQL_BIND(sql_int(score->when /
								       UTC_DAY -
							       SCORE_DAYS)),
					      NULL, e)
				? -1
				: 0,
			e);
	return store_unlock(s, rc);
}

int store_score_each(struct store *s,
		     void (*visit)(void *ctx, const struct store_score *score),
		     void *ctx, struct err *e)
{
	char *detail = mem_alloc(STORE_DETAIL_MAX, 1);
	struct sql_query *q;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT time, points, detail FROM score"
		      " ORDER BY day DESC",
		      SQL_NOTHING);
	while (sql_next(q)) {
		struct store_score score = { .when = sql_get_int(q, 0),
					     .points = (unsigned)sql_get_int(q,
									     1),
					     .detail = detail };

		sql_get_text(q, 2, detail, STORE_DETAIL_MAX);
		visit(ctx, &score);
	}
	rc = store_unlock(s, sql_end(q, e));
	free(detail);
	return rc;
}
