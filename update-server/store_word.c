/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/store_word.h"

#include "update-server/store_db.h"

struct found {
	bool is_there;
	char product[NAME_MAX_LEN + 1];
	char release[NAME_MAX_LEN +
		     1]; /* what is known to run there, then ... */
	int64_t seq;     /* ... the one that the word is of */
};

static int find_device(struct store *s, const struct device_id *id,
		       struct found *f, struct err *e)
{
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT product, coalesce(release, '') FROM device"
			  " WHERE id = ?",
			  SQL_BIND(sql_device(id)));

	f->is_there = sql_next(q);
	if (f->is_there) {
		sql_get_text(q, 0, f->product, sizeof(f->product));
		sql_get_text(q, 1, f->release, sizeof(f->release));
	}
	return sql_end(q, e);
}

/* Of releases of the same content the one that is known to run there, or was
 * offered to it, else the first. */
static int find_release(struct store *s, const struct sha256 *content,
			uint64_t offered, struct found *f, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT id, seq FROM release WHERE product = ? AND digest = ?"
		" ORDER BY id = ? DESC, seq = ? DESC, seq LIMIT 1",
		SQL_BIND(sql_text(f->product), sql_digest(content),
			 sql_text(f->release), sql_int((int64_t)offered)));

	f->is_there = sql_next(q);
	if (f->is_there) {
		sql_get_text(q, 0, f->release, sizeof(f->release));
		f->seq = sql_get_int(q, 1);
	}
	return sql_end(q, e);
}

static int take(struct store *s, const struct store_word *w, uint64_t offered,
		struct err *e)
{
	struct found f = { .is_there = false };

	if (find_device(s, &w->device, &f, e) ||
	    (f.is_there && find_release(s, &w->running, offered, &f, e)))
		return -1;
	if (!f.is_there)
		return 0;
	return sql_run(
		s->db,
		"UPDATE device SET release = ?, seq = ?,"
		" before = CASE WHEN digest IS NOT ?3 THEN digest ELSE before"
		" END, confirmed = CASE WHEN digest IS ?3"
		" THEN max(confirmed, ?4) ELSE ?4 END, digest = ?3,"
		" activation = ?5 WHERE id = ?6 AND activation <= ?5"
		/* What says nothing new writes nothing. */
		" AND (digest IS NOT ?3 OR activation < ?5 OR confirmed < ?4)",
		SQL_BIND(sql_text(f.release), sql_int(f.seq),
			 sql_digest(&w->running), sql_int(w->settled),
			 sql_int((int64_t)w->activation),
			 sql_device(&w->device)),
		NULL, e);
}

int store_word_save(struct store *s, const struct store_word *word,
		    const struct stage *r, const struct attempt *a,
		    const char *evidence, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc)
		return store_unlock(s, rc);
	if (a)
		rc = store_attempt_save_locked(s, r, a, evidence, e);
	if (rc == 0)
		rc = take(s, word, a ? a->seq : 0, e);
	return store_unlock(s, sql_finish(s->db, rc, e));
}
