/* SPDX-License-Identifier: Apache-2.0 */
/* One identity on two boards, as their check-ins give it away. */
#include <string.h>

#include "update-server/store_db.h"

#define TOO_OFTEN 2

void store_boards_read(struct sql_query *q, int column,
		       struct store_boards *out)
{
	*out = (struct store_boards){ .returns = sql_get_int(q, column + 1),
				      .drops = sql_get_int(q, column + 2) };
	if (!sql_get_null(q, column))
		sql_get_blob(q, column, out->boots, sizeof(out->boots));
}

static int recall(struct store *s, const struct device_id *id,
		  struct store_boards *out, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT " STORE_BOARDS " FROM device WHERE id = ?",
		SQL_BIND(sql_device(id)));

	*out = (struct store_boards){ .returns = 0 };
	if (sql_next(q))
		store_boards_read(q, 0, out);
	return sql_end(q, e);
}

/* Whatever was here before and is here again was somewhere else meanwhile. */
static bool note_boot(struct store_boards *b, const uint8_t boot[WIRE_BOOT_LEN])
{
	static const uint8_t nothing[WIRE_BOOT_LEN];
	size_t at = 0;

	while (at < STORE_BOOTS_KEPT &&
	       memcmp(b->boots[at], boot, WIRE_BOOT_LEN) != 0)
		at++;
	if (at == 0 || memcmp(boot, nothing, WIRE_BOOT_LEN) == 0)
		return false;
	if (at < STORE_BOOTS_KEPT)
		b->returns++;
	else
		at = STORE_BOOTS_KEPT - 1;
	memmove(b->boots[1], b->boots[0], at * WIRE_BOOT_LEN);
	memcpy(b->boots[0], boot, WIRE_BOOT_LEN);
	return true;
}

/* A counter that falls once is that of a board whose state was restored; again
 * and again, of two boards. */
static bool note(struct store_boards *b, const struct store_device *d,
		 const struct wire_checkin *m)
{
	bool changed = m->has_boot && note_boot(b, m->boot);

	if (d->last_seen == 0 || m->activation >= d->activation)
		return changed;
	b->drops++;
	return true;
}

static int remember(struct store *s, const struct device_id *id,
		    const struct store_boards *b, struct err *e)
{
	return sql_run(s->db,
		       "UPDATE device SET boots = ?, returns = ?, drops = ?"
		       " WHERE id = ?",
		       SQL_BIND(sql_blob(b->boots, sizeof(b->boots)),
				sql_int(b->returns), sql_int(b->drops),
				sql_device(id)),
		       NULL, e);
}

static int quarantine(struct store *s, const struct device_id *id,
		      const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	if (sql_run(s->db, "UPDATE device SET quarantined = 1 WHERE id = ?",
		    SQL_BIND(sql_device(id)), NULL, e))
		return -1;
	audit_record_init(&r, AUDIT_DEVICE_TWIN, by);
	audit_set_device(&r, id);
	return store_log_locked(s, &r, e);
}

static int keep(struct store *s, const struct device_id *id,
		const struct store_boards *b, bool twin,
		const struct audit_by *by, struct err *e)
{
	if (remember(s, id, b, e))
		return -1;
	return twin ? quarantine(s, id, by, e) : 0;
}

/* Both boards may speak at once: what counts is what stands in the row. */
static int look(struct store *s, const struct store_device *d,
		const struct wire_checkin *m, const struct audit_by *by,
		bool *twin, struct err *e)
{
	struct store_boards seen;

	if (recall(s, &d->facts.id, &seen, e))
		return -1;
	if (!note(&seen, d, m))
		return 0;
	*twin = seen.returns >= TOO_OFTEN || seen.drops >= TOO_OFTEN;
	if (sql_begin(s->db, e))
		return -1;
	return sql_finish(s->db, keep(s, &d->facts.id, &seen, *twin, by, e), e);
}

int store_device_twin(struct store *s, const struct store_device *d,
		      const struct wire_checkin *m, const struct audit_by *by,
		      bool *twin, struct err *e)
{
	struct store_boards seen = d->boards;

	*twin = false;
	/* Most check-ins bring nothing new, and read and write nothing. */
	if (!note(&seen, d, m))
		return 0;
	store_lock(s);
	return store_unlock(s, look(s, d, m, by, twin, e));
}

int store_quarantine_count(struct store *s, uint64_t *count, struct err *e)
{
	struct sql_query *q;

	*count = 0;
	store_lock(s);
	q = sql_query(s->db, "SELECT n FROM fleet_aside WHERE state = 3",
		      SQL_NOTHING);
	if (sql_next(q))
		*count = (uint64_t)sql_get_int(q, 0);
	return store_unlock(s, sql_end(q, e));
}
