/* SPDX-License-Identifier: Apache-2.0 */
/* tuf_client's import: targets and its roles by their signatures alone. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/tuf_client.h"
#include "common/tuf_rollback.h"
#include "common/tuf_store.h"
#include "common/tuf_trust.h"

struct import {
	struct tuf_client *client;
	const struct tuf_source *from;
	const struct tuf_import *what;
};

/* ---- one file ------------------------------------------------------------ */

static int check_successor(const struct tuf_client *c,
			   const struct tuf_meta *old,
			   const struct tuf_meta *new, struct err *e)
{
	if (tuf_rollback_version(old, new, e))
		return -1;
	if (old && new->version == old->version &&
	    !slice_equal(buf_slice(&old->bytes), buf_slice(&new->bytes)))
		return err_set(e, ERR_CONFLICT,
			       "version %lld is already another file: this "
			       "folder is another repository's, or that "
			       "number was signed twice",
			       (long long)new->version);
	return tuf_trust_fresh(c, new, e);
}

/*
 * A role that lies in the folder was verified when it came: its version binds
 * even when other keys sign now, for devices hold us to what a snapshot said.
 */
static int read_old(const struct tuf_client *c, const char *role,
		    struct tuf_meta **out, struct err *e)
{
	struct buf bytes = BUF_INIT(0);
	struct err unreadable = { 0 };
	char name[TUF_NAME_MAX];
	bool found = false;
	int rc = -1;

	*out = NULL;
	if (tuf_store_name(role, name, e) ||
	    tuf_store_read(c->dirfd, name, c->policy.targets_max, &bytes,
			   &found, e))
		goto out;
	if (found && tuf_meta_parse(&c->policy.rules, TUF_TARGETS,
				    buf_slice(&bytes), out, &unreadable))
		*out = NULL;
	rc = 0;
out:
	buf_done(&bytes);
	return rc;
}

/* This version from the source, verified with these keys; old may be NULL. */
static int fetch_successor(const struct import *im, struct tuf_wanted *w,
			   const struct tuf_meta *old, struct tuf_meta **out,
			   struct err *e)
{
	const struct tuf_client *c = im->client;
	struct tuf_meta *new = NULL;

	w->role = TUF_TARGETS;
	w->max = c->policy.targets_max;
	if (tuf_fetch(&c->policy.rules, im->from, w, true, &new, e))
		return -1;
	if (check_successor(c, old, new, e)) {
		tuf_meta_free(new);
		return -1;
	}
	*out = new;
	return 0;
}

static int fetch_targets(const struct import *im,
			 const struct tuf_keyring *ring, struct tuf_meta **out,
			 struct err *e)
{
	struct tuf_wanted w = { .name = "targets",
				.file.version = im->what->targets,
				.ring = ring };
	struct tuf_meta *old = NULL;
	int rc;

	/* Versions that stolen keys drove up end with those keys. */
	if (tuf_trust_load(im->client, "targets.json", TUF_TARGETS, &old, e))
		return -1;
	rc = fetch_successor(im, &w, old, out, e);
	tuf_meta_free(old);
	return rc;
}

static int fetch_role(const struct import *im, const char *name,
		      int64_t version, const struct tuf_keyring *ring,
		      struct tuf_meta **out, struct err *e)
{
	struct tuf_wanted w = { .name = name,
				.file.version = version,
				.ring = ring };
	struct tuf_meta *old;
	int rc;

	if (read_old(im->client, name, &old, e))
		return -1;
	rc = fetch_successor(im, &w, old, out, e);
	tuf_meta_free(old);
	return rc;
}

/*
 * What lies there: its version, and either *out or why it no longer counts.
 * Nothing there leaves all of it zero.
 */
static int recall(const struct tuf_client *c, const char *role,
		  const struct tuf_keyring *ring, struct tuf_meta **out,
		  struct tuf_role_state *state, struct err *e)
{
	struct tuf_meta *old, *m = NULL;
	int rc = read_old(c, role, &old, e);

	*out = NULL;
	if (rc || !old)
		return rc;
	state->version = old->version;
	if (tuf_meta_read(&c->policy.rules, TUF_TARGETS, buf_slice(&old->bytes),
			  ring, &m, &state->unusable) == 0 &&
	    tuf_trust_fresh(c, m, &state->unusable)) {
		tuf_meta_free(m);
		m = NULL;
	}
	tuf_meta_free(old);
	*out = m;
	return 0;
}

/* ---- targets ------------------------------------------------------------- */

static int recall_targets(struct tuf_client *c, const struct tuf_keyring *ring,
			  struct err *e)
{
	struct tuf_role_state state = { .version = 0 };

	if (recall(c, "targets", ring, &c->targets, &state, e))
		return -1;
	if (c->targets)
		return 0;
	if (state.version == 0)
		return err_set(e, ERR_NOT_FOUND, "nothing was imported yet");
	*e = state.unusable;
	return -1;
}

static int import_targets(struct import *im, struct err *e)
{
	struct tuf_client *c = im->client;
	struct tuf_keyring ring;

	tuf_trust_ring(c, "targets", &ring);
	if (im->what->targets > 0 ? fetch_targets(im, &ring, &c->targets, e)
				  : recall_targets(c, &ring, e))
		return -1;
	tuf_trust_date(c, c->targets, &ring);
	return 0;
}

/* ---- delegated roles ----------------------------------------------------- */

static int64_t version_that_comes(const struct tuf_import *what,
				  const char *name)
{
	for (size_t i = 0; i < what->role_count; i++)
		if (strcmp(what->roles[i].name, name) == 0)
			return what->roles[i].version;
	return 0;
}

/* Whoever lists roles of roles would have to be asked at every search. */
static int check_leaf(const struct tuf_meta *m, struct err *e)
{
	if (!json_get(m->body, "delegations"))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "a role of targets may not delegate further");
}

static int import_role(struct import *im, const struct tuf_delegation *d,
		       struct tuf_role_state *state, struct err *e)
{
	struct tuf_client *c = im->client;
	int64_t version = version_that_comes(im->what, d->name);
	struct tuf_keyring ring;
	struct tuf_meta *m = NULL;

	if (text_format(state->name, sizeof(state->name), e, "%s", d->name) ||
	    tuf_trust_delegated_ring(c, d, &ring, e))
		return -1;
	if (version > 0 ? fetch_role(im, d->name, version, &ring, &m, e)
			: recall(c, d->name, &ring, &m, state, e))
		return -1;
	if (!m)
		return 0;
	if (check_leaf(m, e)) {
		tuf_meta_free(m);
		return -1;
	}
	state->version = m->version;
	tuf_trust_remember(c, c->targets, d->name, m);
	return 0;
}

/* All that come must be somebody's to sign. */
static int check_named(const struct import *im, const struct json *delegations,
		       struct err *e)
{
	struct tuf_delegation d;

	for (size_t i = 0; i < im->what->role_count; i++)
		if (!tuf_delegation_named(delegations, im->what->roles[i].name,
					  &d))
			return err_set(e, ERR_REFUSED,
				       "targets does not delegate to %s",
				       im->what->roles[i].name);
	return 0;
}

static int import_roles(struct import *im, struct err *e)
{
	struct tuf_client *c = im->client;
	const struct json *delegations =
		json_get(c->targets->body, "delegations");
	const struct json *roles =
		delegations ? json_get(delegations, "roles") : NULL;
	struct tuf_delegation d;

	if (delegations && !roles)
		return err_set(e, ERR_REFUSED,
			       "delegations to hash bins are not taken here");
	if (json_count(roles) > TUF_IMPORT_ROLES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d delegated roles",
			       TUF_IMPORT_ROLES_MAX);
	if (check_named(im, delegations, e))
		return -1;
	c->roles = mem_alloc(json_count(roles) + 1, sizeof(*c->roles));
	for (size_t i = 0; i < json_count(roles); i++) {
		const char *name =
			json_text(json_get(json_at(roles, i), "name"));

		if (!tuf_delegation_named(delegations, name, &d) ||
		    import_role(im, &d, &c->roles[i], e))
			return tuf_trust_err(e, name);
		c->role_count = i + 1;
	}
	return 0;
}

/* ---- all of it ----------------------------------------------------------- */

/* Targets first: a role without its delegator would be nobody's. */
static int persist(const struct import *im, struct err *e)
{
	const struct tuf_client *c = im->client;

	if (im->what->targets > 0 &&
	    tuf_trust_keep(c, "targets", c->targets, e))
		return -1;
	for (size_t i = 0; i < c->delegated_count; i++) {
		const struct tuf_delegated *d = &c->delegated[i];

		if (version_that_comes(im->what, d->name) > 0 &&
		    tuf_trust_keep(c, d->name, d->meta, e))
			return -1;
	}
	return 0;
}

int tuf_client_import(struct tuf_client *c, const struct tuf_source *from,
		      const struct tuf_import *what, struct err *e)
{
	struct import im = { .client = c, .from = from, .what = what };

	tuf_trust_forget(c);
	if (tuf_trust_root(c, from, e))
		return -1;
	if (import_targets(&im, e))
		return err_in(e, "targets");
	if (import_roles(&im, e))
		return -1;
	return persist(&im, e);
}

size_t tuf_client_roles(const struct tuf_client *c,
			const struct tuf_role_state **out)
{
	*out = c->roles;
	return c->role_count;
}
