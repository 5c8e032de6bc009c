/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/known.h"

#include "common/example_keys.h"
#include "common/log_keys.h"
#include "common/site.h"
#include "common/text.h"
#include "common/x509.h"
#include "signer/document.h"

/* Where keys go, and out of which repository. */
struct collection {
	const struct repo *repo;
	struct scalars *to;
	bool full;
};

/* What no longer fits is left out. */
static int know(struct collection *to, const struct ec_public *key,
		const char *name, struct err *e)
{
	struct err why = { 0 };

	if (scalars_add(to->to, key->point + 1, name, &why) == 0)
		return 0;
	if (why.code == ERR_LIMIT) {
		to->full = true;
		return 0;
	}
	*e = why;
	return -1;
}

static int add_examples(struct scalars *to, struct err *e)
{
	uint8_t x[EC_SCALAR_LEN];
	const char *name;

	for (size_t i = 0; example_key_at(i, x, &name); i++)
		if (scalars_add(to, x, name, e))
			return -1;
	return 0;
}

/* A "keys" object of metadata; what is no key of ours is passed over. */
static int add_keys(struct collection *to, const struct json *keys,
		    struct err *e)
{
	for (void *m = json_first(keys); m; m = json_next(keys, m)) {
		const char *keyid = json_name(m), *name;
		const char *pem = json_text(
			json_get(json_get(json_value(m), "keyval"), "public"));
		struct ec_public key;
		struct err ignored;
		char text[80];

		if (ec_public_from_pem(slice_of(pem), &key, &ignored))
			continue;
		name = json_text(json_get(to->repo->names, keyid));
		if (text_format(text, sizeof(text), &ignored, "key %.8s%s%.40s",
				keyid, name[0] ? ", " : "", name) ||
		    know(to, &key, text, e))
			return -1;
	}
	return 0;
}

/* ---- documents ----------------------------------------------------------- */

static int add_log_keys(struct slice bytes, struct collection *to,
			struct err *e)
{
	struct log_keys keys;

	if (log_keys_parse(bytes, &keys, e))
		return -1;
	for (size_t i = 0; i < keys.count; i++)
		if (know(to, &keys.at[i].key,
			 "a key of the audit log (" LOG_KEYS_PATH ")", e))
			return -1;
	return 0;
}

static int add_cas(struct slice bytes, struct collection *to, struct err *e)
{
	struct site site;
	struct x509_info info;

	if (site_parse(bytes, &site, e))
		return -1;
	for (size_t i = 0; i < site.ca_count; i++)
		if (x509_inspect((struct slice){ site.ca[i].der,
						 site.ca[i].der_len },
				 &info, e) ||
		    know(to, &info.public_key,
			 "the servers' CA (" SITE_PATH ")", e))
			return -1;
	return 0;
}

/* None of that path, or one whose bytes are no longer kept: nothing to add. */
static int add_document(struct collection *c, const struct json *signed_part,
			const char *path,
			int (*add)(struct slice bytes, struct collection *to,
				   struct err *e),
			struct err *e)
{
	struct buf bytes = BUF_INIT(DOCUMENT_MAX_LEN);
	struct json *j = NULL;
	struct err why = { 0 };
	int rc = 0;

	if (document_of(c->repo, signed_part, path, &j, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	rc = json_canonical(j, &bytes, e) || add(buf_slice(&bytes), c, e);
	json_free(j);
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

/* ---- metadata ------------------------------------------------------------ */

static int add_envelope(void *ctx, const struct json *envelope, struct err *e)
{
	struct collection *c = ctx;
	const struct json *part, *delegated;

	if (!envelope)
		return 0;
	part = envelope_signed(envelope);
	delegated = json_get(json_get(part, "delegations"), "keys");
	return add_keys(c, json_get(part, "keys"), e) ||
			       add_keys(c, delegated, e) ||
			       add_document(c, part, LOG_KEYS_PATH,
					    add_log_keys, e) ||
			       add_document(c, part, SITE_PATH, add_cas, e)
		       ? -1
		       : 0;
}

static int add_role(struct collection *c, const struct repo_role *role,
		    struct err *e)
{
	return add_envelope(c, role->published, e) ||
			       add_envelope(c, role->staged, e)
		       ? -1
		       : 0;
}

/* All that it has now, which must fit; then what it had. */
static int add_roles(struct collection *c, struct err *e)
{
	const struct repo *r = c->repo;

	for (size_t i = 0; i < repo_role_count(r); i++)
		if (add_role(c, repo_role_at(r, i), e))
			return -1;
	if (c->full)
		return err_set(e, ERR_LIMIT,
			       "the roles of now have more than %d keys, and "
			       "none of them may stay unsought: take out what "
			       "nobody signs with",
			       SCALARS_MAX);
	return repo_each_version(r, "root", add_envelope, c, e) ||
			       repo_each_version(r, "targets", add_envelope, c,
						 e)
		       ? -1
		       : 0;
}

int known_keys(const struct repo *r, const struct ec_public *wrap,
	       struct scalars **out, bool *all, struct err *e)
{
	struct collection c = { .repo = r, .to = scalars_new() };

	if (add_examples(c.to, e) ||
	    (wrap && know(&c, wrap, "the wrap key", e)) ||
	    (r && add_roles(&c, e))) {
		scalars_free(c.to);
		return -1;
	}
	*out = c.to;
	*all = !c.full;
	return 0;
}
