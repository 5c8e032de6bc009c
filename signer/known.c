/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/known.h"

#include "common/example_keys.h"
#include "common/text.h"

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

static int add_signed(const struct repo *r, const struct json *envelope,
		      struct scalars *to, struct err *e)
{
	const struct json *part;

	if (!envelope)
		return 0;
	part = envelope_signed(envelope);
	if (add_keys(r, json_get(part, "keys"), to, e))
		return -1;
	return add_keys(r, json_get(json_get(part, "delegations"), "keys"), to,
			e);
}

static int add_role(const struct repo *r, const struct repo_role *role,
		    struct scalars *to, struct err *e)
{
	return add_signed(r, role->published, to, e) ||
			       add_signed(r, role->staged, to, e)
		       ? -1
		       : 0;
}

static int add_roles(const struct repo *r, struct scalars *to, struct err *e)
{
	for (size_t i = 0; i < repo_role_count(r); i++)
		if (add_role(r, repo_role_at(r, i), to, e))
			return -1;
	return 0;
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
