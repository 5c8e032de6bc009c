/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/tuf_rollback.h"
#include "common/tuf_store.h"
#include "common/tuf_trust.h"

/* ---- life ---------------------------------------------------------------- */

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
	tuf_trust_forget(c);
	tuf_meta_free(c->root);
	free(c);
}

/* ---- what lies in the folder --------------------------------------------- */

/* The targets trusted last are no longer believed, but prove a time. */
static int remember_time(struct tuf_client *c, struct err *e)
{
	struct tuf_meta *old = NULL;
	struct tuf_keyring ring;

	tuf_trust_ring(c, "root", &ring);
	tuf_trust_date(c, c->root, &ring);
	tuf_trust_ring(c, "targets", &ring);
	if (tuf_trust_load(c, "targets.json", TUF_TARGETS, &old, e))
		return -1;
	if (old)
		tuf_trust_date(c, old, &ring);
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
	if (remember_time(c, e)) {
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
	return tuf_trust_load(c, "timestamp.json", TUF_TIMESTAMP,
			      &c->old_timestamp, e) ||
			       tuf_trust_load(c, TUF_MEDIUM_FILE, TUF_TIMESTAMP,
					      &c->old_medium, e) ||
			       tuf_trust_load(c, "snapshot.json", TUF_SNAPSHOT,
					      &c->old_snapshot, e)
		       ? -1
		       : 0;
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

	tuf_trust_ring(c, "timestamp", &ring);
	if (tuf_meta_read(&c->policy.rules, TUF_TIMESTAMP, bytes, &ring, &new,
			  e))
		goto out;
	if (tuf_trust_mark(c, new, e) ||
	    tuf_rollback_version(c->old_timestamp, new, e) ||
	    tuf_rollback_version(c->old_medium, new, e))
		goto out;
	if (take_same(&c->old_timestamp, new, &c->timestamp) ||
	    (c->policy.medium &&
	     take_same(&c->old_medium, new, &c->timestamp))) {
		rc = tuf_trust_fresh(c, c->timestamp, e);
		goto out;
	}
	if (tuf_rollback_announced(c->old_timestamp, new, e) ||
	    tuf_rollback_announced(c->old_medium, new, e) ||
	    tuf_trust_fresh(c, new, e) ||
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
	tuf_trust_ring(c, "snapshot", ring);
	return tuf_meta_file(c->timestamp, "snapshot.json", &w->file, e);
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
		return tuf_trust_fresh(c, c->snapshot, e);
	}
	if (tuf_trust_obtain(c, from, &w, &new, e))
		return -1;
	if (tuf_trust_mark(c, new, e) ||
	    tuf_rollback_roles(c->old_snapshot, new, e) ||
	    tuf_trust_fresh(c, new, e) ||
	    tuf_trust_keep(c, "snapshot", new, e)) {
		tuf_meta_free(new);
		return -1;
	}
	c->snapshot = new;
	return 0;
}

static int update_targets(struct tuf_client *c, const struct tuf_source *from,
			  struct err *e)
{
	struct tuf_keyring ring;

	tuf_trust_ring(c, "targets", &ring);
	if (tuf_trust_role(c, from, "targets", &ring, &c->targets, e))
		return -1;
	tuf_trust_date(c, c->targets, &ring);
	return 0;
}

/* ---- the runs ------------------------------------------------------------ */

int tuf_client_refresh(struct tuf_client *c, const struct tuf_source *from,
		       struct err *e)
{
	tuf_trust_forget(c);
	if (tuf_trust_root(c, from, e) || load_trusted(c, e) ||
	    update_timestamp(c, from, e))
		return -1;
	if (update_snapshot(c, from, e))
		return err_in(e, "snapshot");
	if (update_targets(c, from, e))
		return err_in(e, "targets");
	return 0;
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

int64_t tuf_client_expires(const struct tuf_client *c, enum tuf_role role)
{
	const struct tuf_meta *m = role_meta(c, role);

	return m ? m->expires : 0;
}

void tuf_client_site(const struct tuf_client *c, struct tuf_site *out)
{
	tuf_root_site(c->root, out);
}

int64_t tuf_client_time_floor(const struct tuf_client *c)
{
	return c->floor;
}
