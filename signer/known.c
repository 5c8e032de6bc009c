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
};

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
static int add_keys(const struct repo *r, const struct json *keys,
		    struct scalars *to, struct err *e)
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
		name = json_text(json_get(r->names, keyid));
		if (text_format(text, sizeof(text), &ignored, "key %.8s%s%.40s",
				keyid, name[0] ? ", " : "", name) ||
		    scalars_add(to, key.point + 1, text, e))
			return -1;
	}
	return 0;
}

/* ---- documents ----------------------------------------------------------- */

static int add_log_keys(struct slice bytes, struct scalars *to, struct err *e)
{
	struct log_keys keys;

	if (log_keys_parse(bytes, &keys, e))
		return -1;
	for (size_t i = 0; i < keys.count; i++)
		if (scalars_add(to, keys.at[i].key.point + 1,
				"a key of the audit log (" LOG_KEYS_PATH ")",
				e))
			return -1;
	return 0;
}

static int add_cas(struct slice bytes, struct scalars *to, struct err *e)
{
	struct site site;
	struct x509_info info;

	if (site_parse(bytes, &site, e))
		return -1;
	for (size_t i = 0; i < site.ca_count; i++)
		if (x509_inspect((struct slice){ site.ca[i].der,
						 site.ca[i].der_len },
				 &info, e) ||
		    scalars_add(to, info.public_key.point + 1,
				"the servers' CA (" SITE_PATH ")", e))
			return -1;
	return 0;
}

/* None of that path, or one whose bytes are no longer kept: nothing to add. */
static int add_document(const struct collection *c,
			const struct json *signed_part, const char *path,
			int (*add)(struct slice bytes, struct scalars *to,
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
	rc = json_canonical(j, &bytes, e) || add(buf_slice(&bytes), c->to, e);
	json_free(j);
	buf_done(&bytes);
	return rc ? err_in(e, "%s", path) : 0;
}

/* ---- metadata ------------------------------------------------------------ */

static int add_envelope(void *ctx, const struct json *envelope, struct err *e)
{
	const struct collection *c = ctx;
	const struct json *part, *delegated;

	if (!envelope)
		return 0;
	part = envelope_signed(envelope);
	delegated = json_get(json_get(part, "delegations"), "keys");
	return add_keys(c->repo, json_get(part, "keys"), c->to, e) ||
			       add_keys(c->repo, delegated, c->to, e) ||
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

/* All that it has now, first; then what it had. */
static int add_roles(const struct repo *r, struct scalars *to, struct err *e)
{
	struct collection c = { r, to };

	for (size_t i = 0; i < repo_role_count(r); i++)
		if (add_role(&c, repo_role_at(r, i), e))
			return -1;
	return repo_each_version(r, "root", add_envelope, &c, e) ||
			       repo_each_version(r, "targets", add_envelope, &c,
						 e)
		       ? -1
		       : 0;
}

int known_keys(const struct repo *r, struct scalars **out, struct err *e)
{
	struct scalars *s = scalars_new();

	if (add_examples(s, e) || (r && add_roles(r, s, e))) {
		scalars_free(s);
		return -1;
	}
	*out = s;
	return 0;
}
