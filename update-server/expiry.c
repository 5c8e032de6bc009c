/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/expiry.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#define PEM_MAX 65536

bool expiry_is_online(const struct expiry_of *role)
{
	return strcmp(role->role, "timestamp") == 0 ||
	       strcmp(role->role, "snapshot") == 0;
}

void expiry_init(struct expiry *x)
{
	x->count = 0;
	(void)pthread_mutex_init(&x->lock, NULL);
}

void expiry_done(struct expiry *x)
{
	(void)pthread_mutex_destroy(&x->lock);
}

/* ---- one file ------------------------------------------------------------ */

static int get_life(const struct json *j, struct expiry_of *out, struct err *e)
{
	const char *issued, *expires;
	const struct json *body;

	if (json_get_object(j, "signed", &body, e) ||
	    json_get_text(body, "issued", &issued, e) ||
	    json_get_text(body, "expires", &expires, e) ||
	    utc_parse(slice_of(issued), &out->issued, e))
		return -1;
	return utc_parse(slice_of(expires), &out->when, e);
}

/* Our own file: it was verified before it was stored. */
static int load(struct store *s, const char *file, struct json **out,
		struct err *e)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	int rc = -1;

	if (store_metadata_get(s, file, &bytes, NULL, e) == 0)
		rc = json_parse(buf_slice(&bytes), out, e);
	buf_done(&bytes);
	return rc;
}

/* ---- all of them --------------------------------------------------------- */

struct reading {
	const struct expiry *before;
	struct store *store;
	struct expiry_of *out;
	size_t count;
};

static const struct expiry_of *find_before(const struct reading *r,
					   const char *file)
{
	for (size_t i = 0; i < r->before->count; i++)
		if (strcmp(r->before->roles[i].file, file) == 0)
			return &r->before->roles[i];
	return NULL;
}

static int read_one(struct reading *r, const char *role, int64_t version,
		    struct err *e)
{
	struct expiry_of new = { .when = 0 };
	const struct expiry_of *known;
	struct json *j = NULL;
	int rc = -1;

	if (text_format(new.role, sizeof(new.role), e, "%s", role) ||
	    text_format(new.file, sizeof(new.file), e, "%lld.%s.json",
			(long long)version, role))
		return -1;
	known = find_before(r, new.file);
	if (known) {
		r->out[r->count++] = *known;
		return 0;
	}
	if (load(r->store, new.file, &j, e) == 0)
		rc = get_life(j, &new, e);
	json_free(j);
	if (rc)
		return err_in(e, "%s", new.file);
	r->out[r->count++] = new;
	return 0;
}

/* The timestamp, and the snapshot that it names. */
static int read_online(struct reading *r, struct err *e)
{
	struct expiry_of new = { .role = "timestamp",
				 .file = "timestamp.json" };
	const struct json *body, *meta, *snapshot;
	struct json *j = NULL;
	int64_t version;
	int rc = -1;

	if (load(r->store, new.file, &j, e))
		return -1;
	if (get_life(j, &new, e) || json_get_object(j, "signed", &body, e) ||
	    json_get_object(body, "meta", &meta, e) ||
	    json_get_object(meta, "snapshot.json", &snapshot, e) ||
	    json_get_int(snapshot, "version", 1, JSON_INT_MAX, &version, e))
		goto out;
	r->out[r->count++] = new;
	rc = read_one(r, "snapshot", version, e);
out:
	json_free(j);
	return rc;
}

/* One that has expired, or whose keys were exchanged, waits to be signed anew:
 * the next import must not end the warning. */
static int read_delegated(struct reading *r, struct err *e)
{
	struct store_role *roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	size_t count;
	int rc = store_roles(r->store, roles, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++)
		if (strcmp(roles[i].problem, STORE_ROLE_DROPPED) != 0)
			rc = read_one(r, roles[i].name, roles[i].version, e);
	free(roles);
	return rc;
}

static int read_all(struct reading *r, struct err *e)
{
	int64_t root, targets;
	struct err why = { 0 };

	if (store_metadata_versions(r->store, &root, &targets, e))
		return -1;
	if (root == 0 || targets == 0)
		return 0;
	if (read_one(r, "root", root, e) || read_one(r, "targets", targets, e))
		return -1;
	/* Imported, and not signed by the keeper yet. */
	if (read_online(r, &why) && why.code != ERR_NOT_FOUND) {
		*e = why;
		return -1;
	}
	return read_delegated(r, e);
}

int expiry_read(struct expiry *x, struct store *s,
		struct expiry_of out[EXPIRY_MAX], size_t *count, struct err *e)
{
	struct reading r = { .before = x, .store = s, .out = out };
	int rc;

	(void)pthread_mutex_lock(&x->lock);
	rc = read_all(&r, e);
	if (rc == 0) {
		memcpy(x->roles, out, r.count * sizeof(*out));
		x->count = r.count;
		*count = r.count;
	}
	(void)pthread_mutex_unlock(&x->lock);
	return rc;
}

int64_t expiry_of_pem(struct slice pem)
{
	struct x509_info info;
	struct slice first;
	struct err ignored; /* who serves with it said what is wrong with it */

	return x509_next(&pem, &first) &&
			       x509_inspect(first, &info, &ignored) == 0
		       ? info.not_after
		       : 0;
}

size_t expiry_of_each(struct slice pem, int64_t ends[EXPIRY_CAS])
{
	struct slice one;
	size_t n = 0;

	while (n < EXPIRY_CAS && x509_next(&pem, &one))
		ends[n++] = expiry_of_pem(one);
	return n;
}

int64_t expiry_of_file(int dirfd, const char *path)
{
	struct buf pem = BUF_INIT(PEM_MAX);
	struct err ignored;
	int64_t when = 0;

	if (fs_read_file(dirfd, path, &pem, &ignored) == 0)
		when = expiry_of_pem(buf_slice(&pem));
	buf_done(&pem);
	return when;
}
