/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_hand.h"

#include "update-server/store_db.h"

int store_hand_hear(struct store *s, struct store_device *d,
		    const struct wire_checkin *said, struct err *e)
{
	store_lock(s);
	return store_unlock(
		s, store_device_hear_locked(s, d, said, d->last_seen, e));
}

static int save(struct store *s, const struct store_device *d,
		const struct store_hand *h, const struct audit_by *by,
		struct err *e)
{
	struct audit_record r;

	if (store_device_write_locked(s, d, h->said, d->last_seen, e))
		return -1;
	for (size_t i = 0; i < h->count; i++)
		if (store_attempt_save_locked(s, h->changes[i].stage,
					      &h->changes[i].attempt, NULL, e))
			return -1;
	audit_record_init(&r, AUDIT_DEVICE_REPORT, by);
	audit_set_device(&r, &d->facts.id);
	audit_set_digest(&r, "sha256", &h->file);
	return store_log_locked(s, &r, e);
}

int store_hand_save(struct store *s, const struct store_device *d,
		    const struct store_hand *h, const struct audit_by *by,
		    struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, save(s, d, h, by, e), e);
	return store_unlock(s, rc);
}
