/* SPDX-License-Identifier: Apache-2.0 */
/* The store's metadata files, payload addresses and releases. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/store_db.h"

int store_metadata_get(struct store *s, const char *name, struct buf *bytes,
		       struct sha256 *digest, struct err *e)
{
	struct sql_query *q;
	int rc = 0;
	bool found;

	store_lock(s);
	/* Timestamps are asked for far more often than changed: the digest
	 * alone answers most requests. */
	q = bytes ? sql_query(s->db,
			      "SELECT digest, bytes FROM metadata"
			      " WHERE name = ?",
			      SQL_BIND(sql_text(name)))
		  : sql_query(s->db,
			      "SELECT digest FROM metadata WHERE name = ?",
			      SQL_BIND(sql_text(name)));
	found = sql_next(q);
	if (found && digest)
		sql_get_blob(q, 0, digest->bytes, SHA256_LEN);
	if (found && bytes)
		rc = buf_add(bytes, sql_get_bytes(q, 1), e);
	if (sql_end(q, e))
		rc = -1;
	if (rc == 0 && !found)
		rc = err_set(e, ERR_NOT_FOUND, "no such metadata");
	return store_unlock(s, rc);
}

int store_metadata_versions(struct store *s, int64_t *root, int64_t *targets,
			    struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, "SELECT max(root), max(targets) FROM metadata",
		      SQL_NOTHING);
	*root = 0;
	*targets = 0;
	if (sql_next(q)) {
		*root = sql_get_int(q, 0);
		*targets = sql_get_int(q, 1);
	}
	return store_unlock(s, sql_end(q, e));
}

int store_metadata_root(struct store *s, const struct sha256 *digest, bool *may,
			struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT count(*) = 0 OR total(digest = ?) > 0"
		      " FROM metadata WHERE root > 0",
		      SQL_BIND(sql_digest(digest)));
	*may = sql_next(q) && sql_get_int(q, 0) != 0;
	return store_unlock(s, sql_end(q, e));
}

int store_roles(struct store *s, struct store_role roles[STORE_ROLES_MAX],
		size_t *count, struct err *e)
{
	struct sql_query *q;

	*count = 0;
	store_lock(s);
	q = sql_query(s->db,
		      "SELECT name, version, problem FROM role ORDER BY name",
		      SQL_NOTHING);
	while (*count < STORE_ROLES_MAX && sql_next(q)) {
		struct store_role *r = &roles[(*count)++];

		sql_get_text(q, 0, r->name, sizeof(r->name));
		r->version = sql_get_int(q, 1);
		sql_get_text(q, 2, r->problem, sizeof(r->problem));
	}
	return store_unlock(s, sql_end(q, e));
}

int store_payload_find(struct store *s, const char *url, struct sha256 *digest,
		       uint64_t *length, struct err *e)
{
	struct sql_query *q;
	bool found;
	int rc;

	store_lock(s);
	q = sql_query(s->db, "SELECT digest, length FROM payload WHERE url = ?",
		      SQL_BIND(sql_text(url)));
	found = sql_next(q);
	if (found) {
		sql_get_blob(q, 0, digest->bytes, SHA256_LEN);
		*length = (uint64_t)sql_get_int(q, 1);
	}
	rc = store_unlock(s, sql_end(q, e));
	if (rc == 0 && !found)
		return err_set(e, ERR_NOT_FOUND, "no such payload");
	return rc;
}

int store_payload_each(struct store *s,
		       int (*visit)(void *ctx, const struct sha256 *digest,
				    uint64_t length, struct err *e),
		       void *ctx, struct err *e)
{
	struct sql_query *q;
	struct sha256 digest;
	int rc = 0;

	store_lock(s);
	q = sql_query(s->db,
		      "SELECT DISTINCT digest, length FROM payload"
		      " ORDER BY digest",
		      SQL_NOTHING);
	while (rc == 0 && sql_next(q)) {
		sql_get_blob(q, 0, digest.bytes, SHA256_LEN);
		rc = visit(ctx, &digest, (uint64_t)sql_get_int(q, 1), e);
	}
	if (rc == 0)
		rc = sql_end(q, e);
	else if (sql_end(q, &(struct err){ 0 }))
		rc = -1;
	return store_unlock(s, rc);
}

bool store_payload_known(struct store *s, const struct sha256 *digest)
{
	struct sql_query *q;
	struct err ignored;
	bool known;

	store_lock(s);
	q = sql_query(s->db, "SELECT 1 FROM payload WHERE digest = ?",
		      SQL_BIND(sql_digest(digest)));
	known = sql_next(q);
	/* Unknown only costs the caller another check. */
	if (sql_end(q, &ignored))
		known = false;
	(void)store_unlock(s, 0);
	return known;
}

/* ---- import -------------------------------------------------------------- */

static int put_file(struct store *s, const struct store_file *f, struct err *e)
{
	struct sha256 digest;

	sha256_of(f->bytes, &digest);
	return sql_run(s->db,
		       "INSERT OR REPLACE INTO metadata"
		       " (name, bytes, digest, root, targets)"
		       " VALUES (?, ?, ?, ?, ?)",
		       SQL_BIND(sql_text(f->name),
				sql_blob(f->bytes.ptr, f->bytes.len),
				sql_digest(&digest), sql_int(f->root),
				sql_int(f->targets)),
		       NULL, e);
}

static int put_payload(struct store *s, const struct store_payload *p,
		       struct err *e)
{
	return sql_run(s->db,
		       "INSERT OR REPLACE INTO payload (url, digest, length)"
		       " VALUES (?, ?, ?)",
		       SQL_BIND(sql_text(p->url), sql_digest(&p->digest),
				sql_int((int64_t)p->length)),
		       NULL, e);
}

static int put_release(struct store *s, const struct store_release *r,
		       int64_t now, struct err *e)
{
	return sql_run(
		s->db,
		"INSERT INTO release (product, id, version, models, seq,"
		" requires_seq, not_before, digest, listed, detail, imported,"
		" lab_only, hardware)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)"
		" ON CONFLICT (product, id) DO UPDATE SET"
		" version = excluded.version, models = excluded.models,"
		" seq = excluded.seq, requires_seq = excluded.requires_seq,"
		" not_before = excluded.not_before, digest = excluded.digest,"
		" listed = 1, detail = excluded.detail,"
		" lab_only = excluded.lab_only, hardware = excluded.hardware",
		SQL_BIND(sql_text(r->product), sql_text(r->id),
			 sql_text(r->version), sql_text(r->models),
			 sql_int((int64_t)r->seq),
			 sql_int((int64_t)r->requires_seq),
			 sql_int(r->not_before), sql_digest(&r->digest),
			 sql_text(r->detail), sql_int(now),
			 sql_int(r->lab_only), sql_text(r->hardware)),
		NULL, e);
}

/* The first rollout that offers what devices could not find any more. */
static int find_unlisted(struct store *s, char name[NAME_MAX_LEN + 1],
			 bool *found, struct err *e)
{
	struct sql_query *q = sql_query(
		s->db,
		"SELECT name FROM rollout WHERE state IN (?, ?)"
		" AND NOT EXISTS (SELECT 1 FROM release r"
		" WHERE r.product = rollout.product AND r.id = rollout.release"
		" AND r.digest = rollout.digest AND r.listed = 1"
		" AND r.lab_only = rollout.lab_only)"
		" ORDER BY id LIMIT 1",
		SQL_BIND(sql_int(STAGE_RUNNING), sql_int(STAGE_COMPLETED)));

	*found = sql_next(q);
	if (*found)
		sql_get_text(q, 0, name, NAME_MAX_LEN + 1);
	return sql_end(q, e);
}

static int put_roles(struct store *s, const struct store_import *in,
		     struct err *e)
{
	if (sql_run(s->db, "UPDATE role SET problem = ?",
		    SQL_BIND(sql_text(STORE_ROLE_DROPPED)), NULL, e))
		return -1;
	for (size_t i = 0; i < in->role_count; i++)
		if (store_recorded_role_locked(s, &in->roles[i], e) ||
		    sql_run(s->db,
			    "INSERT OR REPLACE INTO role"
			    " (name, version, problem) VALUES (?, ?, ?)",
			    SQL_BIND(sql_text(in->roles[i].name),
				     sql_int(in->roles[i].version),
				     sql_text(in->roles[i].problem)),
			    NULL, e) ||
		    sql_run(s->db,
			    "DELETE FROM staged"
			    " WHERE role = ? AND version <= ?",
			    SQL_BIND(sql_text(in->roles[i].name),
				     sql_int(in->roles[i].version)),
			    NULL, e))
			return -1;
	return 0;
}

/* Each pause is an act of its own, of a rule and not of who imported. */
static int pause_unlisted(struct store *s, int64_t now, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_GATE, .now = now };
	char name[NAME_MAX_LEN + 1];
	bool found;

	for (;;) {
		if (find_unlisted(s, name, &found, e))
			return -1;
		if (!found)
			return 0;
		if (store_pause_locked(s, name,
				       "its release is no longer in the signed "
				       "metadata",
				       &by, e))
			return -1;
	}
}

static int log_import(struct store *s, const struct store_import *in,
		      const struct audit_by *by, struct err *e)
{
	struct json *roles = json_new_array(), *versions = json_new_array();
	int64_t root = 0, targets = 0;
	struct audit_record r;

	for (size_t i = 0; i < in->role_count; i++) {
		json_add(roles, json_new_text(in->roles[i].name));
		json_add(versions, json_new_int(in->roles[i].version));
	}
	for (size_t i = 0; i < in->file_count; i++) {
		if (in->files[i].root > root)
			root = in->files[i].root;
		if (in->files[i].targets > targets)
			targets = in->files[i].targets;
	}
	audit_record_init(&r, AUDIT_IMPORT, by);
	json_set_int(r.objects, "root", root);
	json_set_int(r.objects, "targets", targets);
	json_set_int(r.objects, "releases", (int64_t)in->release_count);
	json_set(r.objects, "roles", roles);
	json_set(r.objects, "versions", versions);
	return store_log_locked(s, &r, e);
}

static int import(struct store *s, const struct store_import *in,
		  const struct audit_by *by, struct err *e)
{
	if (sql_run(s->db, "DELETE FROM payload", SQL_NOTHING, NULL, e) ||
	    sql_run(s->db, "UPDATE release SET listed = 0", SQL_NOTHING, NULL,
		    e))
		return -1;
	for (size_t i = 0; i < in->file_count; i++)
		if (put_file(s, &in->files[i], e))
			return -1;
	for (size_t i = 0; i < in->payload_count; i++)
		if (put_payload(s, &in->payloads[i], e))
			return -1;
	for (size_t i = 0; i < in->release_count; i++)
		if (put_release(s, &in->releases[i], by->now, e))
			return -1;
	if (put_roles(s, in, e) || store_recorded_top_locked(s, e) ||
	    log_import(s, in, by, e))
		return -1;
	return pause_unlisted(s, by->now, e);
}

int store_import(struct store *s, const struct store_import *in,
		 const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, import(s, in, by, e), e);
	return store_unlock(s, rc);
}

/* A snapshot that was not there yet is a publication; by whom, the record of
 * the import before it says. */
static int log_snapshot(struct store *s, const struct store_file *snapshot,
			int64_t now, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_SYSTEM, .now = now };
	struct audit_record r;
	struct sha256 digest;
	struct sql_query *q =
		sql_query(s->db, "SELECT 1 FROM metadata WHERE name = ?",
			  SQL_BIND(sql_text(snapshot->name)));
	bool known = sql_next(q);

	if (sql_end(q, e))
		return -1;
	if (known)
		return 0;
	sha256_of(snapshot->bytes, &digest);
	audit_record_init(&r, AUDIT_PUBLISH, &by);
	json_set_text(r.objects, "snapshot", snapshot->name);
	audit_set_digest(&r, "sha256", &digest);
	return store_log_locked(s, &r, e);
}

static int log_bundle(struct store *s, const struct store_online *in,
		      const struct audit_by *by, struct err *e)
{
	struct audit_record r;

	audit_record_init(&r, AUDIT_BUNDLE_EXPORT, by);
	json_set_int(r.objects, "days", in->bundle_days);
	json_set_int(r.objects, "snapshot", in->bundle_snapshot);
	return store_log_locked(s, &r, e);
}

static int put_online(struct store *s, const struct store_online *in,
		      const struct audit_by *by, struct err *e)
{
	struct store_file t = { .name = "timestamp.json",
				.bytes = in->timestamp };

	/* A device between two requests may still want the former snapshot, so
	 * the last few stay. */
	if ((in->bundle_days > 0 && log_bundle(s, in, by, e)) ||
	    log_snapshot(s, &in->snapshot, by->now, e) ||
	    put_file(s, &in->snapshot, e) || put_file(s, &t, e))
		return -1;
	return sql_run(s->db,
		       "DELETE FROM metadata WHERE name LIKE '%.snapshot.json'"
		       " AND rowid NOT IN (SELECT rowid FROM metadata"
		       " WHERE name LIKE '%.snapshot.json'"
		       " ORDER BY rowid DESC LIMIT 3)",
		       SQL_NOTHING, NULL, e);
}

int store_online(struct store *s, const struct store_online *in,
		 const struct audit_by *by, struct err *e)
{
	int rc;

	store_lock(s);
	rc = sql_begin(s->db, e);
	if (rc == 0)
		rc = sql_finish(s->db, put_online(s, in, by, e), e);
	return store_unlock(s, rc);
}

/* ---- releases ------------------------------------------------------------ */

#define RELEASE_COLUMNS                                                        \
	"SELECT product, id, version, models, seq, requires_seq, not_before,"  \
	" digest, listed, imported, detail, lab_only, hardware FROM release"

static void read_release(struct sql_query *q, struct store_release *r)
{
	struct slice detail = sql_get_bytes(q, 10);

	sql_get_text(q, 0, r->product, sizeof(r->product));
	sql_get_text(q, 1, r->id, sizeof(r->id));
	sql_get_text(q, 2, r->version, sizeof(r->version));
	sql_get_text(q, 3, r->models, sizeof(r->models));
	r->seq = (uint64_t)sql_get_int(q, 4);
	r->requires_seq = (uint64_t)sql_get_int(q, 5);
	r->not_before = sql_get_int(q, 6);
	sql_get_blob(q, 7, r->digest.bytes, SHA256_LEN);
	r->listed = sql_get_int(q, 8) != 0;
	r->imported = sql_get_int(q, 9);
	r->lab_only = sql_get_int(q, 11) != 0;
	sql_get_text(q, 12, r->hardware, sizeof(r->hardware));
	if (detail.len > STORE_DETAIL_MAX)
		detail.len = 0;
	r->detail = mem_alloc(detail.len + 1, 1);
	if (detail.len > 0)
		memcpy(r->detail, detail.ptr, detail.len);
}

void store_release_done(struct store_release *r)
{
	free(r->detail);
	r->detail = NULL;
}

int store_release_find(struct store *s, const char *product, const char *id,
		       struct store_release *out, struct err *e)
{
	struct store_release r = { 0 };
	struct sql_query *q;
	bool found, more;
	int rc;

	store_lock(s);
	q = sql_query(s->db,
		      RELEASE_COLUMNS " WHERE id = ?1"
				      " AND (?2 = '' OR product = ?2)",
		      SQL_BIND(sql_text(id), sql_text(product)));
	found = sql_next(q);
	if (found)
		read_release(q, &r);
	more = found && sql_next(q);
	rc = store_unlock(s, sql_end(q, e));
	if (rc == 0 && !found)
		rc = err_set(e, ERR_NOT_FOUND,
			     "no release %s (release list shows them)", id);
	if (rc == 0 && more)
		rc = err_set(e, ERR_CONFLICT,
			     "several products have a release %s: name one "
			     "with --product",
			     id);
	if (rc)
		store_release_done(&r);
	else
		*out = r;
	return rc;
}

int store_release_each(struct store *s,
		       void (*visit)(void *ctx, const struct store_release *r),
		       void *ctx, struct err *e)
{
	struct sql_query *q;

	store_lock(s);
	q = sql_query(s->db, RELEASE_COLUMNS " ORDER BY product, seq",
		      SQL_NOTHING);
	while (sql_next(q)) {
		struct store_release r = { 0 };

		read_release(q, &r);
		visit(ctx, &r);
		store_release_done(&r);
	}
	return store_unlock(s, sql_end(q, e));
}
