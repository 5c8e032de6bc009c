/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/online_role.h"

#include <string.h>

#include "common/tuf_write.h"

static int check_role(const struct json *roles, const char *name,
		      const char *keyid, struct err *e)
{
	const struct json *role, *ids;
	int64_t threshold;
	bool named = false;

	if (json_get_object(roles, name, &role, e) ||
	    json_get_array(role, "keyids", &ids, e) ||
	    json_get_int(role, "threshold", 1, 16, &threshold, e))
		return -1;
	for (size_t i = 0; i < json_count(ids); i++)
		if (strcmp(json_text(json_at(ids, i)), keyid) == 0)
			named = true;
	if (named && threshold == 1)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "root does not let this server's online.pub sign %s "
		       "alone: sign a root that does",
		       name);
}

int online_role_check(const struct json *root_signed,
		      const struct ec_public *key, struct err *e)
{
	const struct json *roles;
	char keyid[TUF_KEYID_LEN];

	if (tuf_keyid(key, keyid, e) ||
	    json_get_object(root_signed, "roles", &roles, e) ||
	    check_role(roles, "snapshot", keyid, e))
		return -1;
	return check_role(roles, "timestamp", keyid, e);
}
