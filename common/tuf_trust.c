/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_trust.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/tuf_duty.h"
#include "common/tuf_store.h"

void tuf_trust_drop(struct tuf_meta **m)
{
	tuf_meta_free(*m);
	*m = NULL;
}

void tuf_trust_forget(struct tuf_client *c)
{
	tuf_trust_drop(&c->timestamp);
	tuf_trust_drop(&c->snapshot);
	tuf_trust_drop(&c->targets);
	tuf_trust_drop(&c->old_timestamp);
	tuf_trust_drop(&c->old_medium);
	tuf_trust_drop(&c->old_snapshot);
	for (size_t i = 0; i < c->delegated_count; i++)
		tuf_trust_drop(&c->delegated[i].meta);
	free(c->delegated);
	c->delegated = NULL;
	c->delegated_count = 0;
	free(c->roles);
	c->roles = NULL;
	c->role_count = 0;
}

void tuf_trust_remember(struct tuf_client *c, const struct tuf_meta *delegator,
			const char *name, struct tuf_meta *m)
{
	struct tuf_delegated *entry;

	c->delegated = mem_resize(c->delegated, c->delegated_count + 1,
				  sizeof(*c->delegated));
	entry = &c->delegated[c->delegated_count++];
	*entry = (struct tuf_delegated){ .delegator = delegator, .meta = m };
	memcpy(entry->name, name, strlen(name) + 1);
}

/* ---- fetching and checking one file -------------------------------------- */

int tuf_trust_err(struct err *e, const char *name)
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

void tuf_trust_ring(const struct tuf_client *c, const char *role,
		    struct tuf_keyring *ring)
{
	struct err never = { 0 };
	int rc = tuf_root_keyring(&c->policy.rules, c->root->body, role, ring,
				  &never);

	/* A root is accepted only when the keys of all four roles were read. */
	assert(rc == 0);
	(void)rc;
}

int tuf_trust_delegated_ring(const struct tuf_client *c,
			     const struct tuf_delegation *d,
			     struct tuf_keyring *ring, struct err *e)
{
	struct tuf_site site;

	if (tuf_keyring_read(&c->policy.rules, d->keys, d->role, ring, e))
		return -1;
	tuf_root_site(c->root, &site);
	if (c->policy.rules.foreign)
		return 0;
	if (tuf_keyring_check_allowed(ring, site.environment, e))
		return -1;
	return site.environment != ENV_PRODUCTION
		       ? 0
		       : tuf_duty_check(
				 &c->policy.rules, c->root->body,
				 json_get(c->targets->body, "delegations"),
				 d->name, ring, e);
}

void tuf_trust_date(struct tuf_client *c, const struct tuf_meta *m,
		    const struct tuf_keyring *ring)
{
	struct tuf_site site;

	if (c->policy.rules.foreign)
		return;
	tuf_root_site(c->root, &site);
	if (site.environment == ENV_PRODUCTION && ring->threshold < 2)
		return;
	if (m->issued > c->floor)
		c->floor = m->issued;
}

int tuf_trust_fresh(const struct tuf_client *c, const struct tuf_meta *m,
		    struct err *e)
{
	char when[UTC_TEXT_LEN];

	if (m->expires > c->now && m->expires > c->floor)
		return 0;
	utc_format(m->expires, when);
	return err_set(e, ERR_EXPIRED, "expired at %s", when);
}

int tuf_trust_mark(const struct tuf_client *c, const struct tuf_meta *m,
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

int tuf_trust_obtain(const struct tuf_client *c, const struct tuf_source *from,
		     const struct tuf_wanted *w, struct tuf_meta **out,
		     struct err *e)
{
	return tuf_fetch(&c->policy.rules, from, w,
			 tuf_root_consistent(c->root), out, e);
}

int tuf_trust_keep(const struct tuf_client *c, const char *role,
		   const struct tuf_meta *m, struct err *e)
{
	char name[TUF_NAME_MAX];

	if (tuf_store_name(role, name, e))
		return -1;
	return tuf_store_write(c->dirfd, name, buf_slice(&m->bytes), e);
}

/* ---- what lies in the folder --------------------------------------------- */

int tuf_trust_load(const struct tuf_client *c, const char *name,
		   enum tuf_role role, struct tuf_meta **out, struct err *e)
{
	struct buf bytes = BUF_INIT(0);
	struct err damaged = { 0 };
	struct tuf_keyring ring;
	bool found = false;
	int rc;

	tuf_trust_ring(c, tuf_role_name(role), &ring);
	rc = tuf_store_read(c->dirfd, name, role_max(c, role), &bytes, &found,
			    e);
	if (rc == 0 && found &&
	    tuf_meta_read(&c->policy.rules, role, buf_slice(&bytes), &ring, out,
			  &damaged))
		*out = NULL;
	buf_done(&bytes);
	return rc;
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

/* Did the role lose a key? */
static bool is_rotated(const struct tuf_client *c,
		       const struct tuf_client *next, const char *role)
{
	struct tuf_keyring was, is;

	tuf_trust_ring(c, role, &was);
	tuf_trust_ring(next, role, &is);
	return !tuf_keyring_within(&was, &is);
}

/*
 * 5.3.11: a key that was taken away may have been stolen, and the versions that
 * bind us be the thief's: all files go that hold some. They go before the new
 * root is kept: were we cut off in between, the next run finds the rotation
 * again.
 */
static int drop_rotated(const struct tuf_client *c, struct tuf_meta *root,
			struct err *e)
{
	struct tuf_client next = *c;

	next.root = root;
	if (!is_rotated(c, &next, "timestamp") &&
	    !is_rotated(c, &next, "snapshot"))
		return 0;
	return fs_remove(c->dirfd, "timestamp.json", e) ||
			       fs_remove(c->dirfd, TUF_MEDIUM_FILE, e) ||
			       fs_remove(c->dirfd, "snapshot.json", e)
		       ? -1
		       : 0;
}

static int accept_root(struct tuf_client *c, struct slice bytes, struct err *e)
{
	struct tuf_meta *next = NULL;
	struct tuf_keyring ring;

	tuf_trust_ring(c, "root", &ring);
	if (tuf_meta_read(&c->policy.rules, TUF_ROOT, bytes, &ring, &next, e))
		return -1;
	if (next->version != c->root->version + 1) {
		err_set(e, ERR_UNTRUSTED, "version %lld instead of %lld",
			(long long)next->version,
			(long long)c->root->version + 1);
		goto fail;
	}
	if (check_environment(c, next, e) || drop_rotated(c, next, e) ||
	    tuf_trust_keep(c, "root", next, e))
		goto fail;
	tuf_meta_free(c->root);
	c->root = next;
	/* The ring of the root before; in production both have a threshold. */
	tuf_trust_date(c, next, &ring);
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
int tuf_trust_root(struct tuf_client *c, const struct tuf_source *from,
		   struct err *e)
{
	bool more = true;

	for (unsigned i = 0; more && i < c->policy.rotations_max; i++)
		if (next_root(c, from, &more, e))
			return -1;
	if (tuf_trust_fresh(c, c->root, e))
		return err_in(e, "root");
	return 0;
}

/* ---- 5.6 targets and delegated roles ------------------------------------- */

int tuf_trust_role(struct tuf_client *c, const struct tuf_source *from,
		   const char *name, const struct tuf_keyring *ring,
		   struct tuf_meta **out, struct err *e)
{
	struct tuf_wanted w = { .role = TUF_TARGETS,
				.name = name,
				.max = c->policy.targets_max,
				.ring = ring };
	char entry[TUF_ROLE_NAME_MAX + sizeof(".json")];
	struct tuf_meta *m = NULL;

	if (!c->snapshot)
		return err_set(e, ERR_NOT_FOUND, "not part of the import");
	if (text_format(entry, sizeof(entry), e, "%s.json", name) ||
	    tuf_meta_file(c->snapshot, entry, &w.file, e) ||
	    tuf_recall(&c->policy.rules, c->dirfd, &w, &m, e))
		return -1;
	if (!m && !from)
		return err_set(e, ERR_NOT_FOUND, "no trusted file");
	if (m) {
		if (tuf_trust_fresh(c, m, e))
			goto fail;
	} else {
		if (tuf_trust_obtain(c, from, &w, &m, e))
			return -1;
		if (tuf_trust_fresh(c, m, e) || tuf_trust_keep(c, name, m, e))
			goto fail;
	}
	*out = m;
	return 0;
fail:
	tuf_meta_free(m);
	return -1;
}
