/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/tuf_rollback.h"
#include "common/tuf_store.h"
#include "common/tuf_walk.h"

/* A delegated role, verified with the keys of the delegator that led to it. */
struct delegated {
	const struct tuf_meta *delegator;
	char name[TUF_ROLE_NAME_MAX];
	struct tuf_meta *meta;
};

struct tuf_client {
	int dirfd;
	struct tuf_policy policy;
	int64_t now, floor; /* the clock, and the time that is past for sure */
	struct tuf_meta *root, *timestamp, *snapshot, *targets;
	/* What lay in the folder: lower bounds, and what need not be fetched */
	struct tuf_meta *old_timestamp, *old_medium, *old_snapshot;
	struct delegated *delegated;
	size_t delegated_count;
};

#define CAPS(snapshot, targets)                                                \
	.rules = { .schemes = tuf_schemes_product }, .root_max = 512000,       \
	.timestamp_max = 16384, .snapshot_max = (snapshot),                    \
	.targets_max = (targets), .rotations_max = 64, .delegations_max = 32

const struct tuf_policy tuf_policy_device = { CAPS(1000000, 1000000) };
const struct tuf_policy tuf_policy_server = { CAPS(2000000, 5000000) };

/* ---- life ---------------------------------------------------------------- */

static void drop(struct tuf_meta **m)
{
	tuf_meta_free(*m);
	*m = NULL;
}

/* Forget everything but root, before it is read anew. */
static void forget(struct tuf_client *c)
{
	drop(&c->timestamp);
	drop(&c->snapshot);
	drop(&c->targets);
	drop(&c->old_timestamp);
	drop(&c->old_medium);
	drop(&c->old_snapshot);
	for (size_t i = 0; i < c->delegated_count; i++)
		drop(&c->delegated[i].meta);
	free(c->delegated);
	c->delegated = NULL;
	c->delegated_count = 0;
}

int tuf_client_init(int dirfd, const struct tuf_policy *policy,
		    struct slice root, struct err *e)
{
	struct tuf_meta *m;
	int rc;

	if (root.len > policy->root_max)
		return err_set(e, ERR_LIMIT, "root: more than %zu bytes",
			       policy->root_max);
	if (tuf_meta_read(&policy->rules, TUF_ROOT, root, NULL, &m, e))
		return err_in(e, "root");
	rc = tuf_store_write(dirfd, "root.json", root, e);
	tuf_meta_free(m);
	return rc;
}

void tuf_client_close(struct tuf_client *c)
{
	if (!c)
		return;
	forget(c);
	tuf_meta_free(c->root);
	free(c);
}

/* ---- fetching and checking one file -------------------------------------- */

/* For messages: a delegated role's name is foreign text. */
static int err_role(struct err *e, const char *name)
{
	char shown[80];

	text_escape(slice_of(name), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

static size_t role_max(const struct tuf_client *c, enum tuf_role role)
{
	const size_t all[] = { c->policy.root_max, c->policy.timestamp_max,
			       c->policy.snapshot_max, c->policy.targets_max };

	return all[role];
}

/* The keys that the current root names for a top-level role. */
static int top_ring(const struct tuf_client *c, const char *role,
		    struct tuf_keyring *ring, struct err *e)
{
	return tuf_root_keyring(&c->policy.rules, c->root->body, role, ring, e);
}

/*
 * What a threshold of keys has dated is past. One stolen key must not move a
 * production device's idea of time.
 */
static void raise_floor(struct tuf_client *c, const struct tuf_meta *m)
{
	struct tuf_keyring ring;
	struct tuf_site site;
	struct err checked;

	if (c->policy.rules.foreign ||
	    top_ring(c, tuf_role_name(m->role), &ring, &checked))
		return;
	tuf_root_site(c->root, &site);
	if (site.environment == ENV_PRODUCTION && ring.threshold < 2)
		return;
	if (m->issued > c->floor)
		c->floor = m->issued;
}

/* The freeze attack: whatever we rely on must not have expired. */
static int check_fresh(const struct tuf_client *c, const struct tuf_meta *m,
		       struct err *e)
{
	char when[UTC_TEXT_LEN];

	if (m->expires > c->now && m->expires > c->floor)
		return 0;
	utc_format(m->expires, when);
	return err_set(e, ERR_EXPIRED, "expired at %s", when);
}

/* A marked file comes from a medium only, and lives as long as root allows. */
static int check_mark(const struct tuf_client *c, const struct tuf_meta *m,
		      struct err *e)
{
	struct tuf_site site;

	if (!m->medium)
		return 0;
	if (!c->policy.medium)
		return err_set(e, ERR_REFUSED, "made for a medium");
	tuf_root_site(c->root, &site);
	if (m->expires - m->issued > site.medium_max_days * UTC_DAY)
		return err_set(e, ERR_REFUSED,
			       "made for a medium, for more than %u days",
			       site.medium_max_days);
	return 0;
}

/* Fetch a file that another one announced. It is not persisted yet. */
static int obtain(const struct tuf_client *c, const struct tuf_source *from,
		  const struct tuf_wanted *w, struct tuf_meta **out,
		  struct err *e)
{
	return tuf_fetch(&c->policy.rules, from, w,
			 tuf_root_consistent(c->root), out, e);
}

static int keep(const struct tuf_client *c, const char *role,
		const struct tuf_meta *m, struct err *e)
{
	char name[TUF_NAME_MAX];

	if (tuf_store_name(role, name, e))
		return -1;
	return tuf_store_write(c->dirfd, name, buf_slice(&m->bytes), e);
}

/* ---- 5.3 root ------------------------------------------------------------ */

/* A repository's environment is for life: no rotation turns lab into demo. */
static int check_environment(const struct tuf_client *c,
			     const struct tuf_meta *next, struct err *e)
{
	struct tuf_site old, new;

	if (c->policy.rules.foreign)
		return 0;
	tuf_root_site(c->root, &old);
	tuf_root_site(next, &new);
	if (old.environment != new.environment)
		return err_set(e, ERR_REFUSED, "environment %s became %s",
			       environment_name(old.environment),
			       environment_name(new.environment));
	return 0;
}

static int accept_root(struct tuf_client *c, struct slice bytes, struct err *e)
{
	struct tuf_meta *next = NULL;
	struct tuf_keyring ring;

	if (top_ring(c, "root", &ring, e) ||
	    tuf_meta_read(&c->policy.rules, TUF_ROOT, bytes, &ring, &next, e))
		return -1;
	if (next->version != c->root->version + 1) {
		err_set(e, ERR_UNTRUSTED, "version %lld instead of %lld",
			(long long)next->version,
			(long long)c->root->version + 1);
		goto fail;
	}
	if (check_environment(c, next, e) || keep(c, "root", next, e))
		goto fail;
	tuf_meta_free(c->root);
	c->root = next;
	raise_floor(c, next);
	return 0;
fail:
	tuf_meta_free(next);
	return -1;
}

/* One step; *more is false when there is no newer root. */
static int next_root(struct tuf_client *c, const struct tuf_source *from,
		     bool *more, struct err *e)
{
	struct buf bytes = BUF_INIT(c->policy.root_max);
	int64_t version = c->root->version + 1;
	struct err why = { 0 };
	int rc = 0;

	*more = false;
	if (tuf_fetch_bytes(from, "root", version, &bytes, &why)) {
		if (why.code != ERR_NOT_FOUND) {
			*e = why;
			rc = -1;
		}
	} else if (accept_root(c, buf_slice(&bytes), e)) {
		rc = err_in(e, "%lld.root.json", (long long)version);
	} else {
		*more = true;
	}
	buf_done(&bytes);
	return rc;
}

/* Intermediate roots may have expired; the last one we know may not. */
static int update_root(struct tuf_client *c, const struct tuf_source *from,
		       struct err *e)
{
	bool more = true;

	for (unsigned i = 0; more && i < c->policy.rotations_max; i++)
		if (next_root(c, from, &more, e))
			return -1;
	if (check_fresh(c, c->root, e))
		return err_in(e, "root");
	return 0;
}

/* ---- what lies in the folder --------------------------------------------- */

/*
 * Read one file of the folder with the current root's keys. It counts as
 * *rotated when it is metadata that these keys did not sign.
 */
static int load(const struct tuf_client *c, const char *name,
		enum tuf_role role, struct tuf_meta **out, bool *rotated,
		struct err *e)
{
	struct buf bytes = BUF_INIT(0);
	struct err why = { 0 };
	struct tuf_keyring ring;
	bool found = false;
	int rc = -1;

	if (top_ring(c, tuf_role_name(role), &ring, e) ||
	    tuf_store_read(c->dirfd, name, role_max(c, role), &bytes, &found,
			   e))
		goto out;
	if (found && tuf_meta_read(&c->policy.rules, role, buf_slice(&bytes),
				   &ring, out, &why)) {
		*out = NULL;
		*rotated = *rotated || why.code == ERR_UNTRUSTED;
	}
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

/*
 * 5.3.11: when the keys of timestamp or snapshot were rotated, both trusted
 * files go, so that versions which stolen keys drove up do not bind for ever.
 * A file that the new keys did not sign goes last: were we cut off in between,
 * the next run would still see the rotation.
 */
static int drop_rotated(struct tuf_client *c, bool timestamp, struct err *e)
{
	const char *first = timestamp ? "snapshot.json" : "timestamp.json";
	const char *last = timestamp ? "timestamp.json" : "snapshot.json";

	drop(&c->old_timestamp);
	drop(&c->old_medium);
	drop(&c->old_snapshot);
	return fs_remove(c->dirfd, first, e) ||
			       fs_remove(c->dirfd, TUF_MEDIUM_FILE, e) ||
			       fs_remove(c->dirfd, last, e)
		       ? -1
		       : 0;
}

/* The targets trusted last are no longer believed, but prove a time. */
static int remember_targets(struct tuf_client *c, struct err *e)
{
	struct tuf_meta *old = NULL;
	bool rotated = false;

	if (load(c, "targets.json", TUF_TARGETS, &old, &rotated, e))
		return -1;
	if (old)
		raise_floor(c, old);
	tuf_meta_free(old);
	return 0;
}

int tuf_client_open(int dirfd, const struct tuf_policy *policy, int64_t now,
		    struct tuf_client **out, struct err *e)
{
	struct buf bytes = BUF_INIT(policy->root_max);
	struct tuf_meta *root = NULL;
	struct tuf_client *c;
	int rc = -1;

	if (fs_read_file(dirfd, "root.json", &bytes, e) ||
	    tuf_meta_read(&policy->rules, TUF_ROOT, buf_slice(&bytes), NULL,
			  &root, e)) {
		err_in(e, "trusted root.json");
		goto out;
	}
	c = mem_alloc(1, sizeof(*c));
	c->dirfd = dirfd;
	c->policy = *policy;
	c->now = now;
	c->root = root;
	raise_floor(c, root);
	if (remember_targets(c, e)) {
		tuf_client_close(c);
		goto out;
	}
	*out = c;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

static int load_trusted(struct tuf_client *c, struct err *e)
{
	bool timestamp = false, snapshot = false;

	if (load(c, "timestamp.json", TUF_TIMESTAMP, &c->old_timestamp,
		 &timestamp, e) ||
	    load(c, TUF_MEDIUM_FILE, TUF_TIMESTAMP, &c->old_medium, &timestamp,
		 e) ||
	    load(c, "snapshot.json", TUF_SNAPSHOT, &c->old_snapshot, &snapshot,
		 e))
		return -1;
	if (timestamp || snapshot)
		return drop_rotated(c, timestamp, e);
	return 0;
}

/* ---- 5.4 timestamp ------------------------------------------------------- */

/* The version is the trusted one's: nothing new, whatever the bytes say. */
static bool take_same(struct tuf_meta **old, const struct tuf_meta *new,
		      struct tuf_meta **out)
{
	if (!*old || (*old)->version != new->version)
		return false;
	*out = *old;
	*old = NULL;
	return true;
}

static int accept_timestamp(struct tuf_client *c, struct slice bytes,
			    struct err *e)
{
	struct tuf_meta *new = NULL;
	struct tuf_keyring ring;
	int rc = -1;

	if (top_ring(c, "timestamp", &ring, e) ||
	    tuf_meta_read(&c->policy.rules, TUF_TIMESTAMP, bytes, &ring, &new,
			  e))
		goto out;
	if (check_mark(c, new, e) ||
	    tuf_rollback_version(c->old_timestamp, new, e) ||
	    tuf_rollback_version(c->old_medium, new, e))
		goto out;
	if (take_same(&c->old_timestamp, new, &c->timestamp) ||
	    (c->policy.medium &&
	     take_same(&c->old_medium, new, &c->timestamp))) {
		rc = check_fresh(c, c->timestamp, e);
		goto out;
	}
	if (tuf_rollback_announced(c->old_timestamp, new, e) ||
	    tuf_rollback_announced(c->old_medium, new, e) ||
	    check_fresh(c, new, e) ||
	    tuf_store_write(c->dirfd,
			    new->medium ? TUF_MEDIUM_FILE : "timestamp.json",
			    buf_slice(&new->bytes), e))
		goto out;
	c->timestamp = new;
	new = NULL;
	rc = 0;
out:
	tuf_meta_free(new);
	return rc;
}

static int update_timestamp(struct tuf_client *c, const struct tuf_source *from,
			    struct err *e)
{
	struct buf bytes = BUF_INIT(c->policy.timestamp_max);
	int rc = -1;

	if (tuf_fetch_bytes(from, "timestamp", 0, &bytes, e) == 0) {
		rc = accept_timestamp(c, buf_slice(&bytes), e);
		if (rc)
			err_in(e, "timestamp.json");
	}
	buf_done(&bytes);
	return rc;
}

/* ---- 5.5 snapshot -------------------------------------------------------- */

static int want_snapshot(const struct tuf_client *c, struct tuf_keyring *ring,
			 struct tuf_wanted *w, struct err *e)
{
	*w = (struct tuf_wanted){ .role = TUF_SNAPSHOT,
				  .name = "snapshot",
				  .max = c->policy.snapshot_max,
				  .ring = ring };
	return tuf_meta_file(c->timestamp, "snapshot.json", &w->file, e) ||
			       top_ring(c, "snapshot", ring, e)
		       ? -1
		       : 0;
}

/* A marked snapshot on disk serves a medium's timestamp only. */
static bool is_wanted(const struct tuf_client *c, const struct tuf_meta *m,
		      const struct tuf_wanted *w)
{
	struct err mismatch;

	return m && m->version == w->file.version &&
	       (!m->medium || c->policy.medium) &&
	       tuf_file_check(&w->file, buf_slice(&m->bytes), &mismatch) == 0;
}

static int update_snapshot(struct tuf_client *c, const struct tuf_source *from,
			   struct err *e)
{
	struct tuf_meta *new = NULL;
	struct tuf_keyring ring;
	struct tuf_wanted w;

	if (want_snapshot(c, &ring, &w, e))
		return -1;
	if (is_wanted(c, c->old_snapshot, &w)) {
		c->snapshot = c->old_snapshot;
		c->old_snapshot = NULL;
		return check_fresh(c, c->snapshot, e);
	}
	if (obtain(c, from, &w, &new, e))
		return -1;
	if (check_mark(c, new, e) ||
	    tuf_rollback_roles(c->old_snapshot, new, e) ||
	    check_fresh(c, new, e) || keep(c, "snapshot", new, e)) {
		tuf_meta_free(new);
		return -1;
	}
	c->snapshot = new;
	return 0;
}

/* ---- 5.6 targets and delegated roles ------------------------------------- */

/*
 * Load a targets role as snapshot announces it: from the folder if it lies
 * there, else from the source (NULL: there is none).
 */
static int load_role(struct tuf_client *c, const struct tuf_source *from,
		     const char *name, const struct tuf_keyring *ring,
		     struct tuf_meta **out, struct err *e)
{
	struct tuf_wanted w = { .role = TUF_TARGETS,
				.name = name,
				.max = c->policy.targets_max,
				.ring = ring };
	char entry[TUF_ROLE_NAME_MAX + sizeof(".json")];
	struct tuf_meta *m = NULL;

	if (text_format(entry, sizeof(entry), e, "%s.json", name) ||
	    tuf_meta_file(c->snapshot, entry, &w.file, e) ||
	    tuf_recall(&c->policy.rules, c->dirfd, &w, &m, e))
		return -1;
	if (!m && !from)
		return err_set(e, ERR_NOT_FOUND, "no trusted file");
	if (m) {
		if (check_fresh(c, m, e))
			goto fail;
	} else {
		if (obtain(c, from, &w, &m, e))
			return -1;
		if (check_fresh(c, m, e) || keep(c, name, m, e))
			goto fail;
	}
	*out = m;
	return 0;
fail:
	tuf_meta_free(m);
	return -1;
}

static int update_targets(struct tuf_client *c, const struct tuf_source *from,
			  struct err *e)
{
	struct tuf_keyring ring;

	if (top_ring(c, "targets", &ring, e))
		return -1;
	if (load_role(c, from, "targets", &ring, &c->targets, e))
		return -1;
	raise_floor(c, c->targets);
	return 0;
}

/* ---- the runs ------------------------------------------------------------ */

int tuf_client_refresh(struct tuf_client *c, const struct tuf_source *from,
		       struct err *e)
{
	forget(c);
	if (update_root(c, from, e) || load_trusted(c, e) ||
	    update_timestamp(c, from, e))
		return -1;
	if (update_snapshot(c, from, e))
		return err_in(e, "snapshot");
	if (update_targets(c, from, e))
		return err_in(e, "targets");
	return 0;
}

/* ---- import -------------------------------------------------------------- */

static int check_import(const struct tuf_client *c, const struct tuf_meta *old,
			const struct tuf_meta *new, struct err *e)
{
	if (tuf_rollback_version(old, new, e))
		return -1;
	if (old && new->version == old->version &&
	    !slice_equal(buf_slice(&old->bytes), buf_slice(&new->bytes)))
		return err_set(e, ERR_CONFLICT,
			       "version %lld is already another file",
			       (long long)new->version);
	return check_fresh(c, new, e);
}

static int import_targets(struct tuf_client *c, const struct tuf_source *from,
			  int64_t version, struct err *e)
{
	struct tuf_meta *old = NULL, *new = NULL;
	struct buf bytes = BUF_INIT(c->policy.targets_max);
	struct tuf_wanted w = { .role = TUF_TARGETS,
				.name = "targets",
				.max = c->policy.targets_max,
				.file.version = version };
	struct tuf_keyring ring;
	bool rotated = false;
	int rc = -1;

	if (load(c, "targets.json", TUF_TARGETS, &old, &rotated, e) ||
	    top_ring(c, "targets", &ring, e))
		goto out;
	w.ring = &ring;
	if (tuf_fetch_bytes(from, "targets", version, &bytes, e) ||
	    tuf_fetch_accept(&c->policy.rules, &w, buf_slice(&bytes), &new,
			     e) ||
	    check_import(c, old, new, e) || keep(c, "targets", new, e))
		goto out;
	c->targets = new;
	raise_floor(c, new);
	new = NULL;
	rc = 0;
out:
	tuf_meta_free(old);
	tuf_meta_free(new);
	buf_done(&bytes);
	return rc;
}

int tuf_client_import(struct tuf_client *c, const struct tuf_source *from,
		      int64_t targets_version, struct err *e)
{
	forget(c);
	if (update_root(c, from, e))
		return -1;
	if (import_targets(c, from, targets_version, e))
		return err_in(e, "targets");
	return 0;
}

/* ---- finding targets ----------------------------------------------------- */

static int delegated_load(struct tuf_client *c, const struct tuf_source *from,
			  const struct tuf_delegation *d, struct tuf_meta **out,
			  struct err *e)
{
	struct tuf_keyring ring;
	struct tuf_site site;

	if (tuf_keyring_read(&c->policy.rules, d->keys, d->role, &ring, e))
		return -1;
	tuf_root_site(c->root, &site);
	if (!c->policy.rules.foreign &&
	    tuf_keyring_check_allowed(&ring, site.environment, e))
		return err_role(e, d->name);
	if (load_role(c, from, d->name, &ring, out, e) == 0)
		return 0;
	/* ERR_NOT_FOUND is for the target alone. */
	if (e->code == ERR_NOT_FOUND)
		e->code = ERR_NETWORK;
	return err_role(e, d->name);
}

struct search {
	struct tuf_client *client;
	const struct tuf_source *from;
};

/* The cache is keyed by delegator and role: other delegators, other keys. */
static int search_load(void *ctx, const struct tuf_meta *delegator,
		       const struct tuf_delegation *d,
		       const struct tuf_meta **out, struct err *e)
{
	struct search *s = ctx;
	struct tuf_client *c = s->client;
	struct delegated *entry;
	struct tuf_meta *m;

	for (size_t i = 0; i < c->delegated_count; i++) {
		entry = &c->delegated[i];
		if (entry->delegator == delegator &&
		    strcmp(entry->name, d->name) == 0) {
			*out = entry->meta;
			return 0;
		}
	}
	if (delegated_load(c, s->from, d, &m, e))
		return -1;
	c->delegated = mem_resize(c->delegated, c->delegated_count + 1,
				  sizeof(*c->delegated));
	entry = &c->delegated[c->delegated_count++];
	entry->delegator = delegator;
	memcpy(entry->name, d->name, sizeof(entry->name));
	*out = entry->meta = m;
	return 0;
}

int tuf_client_find(struct tuf_client *c, const struct tuf_source *from,
		    const char *path, struct tuf_target *out, struct err *e)
{
	struct search search = { c, from };
	struct tuf_loader loader = { &search, search_load };

	if (!c->targets)
		return err_set(e, ERR_REFUSED, "no targets were verified yet");
	return tuf_walk(c->targets, path, c->policy.delegations_max, &loader,
			out, e);
}

int tuf_client_each(struct tuf_client *c,
		    int (*visit)(void *ctx, const struct tuf_target *t,
				 struct err *e),
		    void *ctx, struct err *e)
{
	if (!c->targets)
		return err_set(e, ERR_REFUSED, "no targets were verified yet");
	return tuf_targets_each(c->targets, visit, ctx, e);
}

/* ---- looking ------------------------------------------------------------- */

static const struct tuf_meta *role_meta(const struct tuf_client *c,
					enum tuf_role role)
{
	const struct tuf_meta *const all[] = { c->root, c->timestamp,
					       c->snapshot, c->targets };

	return all[role];
}

struct slice tuf_client_bytes(const struct tuf_client *c, enum tuf_role role)
{
	const struct tuf_meta *m = role_meta(c, role);

	return m ? buf_slice(&m->bytes) : (struct slice){ NULL, 0 };
}

const struct json *tuf_client_signed(const struct tuf_client *c,
				     enum tuf_role role)
{
	const struct tuf_meta *m = role_meta(c, role);

	return m ? m->body : NULL;
}

int64_t tuf_client_version(const struct tuf_client *c, enum tuf_role role)
{
	const struct tuf_meta *m = role_meta(c, role);

	return m ? m->version : 0;
}

void tuf_client_site(const struct tuf_client *c, struct tuf_site *out)
{
	tuf_root_site(c->root, out);
}

int64_t tuf_client_time_floor(const struct tuf_client *c)
{
	return c->floor;
}
