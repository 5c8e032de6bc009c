/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/unused.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/tuf_store.h"

#include "update-server/envelopes.h"

/* ---- what is referred to ------------------------------------------------- */

struct refs {
	struct sha256 *at;
	size_t count;
};

static void add_ref(struct refs *r, const struct sha256 *digest)
{
	if (r->count % 256 == 0)
		r->at = mem_resize(r->at, r->count + 256, sizeof(*r->at));
	r->at[r->count++] = *digest;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static bool is_referred(const struct refs *r, const struct sha256 *digest)
{
	return r->count > 0 && bsearch(digest, r->at, r->count, sizeof(*r->at),
				       compare) != NULL;
}

static int add_listed(void *ctx, const struct sha256 *digest, uint64_t length,
		      struct err *e)
{
	(void)length;
	(void)e;
	add_ref(ctx, digest);
	return 0;
}

/* ---- releases ------------------------------------------------------------ */

/* The store's own words of one release, that cannot be read: nothing may go
 * then. */
struct releases {
	const struct unused_held *held;
	size_t held_count;
	/* Of listed releases: "product/base" of each delta. */
	char (*bases)[2 * NAME_MAX_LEN + 2];
	size_t base_count;
	struct refs *refs;
	struct err failed;
};

static void add_base(struct releases *r, const char *product, const char *id)
{
	if (r->base_count % 64 == 0)
		r->bases = mem_resize(r->bases, r->base_count + 64,
				      sizeof(*r->bases));
	(void)snprintf(r->bases[r->base_count++], sizeof(*r->bases), "%s/%s",
		       product, id);
}

static const struct json *packages_of(struct releases *r,
				      const struct store_release *release,
				      struct json **detail)
{
	struct err why;

	if (json_parse(slice_of(release->detail), detail, &why) == 0)
		return json_get(*detail, "packages");
	if (r->failed.code == ERR_NONE)
		(void)err_set(&r->failed, ERR_SYSTEM,
			      "what release %s consists of cannot be read: "
			      "release import it again",
			      release->id);
	return NULL;
}

static void note_bases(void *ctx, const struct store_release *release)
{
	struct releases *r = ctx;
	struct json *detail = NULL;
	const struct json *packages = NULL;

	if (release->listed)
		packages = packages_of(r, release, &detail);
	for (size_t i = 0; i < json_count(packages); i++) {
		const char *from =
			json_text(json_get(json_at(packages, i), "from"));

		if (from[0])
			add_base(r, release->product, from);
	}
	json_free(detail);
}

static bool is_held(const struct releases *r, const struct store_release *it)
{
	char name[sizeof(*r->bases)];

	for (size_t i = 0; i < r->held_count; i++)
		if (strcmp(r->held[i].product, it->product) == 0 &&
		    strcmp(r->held[i].release, it->id) == 0)
			return true;
	(void)snprintf(name, sizeof(name), "%s/%s", it->product, it->id);
	for (size_t i = 0; i < r->base_count; i++)
		if (strcmp(r->bases[i], name) == 0)
			return true;
	return false;
}

static void note_held(void *ctx, const struct store_release *release)
{
	struct releases *r = ctx;
	struct json *detail = NULL;
	const struct json *packages = NULL;
	struct sha256 digest;
	struct err why;

	if (is_held(r, release))
		packages = packages_of(r, release, &detail);
	for (size_t i = 0; i < json_count(packages); i++)
		if (json_get_hex(json_at(packages, i), "sha256", digest.bytes,
				 SHA256_LEN, &why) == 0)
			add_ref(r->refs, &digest);
		else if (r->failed.code == ERR_NONE)
			r->failed = why;
	json_free(detail);
}

static int add_releases(struct store *s, const struct unused_ask *ask,
			struct refs *refs, struct err *e)
{
	struct releases r = { .held = ask->held,
			      .held_count = ask->held_count,
			      .refs = refs };
	int rc = store_release_each(s, note_bases, &r, e) ||
				 store_release_each(s, note_held, &r, e)
			 ? -1
			 : 0;

	free(r.bases);
	if (rc == 0 && r.failed.code != ERR_NONE) {
		*e = r.failed;
		rc = -1;
	}
	return rc;
}

/* ---- files of targets, usable or not ------------------------------------- */

static int add_targets(struct slice bytes, struct refs *refs, struct err *e)
{
	const struct json *targets = NULL;
	struct json *j = NULL;
	struct sha256 digest;
	int rc = json_parse(bytes, &j, e);

	if (rc == 0)
		targets = json_get(json_get(j, "signed"), "targets");
	for (void *m = json_first(targets); m && rc == 0;
	     m = json_next(targets, m)) {
		rc = json_get_hex(json_get(json_value(m), "hashes"), "sha256",
				  digest.bytes, SHA256_LEN, e);
		if (rc == 0)
			add_ref(refs, &digest);
	}
	json_free(j);
	return rc;
}

static int add_role(struct store *s, const struct store_role *role,
		    struct refs *refs, struct err *e)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	char name[TUF_NAME_MAX];
	int rc = tuf_remote_name(role->name, role->version, name, e) ||
				 store_metadata_get(s, name, &bytes, NULL, e) ||
				 add_targets(buf_slice(&bytes), refs, e)
			 ? -1
			 : 0;

	buf_done(&bytes);
	return rc ? err_in(e, "what %s lists", role->name) : 0;
}

/* An import leaves out what an expired role lists, or one whose keys were
 * exchanged; whoever signs it again lists it again, and may have no copy. */
static int add_roles(struct store *s, struct refs *refs, struct err *e)
{
	struct store_role *roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	size_t count = 0;
	int rc = store_roles(s, roles, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add_role(s, &roles[i], refs, e);
	free(roles);
	return rc;
}

/* ---- what waits for signatures ------------------------------------------- */

struct waiting {
	struct refs *refs;
	struct err failed;
};

static void note_staged(void *ctx, const struct store_stage *stage,
			struct slice bytes)
{
	struct waiting *w = ctx;
	struct err why = { 0 };

	(void)stage;
	if (add_targets(bytes, w->refs, &why) && w->failed.code == ERR_NONE)
		w->failed = why;
}

static int add_staged(struct store *s, struct refs *refs, struct err *e)
{
	struct waiting w = { .refs = refs };

	if (store_stage_each(s, note_staged, &w, e))
		return -1;
	if (w.failed.code == ERR_NONE)
		return 0;
	*e = w.failed;
	return err_in(e, "what waits for signatures");
}

/* ---- the files ----------------------------------------------------------- */

struct looking {
	const struct refs *refs;
	int64_t before;
	struct refs recent; /* packages that nothing refers to yet, and stay */
	struct unused *out;
};

static int look_at(void *ctx, const struct blob *b, struct err *e)
{
	struct looking *l = ctx;
	struct unused *u = l->out;

	(void)e;
	if (b->whole && is_referred(l->refs, &b->digest)) {
		u->referred++;
	} else if (b->since >= l->before) {
		u->recent++;
		if (b->whole)
			add_ref(&l->recent, &b->digest);
	} else {
		if (u->count % 64 == 0)
			u->at = mem_resize(u->at, u->count + 64,
					   sizeof(*u->at));
		u->at[u->count++] = *b;
		u->bytes += b->len;
	}
	return 0;
}

/* Keys stay with their package, however old they are: without them it is of no
 * use to anybody once it is listed. */
static int look_at_keys(void *ctx, const struct blob *b, struct err *e)
{
	struct looking *l = ctx;

	if (!b->whole || !is_referred(&l->recent, &b->digest))
		return look_at(ctx, b, e);
	l->out->recent++;
	return 0;
}

static int look_at_files(struct looking *l, int dirfd, struct err *e)
{
	struct refs *recent = &l->recent;

	if (blobs_each(dirfd, look_at, l, e))
		return -1;
	if (recent->count > 0)
		qsort(recent->at, recent->count, sizeof(*recent->at), compare);
	return envelopes_each(dirfd, look_at_keys, l, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct blob *)a)->name,
		      ((const struct blob *)b)->name);
}

int unused_find(struct store *s, const struct unused_ask *ask,
		struct unused *out, struct err *e)
{
	struct refs refs = { .count = 0 };
	struct looking l = { .refs = &refs, .before = ask->before, .out = out };
	int rc = -1;

	*out = (struct unused){ .count = 0 };
	if (store_payload_each(s, add_listed, &refs, e) ||
	    add_roles(s, &refs, e) || add_releases(s, ask, &refs, e) ||
	    add_staged(s, &refs, e))
		goto out;
	if (refs.count > 0)
		qsort(refs.at, refs.count, sizeof(*refs.at), compare);
	rc = look_at_files(&l, ask->dirfd, e);
	if (rc == 0 && out->count > 0)
		qsort(out->at, out->count, sizeof(*out->at), by_name);
out:
	free(l.recent.at);
	free(refs.at);
	return rc;
}

void unused_done(struct unused *u)
{
	free(u->at);
	*u = (struct unused){ .count = 0 };
}

void unused_plan(const struct unused *u, struct sha256 *out)
{
	struct digest d;
	char line[BLOB_NAME_MAX + 24];

	digest_start(&d);
	for (size_t i = 0; i < u->count; i++) {
		(void)snprintf(line, sizeof(line), "%s %" PRIu64 "\n",
			       u->at[i].name, u->at[i].len);
		digest_add(&d, slice_of(line));
	}
	digest_finish(&d, out);
}
