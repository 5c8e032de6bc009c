/* SPDX-License-Identifier: Apache-2.0 */
/* tuf_client's finding of targets, through delegations. */
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/tuf_client.h"
#include "common/tuf_store.h"
#include "common/tuf_trust.h"
#include "common/tuf_walk.h"

/* ---- delegated roles ----------------------------------------------------- */

/*
 * Roles of this name prefix are signed by a product's engineers under their
 * threshold, so what they date is past; operators' roles prove no time.
 */
#define PRODUCT_ROLE "product-"

static int load(struct tuf_client *c, const struct tuf_source *from,
		const struct tuf_delegation *d, struct tuf_meta **out,
		struct err *e)
{
	struct tuf_keyring ring;

	if (tuf_trust_delegated_ring(c, d, &ring, e))
		return tuf_trust_err(e, d->name);
	if (tuf_trust_role(c, from, d->name, &ring, out, e) == 0) {
		if (strncmp(d->name, PRODUCT_ROLE, strlen(PRODUCT_ROLE)) == 0)
			tuf_trust_date(c, *out, &ring);
		return 0;
	}
	/* ERR_NOT_FOUND is for the target alone. */
	if (e->code == ERR_NOT_FOUND)
		e->code = ERR_NETWORK;
	return tuf_trust_err(e, d->name);
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
	struct tuf_meta *m = NULL;

	for (size_t i = 0; i < c->delegated_count; i++) {
		const struct tuf_delegated *entry = &c->delegated[i];

		if (entry->delegator == delegator &&
		    strcmp(entry->name, d->name) == 0) {
			*out = entry->meta;
			return 0;
		}
	}
	if (load(c, s->from, d, &m, e))
		return -1;
	tuf_trust_remember(c, delegator, d->name, m);
	*out = m;
	return 0;
}

/* ---- finding targets ----------------------------------------------------- */

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

struct each_in {
	struct search search;
	const struct tuf_delegation *delegation;
	int (*visit)(void *ctx, const struct tuf_target *t, struct err *e);
	void *ctx;
};

/*
 * What a role lists is its to say only where a search for that path ends in
 * this role: inside what was delegated to it, and not where a role listed
 * before it has the path or ends the search.
 */
static int visit_if_found(void *ctx, const struct tuf_target *t, struct err *e)
{
	struct each_in *each = ctx;
	struct tuf_target found;
	struct err why = { 0 };

	if (!tuf_delegation_covers(each->delegation, t->path))
		return 0;
	if (tuf_client_find(each->search.client, each->search.from, t->path,
			    &found, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	/* The very entry, not an equal one: both borrow from one tree. */
	if (found.path != t->path)
		return 0;
	return each->visit(each->ctx, t, e);
}

/* Delegated to, but nobody has signed it yet. */
static bool is_unsigned(const struct tuf_client *c, const char *role)
{
	char entry[TUF_ROLE_NAME_MAX + sizeof(".json")];
	struct tuf_file file;
	struct err why = { 0 };

	return c->snapshot &&
	       text_format(entry, sizeof(entry), &why, "%s.json", role) == 0 &&
	       tuf_meta_file(c->snapshot, entry, &file, &why) &&
	       why.code == ERR_NOT_FOUND;
}

int tuf_client_each_in(struct tuf_client *c, const struct tuf_source *from,
		       const char *role,
		       int (*visit)(void *ctx, const struct tuf_target *t,
				    struct err *e),
		       void *ctx, struct err *e)
{
	struct tuf_delegation d;
	struct each_in each = { { c, from }, &d, visit, ctx };
	const struct tuf_meta *m;

	if (!c->targets)
		return err_set(e, ERR_REFUSED, "no targets were verified yet");
	if (!tuf_delegation_named(json_get(c->targets->body, "delegations"),
				  role, &d))
		return err_set(e, ERR_NOT_FOUND,
			       "targets does not delegate to %s", role);
	if (is_unsigned(c, role))
		return err_set(e, ERR_NOT_FOUND, "nobody signed %s yet", role);
	if (search_load(&each.search, c->targets, &d, &m, e))
		return -1;
	return tuf_targets_each(m, visit_if_found, &each, e);
}

const struct json *tuf_client_signed_in(const struct tuf_client *c,
					const char *role)
{
	for (size_t i = 0; i < c->delegated_count; i++)
		if (c->delegated[i].delegator == c->targets &&
		    strcmp(c->delegated[i].name, role) == 0)
			return c->delegated[i].meta->body;
	return NULL;
}

/* ---- documents ----------------------------------------------------------- */

static int fetch_document(const struct tuf_source *from,
			  const struct tuf_target *t, struct buf *out,
			  struct err *e)
{
	struct tuf_file file = { .has_length = true,
				 .length = (int64_t)t->length,
				 .has_sha256 = t->has_sha256,
				 .has_sha512 = t->has_sha512,
				 .sha256 = t->sha256 };
	char path[PATH_MAX_LEN], name[TUF_SOURCE_NAME_MAX];
	struct buf bytes = BUF_INIT((size_t)t->length);
	int rc = -1;

	memcpy(file.sha512, t->sha512, sizeof(file.sha512));
	if (tuf_target_url(t->path, &t->sha256, path, e) ||
	    text_format(name, sizeof(name), e, "%s%s", TUF_TARGETS_DIR, path))
		goto out;
	if (from->fetch(from->ctx, name, bytes.max, &bytes, e)) {
		/* Listed but not there is not the same as not listed. */
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_NETWORK;
		goto out;
	}
	if (tuf_file_check(&file, buf_slice(&bytes), e) == 0)
		rc = buf_add(out, buf_slice(&bytes), e);
out:
	buf_done(&bytes);
	return rc;
}

int tuf_client_document(struct tuf_client *c, const struct tuf_source *from,
			const char *path, size_t max, struct buf *out,
			struct err *e)
{
	struct tuf_target t;
	char shown[120];
	int rc = -1;

	if (tuf_client_find(c, from, path, &t, e))
		return -1;
	if (!t.has_sha256)
		err_set(e, ERR_UNTRUSTED, "no sha256 digest");
	else if (t.length > max)
		err_set(e, ERR_LIMIT, "more than %zu bytes", max);
	else
		rc = fetch_document(from, &t, out, e);
	if (rc == 0)
		return 0;
	text_escape(slice_of(path), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}
