/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/rootedit.h"

#include <string.h>

#include "signer/envelope.h"

static const char *const roles[] = { "root", "targets", "snapshot",
				     "timestamp" };

static struct json *empty_role(void)
{
	struct json *role = json_new_object();

	json_set(role, "keyids", json_new_array());
	json_set_int(role, "threshold", 1);
	return role;
}

void rootedit_init(struct json *root, const struct rootedit_site *site)
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

int rootedit_check_role(const char *role, struct err *e)
{
	if (strcmp(role, "online") == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (strcmp(role, roles[i]) == 0)
			return 0;
	return err_set(e, ERR_USAGE,
		       "a role is root, targets, snapshot, timestamp or online "
		       "(the two before together)");
}

static const struct json *key_ids(const struct json *root, const char *role)
{
	return json_get(json_get(json_get(root, "roles"), role), "keyids");
}

bool rootedit_has(const struct json *root, const char *role, const char *keyid)
{
	const struct json *ids = key_ids(root, role);

	for (size_t i = 0; i < json_count(ids); i++)
		if (strcmp(json_text(json_at(ids, i)), keyid) == 0)
			return true;
	return false;
}

/* Put a changed role back; what json_get() lends must not be written to. */
static void set_in_role(struct json *root, const char *role, const char *name,
			struct json *value)
{
	struct json *all = json_clone(json_get(root, "roles"));
	struct json *one = json_clone(json_get(all, role));

	json_set(one, name, value);
	json_set(all, role, one);
	json_set(root, "roles", all);
}

void rootedit_threshold(struct json *root, const char *role, uint64_t threshold)
{
	set_in_role(root, role, "threshold", json_new_int((int64_t)threshold));
}

int rootedit_add(struct json *root, const char *role,
		 const struct ec_public *key, struct err *e)
{
	char keyid[TUF_KEYID_LEN];
	struct json *keys, *ids, *object;

	if (strcmp(role, "online") == 0)
		return rootedit_add(root, "snapshot", key, e) ||
				       rootedit_add(root, "timestamp", key, e)
			       ? -1
			       : 0;
	if (tuf_keyid(key, keyid, e))
		return -1;
	if (rootedit_has(root, role, keyid))
		return err_set(e, ERR_CONFLICT,
			       "the role %s has the key %.12s already", role,
			       keyid);
	if (tuf_key_json(key, &object, e))
		return -1;
	keys = json_clone(json_get(root, "keys"));
	json_set(keys, keyid, object);
	json_set(root, "keys", keys);
	ids = json_clone(key_ids(root, role));
	json_add(ids, json_new_text(keyid));
	set_in_role(root, role, "keyids", ids);
	return 0;
}

static void forget_unused(struct json *root, const char *keyid)
{
	struct json *keys;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (rootedit_has(root, roles[i], keyid))
			return;
	keys = json_clone(json_get(root, "keys"));
	json_remove(keys, keyid);
	json_set(root, "keys", keys);
}

static int remove_one(struct json *root, const char *role, const char *keyid,
		      struct err *e)
{
	const struct json *ids = key_ids(root, role);
	struct json *kept;

	if (!rootedit_has(root, role, keyid))
		return err_set(e, ERR_NOT_FOUND, "the role %s has no key %.12s",
			       role, keyid);
	kept = json_new_array();
	for (size_t i = 0; i < json_count(ids); i++)
		if (strcmp(json_text(json_at(ids, i)), keyid) != 0)
			json_add(kept, json_clone(json_at(ids, i)));
	set_in_role(root, role, "keyids", kept);
	forget_unused(root, keyid);
	return 0;
}

int rootedit_remove(struct json *root, const char *role, const char *keyid,
		    struct err *e)
{
	if (strcmp(role, "online") == 0)
		return remove_one(root, "snapshot", keyid, e) ||
				       remove_one(root, "timestamp", keyid, e)
			       ? -1
			       : 0;
	return remove_one(root, role, keyid, e);
}
