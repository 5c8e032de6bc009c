/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's audit log: records, the tree over them, checkpoints.
 *
 * Whatever changes the store by somebody's act ends with store_log_locked() in
 * the same transaction: no effect without its record, no record without its
 * effect. Nothing of the log is kept in memory, so a second process (`tls
 * renew`) may append too.
 */
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#include "update-server/store_db.h"
#include "update-server/store_report.h"

void store_set_reserve(struct store *s, int dirfd, uint64_t bytes)
{
	store_lock(s);
	s->dirfd = dirfd;
	s->reserve = bytes;
	(void)store_unlock(s, 0);
}

void store_set_behind(struct store *s, uint64_t records)
{
	store_lock(s);
	s->behind = records;
	(void)store_unlock(s, 0);
}

static int check_whole(const struct store *s, struct err *e)
{
	if (s->behind == 0)
		return 0;
	if (s->behind == STORE_BEHIND_UNKNOWN)
		return err_set(e, ERR_CONFLICT,
			       "a backup was restored, and what its audit log "
			       "lacks is not known before the server has "
			       "started: start it first, or bring back what "
			       "was exported: pawl-server audit replay");
	return err_set(e, ERR_CONFLICT,
		       "the audit log is not the one whose first %llu records "
		       "were signed; if a backup was restored, bring back what "
		       "it lacks: pawl-server audit replay",
		       (unsigned long long)s->behind);
}

int store_check_whole(struct store *s, struct err *e)
{
	store_lock(s);
	return store_unlock(s, check_whole(s, e));
}

int store_room(const struct store *s, uint64_t more, struct err *e)
{
	uint64_t bytes, inodes;
	char size[16];

	if (s->reserve == 0)
		return 0;
	if (fs_free_space(s->dirfd, &bytes, &inodes, e))
		return -1;
	if (bytes >= s->reserve && bytes - s->reserve >= more)
		return 0;
	text_size(s->reserve, size);
	return err_set(e, ERR_SPACE,
		       "the server's disk is full but for %s that are kept "
		       "for the audit log: make room there",
		       size);
}

int store_may_log_locked(const struct store *s, struct err *e)
{
	return store_room(s, 0, e) || check_whole(s, e) ? -1 : 0;
}

/* ---- append -------------------------------------------------------------- */

static int last_record(struct store *s, uint64_t *size, int64_t *time,
		       struct err *e)
{
	struct sql_query *q = sql_query(
		s->db, "SELECT n, time FROM audit ORDER BY n DESC LIMIT 1",
		SQL_NOTHING);

	*size = 0;
	*time = 0;
	if (sql_next(q)) {
		*size = (uint64_t)sql_get_int(q, 0) + 1;
		*time = sql_get_int(q, 1);
	}
	return sql_end(q, e);
}

static int get_node(void *ctx, unsigned level, uint64_t index,
		    struct sha256 *out, struct err *e)
{
	struct store *s = ctx;
	struct sql_query *q =
		sql_query(s->db,
			  "SELECT hash FROM audit_node WHERE level = ?"
			  " AND at = ?",
			  SQL_BIND(sql_int(level), sql_int((int64_t)index)));
	bool found = sql_next(q);

	if (found)
		sql_get_blob(q, 0, out->bytes, SHA256_LEN);
	if (sql_end(q, e))
		return -1;
	return found ? 0
		     : err_set(e, ERR_SYSTEM,
			       "database: the audit log's tree has a hole");
}

static int put_node(struct store *s, unsigned level, uint64_t index,
		    const struct sha256 *hash, struct err *e)
{
	return sql_run(s->db,
		       "INSERT INTO audit_node (level, at, hash)"
		       " VALUES (?, ?, ?)",
		       SQL_BIND(sql_int(level), sql_int((int64_t)index),
				sql_digest(hash)),
		       NULL, e);
}

/* The leaf, and every perfect subtree that it completes. */
static int grow_tree(struct store *s, uint64_t at, struct slice record,
		     struct err *e)
{
	struct sha256 hash, left;
	unsigned level = 0;

	merkle_leaf(record, &hash);
	if (put_node(s, 0, at, &hash, e))
		return -1;
	for (; at & 1; at >>= 1) {
		if (get_node(s, level, at - 1, &left, e))
			return -1;
		merkle_node(&left, &hash, &hash);
		level++;
		if (put_node(s, level, at >> 1, &hash, e))
			return -1;
	}
	return 0;
}

int store_keep_record_locked(struct store *s, const struct audit_record *r,
			     struct slice text, struct err *e)
{
	if (sql_run(s->db,
		    "INSERT INTO audit (n, time, record) VALUES (?, ?, ?)",
		    SQL_BIND(sql_int((int64_t)r->number), sql_int(r->time),
			     sql_blob(text.ptr, text.len)),
		    NULL, e))
		return -1;
	return grow_tree(s, r->number, text, e);
}

static int append(struct store *s, struct audit_record *r, struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_RECORD_MAX);
	int64_t before;
	int rc = -1;

	if (!audit_act_is_urgent(r->act) && store_may_log_locked(s, e))
		return -1;
	if (last_record(s, &r->number, &before, e))
		return -1;
	/* A clock that went back must not make the log's time go back; that
	 * it did is part of the record. */
	if (r->time < before) {
		r->clock_back = before - r->time;
		r->time = before;
	}
	if (audit_record_format(r, &text, e) ||
	    store_keep_record_locked(s, r, buf_slice(&text), e))
		goto out;
	rc = 0;
out:
	buf_done(&text);
	return rc;
}

int store_log_locked(struct store *s, struct audit_record *r, struct err *e)
{
	int rc = append(s, r, e);

	audit_record_done(r);
	return rc ? err_in(e, "audit log") : 0;
}

int store_log(struct store *s, struct audit_record *r, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, store_log_locked(s, r, e), e);
	else
		audit_record_done(r);
	return store_unlock(s, rc);
}

/* ---- read ---------------------------------------------------------------- */

int store_audit_size(struct store *s, uint64_t *size, struct err *e)
{
	int64_t ignored;

	store_lock(s);
	return store_unlock(s, last_record(s, size, &ignored, e));
}

int store_log_key_since(struct store *s, int64_t *since, struct err *e)
{
	struct sql_query *q;

	*since = 0;
	store_lock(s);
	/* By the first record, unless a later one names another key. */
	q = sql_query(s->db,
		      "SELECT time FROM audit WHERE n = 0"
		      " OR instr(CAST(record AS TEXT), '\"act\":\"log-key\"')"
		      " ORDER BY n DESC LIMIT 1",
		      SQL_NOTHING);
	if (sql_next(q))
		*since = sql_get_int(q, 0);
	return store_unlock(s, sql_end(q, e));
}

int store_audit_each(struct store *s, uint64_t from, size_t max,
		     int (*visit)(void *ctx, struct slice record,
				  struct err *e),
		     void *ctx, struct err *e)
{
	struct sql_query *q;
	int rc = 0;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT record FROM audit WHERE n >= ?"
		      " ORDER BY n LIMIT ?",
		      SQL_BIND(sql_int((int64_t)from), sql_int((int64_t)max)));
	while (rc == 0 && sql_next(q))
		rc = visit(ctx, sql_get_bytes(q, 0), e);
	if (rc == 0)
		rc = sql_end(q, e);
	else if (sql_end(q, &(struct err){ 0 }))
		rc = -1;
	return store_unlock(s, rc);
}

static int prove(struct store *s, uint64_t from, struct merkle_head *head,
		 struct merkle_proof *proof, struct err *e)
{
	const struct merkle_source source = { s, get_node };
	int64_t ignored;

	if (last_record(s, &head->size, &ignored, e) ||
	    merkle_root_of(&source, head->size, &head->root, e))
		return -1;
	return merkle_prove_consistency(&source, from, head->size, proof, e);
}

int store_audit_prove(struct store *s, uint64_t from, struct merkle_head *head,
		      struct merkle_proof *proof, struct err *e)
{
	store_lock(s);
	return store_unlock(s, prove(s, from, head, proof, e));
}

static int root_of(struct store *s, uint64_t size, struct sha256 *out,
		   struct err *e)
{
	const struct merkle_source source = { s, get_node };

	return merkle_root_of(&source, size, out, e);
}

int store_audit_root(struct store *s, uint64_t size, struct sha256 *out,
		     struct err *e)
{
	store_lock(s);
	return store_unlock(s, root_of(s, size, out, e));
}

int store_prove_locked(struct store *s, uint64_t index, uint64_t from,
		       uint64_t size, struct report_proofs *out, struct err *e)
{
	const struct merkle_source source = { s, get_node };

	if (merkle_prove_inclusion(&source, index, size, &out->included, e))
		return -1;
	return merkle_prove_consistency(&source, from, size, &out->grown, e);
}

int store_audit_check_locked(struct store *s, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT n, record, hash FROM audit LEFT JOIN audit_node"
		" ON level = 0 AND at = n ORDER BY n",
		SQL_NOTHING);
	struct sha256 is, was;
	int64_t n = 0, bad = -1;

	for (; bad < 0 && sql_next(q); n++) {
		merkle_leaf(sql_get_bytes(q, 1), &is);
		if (sql_get_int(q, 0) != n || sql_get_null(q, 2)) {
			bad = n;
			break;
		}
		sql_get_blob(q, 2, was.bytes, SHA256_LEN);
		if (!sha256_equal(&is, &was))
			bad = n;
	}
	if (sql_end(q, e))
		return -1;
	return bad < 0 ? 0
		       : err_set(e, ERR_UNTRUSTED,
				 "audit log: record %lld is not the one that "
				 "was written",
				 (long long)bad);
}

/* ---- checkpoints --------------------------------------------------------- */

int store_checkpoint_put(struct store *s, uint64_t size, const char *text,
			 struct err *e)
{
	store_lock(s);
	return store_unlock(
		s, sql_run(s->db,
			   "INSERT INTO audit_checkpoint (size, text)"
			   " VALUES (?, ?) ON CONFLICT (size)"
			   " DO UPDATE SET text = excluded.text",
			   SQL_BIND(sql_int((int64_t)size), sql_text(text)),
			   NULL, e));
}

int store_checkpoint_each(struct store *s, int64_t after, size_t max,
			  int (*visit)(void *ctx, uint64_t size,
				       const char *text, struct err *e),
			  void *ctx, struct err *e)
{
	char text[AUDIT_CHECKPOINT_MAX + 1];
	struct sql_query *q;
	int rc = 0;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT size, text FROM audit_checkpoint WHERE size > ?"
		      " ORDER BY size LIMIT ?",
		      SQL_BIND(sql_int(after), sql_int((int64_t)max)));
	while (rc == 0 && sql_next(q)) {
		sql_get_text(q, 1, text, sizeof(text));
		rc = visit(ctx, (uint64_t)sql_get_int(q, 0), text, e);
	}
	if (rc == 0)
		rc = sql_end(q, e);
	else if (sql_end(q, &(struct err){ 0 }))
		rc = -1;
	return store_unlock(s, rc);
}

int store_checkpoint_latest(struct store *s, uint64_t *size,
			    char text[AUDIT_CHECKPOINT_MAX + 1], struct err *e)
{
	struct sql_query *q;

	*size = 0;
	text[0] = 0;
	store_lock(s);
	q = sql_query(s->db,
		      "SELECT size, text FROM audit_checkpoint"
		      " ORDER BY size DESC LIMIT 1",
		      SQL_NOTHING);
	if (sql_next(q)) {
		*size = (uint64_t)sql_get_int(q, 0);
		sql_get_text(q, 1, text, AUDIT_CHECKPOINT_MAX + 1);
	}
	return store_unlock(s, sql_end(q, e));
}
