/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rights.h"

#include <string.h>

#define P "/v1/people/"

/* Whose work a change is; the admin may do everybody's. */
struct right {
	const char *path; /* of the route */
	const char *role;
};

static const struct right rights[] = {
	{ P "payload/", "operator" },      { P "metadata/", "operator" },
	{ P "publish", "operator" },       { P "envelopes/", "operator" },
	{ P "cohorts", "operator" },       { P "rollouts", "operator" },
	{ P "rollout-start", "operator" }, { P "rollout-pause", "operator" },
	{ P "order-plan", "operator" },    { P "order-sign", "operator" },
	{ P "order-discard", "operator" }, { P "rollout-resume", "operator" },
	{ P "tokens", "officer" },         { P "token-revoke", "officer" },
	{ P "token-activate", "officer" }, { P "device-approve", "officer" },
	{ P "device-deny", "officer" },    { P "device-revoke", "officer" },
	{ P "device-release", "officer" }, { P "device-retire", "officer" },
	{ P "bundle", "officer" },
};

bool rights_is_role(struct slice name)
{
	static const char *const roles[] = { "admin", "operator", "officer",
					     "auditor" };

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (slice_equal(name, slice_of(roles[i])))
			return true;
	return false;
}

static const char *role_for(const struct route *route)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++)
		if (strcmp(rights[i].path, route->path) == 0)
			return rights[i].role;
	return "admin";
}

int rights_check(const char *role, const struct route *route, struct err *e)
{
	const char *needed = role_for(route);

	if (rights_is_role(slice_of(role)) &&
	    (route->method == METHOD_GET || strcmp(role, "admin") == 0 ||
	     strcmp(role, needed) == 0))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "you are registered as %s: this takes %s %s", role,
		       strcmp(needed, "admin") == 0 ? "the" : "an", needed);
}
