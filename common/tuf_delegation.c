/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_delegation.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

/* ---- patterns ------------------------------------------------------------ */

/*
 * One '*' may be tried again at a time (the last one seen), so the work is at
 * most pattern times path, whatever a pattern is made of.
 */
bool tuf_pattern_matches(const char *pattern, const char *path)
{
	const char *star = NULL, *resume = NULL;

	while (*path) {
		if (*pattern == '*') {
			star = pattern++;
			resume = path;
		} else if (*pattern == *path ||
			   (*pattern == '?' && *path != '/')) {
			pattern++;
			path++;
		} else if (star && *resume != '/') {
			pattern = star + 1;
			path = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == 0;
}

static bool any_pattern_matches(const struct json *paths, const char *path)
{
	for (size_t i = 0; i < json_count(paths); i++)
		if (tuf_pattern_matches(json_text(json_at(paths, i)), path))
			return true;
	return false;
}

static bool any_prefix_matches(const struct json *prefixes, const char *path)
{
	char hex[SHA256_HEX_LEN];
	struct sha256 digest;

	sha256_of(slice_of(path), &digest);
	sha256_format(&digest, hex);
	for (size_t i = 0; i < json_count(prefixes); i++) {
		const char *prefix = json_text(json_at(prefixes, i));

		if (strncmp(hex, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

/* ---- reading ------------------------------------------------------------- */

static int check_name(const struct tuf_rules *rules, const char *name,
		      struct err *e)
{
	static const char *const taken[] = { "root", "timestamp", "snapshot",
					     "targets" };

	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (strcmp(name, taken[i]) == 0)
			return err_set(e, ERR_FORMAT,
				       "role name %s is a top-level role's",
				       name);
	if (!rules->foreign && !name_is_valid(slice_of(name)))
		return err_set(e, ERR_FORMAT, "a role name is not a name");
	if (name[0] == 0 || strlen(name) >= TUF_ROLE_NAME_MAX)
		return err_set(e, ERR_LIMIT, "a role name's length");
	return 0;
}

static int check_strings(const struct json *array, struct err *e)
{
	for (size_t i = 0; i < json_count(array); i++)
		if (!json_is_string(json_at(array, i)))
			return err_set(e, ERR_FORMAT, "not a string");
	return 0;
}

/* Either "paths" or "path_hash_prefixes", never both and never neither. */
static int check_coverage(const struct json *role, struct err *e)
{
	bool paths = json_get(role, "paths");
	bool prefixes = json_get(role, "path_hash_prefixes");
	const char *name = paths ? "paths" : "path_hash_prefixes";
	const struct json *array;

	if (paths == prefixes)
		return err_set(e, ERR_FORMAT,
			       "one of paths and path_hash_prefixes");
	if (json_get_array(role, name, &array, e) || check_strings(array, e))
		return err_in(e, "%s", name);
	return 0;
}

static int check_role(const struct tuf_rules *rules, const struct json *keys,
		      const struct json *role, struct err *e)
{
	struct tuf_keyring ring;
	bool terminating;
	const char *name;

	if (!json_is_object(role))
		return err_set(e, ERR_FORMAT, "not an object");
	if (json_get_text(role, "name", &name, e) ||
	    check_name(rules, name, e) ||
	    json_get_bool(role, "terminating", &terminating, e) ||
	    check_coverage(role, e))
		return -1;
	return tuf_keyring_read(rules, keys, role, &ring, e);
}

static int check_roles(const struct tuf_rules *rules, const struct json *keys,
		       const struct json *roles, struct err *e)
{
	struct json *seen = json_new_object();
	int rc = -1;

	for (size_t i = 0; i < json_count(roles); i++) {
		const struct json *role = json_at(roles, i);
		const char *name;

		if (check_role(rules, keys, role, e)) {
			err_in(e, "roles[%zu]", i);
			goto out;
		}
		name = json_text(json_get(role, "name"));
		if (json_get(seen, name)) {
			err_set(e, ERR_FORMAT, "roles[%zu]: listed twice", i);
			goto out;
		}
		json_set_bool(seen, name, true);
	}
	rc = 0;
out:
	json_free(seen);
	return rc;
}

/* Of the bins' names only the prefix is foreign; "-<hex>" is added to it. */
static int check_succinct(const struct tuf_rules *rules,
			  const struct json *keys, const struct json *bins,
			  struct err *e)
{
	struct tuf_keyring ring;
	const char *prefix;
	int64_t bits;

	if (json_get_int(bins, "bit_length", 1, 32, &bits, e) ||
	    json_get_text(bins, "name_prefix", &prefix, e))
		return -1;
	if (strlen(prefix) + sizeof("-ffffffff") > TUF_ROLE_NAME_MAX)
		return err_set(e, ERR_LIMIT, "name_prefix is too long");
	if (!rules->foreign && !name_is_valid(slice_of(prefix)))
		return err_set(e, ERR_FORMAT, "name_prefix is not a name");
	return tuf_keyring_read(rules, keys, bins, &ring, e);
}

int tuf_delegations_check(const struct tuf_rules *rules,
			  const struct json *delegations, struct err *e)
{
	const struct json *keys, *part;
	bool roles = json_get(delegations, "roles");
	bool bins = json_get(delegations, "succinct_roles");

	if (json_get_object(delegations, "keys", &keys, e))
		return -1;
	if (roles == bins)
		return err_set(e, ERR_FORMAT, "one of roles, succinct_roles");
	if (roles)
		return json_get_array(delegations, "roles", &part, e) ||
				       check_roles(rules, keys, part, e)
			       ? -1
			       : 0;
	if (json_get_object(delegations, "succinct_roles", &part, e) ||
	    check_succinct(rules, keys, part, e))
		return err_in(e, "succinct_roles");
	return 0;
}

/* ---- following ----------------------------------------------------------- */

/* The bin is named by the first bit_length bits of the path's digest. */
static void bin_name(const struct json *bins, const char *path,
		     char out[TUF_ROLE_NAME_MAX])
{
	int64_t bits = json_int(json_get(bins, "bit_length"));
	struct sha256 digest;
	uint64_t first = 0;

	sha256_of(slice_of(path), &digest);
	for (size_t i = 0; i < 4; i++)
		first = first << 8 | digest.bytes[i];
	snprintf(out, TUF_ROLE_NAME_MAX, "%s-%0*llx",
		 json_text(json_get(bins, "name_prefix")), (int)(bits + 3) / 4,
		 (unsigned long long)(first >> (32 - bits)));
}

static bool covers(const struct json *role, const char *path)
{
	const struct json *paths = json_get(role, "paths");

	if (paths)
		return any_pattern_matches(paths, path);
	return any_prefix_matches(json_get(role, "path_hash_prefixes"), path);
}

static bool take(const struct json *delegations, const struct json *role,
		 struct tuf_delegation *out)
{
	struct err checked;

	snprintf(out->name, sizeof(out->name), "%s",
		 json_text(json_get(role, "name")));
	out->keys = json_get(delegations, "keys");
	out->role = role;
	return json_get_bool(role, "terminating", &out->terminating,
			     &checked) == 0;
}

bool tuf_delegation_next(const struct json *delegations, const char *path,
			 size_t *at, struct tuf_delegation *out)
{
	const struct json *roles = json_get(delegations, "roles");
	const struct json *bins = json_get(delegations, "succinct_roles");

	if (bins && *at == 0) {
		*at = 1;
		bin_name(bins, path, out->name);
		out->keys = json_get(delegations, "keys");
		out->terminating = false;
		out->role = bins;
		return true;
	}
	while (*at < json_count(roles)) {
		const struct json *role = json_at(roles, (*at)++);

		if (covers(role, path))
			return take(delegations, role, out);
	}
	return false;
}

bool tuf_delegation_named(const struct json *delegations, const char *name,
			  struct tuf_delegation *out)
{
	const struct json *roles =
		delegations ? json_get(delegations, "roles") : NULL;

	for (size_t i = 0; i < json_count(roles); i++) {
		const struct json *role = json_at(roles, i);

		if (strcmp(json_text(json_get(role, "name")), name) == 0)
			return take(delegations, role, out);
	}
	return false;
}

bool tuf_delegation_covers(const struct tuf_delegation *d, const char *path)
{
	return covers(d->role, path);
}
