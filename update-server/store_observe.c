/* SPDX-License-Identifier: Apache-2.0 */
/* What of the store is counted for monitoring; nothing here scans the fleet. */
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

int store_attempt_totals(struct store *s, uint64_t counts[ATTEMPT_STATES],
			 struct err *e)
{
	struct sql_query *q;

	for (int i = 0; i < ATTEMPT_STATES; i++)
		counts[i] = 0;
	store_lock(s);
	q = sql_query(s->db, "SELECT state, sum(n) FROM counter GROUP BY state",
		      SQL_NOTHING);
	while (sql_next(q)) {
		int64_t state = sql_get_int(q, 0);

		if (state >= 0 && state < ATTEMPT_STATES)
			counts[state] = (uint64_t)sql_get_int(q, 1);
	}
	return store_unlock(s, sql_end(q, e));
}
