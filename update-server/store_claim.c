/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's claim codes, of which it knows the SHA-256 alone, and batches of
 * them: made together, activated when they are shipped, withdrawn together.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/store_db.h"

#define HOUR 3600

static const struct {
	const char *name, *words;
} refusals[CLAIM_REFUSALS] = {
	[CLAIM_NOT_KNOWN] = { "unknown", "nobody gave it out" },
	[CLAIM_NOT_OURS] = { "other-model",
			     "it is for another product or model" },
	[CLAIM_WAS_USED] = { "used", "it was used already" },
	[CLAIM_WAS_REVOKED] = { "revoked", "it was revoked" },
	[CLAIM_NOT_ACTIVE] = { "inactive", "its batch is not activated yet "
					   "(token activate)" },
	[CLAIM_EXPIRED] = { "expired", "it has expired" },
	[CLAIM_OVER_QUOTA] = { "quota",
			       "as many of its batch as may be were used" },
	[CLAIM_TOO_MANY] = { "hour",
			     "too many of its batch were used in this hour: "
			     "try again later" },
};

const char *claim_refusal_words(enum claim_refusal why)
{
	return refusals[why].words;
}

const char *claim_refusal_name(enum claim_refusal why)
{
	return refusals[why].name;
}

/* ---- making -------------------------------------------------------------- */

static int add_claim(struct store *s, const struct store_batch *b, int64_t id,
		     const struct sha256 *hash, struct err *e)
{
	int64_t changed;

	if (sql_run(s->db,
		    "INSERT INTO claim (id, hash, product, model, cohort,"
		    " created, expires, batch, replaces)"
		    " SELECT ?, ?, ?, ?, name, ?, ?, ?, ?"
		    " FROM cohort WHERE name = ? AND removed = 0",
		    SQL_BIND(sql_int(id), sql_digest(hash),
			     sql_text(b->product), sql_text(b->model),
			     sql_int(b->created), sql_int(b->expires),
			     sql_int(b->id),
			     store_successor_value(&b->successor),
			     sql_text(b->cohort)),
		    &changed, e))
		return -1;
	return changed == 1
		       ? 0
		       : err_set(e, ERR_NOT_FOUND,
				 "no cohort %s (cohort list shows them): create it with "
				 "`cohort create %s`",
				 b->cohort, b->cohort);
}

static int next_id(struct store *s, int64_t *id, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT coalesce(max(id), 0) + 1 FROM claim",
			  SQL_NOTHING);

	if (sql_next(q))
		*id = sql_get_int(q, 0);
	return sql_end(q, e);
}

/* One record for the batch: their ids follow each other. */
static int log_batch(struct store *s, const struct store_batch *b,
		     const struct audit_by *by, struct err *e)
{
	int64_t life = b->life > 0 ? b->life : b->expires - b->created;
	struct audit_record r;

	audit_record_init(&r, AUDIT_TOKEN_CREATE, by);
	json_set_int(r.objects, "first", b->id);
	json_set_int(r.objects, "count", (int64_t)b->count);
	json_set_text(r.objects, "product", b->product);
	json_set_text(r.objects, "model", b->model);
	json_set_text(r.objects, "cohort", b->cohort);
	json_set_int(r.objects, "days", life / UTC_DAY);
	json_set_int(r.objects, "active", b->activated > 0);
	return store_log_locked(s, &r, e);
}

static int add_batch(struct store *s, struct store_batch *b,
		     const struct sha256 *hashes, const struct audit_by *by,
		     struct err *e)
{
	if (store_successor_check_locked(s, &b->successor, b->product, b->model,
					 e) ||
	    next_id(s, &b->id, e) ||
	    sql_run(s->db,
		    "INSERT INTO batch (id, count, quota, per_hour, life,"
		    " activated, codes) VALUES (?, ?, ?, ?, ?, ?, ?)",
		    SQL_BIND(sql_int(b->id), sql_int((int64_t)b->count),
			     sql_int((int64_t)b->quota),
			     sql_int((int64_t)b->per_hour), sql_int(b->life),
			     sql_int(b->activated), sql_digest(&b->codes)),
		    NULL, e))
		return -1;
	for (uint64_t i = 0; i < b->count; i++)
		if (add_claim(s, b, b->id + (int64_t)i, &hashes[i], e))
			return -1;
	return log_batch(s, b, by, e);
}

int store_batch_add(struct store *s, struct store_batch *b,
		    const struct sha256 *hashes, const struct audit_by *by,
		    struct err *e)
{
	int rc;

	store_lock(s);
	if (b->activated > 0 && b->life > 0)
		b->expires = b->activated + b->life;
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, add_batch(s, b, hashes, by, e), e);
	return store_unlock(s, rc);
}

/* ---- activation ---------------------------------------------------------- */

int store_batch_start_locked(struct store *s, int64_t id, int64_t now,
			     struct err *e)
{
	int64_t changed;

	if (sql_run(s->db,
		    "UPDATE batch SET activated = ? WHERE id = ?"
		    " AND activated = 0",
		    SQL_BIND(sql_int(now), sql_int(id)), &changed, e))
		return -1;
	if (changed == 0)
		return 0;
	return sql_run(s->db,
		       "UPDATE claim SET expires = ?1 + (SELECT life FROM batch"
		       " WHERE id = ?2) WHERE batch = ?2 AND expires = 0",
		       SQL_BIND(sql_int(now), sql_int(id)), NULL, e);
}

static int find_batch(struct store *s, int64_t id, bool *active, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT activated FROM batch WHERE id = ?",
			  SQL_BIND(sql_int(id)));
	bool found = sql_next(q);

	*active = found && sql_get_int(q, 0) != 0;
	if (sql_end(q, e))
		return -1;
	return found ? 0
		     : err_set(e, ERR_NOT_FOUND,
			       "no such batch (token batches lists them)");
}

static int activate(struct store *s, int64_t id, const struct audit_by *by,
		    struct err *e)
{
	struct audit_record r;
	bool active;

	if (find_batch(s, id, &active, e))
		return -1;
	if (active)
		return err_set(e, ERR_CONFLICT, "it is active already");
	if (store_batch_start_locked(s, id, by->now, e))
		return -1;
	audit_record_init(&r, AUDIT_TOKEN_ACTIVATE, by);
	json_set_int(r.objects, "batch", id);
	return store_log_locked(s, &r, e);
}

int store_batch_activate(struct store *s, int64_t id, const struct audit_by *by,
			 struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, activate(s, id, by, e), e);
	return store_unlock(s, rc);
}

/* ---- revocation ---------------------------------------------------------- */

static int revoke_batch(struct store *s, int64_t id, const struct audit_by *by,
			uint64_t *count, struct err *e)
{
	struct audit_record r;
	int64_t changed;
	bool active;

	if (find_batch(s, id, &active, e) ||
	    sql_run(s->db,
		    "UPDATE claim SET state = 2 WHERE batch = ? AND state = 0",
		    SQL_BIND(sql_int(id)), &changed, e))
		return -1;
	*count = (uint64_t)changed;
	audit_record_init(&r, AUDIT_BATCH_REVOKE, by);
	json_set_int(r.objects, "batch", id);
	json_set_int(r.objects, "count", changed);
	return store_log_locked(s, &r, e);
}

int store_batch_revoke(struct store *s, int64_t id, const struct audit_by *by,
		       uint64_t *count, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, revoke_batch(s, id, by, count, e), e);
	return store_unlock(s, rc);
}

static int claim_exists(struct store *s, int64_t id, bool *exists,
			struct err *e)
{
	struct sql_query *q =
		sql_query(s->db, "SELECT 1 FROM claim WHERE id = ?",
			  SQL_BIND(sql_int(id)));

	*exists = sql_next(q);
	return sql_end(q, e);
}

static int revoke_claim(struct store *s, int64_t id, const struct audit_by *by,
			struct err *e)
{
	struct audit_record r;
	int64_t changed = 0;
	bool exists = false;

	if (sql_run(s->db,
		    "UPDATE claim SET state = 2 WHERE id = ? AND state != 1",
		    SQL_BIND(sql_int(id)), &changed, e))
		return -1;
	if (changed == 0 && claim_exists(s, id, &exists, e))
		return -1;
	if (changed == 0)
		return err_set(
			e, exists ? ERR_CONFLICT : ERR_NOT_FOUND,
			exists ? "this token was used already; revoke "
				 "its device instead"
			       : "no such token (token list shows them)");
	audit_record_init(&r, AUDIT_TOKEN_REVOKE, by);
	json_set_int(r.objects, "token", id);
	return store_log_locked(s, &r, e);
}

int store_claim_revoke(struct store *s, int64_t id, const struct audit_by *by,
		       struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, revoke_claim(s, id, by, e), e);
	return store_unlock(s, rc);
}

/* ---- lists --------------------------------------------------------------- */

int store_claim_each(struct store *s, int64_t after, size_t max,
		     void (*visit)(void *ctx, const struct store_claim *c),
		     void *ctx, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT claim.id, product, model, cohort, state, device,"
		      " created, expires, batch, activated FROM claim"
		      " JOIN batch ON batch.id = claim.batch WHERE claim.id > ?"
		      " ORDER BY claim.id LIMIT ?",
		      SQL_BIND(sql_int(after), sql_int((int64_t)max)));
	while (sql_next(q)) {
		struct store_claim c = { .id = sql_get_int(q, 0) };

		sql_get_text(q, 1, c.product, sizeof(c.product));
		sql_get_text(q, 2, c.model, sizeof(c.model));
		sql_get_text(q, 3, c.cohort, sizeof(c.cohort));
		c.state = (enum claim_state)sql_get_int(q, 4);
		c.has_device = !sql_get_null(q, 5);
		sql_get_blob(q, 5, c.device.bytes, DEVICE_ID_LEN);
		c.created = sql_get_int(q, 6);
		c.expires = sql_get_int(q, 7);
		c.batch = sql_get_int(q, 8);
		c.active = sql_get_int(q, 9) != 0;
		visit(ctx, &c);
	}
	return store_unlock(s, sql_end(q, e));
}

static void read_batch(struct sql_query *q, struct store_batch *b)
{
	b->id = sql_get_int(q, 0);
	sql_get_text(q, 1, b->product, sizeof(b->product));
	sql_get_text(q, 2, b->model, sizeof(b->model));
	sql_get_text(q, 3, b->cohort, sizeof(b->cohort));
	b->count = (uint64_t)sql_get_int(q, 4);
	b->quota = (uint64_t)sql_get_int(q, 5);
	b->per_hour = (uint64_t)sql_get_int(q, 6);
	b->created = sql_get_int(q, 7);
	b->activated = sql_get_int(q, 8);
	b->life = sql_get_int(q, 9);
	b->expires = sql_get_int(q, 10);
	b->used = (uint64_t)sql_get_int(q, 11);
	b->revoked = (uint64_t)sql_get_int(q, 12);
	sql_get_blob(q, 13, b->codes.bytes, SHA256_LEN);
}

static int read_refusals(struct store *s, struct store_batch *b, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT why, n FROM claim_refusal WHERE batch = ?",
		SQL_BIND(sql_int(b->id)));

	while (sql_next(q)) {
		int64_t why = sql_get_int(q, 0);

		if (why >= 0 && why < CLAIM_REFUSALS)
			b->refused[why] = (uint64_t)sql_get_int(q, 1);
	}
	return sql_end(q, e);
}

int store_batch_each(struct store *s,
		     void (*visit)(void *ctx, const struct store_batch *b),
		     void *ctx, struct err *e)
{
	struct sql_query *q;
	int rc = 0;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT batch.id, product, model, cohort, count, quota,"
		      " per_hour, created, activated, life, expires,"
		      " (SELECT count(*) FROM claim WHERE batch = batch.id"
		      "  AND state = 1),"
		      " (SELECT count(*) FROM claim WHERE batch = batch.id"
		      "  AND state = 2), coalesce(codes, zeroblob(32))"
		      " FROM batch JOIN claim ON claim.id = batch.id"
		      " ORDER BY batch.id",
		      SQL_NOTHING);
	while (rc == 0 && sql_next(q)) {
		struct store_batch b = { 0 };

		read_batch(q, &b);
		rc = read_refusals(s, &b, e);
		if (rc == 0)
			visit(ctx, &b);
	}
	if (rc == 0)
		rc = sql_end(q, e);
	else if (sql_end(q, &(struct err){ 0 }))
		rc = -1;
	return store_unlock(s, rc);
}

int store_claim_strangers(struct store *s, uint64_t *count, struct err *e)
{
	struct store_batch nobodys = { 0 };
	int rc;

	store_lock(s);
	rc = store_unlock(s, read_refusals(s, &nobodys, e));
	*count = nobodys.refused[CLAIM_NOT_KNOWN];
	return rc;
}

/* ---- places -------------------------------------------------------------- */

static int find_place(struct store *s, const struct sha256 *hash,
		      int64_t *batch, struct codes_place *out, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT batch, claim.id - batch, count FROM claim"
		" JOIN batch ON batch.id = claim.batch WHERE hash = ?",
		SQL_BIND(sql_digest(hash)));
	bool found = sql_next(q);

	if (found) {
		*batch = sql_get_int(q, 0);
		out->index = (uint64_t)sql_get_int(q, 1);
		out->count = (uint64_t)sql_get_int(q, 2);
	}
	if (sql_end(q, e))
		return -1;
	return found ? 0 : err_set(e, ERR_NOT_FOUND, "no such claim code");
}

static int read_hashes(struct store *s, int64_t batch, struct sha256 *out,
		       uint64_t count, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT hash FROM claim WHERE batch = ? ORDER BY id",
		SQL_BIND(sql_int(batch)));
	uint64_t n = 0;

	for (; sql_next(q); n++)
		if (n < count)
			sql_get_blob(q, 0, out[n].bytes, SHA256_LEN);
	if (sql_end(q, e))
		return -1;
	return n == count ? 0
			  : err_set(e, ERR_SYSTEM,
				    "database: a batch of claim codes is not "
				    "whole");
}

static int place_of(struct store *s, const struct sha256 *hash,
		    struct codes_place *out, struct err *e)
{
	struct sha256 *all;
	int64_t batch = 0;
	int rc = -1;

	if (find_place(s, hash, &batch, out, e))
		return -1;
	all = mem_alloc(out->count, sizeof(*all));
	if (read_hashes(s, batch, all, out->count, e) == 0)
		rc = codes_prove(all, out->count, out->index, out, e);
	free(all);
	return rc;
}

int store_claim_place(struct store *s, const struct sha256 *hash,
		      struct codes_place *out, struct err *e)
{
	store_lock(s);
	return store_unlock(s, place_of(s, hash, out, e));
}

/* A query for a root, an index. */
static int read_codes(struct sql_query *q, struct sha256 *codes,
		      uint64_t *index, struct err *e)
{
	bool found = sql_next(q), is_signed = found && !sql_get_null(q, 0);

	if (is_signed)
		sql_get_blob(q, 0, codes->bytes, SHA256_LEN);
	if (found)
		*index = (uint64_t)sql_get_int(q, 1);
	if (sql_end(q, e))
		return -1;
	if (!found)
		return err_set(
			e, ERR_NOT_FOUND,
			"no such claim codes (token batches lists them)");
	return is_signed ? 0
			 : err_set(e, ERR_CONFLICT,
				   "no officer signed these codes, so they are "
				   "good for nothing: make new ones "
				   "(token create)");
}

int store_batch_codes(struct store *s, int64_t batch, struct sha256 *codes,
		      struct err *e)
{
	uint64_t ignored;
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, "SELECT codes, 0 FROM batch WHERE id = ?",
		      SQL_BIND(sql_int(batch)));
	return store_unlock(s, read_codes(q, codes, &ignored, e));
}

int store_claim_codes(struct store *s, int64_t token, struct sha256 *codes,
		      uint64_t *index, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT codes, claim.id - batch.id FROM claim"
		      " JOIN batch ON batch.id = claim.batch"
		      " WHERE claim.id = ?",
		      SQL_BIND(sql_int(token)));
	return store_unlock(s, read_codes(q, codes, index, e));
}

/* ---- use ----------------------------------------------------------------- */

/* What is known of a code, and whether it opens. */
struct standing {
	bool known, active;
	int64_t id, batch, expires;
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char cohort[NAME_MAX_LEN + 1];
	enum claim_state state;
	uint64_t quota, per_hour, used, used_lately;
	struct store_successor successor;
};

static int look_up(struct store *s, const struct sha256 *claim, int64_t now,
		   struct standing *st, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT claim.id, claim.batch, expires, product, model, cohort,"
		" state, activated, quota, per_hour,"
		" (SELECT count(*) FROM claim AS other WHERE"
		"  other.batch = claim.batch AND other.state = 1),"
		" (SELECT count(*) FROM claim AS other WHERE"
		"  other.batch = claim.batch AND other.state = 1"
		"  AND other.used > ?), replaces"
		" FROM claim JOIN batch ON batch.id = claim.batch"
		" WHERE hash = ?",
		SQL_BIND(sql_int(now - HOUR), sql_digest(claim)));

	*st = (struct standing){ .known = sql_next(q) };
	if (st->known) {
		st->id = sql_get_int(q, 0);
		st->batch = sql_get_int(q, 1);
		st->expires = sql_get_int(q, 2);
		sql_get_text(q, 3, st->product, sizeof(st->product));
		sql_get_text(q, 4, st->model, sizeof(st->model));
		sql_get_text(q, 5, st->cohort, sizeof(st->cohort));
		st->state = (enum claim_state)sql_get_int(q, 6);
		st->active = sql_get_int(q, 7) != 0;
		st->quota = (uint64_t)sql_get_int(q, 8);
		st->per_hour = (uint64_t)sql_get_int(q, 9);
		st->used = (uint64_t)sql_get_int(q, 10);
		st->used_lately = (uint64_t)sql_get_int(q, 11);
		store_successor_read(q, 12, &st->successor);
	}
	return sql_end(q, e);
}

/* CLAIM_REFUSALS: nothing is against it. */
static enum claim_refusal judge(const struct standing *st, const char *product,
				const char *model, int64_t now)
{
	if (!st->known)
		return CLAIM_NOT_KNOWN;
	if (strcmp(st->product, product) != 0 || strcmp(st->model, model) != 0)
		return CLAIM_NOT_OURS;
	if (st->state == CLAIM_USED)
		return CLAIM_WAS_USED;
	if (st->state != CLAIM_OPEN)
		return CLAIM_WAS_REVOKED;
	if (!st->active)
		return CLAIM_NOT_ACTIVE;
	if (st->expires <= now)
		return CLAIM_EXPIRED;
	if (st->quota > 0 && st->used >= st->quota)
		return CLAIM_OVER_QUOTA;
	if (st->per_hour > 0 && st->used_lately >= st->per_hour)
		return CLAIM_TOO_MANY;
	return CLAIM_REFUSALS;
}

static int refuse(enum claim_refusal why, struct err *e)
{
	return err_set(e, why == CLAIM_TOO_MANY ? ERR_BUSY : ERR_REFUSED,
		       "the claim code is not good for this device: %s",
		       claim_refusal_words(why));
}

static int count_refusal(struct store *s, int64_t batch, enum claim_refusal why,
			 struct err *e)
{
	return sql_run(s->db,
		       "INSERT INTO claim_refusal (batch, why, n)"
		       " VALUES (?, ?, 1)"
		       " ON CONFLICT DO UPDATE SET n = n + 1",
		       SQL_BIND(sql_int(batch), sql_int(why)), NULL, e);
}

int store_claim_check_locked(struct store *s, const struct store_ask *ask,
			     struct err *e)
{
	enum claim_refusal why;
	struct standing st;

	if (look_up(s, &ask->claim, ask->now, &st, e))
		return -1;
	why = judge(&st, ask->product, ask->model, ask->now);
	if (why == CLAIM_REFUSALS)
		return 0;
	if (count_refusal(s, st.batch, why, e))
		return -1;
	return refuse(why, e);
}

/* Of several racing for one, the others are refused here, and not counted. */
int store_claim_take_locked(struct store *s, const struct sha256 *claim,
			    struct store_device *d, int64_t now, int64_t *token,
			    struct err *e)
{
	struct rollout_device *f = &d->facts;
	enum claim_refusal why;
	struct standing st;

	if (look_up(s, claim, now, &st, e))
		return -1;
	why = judge(&st, f->product, f->model, now);
	if (why != CLAIM_REFUSALS)
		return refuse(why, e);
	memcpy(f->cohort, st.cohort, sizeof(f->cohort));
	d->successor = st.successor;
	*token = st.id;
	return sql_run(
		s->db,
		"UPDATE claim SET state = 1, device = ?, used = ?"
		" WHERE id = ?",
		SQL_BIND(sql_device(&f->id), sql_int(now), sql_int(st.id)),
		NULL, e);
}
