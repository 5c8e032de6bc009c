/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/roleedit.h"

#include <string.h>

static const char *const roles[] = { "root", "targets", "snapshot",
				     "timestamp" };

static struct json *empty_role(void)
{
	struct json *role = json_new_object();

	json_set(role, "keyids", json_new_array());
	json_set_int(role, "threshold", 1);
	return role;
}

void roleedit_init(struct json *root, const struct roleedit_site *site)
{
	struct json *all = json_new_object();
	struct json *pawl = json_new_object();

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		json_set(all, roles[i], empty_role());
	json_set(root, "roles", all);
	json_set(root, "keys", json_new_object());
	json_set_bool(root, "consistent_snapshot", true);
	json_set_text(pawl, "environment", environment_name(site->environment));
	json_set_text(pawl, "staging", site->staging);
	json_set_int(pawl, "medium_max_days", (int64_t)site->medium_max_days);
	json_set(root, "pawl", pawl);
}

void roleedit_init_targets(struct json *targets, enum environment env,
			   const char *role)
{
	struct json *pawl = json_new_object();

	json_set_text(pawl, "environment", environment_name(env));
	if (role)
		json_set_text(pawl, "role", role);
	json_set(targets, "pawl", pawl);
	json_set(targets, "targets", json_new_object());
}

int roleedit_check_role(const char *role, bool *delegated, struct err *e)
{
	bool found = strcmp(role, "online") == 0;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		found |= strcmp(role, roles[i]) == 0;
	*delegated = roles_is_delegated(role);
	if (found || *delegated)
		return 0;
	return err_set(e, ERR_USAGE,
		       "a role is root, targets, snapshot, timestamp, online "
		       "(the two before together) or a delegated one: "
		       "product-PRODUCT, nightly, rollout, rollout-wide");
}

/* ---- putting changed parts back ------------------------------------------ */

static bool is_root(const struct json *by)
{
	return strcmp(json_text(json_get(by, "_type")), "root") == 0;
}

static struct json *delegations_copy(const struct json *targets)
{
	const struct json *there = json_get(targets, "delegations");
	struct json *fresh;

	if (there)
		return json_clone(there);
	fresh = json_new_object();
	json_set(fresh, "keys", json_new_object());
	json_set(fresh, "roles", json_new_array());
	return fresh;
}

/* What json_get() lends must not be written to: change a copy, put it back. */
static void set_keys(struct json *by, struct json *keys)
{
	struct json *delegations;

	if (is_root(by)) {
		json_set(by, "keys", keys);
		return;
	}
	delegations = delegations_copy(by);
	json_set(delegations, "keys", keys);
	json_set(by, "delegations", delegations);
}

/* Replace one delegation; NULL removes it. */
static void set_delegation(struct json *targets, const char *role,
			   struct json *one)
{
	struct json *delegations = delegations_copy(targets);
	const struct json *before = json_get(delegations, "roles");
	struct json *after = json_new_array();
	const struct json *other;

	for (size_t i = 0; i < json_count(before); i++) {
		other = json_at(before, i);
		if (strcmp(json_text(json_get(other, "name")), role) != 0)
			json_add(after, json_clone(other));
		else if (one) {
			json_add(after, one);
			one = NULL;
		}
	}
	if (one)
		json_add(after, one);
	json_set(delegations, "roles", after);
	if (json_count(json_get(delegations, "roles")) > 0)
		json_set(targets, "delegations", delegations);
	else {
		json_remove(targets, "delegations");
		json_free(delegations);
	}
}

static void set_role(struct json *by, const char *role, struct json *one)
{
	struct json *all;

	if (!is_root(by)) {
		set_delegation(by, role, one);
		return;
	}
	all = json_clone(json_get(by, "roles"));
	json_set(all, role, one);
	json_set(by, "roles", all);
}

static void set_in_role(struct json *by, const char *role, const char *name,
			struct json *value)
{
	struct json *one = json_clone(roles_find(by, role));

	json_set(one, name, value);
	set_role(by, role, one);
}

void roleedit_threshold(struct json *by, const char *role, uint64_t threshold)
{
	set_in_role(by, role, "threshold", json_new_int((int64_t)threshold));
}

/* ---- keys ---------------------------------------------------------------- */

int roleedit_add(struct json *by, const char *role, const struct ec_public *key,
		 struct err *e)
{
	char keyid[TUF_KEYID_LEN];
	struct json *keys, *ids, *object;

	if (strcmp(role, "online") == 0)
		return roleedit_add(by, "snapshot", key, e) ||
				       roleedit_add(by, "timestamp", key, e)
			       ? -1
			       : 0;
	if (!roles_find(by, role))
		return err_set(e, ERR_NOT_FOUND,
			       "there is no role %s: role add makes it", role);
	if (tuf_keyid(key, keyid, e))
		return -1;
	if (roles_has(by, role, keyid))
		return err_set(e, ERR_CONFLICT,
			       "the role %s has the key %.12s already", role,
			       keyid);
	if (tuf_key_json(key, &object, e))
		return -1;
	keys = json_clone(roles_keys(by));
	json_set(keys, keyid, object);
	set_keys(by, keys);
	ids = json_clone(json_get(roles_find(by, role), "keyids"));
	json_add(ids, json_new_text(keyid));
	set_in_role(by, role, "keyids", ids);
	return 0;
}

static bool any_role_has(const struct json *by, const char *keyid)
{
	const struct json *list =
		json_get(json_get(by, "delegations"), "roles");

	if (is_root(by)) {
		for (size_t i = 0; i < ARRAY_LEN(roles); i++)
			if (roles_has(by, roles[i], keyid))
				return true;
		return false;
	}
	for (size_t i = 0; i < json_count(list); i++)
		if (roles_has(by, json_text(json_get(json_at(list, i), "name")),
			      keyid))
			return true;
	return false;
}

static void forget_unused(struct json *by, const char *keyid)
{
	struct json *keys;

	if (any_role_has(by, keyid))
		return;
	keys = json_clone(roles_keys(by));
	json_remove(keys, keyid);
	set_keys(by, keys);
}

static int remove_one(struct json *by, const char *role, const char *keyid,
		      struct err *e)
{
	const struct json *ids = json_get(roles_find(by, role), "keyids");
	struct json *kept;

	if (!roles_has(by, role, keyid))
		return err_set(e, ERR_NOT_FOUND, "the role %s has no key %.12s",
			       role, keyid);
	kept = json_new_array();
	for (size_t i = 0; i < json_count(ids); i++)
		if (strcmp(json_text(json_at(ids, i)), keyid) != 0)
			json_add(kept, json_clone(json_at(ids, i)));
	set_in_role(by, role, "keyids", kept);
	forget_unused(by, keyid);
	return 0;
}

int roleedit_remove(struct json *by, const char *role, const char *keyid,
		    struct err *e)
{
	if (strcmp(role, "online") == 0)
		return remove_one(by, "snapshot", keyid, e) ||
				       remove_one(by, "timestamp", keyid, e)
			       ? -1
			       : 0;
	return remove_one(by, role, keyid, e);
}

/* ---- delegations --------------------------------------------------------- */

int roleedit_delegate(struct json *targets, const char *role, struct err *e)
{
	struct json *one;

	if (roles_find(targets, role))
		return err_set(e, ERR_CONFLICT, "there is a role %s already",
			       role);
	one = empty_role();
	json_set_text(one, "name", role);
	json_set(one, "paths", roles_paths(role));
	json_set_bool(one, "terminating", roles_is_terminating(role));
	set_delegation(targets, role, one);
	return 0;
}

int roleedit_undelegate(struct json *targets, const char *role, struct err *e)
{
	struct json *ids;

	if (!roles_find(targets, role))
		return err_set(e, ERR_NOT_FOUND, "there is no role %s", role);
	ids = json_clone(json_get(roles_find(targets, role), "keyids"));
	set_delegation(targets, role, NULL);
	for (size_t i = 0;
	     json_get(targets, "delegations") && i < json_count(ids); i++)
		forget_unused(targets, json_text(json_at(ids, i)));
	json_free(ids);
	return 0;
}

/* ---- moving entries ------------------------------------------------------ */

/* Move those members of from.name that belong to the role. */
static size_t move_members(struct json *from, struct json *to, const char *name,
			   bool (*belongs)(const char *role,
					   const char *member),
			   const char *role)
{
	const struct json *all = json_get(from, name);
	const struct json *there = json_get(to, name);
	struct json *kept = json_new_object();
	struct json *added = there ? json_clone(there) : json_new_object();
	size_t moved = 0;

	for (void *m = json_first(all); m; m = json_next(all, m)) {
		if (belongs(role, json_name(m)))
			moved++;
		json_set(belongs(role, json_name(m)) ? added : kept,
			 json_name(m), json_clone(json_value(m)));
	}
	if (moved == 0) {
		json_free(kept);
		json_free(added);
		return 0;
	}
	json_set(from, name, kept);
	json_set(to, name, added);
	return moved;
}

/* Exceptions are named "product/release". */
static bool is_exception_of(const char *role, const char *member)
{
	char path[2 * NAME_MAX_LEN + 8];
	struct err ignored;

	return text_format(path, sizeof(path), &ignored, "%s/x", member) == 0 &&
	       roles_cover(role, path);
}

size_t roleedit_move(struct json *from, struct json *to, const char *role)
{
	struct json *from_pawl = json_clone(json_get(from, "pawl"));
	struct json *to_pawl = json_clone(json_get(to, "pawl"));

	if (move_members(from_pawl, to_pawl, "secrets_allowed", is_exception_of,
			 role) > 0) {
		if (json_count(json_get(from_pawl, "secrets_allowed")) == 0)
			json_remove(from_pawl, "secrets_allowed");
		json_set(from, "pawl", from_pawl);
		json_set(to, "pawl", to_pawl);
	} else {
		json_free(from_pawl);
		json_free(to_pawl);
	}
	return move_members(from, to, "targets", roles_cover, role);
}
