/* SPDX-License-Identifier: Apache-2.0 */
/* One identity on two boards, as their check-ins give it away. */
#include <string.h>

#include "update-server/store_db.h"

#define BOOTS_KEPT 4 /* so many boards are told apart */
#define TOO_OFTEN  2

struct memory {
	uint8_t boots[BOOTS_KEPT][WIRE_BOOT_LEN]; /* the newest first */
	int64_t returns, drops;
	bool changed;
};

static int recall(struct store *s, const struct device_id *id,
		  struct memory *out, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT boots, returns, drops FROM device WHERE id = ?",
		SQL_BIND(sql_device(id)));

	*out = (struct memory){ .changed = false };
	if (sql_next(q)) {
		if (!sql_get_null(q, 0))
			sql_get_blob(q, 0, out->boots, sizeof(out->boots));
		out->returns = sql_get_int(q, 1);
		out->drops = sql_get_int(q, 2);
	}
	return sql_end(q, e);
}

/* Whatever was here before and is here again was somewhere else meanwhile. */
static void note_boot(struct memory *m, const uint8_t boot[WIRE_BOOT_LEN])
{
	static const uint8_t nothing[WIRE_BOOT_LEN];
	size_t at = 0;

	while (at < BOOTS_KEPT &&
	       memcmp(m->boots[at], boot, WIRE_BOOT_LEN) != 0)
		at++;
	if (at == 0 || memcmp(boot, nothing, WIRE_BOOT_LEN) == 0)
		return;
	if (at < BOOTS_KEPT)
		m->returns++;
	else
		at = BOOTS_KEPT - 1;
	memmove(m->boots[1], m->boots[0], at * WIRE_BOOT_LEN);
	memcpy(m->boots[0], boot, WIRE_BOOT_LEN);
	m->changed = true;
}

/* Once is a board whose state was restored; again and again is two boards. */
static void note_activation(struct memory *m, uint64_t before, uint64_t now)
{
	if (now >= before)
		return;
	m->drops++;
	m->changed = true;
}

static int remember(struct store *s, const struct device_id *id,
		    const struct memory *m, struct err *e)
{
	return sql_run(s->db,
		       "UPDATE device SET boots = ?, returns = ?, drops = ?"
		       " WHERE id = ?",
		       SQL_BIND(sql_blob(m->boots, sizeof(m->boots)),
				sql_int(m->returns), sql_int(m->drops),
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
		const struct memory *m, bool twin, const struct audit_by *by,
		struct err *e)
{
	if (remember(s, id, m, e))
		return -1;
	return twin ? quarantine(s, id, by, e) : 0;
}

/* Most check-ins bring nothing new, and write nothing. */
static int look(struct store *s, const struct store_device *d,
		const struct wire_checkin *m, const struct audit_by *by,
		bool *twin, struct err *e)
{
	struct memory seen;

	if (recall(s, &d->facts.id, &seen, e))
		return -1;
	if (m->has_boot)
		note_boot(&seen, m->boot);
	if (d->last_seen != 0)
		note_activation(&seen, d->activation, m->activation);
	if (!seen.changed)
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
	*twin = false;
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
