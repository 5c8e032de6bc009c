/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/release_create.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/keyring.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/secret.h"
#include "common/text.h"
#include "common/utc.h"
#include "signer/change.h"
#include "signer/commands.h"
#include "signer/content_key.h"
#include "signer/crew.h"
#include "signer/health.h"
#include "signer/known.h"
#include "signer/listing.h"
#include "signer/pack.h"
#include "signer/pack_tree.h"
#include "signer/sbom.h"
#include "signer/scan.h"
#include "signer/spec.h"
#include "signer/watch.h"

#define UNDO_MAX     2 /* the undo's: full, and the delta back */
#define PACKAGES_MAX (RELEASE_COMPONENTS_MAX * (OPT_LIST_MAX + 1 + UNDO_MAX))
#define UNDO_SUFFIX  ".undo"

/* One package that waits for its name. */
struct made {
	char work[32];
	char path[PATH_MAX_LEN]; /* in the repository */
};

/* One component under way. */
struct part {
	struct spec_component spec;
	struct pack_tree *content;
	struct release full; /* borrows from the release */
};

struct create {
	const struct spec *spec;
	struct repo *repo;
	struct report *out;
	char role[ROLE_NAME_LEN]; /* whose file lists the release */
	struct json *envelope;    /* of what is being staged */
	struct release release;   /* what all its packages have in common */
	struct part parts[RELEASE_COMPONENTS_MAX];
	size_t part_count;
	enum package_codec codec;
	int scratch_dirfd;
	bool quiet;
	struct made *made;
	size_t made_count;
	/* Encryption: what new content keys are sealed to, and what opens them.
	 */
	bool encrypts;
	struct ec_public wrap;
	struct ec_private *wrap_key;
};

/* ---- the place of a release among others --------------------------------- */

struct history {
	const char *product, *id;
	int64_t last_seq;
	bool taken;
};

static int look_back(void *ctx, const struct json *targets, struct err *e)
{
	const struct json *list = json_get(targets, "targets");
	struct history *h = ctx;
	const struct json *p;
	int64_t seq;

	(void)e; /* looking back cannot fail */
	for (void *m = json_first(list); m; m = json_next(list, m)) {
		p = listing_package(json_value(m));
		if (!p ||
		    strcmp(json_text(json_get(p, "product")), h->product) != 0)
			continue;
		seq = json_int(json_get(p, "seq"));
		if (seq > h->last_seq)
			h->last_seq = seq;
		h->taken |= listing_is_of(json_value(m), h->product, h->id);
	}
	return 0;
}

static int choose_role(struct create *c, struct err *e)
{
	const struct release *r = &c->release;

	if (r->nightly) {
		if (!repo_is_listed(c->repo, "nightly"))
			return err_set(e, ERR_NOT_FOUND,
				       "there is no role nightly: role add "
				       "makes it");
		return text_format(c->role, sizeof(c->role), e, "nightly");
	}
	return repo_role_of(c->repo, r->product, c->role, e);
}

/*
 * Sequence numbers and ids are never used again, withdrawn or not, whichever
 * role lists them.
 */
static int place_release(struct create *c, struct err *e)
{
	struct release *r = &c->release;
	struct history h = { .product = r->product, .id = r->id };

	if (!repo_has_product(c->repo, r->product))
		return err_set(e, ERR_REFUSED,
			       "this repository makes no releases for \"%s\": "
			       "pawl.ini lists its products",
			       r->product);
	if (repo_each_targets(c->repo, look_back, &h, e))
		return -1;
	if (h.taken)
		return err_set(e, ERR_CONFLICT,
			       "%s has had a release %s: ids are never used "
			       "again",
			       r->product, r->id);
	if (h.last_seq >= JSON_INT_MAX)
		return err_set(e, ERR_LIMIT, "no higher sequence number");
	r->seq = (uint64_t)h.last_seq + 1;
	r->content_seq = r->seq;
	r->issued = utc_now();
	return 0;
}

/* The next number, for the content that goes before this release. */
static int place_undo(struct create *c, const struct release *before,
		      struct release *undo, struct err *e)
{
	const struct release *r = &c->release;
	struct history h = { .product = r->product, .id = undo->id };

	*undo = *before; /* owns nothing of it */
	undo->base_id[0] = 0;
	undo->seq = r->seq + 1;
	undo->issued = r->issued;
	undo->not_before = 0;
	undo->urgent = true;
	undo->has_one_operator_limit = r->has_one_operator_limit;
	undo->one_operator_limit = r->one_operator_limit;
	undo->one_operator_cohort_count = r->one_operator_cohort_count;
	memcpy(undo->one_operator_cohorts, r->one_operator_cohorts,
	       sizeof(undo->one_operator_cohorts));
	memcpy(undo->undo_of, r->id, sizeof(undo->undo_of));
	if (text_format(undo->id, sizeof(undo->id), e, "%s" UNDO_SUFFIX,
			r->id) ||
	    spec_undo_until(c->spec, r->issued, &undo->undo_until, e) ||
	    repo_each_targets(c->repo, look_back, &h, e))
		return -1;
	return h.taken ? err_set(e, ERR_CONFLICT, "there is a release %s",
				 undo->id)
		       : 0;
}

static int find_base(const struct create *c, const char *id,
		     struct release *out, struct err *e)
{
	return listing_full(envelope_signed(c->envelope), c->release.product,
			    id, out, e);
}

/* The oldest release from which one may come, and the one that leads there. */
static int set_required(struct create *c, struct err *e)
{
	struct release required;

	if (!c->spec->requires_id)
		return 0;
	if (find_base(c, c->spec->requires_id, &required, e))
		return err_in(e, "requires");
	c->release.requires_seq = required.content_seq;
	release_done(&required);
	return 0;
}

static int set_stone(struct create *c, struct err *e)
{
	const char *id = c->spec->stepping_stone;
	struct release stone;
	bool leads;

	if (!id)
		return 0;
	if (c->release.requires_seq == 0)
		return err_set(e, ERR_USAGE,
			       "stepping-stone: leads to a release that has "
			       "--requires");
	if (find_base(c, id, &stone, e))
		return err_in(e, "stepping-stone");
	leads = stone.content_seq >= c->release.requires_seq;
	memcpy(c->release.stepping_stone, stone.id, sizeof(stone.id));
	release_done(&stone);
	if (!leads)
		return err_set(e, ERR_REFUSED,
			       "stepping-stone: from %s the way to this "
			       "release is closed, too (it requires %s)",
			       id, c->spec->requires_id);
	return 0;
}

/* ---- content ------------------------------------------------------------- */

static int load_part(const struct create *c, struct part *p, struct scan *scan,
		     struct err *e)
{
	const struct release *r = &c->release;
	const struct pack_settings how = {
		.content = p->spec.content,
		/* Of trees beside an image nothing was said. */
		.attributes = r->attributes ? r->attributes : TREE_APP,
		.scratch_dirfd = c->scratch_dirfd,
		.quiet = c->quiet,
	};

	return pack_load(&how, p->spec.input, &p->content, e) ||
			       scan_content(p->content, scan, e)
		       ? -1
		       : 0;
}

/* All parts, and nothing in them that no device may be given. */
static int load_parts(struct create *c, struct err *e)
{
	struct scan scan = {
		.allowed = &c->spec->allowed,
		.programs_may = c->repo->environment == ENV_DEMO,
		.exhaustive = c->spec->exhaustive,
		.scratch_dirfd = c->scratch_dirfd,
		.out = c->out,
		.component_count = c->part_count,
	};
	bool all;
	int rc = known_keys(c->repo, c->spec->encrypt ? &c->wrap : NULL,
			    &scan.known, &all, e);

	if (rc == 0 && !all)
		report_note(c->out, KNOWN_NOT_ALL);
	for (size_t i = 0; i < c->part_count; i++)
		scan.components[i] = c->parts[i].spec.name;
	for (size_t i = 0; i < c->part_count && rc == 0; i++) {
		scan.component = i;
		rc = load_part(c, &c->parts[i], &scan, e);
		if (rc && c->part_count > 1)
			(void)err_in(e, "%s", c->parts[i].spec.name);
	}
	scalars_free(scan.known);
	return rc ? -1 : scan_check_allowed(&scan, e);
}

/* What the release names: its content, or the list of its components. */
static void name_content(struct create *c)
{
	struct release *r = &c->release;

	for (size_t i = 0; i < c->part_count; i++) {
		struct part *p = &c->parts[i];

		p->full = *r;
		memcpy(p->full.component, p->spec.name,
		       sizeof(p->full.component));
		pack_describe(p->content, &p->full);
		memcpy(r->components[i].name, p->spec.name,
		       sizeof(p->spec.name));
		r->components[i].digest = p->full.content_digest;
	}
	r->digest = c->parts[0].full.digest;
	if (c->part_count == 1)
		return;
	r->component_count = c->part_count;
	release_digest_of(r->components, r->component_count, &r->digest);
}

static int load_content(struct create *c, struct err *e)
{
	const struct release *r = &c->release;

	if (load_parts(c, e))
		return -1;
	/* Nobody looks into an image; a device will, in the trial. */
	for (size_t i = 0; r->content == PACKAGE_TREE && i < r->health_count;
	     i++)
		if (health_check(&c->parts[0].content->tree, &r->health[i], e))
			return -1;
	name_content(c);
	if (r->health_count == 0)
		report_note(c->out,
			    "no health command: a device takes this release "
			    "for good as soon as its own checks pass");
	return 0;
}

/* ---- packages ------------------------------------------------------------ */

/* pack_make(), with a content key of its own if the release is encrypted. */
static int pack(const struct create *c, struct pack_job *job, struct release *r,
		struct err *e)
{
	uint8_t *content_key;
	int rc;

	if (!c->encrypts)
		return pack_make(job, r, e);
	content_key = secret_new(STREAM_KEY_LEN);
	random_bytes(content_key, STREAM_KEY_LEN);
	job->content_key = content_key;
	rc = pack_make(job, r, e);
	if (rc == 0)
		rc = content_key_keep(c->repo->dirfd, &c->wrap, r->commitment,
				      content_key, e);
	job->content_key = NULL;
	secret_free(content_key, STREAM_KEY_LEN);
	return rc;
}

/* Make one package under .work/; *r then describes it. */
static int make_package(struct create *c, const struct pack_tree *content,
			struct pack_tree *base, struct release *r,
			struct err *e)
{
	struct made *made = &c->made[c->made_count];
	struct err gave_up = { 0 };
	struct pack_job job = {
		.content = content,
		.base = base,
		.codec = c->codec,
		.fd = -1,
		.scratch_dirfd = c->scratch_dirfd,
		.quiet = c->quiet,
		.plain = c->spec->plain,
		.gave_up = &gave_up,
		.jobs = (unsigned)c->spec->jobs,
	};
	char target[PATH_MAX_LEN], url[PATH_MAX_LEN];
	int rc = -1;

	if (text_format(made->work, sizeof(made->work), e,
			REPO_WORK "/package.%zu", c->made_count) ||
	    fs_create(c->repo->dirfd, made->work, 0644, &job.fd, e) ||
	    pack(c, &job, r, e) || fs_sync(job.fd, e))
		goto out;
	if (r->component_count > 0)
		release_digest_of(r->components, r->component_count,
				  &r->digest);
	if (release_path(r, target, e) ||
	    release_url_path(target, &r->package_digest, url, e) ||
	    text_format(made->path, sizeof(made->path), e, "targets/%s", url))
		goto out;
	if (gave_up.code != ERR_NONE)
		report_note(c->out,
			    "delta from %s: compressed content is sent as it "
			    "is, as with --plain: %s",
			    r->base_id, gave_up.msg);
	rc = 0;
out:
	fs_close(&job.fd);
	return rc;
}

static int keep_package(struct create *c, const struct release *r,
			struct err *e)
{
	char size[16], of[NAME_MAX_LEN + 3] = "";

	if (r->component_count > 0 &&
	    text_format(of, sizeof(of), e, "%s: ", r->component))
		return -1;
	if (listing_add(tuf_envelope_signed(c->envelope), r, e))
		return -1;
	c->made_count++;
	text_size(r->package_len, size);
	if (r->kind == PACKAGE_FULL)
		report_line(c->out, "%s%s package: %s", of,
			    release_is_undo(r) ? "undo" : "full", size);
	else
		report_line(c->out, "%s%s from %s: %s", of,
			    release_is_undo(r) ? "undo" : "delta", r->base_id,
			    size);
	return 0;
}

/* What a package of this component says beside what it holds. */
static struct release part_release(const struct create *c, const struct part *p)
{
	struct release r = c->release;

	memcpy(r.component, p->spec.name, sizeof(r.component));
	return r;
}

static int make_full(struct create *c, struct err *e)
{
	for (size_t i = 0; i < c->part_count; i++) {
		struct part *p = &c->parts[i];

		p->full = part_release(c, p);
		if (make_package(c, p->content, NULL, &p->full, e))
			return err_in(e, "full package");
		if (keep_package(c, &p->full, e))
			return -1;
	}
	return 0;
}

/* The content key of an earlier release, if it has one. */
static int base_key(const struct create *c, const struct release *base,
		    uint8_t content_key[STREAM_KEY_LEN], struct err *e)
{
	if (!base->encrypted)
		return 0;
	if (!c->wrap_key)
		return err_set(e, ERR_USAGE,
			       "release %s is encrypted: --wrap-key opens it",
			       base->id);
	return content_key_open(c->repo->dirfd, c->wrap_key, base->commitment,
				content_key, e);
}

static int restore_base(const struct create *c, const struct release *base,
			struct pack_tree **out, struct err *e)
{
	uint8_t *content_key = secret_new(STREAM_KEY_LEN);
	const struct pack_settings how = {
		.attributes = base->attributes,
		.scratch_dirfd = c->scratch_dirfd,
		.quiet = c->quiet,
		.content_key = base->encrypted ? content_key : NULL,
	};
	char target[PATH_MAX_LEN], url[PATH_MAX_LEN], path[PATH_MAX_LEN];
	int fd = -1;
	int rc;

	rc = base_key(c, base, content_key, e) ||
	     release_path(base, target, e) ||
	     release_url_path(target, &base->package_digest, url, e) ||
	     text_format(path, sizeof(path), e, "targets/%s", url) ||
	     fs_open(c->repo->dirfd, path, O_RDONLY, &fd, e) ||
	     pack_restore(&how, fd, base, out, e);
	secret_free(content_key, STREAM_KEY_LEN);
	fs_close(&fd);
	return rc ? -1 : 0;
}

static bool fits(const struct create *c, const struct part *p,
		 const struct release *base)
{
	if (base->content != p->full.content ||
	    base->attributes != p->full.attributes) {
		report_note(c->out,
			    "no delta from %s: it is of another kind "
			    "(content or attributes)",
			    base->id);
		return false;
	}
	/* Of several, those that did not change cost a few bytes like this. */
	if (c->part_count == 1 &&
	    sha256_equal(&base->content_digest, &p->full.content_digest)) {
		report_note(c->out, "no delta from %s: its content is the same",
			    base->id);
		return false;
	}
	return true;
}

static int make_delta_from(struct create *c, const struct part *p,
			   const struct release *base, struct err *e)
{
	struct release delta = part_release(c, p);
	struct pack_tree *old = NULL;
	int rc = -1;

	if (!fits(c, p, base))
		return 0;
	if (restore_base(c, base, &old, e) ||
	    text_format(delta.base_id, sizeof(delta.base_id), e, "%s",
			base->id) ||
	    make_package(c, p->content, old, &delta, e))
		goto out;
	if (delta.package_len < p->full.package_len) {
		rc = keep_package(c, &delta, e);
		goto out;
	}
	report_note(c->out,
		    "no delta from %s: it would be larger than the full "
		    "package",
		    base->id);
	rc = fs_remove(c->repo->dirfd, c->made[c->made_count].work, e);
out:
	pack_tree_free(old);
	return rc;
}

static int make_part_delta(struct create *c, const struct part *p,
			   const char *id, struct err *e)
{
	struct err none = { 0 };
	struct release base;
	int rc;

	if (listing_full_of(envelope_signed(c->envelope), c->release.product,
			    id, p->spec.name, &base, &none)) {
		if (none.code != ERR_NOT_FOUND) {
			*e = none;
			return -1;
		}
		report_note(c->out, "no delta from %s: it has no component %s",
			    id, p->spec.name);
		return 0;
	}
	rc = make_delta_from(c, p, &base, e);
	release_done(&base);
	return rc;
}

static int make_delta(struct create *c, const char *id, struct err *e)
{
	struct release base;

	if (find_base(c, id, &base, e))
		return err_in(e, "from");
	release_done(&base);
	for (size_t i = 0; i < c->part_count; i++)
		if (make_part_delta(c, &c->parts[i], id, e))
			return err_in(e, "delta from %s", id);
	return 0;
}

/* --from-all: every earlier release that is still listed. */
static int make_all_deltas(struct create *c, struct err *e)
{
	struct json *releases = listing_releases(envelope_signed(c->envelope));
	const struct json *one;
	int deltas = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_count(releases); i++) {
		one = json_at(releases, i);
		if (strcmp(json_text(json_get(one, "product")),
			   c->release.product) != 0 ||
		    strcmp(json_text(json_get(one, "release")),
			   c->release.id) == 0)
			continue;
		if (++deltas > OPT_LIST_MAX)
			rc = err_set(e, ERR_LIMIT, "more than %d deltas",
				     OPT_LIST_MAX);
		else
			rc = make_delta(c, json_text(json_get(one, "release")),
					e);
	}
	json_free(releases);
	return rc;
}

static int make_deltas(struct create *c, struct err *e)
{
	const struct opt_list *from = &c->spec->from;

	if (c->spec->from_all)
		return make_all_deltas(c, e);
	for (size_t i = 0; i < from->count; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(from->at[i], from->at[k]) == 0)
				return err_set(e, ERR_USAGE, "from %s twice",
					       from->at[i]);
		if (make_delta(c, from->at[i], e))
			return -1;
	}
	return 0;
}

/* ---- the way back -------------------------------------------------------- */

/* The release that devices come from: the newest that is no undo itself. */
static int find_before(const struct create *c, struct release *out,
		       struct err *e)
{
	struct json *releases = listing_releases(envelope_signed(c->envelope));
	const char *id = NULL;
	int64_t newest = 0;
	int rc;

	if (c->spec->undo_to) {
		json_free(releases);
		return find_base(c, c->spec->undo_to, out, e);
	}
	for (size_t i = 0; i < json_count(releases); i++) {
		const struct json *one = json_at(releases, i);
		int64_t seq = json_int(json_get(one, "seq"));

		if (strcmp(json_text(json_get(one, "product")),
			   c->release.product) != 0 ||
		    json_get(one, "undo_of") || seq <= newest ||
		    seq >= (int64_t)c->release.seq)
			continue;
		newest = seq;
		id = json_text(json_get(one, "release"));
	}
	rc = id ? find_base(c, id, out, e)
		: err_set(e, ERR_NOT_FOUND,
			  "there is no release before this one");
	json_free(releases);
	return rc;
}

/*
 * One component of the undo, from `old`, its content: a delta leads there if
 * the release that is undone has that component.
 */
static int pack_undo(struct create *c, struct pack_tree *old,
		     const struct release *undo, struct err *e)
{
	struct release full = *undo, delta = *undo;
	struct pack_tree *now = NULL;

	for (size_t i = 0; i < c->part_count; i++)
		if (strcmp(c->parts[i].spec.name, undo->component) == 0)
			now = c->parts[i].content;
	memcpy(delta.base_id, c->release.id, sizeof(delta.base_id));
	if (make_package(c, old, NULL, &full, e) || keep_package(c, &full, e))
		return -1;
	if (!now)
		return 0;
	if (make_package(c, old, now, &delta, e))
		return -1;
	if (delta.package_len < full.package_len)
		return keep_package(c, &delta, e);
	return fs_remove(c->repo->dirfd, c->made[c->made_count].work, e);
}

static int undo_component(struct create *c, const struct release *before,
			  struct err *e)
{
	struct pack_tree *old = NULL;
	struct release undo = { .seq = 0 };
	int rc = -1;

	if (place_undo(c, before, &undo, e) == 0 &&
	    restore_base(c, before, &old, e) == 0)
		rc = pack_undo(c, old, &undo, e);
	pack_tree_free(old);
	return rc;
}

/* The further components of the release before. */
static int undo_others(struct create *c, const struct release *first,
		       struct err *e)
{
	struct release before;
	int rc = 0;

	for (size_t i = 1; rc == 0 && i < first->component_count; i++) {
		if (listing_full_of(envelope_signed(c->envelope),
				    first->product, first->id,
				    first->components[i].name, &before, e))
			return -1;
		rc = undo_component(c, &before, e);
		release_done(&before);
	}
	return rc;
}

/*
 * The same ceremony signs how to go back, so that at night operators alone can
 * open it: the content before, under the next number.
 */
static int make_undo(struct create *c, struct err *e)
{
	struct release before;
	int rc = -1;

	if (!c->spec->with_undo)
		return 0;
	if (find_before(c, &before, e))
		return err_in(e, "with-undo");
	if (sha256_equal(&before.digest, &c->release.digest))
		(void)err_set(e, ERR_REFUSED,
			      "with-undo: %s has the same content, so there "
			      "is nothing to undo",
			      before.id);
	else if (undo_component(c, &before, e) == 0)
		rc = undo_others(c, &before, e);
	release_done(&before);
	return rc;
}

/* ---- the end: names, then the staged file -------------------------------- */

static int check_size(const struct create *c, struct err *e)
{
	struct buf bytes = BUF_INIT(ENVELOPE_MAX_LEN);
	int rc;

	rc = tuf_envelope_bytes(c->envelope, &bytes, e);
	if (rc == 0 && bytes.len > tuf_policy_device.targets_max / 10 * 9)
		rc = err_set(e, ERR_LIMIT,
			     "%s would be too large for devices (%zu bytes): "
			     "withdraw old releases first",
			     c->role, bytes.len);
	buf_done(&bytes);
	return rc;
}

static int give_names(struct create *c, struct err *e)
{
	char folder[PATH_MAX_LEN];

	for (size_t i = 0; i < c->made_count; i++) {
		const struct made *made = &c->made[i];

		if (text_format(folder, sizeof(folder), e, "%s", made->path))
			return -1;
		*strrchr(folder, '/') = 0;
		if (fs_mkdirs(c->repo->dirfd, folder, 0755, e) ||
		    fs_rename(c->repo->dirfd, made->work, made->path, e))
			return -1;
	}
	return 0;
}

static void say_release(const struct create *c)
{
	struct json *releases = listing_releases(envelope_signed(c->envelope));
	char hex[SHA256_HEX_LEN];

	sha256_format(&c->release.digest, hex);
	report_line(c->out, "staged in %s: %s %s, seq %llu, content %s",
		    c->role, c->release.product, c->release.id,
		    (unsigned long long)c->release.seq, hex);
	for (size_t i = 0; i < json_count(releases); i++)
		if (json_int(json_get(json_at(releases, i), "seq")) ==
			    (int64_t)c->release.seq &&
		    strcmp(json_text(json_get(json_at(releases, i), "product")),
			   c->release.product) == 0)
			json_set(report_object(c->out), "release",
				 json_clone(json_at(releases, i)));
	json_free(releases);
}

static int create_in(struct create *c, struct err *e)
{
	struct json *envelope;

	if (place_release(c, e) || choose_role(c, e) ||
	    repo_begin(c->repo, c->role, c->release.issued, &c->envelope, e) ||
	    set_required(c, e) || set_stone(c, e) || load_content(c, e) ||
	    make_full(c, e) || make_deltas(c, e) || make_undo(c, e) ||
	    check_size(c, e) || give_names(c, e))
		return -1;
	listing_allow(tuf_envelope_signed(c->envelope), &c->release,
		      &c->spec->allowed);
	say_release(c);
	envelope = c->envelope;
	c->envelope = NULL;
	return change_stage(c->repo, c->role, envelope, c->release.issued,
			    c->out, e);
}

/* --encrypt and --wrap-key. */
static int open_encryption(struct create *c, struct err *e)
{
	const struct spec *s = c->spec;
	char keyid[TUF_KEYID_LEN];

	if (s->encrypt && keyring_read_public(s->encrypt, &c->wrap, keyid, e))
		return -1;
	c->encrypts = s->encrypt != NULL;
	if (!s->wrap_key)
		return 0;
	return keyring_open_wrap(s->wrap_key, c->repo->environment,
				 s->passphrase_fd, &c->wrap_key, e);
}

int release_create(struct spec *s, bool quiet, struct report *out,
		   struct err *e)
{
	struct create c = { .spec = s,
			    .out = out,
			    .quiet = quiet || out->json,
			    .scratch_dirfd = -1 };
	struct spec_component components[RELEASE_COMPONENTS_MAX];
	struct repo r;
	int rc = -1;

	if (spec_complete(s, e) || spec_codec(s, &c.codec, e) ||
	    spec_release(s, &c.release, e) ||
	    spec_components(s, &c.release, components, &c.part_count, e) ||
	    (s->sbom && sbom_read(s->sbom, &c.release, e)))
		goto out;
	for (size_t i = 0; i < c.part_count; i++)
		c.parts[i].spec = components[i];
	if (watch_open(s->path, REPO_WRITE, &r, out, e))
		goto out;
	c.repo = &r;
	c.made = mem_alloc(PACKAGES_MAX, sizeof(*c.made));
	if (open_encryption(&c, e) == 0 &&
	    fs_open(r.dirfd, REPO_WORK, O_RDONLY | O_DIRECTORY,
		    &c.scratch_dirfd, e) == 0)
		rc = create_in(&c, e);
	ec_free(c.wrap_key);
	fs_close(&c.scratch_dirfd);
	for (size_t i = 0; i < c.part_count; i++)
		pack_tree_free(c.parts[i].content);
	json_free(c.envelope);
	free(c.made);
	repo_close(&r);
out:
	release_done(&c.release);
	return rc;
}
