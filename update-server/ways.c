/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/floor.h"
#include "common/mem.h"
#include "common/stepback.h"
#include "common/way.h"

#include "update-server/documents.h"

#define PRODUCTS_MAX 64
#define BACKS_MAX    128 /* of one product */

/* One product. */
struct realm {
	char product[NAME_MAX_LEN + 1];
	struct way way, lab_way;  /* the latter with nightly builds */
	struct release *releases; /* of full packages, as lab_way lists them */
	size_t release_count;
	uint64_t floor;
	bool has_floor;
	struct stepback *backs;
	size_t back_count;
};

struct ways {
	int dirfd; /* borrowed while it is read */
	bool lab;
	struct realm realms[PRODUCTS_MAX];
	size_t count;
};

static struct realm *find_realm(const struct ways *w, const char *product)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->realms[i].product, product) == 0)
			return (struct realm *)(uintptr_t)&w->realms[i];
	return NULL;
}

static int need_realm(struct ways *w, const char *product, struct realm **out,
		      struct err *e)
{
	*out = find_realm(w, product);
	if (*out)
		return 0;
	if (w->count == PRODUCTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d products",
			       PRODUCTS_MAX);
	*out = &w->realms[w->count++];
	memcpy((*out)->product, product, strlen(product) + 1);
	return 0;
}

/* Is a release for such devices: of the lab, or of production? */
static bool is_open_to(const struct ways *w, const struct release *r, bool lab)
{
	return lab || w->lab || !r->nightly;
}

static const struct way *way_of(const struct realm *realm, bool lab)
{
	return lab ? &realm->lab_way : &realm->way;
}

/* ---- what is listed ------------------------------------------------------ */

/* Takes *r over. */
static int keep_release(struct ways *w, struct release *r, struct err *e)
{
	struct realm *realm;

	if (need_realm(w, r->product, &realm, e)) {
		release_done(r);
		return -1;
	}
	if (is_open_to(w, r, false))
		way_add(&realm->way, r);
	way_add(&realm->lab_way, r);
	if (realm->release_count % 64 == 0)
		realm->releases =
			mem_resize(realm->releases, realm->release_count + 64,
				   sizeof(*realm->releases));
	realm->releases[realm->release_count++] = *r;
	return 0;
}

static int take_floor(struct ways *w, struct slice bytes, const char *path,
		      struct err *e)
{
	char own[PATH_MAX_LEN];
	struct realm *realm;
	struct floor f;

	if (floor_parse(bytes, &f, e) || floor_path(f.product, own, e))
		return -1;
	if (strcmp(own, path) != 0)
		return err_set(e, ERR_UNTRUSTED, "the floor is of %s",
			       f.product);
	if (need_realm(w, f.product, &realm, e))
		return -1;
	/* The role that is looked at first is the one that devices believe. */
	if (!realm->has_floor)
		realm->floor = f.seq;
	realm->has_floor = true;
	return 0;
}

static int take_back(struct ways *w, struct slice bytes, const char *path,
		     struct err *e)
{
	char own[PATH_MAX_LEN];
	struct realm *realm;
	struct stepback s;

	if (stepback_parse(bytes, &s, e) || stepback_path(&s, own, e))
		return -1;
	if (strcmp(own, path) != 0)
		return err_set(e, ERR_UNTRUSTED,
			       "it stands under another name");
	if (need_realm(w, s.product, &realm, e))
		return -1;
	if (realm->back_count == BACKS_MAX)
		return err_set(e, ERR_LIMIT, "too many steps back");
	if (realm->back_count % 16 == 0)
		realm->backs = mem_resize(realm->backs, realm->back_count + 16,
					  sizeof(*realm->backs));
	realm->backs[realm->back_count++] = s;
	return 0;
}

static int take_document(struct ways *w, const char *path,
			 const struct json *entry, struct err *e)
{
	struct buf bytes = BUF_INIT(STATEMENT_MAX_LEN);
	int rc = documents_read(w->dirfd, entry, &bytes, e);

	if (rc == 0)
		rc = strncmp(path, "floor/", 6) == 0
			     ? take_floor(w, buf_slice(&bytes), path, e)
			     : take_back(w, buf_slice(&bytes), path, e);
	buf_done(&bytes);
	return rc;
}

static int take_release(struct ways *w, const char *path,
			const struct json *entry, struct err *e)
{
	struct release r = { 0 };
	struct err other = { 0 };
	struct tuf_target t;

	if (tuf_target_read(path, entry, &t, e))
		return -1;
	/* What cannot be read was refused when it was imported. */
	if (release_parse(&t, &r, &other) == 0 && r.kind == PACKAGE_FULL)
		return keep_release(w, &r, e);
	release_done(&r);
	return 0;
}

static int take_file(struct ways *w, const struct json *file, struct err *e)
{
	const struct json *targets =
		json_get(documents_signed(file), "targets");

	for (void *m = json_first(targets); m; m = json_next(targets, m)) {
		const char *path = json_name(m);
		bool is_document = strncmp(path, "floor/", 6) == 0 ||
				   strncmp(path, "stepback/", 9) == 0;
		int rc = is_document ? take_document(w, path, json_value(m), e)
				     : take_release(w, path, json_value(m), e);

		if (rc)
			return err_in(e, "%s", path);
	}
	return 0;
}

static int take_role(struct ways *w, struct store *s, const char *role,
		     int64_t version, struct err *e)
{
	struct json *file = NULL;
	int rc = documents_metadata(s, role, version, &file, e);

	if (rc == 0)
		rc = take_file(w, file, e);
	json_free(file);
	return rc;
}

/* Those alone whose releases devices look at: survey.h of the client. */
static bool is_surveyed(const struct store_role *r)
{
	return !r->problem[0] && (strncmp(r->name, "product-", 8) == 0 ||
				  strcmp(r->name, "nightly") == 0);
}

static int take_all(struct ways *w, struct store *s, struct err *e)
{
	struct store_role *roles;
	int64_t root, targets;
	size_t count;
	int rc;

	if (store_metadata_versions(s, &root, &targets, e))
		return -1;
	if (targets == 0)
		return 0;
	roles = mem_alloc(STORE_ROLES_MAX, sizeof(*roles));
	rc = take_role(w, s, "targets", targets, e);
	if (rc == 0)
		rc = store_roles(s, roles, &count, e);
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (is_surveyed(&roles[i]))
			rc = take_role(w, s, roles[i].name, roles[i].version,
				       e);
	free(roles);
	return rc;
}

int ways_read(struct store *s, int dirfd, bool lab, struct ways **out,
	      struct err *e)
{
	struct ways *w = mem_alloc(1, sizeof(*w));

	w->dirfd = dirfd;
	w->lab = lab;
	if (take_all(w, s, e)) {
		ways_free(w);
		return err_in(e, "ways");
	}
	*out = w;
	return 0;
}

void ways_free(struct ways *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->count; i++) {
		struct realm *realm = &w->realms[i];

		for (size_t n = 0; n < realm->release_count; n++)
			release_done(&realm->releases[n]);
		free(realm->releases);
		free(realm->backs);
		way_done(&realm->way);
		way_done(&realm->lab_way);
	}
	free(w);
}

/* ---- decisions ----------------------------------------------------------- */

/* An undo runs under a seq that is above its content's. */
static uint64_t content_of(const struct ways *w, const struct realm *realm,
			   const struct rollout_device *d)
{
	for (size_t i = 0; i < realm->release_count; i++) {
		const struct release *r = &realm->releases[i];

		if (r->seq == d->seq && is_open_to(w, r, d->lab) &&
		    sha256_equal(&r->digest, &d->digest))
			return r->content_seq;
	}
	return d->seq;
}

static bool may_step_back(const struct realm *realm, const struct rollout *r,
			  const struct rollout_device *d, int64_t now)
{
	struct err why;

	for (size_t i = 0; i < realm->back_count; i++)
		if (realm->backs[i].to == r->seq &&
		    stepback_allows(&realm->backs[i], r->product, d->seq, now,
				    &why) == 0)
			return true;
	return false;
}

int ways_each_floor(const struct ways *w,
		    int (*visit)(void *ctx, const char *product, uint64_t floor,
				 struct err *e),
		    void *ctx, struct err *e)
{
	for (size_t i = 0; w && i < w->count; i++)
		if (w->realms[i].has_floor &&
		    visit(ctx, w->realms[i].product, w->realms[i].floor, e))
			return -1;
	return 0;
}

/* As on the device: only a way up leads through what lies below. */
static bool is_below_floor(const struct realm *realm, const struct rollout *r,
			   const struct rollout_device *d)
{
	const struct way_release *listed =
		way_find(way_of(realm, d->lab), r->release, &r->digest);

	if (!listed || listed->content_seq >= realm->floor)
		return false;
	return !(d->has_release && r->seq > d->seq &&
		 way_is_stone(way_of(realm, d->lab), realm->floor, r->release));
}

static const struct release *find_release(const struct ways *w,
					  const struct realm *realm, bool lab,
					  const char *id)
{
	for (size_t i = 0; i < realm->release_count; i++) {
		const struct release *r = &realm->releases[i];

		if (is_open_to(w, r, lab) && strcmp(r->id, id) == 0)
			return r;
	}
	return NULL;
}

static bool is_named(char *const *names, size_t count, const char *own)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], own) == 0)
			return true;
	return count == 0;
}

static bool is_for(const struct release *r, const struct rollout_device *d)
{
	return is_named(r->models, r->model_count, d->model) &&
	       (d->hardware_unheard ||
		is_named(r->hardware, r->hardware_count, d->hardware));
}

/* The same rollout, for now with the release that leads there. */
static void lead_over(const struct release *r, struct rollout *goal)
{
	memcpy(goal->release, r->id, sizeof(goal->release));
	goal->digest = r->digest;
	goal->seq = r->seq;
	goal->requires_seq = r->requires_seq;
	goal->not_before = r->not_before;
}

void ways_judge(const struct ways *w, const struct rollout *r,
		const struct rollout_device *d, int64_t now,
		struct rollout_word *word, struct rollout *goal)
{
	const struct realm *realm = w ? find_realm(w, r->product) : NULL;
	const struct release *stone;
	const char *first;
	uint64_t runs;

	*goal = *r;
	*word = (struct rollout_word){ .ordered = true };
	if (!realm) {
		word->stranded = d->has_release && d->seq < r->requires_seq;
		return;
	}
	runs = content_of(w, realm, d);
	if (d->has_release && r->seq > d->seq && r->requires_seq > runs) {
		first = way_first(way_of(realm, d->lab), r->release, &r->digest,
				  runs);
		stone = first ? find_release(w, realm, d->lab, first) : NULL;
		/* What the device would refuse leads it nowhere. */
		word->stranded = !stone || !is_for(stone, d);
		if (!word->stranded)
			lead_over(stone, goal);
	}
	word->back = d->has_release && r->step_back &&
		     may_step_back(realm, r, d, now);
	word->below_floor = is_below_floor(realm, goal, d);
}

static bool leads_back_to(const struct realm *realm, uint64_t seq, int64_t now)
{
	for (size_t i = 0; i < realm->back_count; i++)
		if (realm->backs[i].to == seq && realm->backs[i].expires > now)
			return true;
	return false;
}

int ways_allow(const struct ways *w, const struct rollout *r, int64_t now,
	       struct err *e)
{
	const struct realm *realm = w ? find_realm(w, r->product) : NULL;
	const struct way *way = realm ? way_of(realm, r->lab_only) : NULL;
	const struct way_release *listed =
		way ? way_find(way, r->release, &r->digest) : NULL;

	if (listed && listed->content_seq < realm->floor &&
	    !way_is_stone(way, realm->floor, r->release))
		return err_set(e, ERR_REFUSED,
			       "%s lies below the floor, seq %llu: no device "
			       "takes it",
			       r->release, (unsigned long long)realm->floor);
	if (r->step_back && (!realm || !leads_back_to(realm, r->seq, now)))
		return err_set(e, ERR_REFUSED,
			       "no signed authorisation leads back to %s: the "
			       "release engineers sign one (pawl-signer "
			       "stepback)",
			       r->release);
	return 0;
}

static const struct release *newest(const struct ways *w,
				    const struct realm *realm,
				    const struct rollout_device *d)
{
	const struct release *best = NULL;

	for (size_t i = 0; i < realm->release_count; i++) {
		const struct release *r = &realm->releases[i];

		if (!release_is_undo(r) && is_for(r, d) &&
		    is_open_to(w, r, d->lab) && (!best || r->seq > best->seq))
			best = r;
	}
	return best;
}

void ways_explain(const struct ways *w, const struct rollout_device *d,
		  char out[WIRE_REASON_MAX])
{
	const struct realm *realm = w ? find_realm(w, d->product) : NULL;
	const struct release *r = realm ? newest(w, realm, d) : NULL;
	uint64_t runs;

	out[0] = 0;
	if (!r || !d->has_release || r->seq <= d->seq)
		return;
	runs = content_of(w, realm, d);
	if (!way_is_closed(way_of(realm, d->lab), r->id, &r->digest, runs))
		return;
	(void)snprintf(out, WIRE_REASON_MAX,
		       "stranded: %s needs at least seq %llu first, seq %llu "
		       "runs, and no listed release leads there: sign a "
		       "stepping stone (release create --stepping-stone)",
		       r->id, (unsigned long long)r->requires_seq,
		       (unsigned long long)runs);
}

/* ---- back ---------------------------------------------------------------- */

static bool still_helps(const struct realm *realm, const struct release *r,
			int64_t now)
{
	return r->undo_until > now && r->content_seq >= realm->floor;
}

static void name_content(const struct realm *realm, const struct release *undo,
			 char out[NAME_MAX_LEN + 1])
{
	for (size_t i = 0; i < realm->release_count; i++) {
		const struct release *r = &realm->releases[i];

		if (r->seq == undo->content_seq && !release_is_undo(r))
			memcpy(out, r->id, sizeof(r->id));
	}
}

static void find_undo(const struct realm *realm, const char *of, int64_t now,
		      struct ways_back *out)
{
	bool helps = false;

	for (size_t i = 0; i < realm->release_count && !helps; i++) {
		const struct release *r = &realm->releases[i];

		if (strcmp(r->undo_of, of) != 0)
			continue;
		helps = still_helps(realm, r, now);
		out->has_undo = true;
		memcpy(out->undo, r->id, sizeof(out->undo));
		out->undo_until = r->undo_until;
		out->undo_content_seq = r->content_seq;
		name_content(realm, r, out->undo_to);
	}
}

static void find_step(const struct realm *realm, uint64_t from, int64_t now,
		      struct ways_back *out)
{
	for (size_t i = 0; i < realm->back_count; i++) {
		const struct stepback *b = &realm->backs[i];

		if (b->from != from || b->expires <= now)
			continue;
		for (size_t n = 0; n < realm->release_count; n++) {
			const struct release *r = &realm->releases[n];

			if (r->seq != b->to || r->content_seq < realm->floor)
				continue;
			out->has_step = true;
			memcpy(out->step_to, r->id, sizeof(out->step_to));
		}
	}
}

static void find_older(const struct realm *realm, uint64_t seq,
		       struct ways_back *out)
{
	uint64_t best = 0;

	for (size_t i = 0; i < realm->release_count; i++) {
		const struct release *r = &realm->releases[i];

		if (release_is_undo(r) || r->seq >= seq || r->seq <= best)
			continue;
		best = r->seq;
		memcpy(out->older, r->id, sizeof(out->older));
	}
}

void ways_back(const struct ways *w, const struct rollout *r, int64_t now,
	       struct ways_back *out)
{
	const struct realm *realm = w ? find_realm(w, r->product) : NULL;

	*out = (struct ways_back){ .has_undo = false };
	if (!realm)
		return;
	out->floor = realm->floor;
	find_undo(realm, r->release, now, out);
	find_step(realm, r->seq, now, out);
	find_older(realm, r->seq, out);
}
