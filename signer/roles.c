/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/roles.h"

#include <string.h>

#include "common/tuf_delegation.h"

#define PRODUCT_PREFIX "product-"
#define PATTERNS_MAX   4
#define PATTERN_LEN    (2 * NAME_MAX_LEN)

struct kind {
	const char *name; /* NULL: any with the prefix above */
	unsigned days_min, days_max, threshold_min;
	bool terminating;
	/* '@' stands for the product. */
	const char *patterns[PATTERNS_MAX];
};

static const struct kind kinds[] = {
	[ROLE_ROOT] = { "root", 30, 730, 2, false, { NULL } },
	[ROLE_TARGETS] = { "targets", 7, 400, 2, false, { NULL } },
	[ROLE_PRODUCT] = { NULL,
			   7,
			   400,
			   2,
			   true,
			   { "@/*/*", "floor/@.json", "stepback/@/*.json" } },
	[ROLE_NIGHTLY] = { "nightly", 1, 90, 1, true, { "nightly/*/*/*" } },
	[ROLE_ROLLOUT] = { "rollout", 1, 90, 1, true, { "rollout/*/*.json" } },
	[ROLE_ROLLOUT_WIDE] = { "rollout-wide",
				7,
				400,
				2,
				true,
				{ "rollout-wide/*/*.json", "baseline/*/*.json",
				  "assign/*.json" } },
};

static const struct kind *find(const char *name)
{
	size_t len = strlen(PRODUCT_PREFIX);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].name && strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	if (strncmp(name, PRODUCT_PREFIX, len) == 0 &&
	    name_is_valid(slice_of(name)) &&
	    name_is_valid(slice_of(name + len)))
		return &kinds[ROLE_PRODUCT];
	return NULL;
}

bool roles_kind(const char *name, enum role_kind *out)
{
	const struct kind *kind = find(name);

	if (kind)
		*out = (enum role_kind)(kind - kinds);
	return kind;
}

bool roles_is_delegated(const char *name)
{
	enum role_kind kind;

	return roles_kind(name, &kind) && kind >= ROLE_PRODUCT;
}

int roles_check_delegated(const char *name, struct err *e)
{
	if (roles_is_delegated(name))
		return 0;
	return err_set(e, ERR_USAGE,
		       "a delegated role is product-PRODUCT, nightly, rollout "
		       "or rollout-wide");
}

int roles_of_product(const char *product, char out[ROLE_NAME_LEN],
		     struct err *e)
{
	return text_format(out, ROLE_NAME_LEN, e, PRODUCT_PREFIX "%s", product);
}

int roles_check_product(const char *product, struct err *e)
{
	static const char *const taken[] = { "nightly",      "rollout",
					     "rollout-wide", "baseline",
					     "assign",       "floor",
					     "stepback" };

	if (!name_is_valid(slice_of(product)))
		return err_set(e, ERR_USAGE,
			       "a product's name is made of a-z, 0-9, '.', '_' "
			       "and '-'");
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (strcmp(product, taken[i]) == 0)
			return err_set(e, ERR_USAGE,
				       "\"%s\" is a folder of signed "
				       "documents: no product is called so",
				       product);
	return 0;
}

unsigned roles_days_max(const char *name)
{
	return find(name) ? find(name)->days_max : 0;
}

unsigned roles_days_min(const char *name)
{
	return find(name) ? find(name)->days_min : 0;
}

unsigned roles_threshold_min(const char *name)
{
	return find(name) ? find(name)->threshold_min : 1;
}

static bool is_one_of(const char *name, const char *a, const char *b)
{
	return strcmp(name, a) == 0 || strcmp(name, b) == 0;
}

bool roles_same_duty(const char *a, const char *b)
{
	return strcmp(a, b) == 0 ||
	       (is_one_of(a, "snapshot", "timestamp") &&
		is_one_of(b, "snapshot", "timestamp")) ||
	       (is_one_of(a, "rollout", "rollout-wide") &&
		is_one_of(b, "rollout", "rollout-wide"));
}

/* ---- paths --------------------------------------------------------------- */

/* The pattern with the product in the place of '@'. */
static void expand(const char *role, const char *pattern, char out[PATTERN_LEN])
{
	const char *at = strchr(pattern, '@');
	struct err ignored;

	/* Both are bounded: the longest pattern leaves room for a name. */
	if (text_format(out, PATTERN_LEN, &ignored, "%.*s%s%s",
			(int)(at ? at - pattern : (long)strlen(pattern)),
			pattern, at ? role + strlen(PRODUCT_PREFIX) : "",
			at ? at + 1 : ""))
		out[0] = 0;
}

struct json *roles_paths(const char *name)
{
	const struct kind *kind = find(name);
	struct json *paths = json_new_array();
	char pattern[PATTERN_LEN];

	for (size_t i = 0; kind && i < PATTERNS_MAX && kind->patterns[i]; i++) {
		expand(name, kind->patterns[i], pattern);
		json_add(paths, json_new_text(pattern));
	}
	return paths;
}

bool roles_is_terminating(const char *name)
{
	return find(name) && find(name)->terminating;
}

bool roles_cover(const char *name, const char *path)
{
	const struct kind *kind = find(name);
	char pattern[PATTERN_LEN];

	if (kind == &kinds[ROLE_TARGETS])
		return true;
	for (size_t i = 0; kind && i < PATTERNS_MAX && kind->patterns[i]; i++) {
		expand(name, kind->patterns[i], pattern);
		if (tuf_pattern_matches(pattern, path))
			return true;
	}
	return false;
}

/* ---- who lists a role's keys --------------------------------------------- */

static bool is_root(const struct json *by)
{
	return strcmp(json_text(json_get(by, "_type")), "root") == 0;
}

const struct json *roles_keys(const struct json *by)
{
	return json_get(is_root(by) ? by : json_get(by, "delegations"), "keys");
}

const struct json *roles_find(const struct json *by, const char *role)
{
	const struct json *list, *one;

	if (is_root(by))
		return json_get(json_get(by, "roles"), role);
	list = json_get(json_get(by, "delegations"), "roles");
	for (size_t i = 0; i < json_count(list); i++) {
		one = json_at(list, i);
		if (strcmp(json_text(json_get(one, "name")), role) == 0)
			return one;
	}
	return NULL;
}

bool roles_has(const struct json *by, const char *role, const char *keyid)
{
	const struct json *ids = json_get(roles_find(by, role), "keyids");

	for (size_t i = 0; i < json_count(ids); i++)
		if (strcmp(json_text(json_at(ids, i)), keyid) == 0)
			return true;
	return false;
}
