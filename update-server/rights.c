/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/rights.h"

#include <string.h>

#define P "/v1/people/"

/* Whose work a change is. */
struct right {
	const char *path; /* of the route */
	const char *role;
};

static const struct right rights[] = {
	{ P "payload/", "operator" },
	{ P "metadata/", "operator" },
	{ P "publish", "operator" },
	{ P "payloads-remove", "operator" },
	{ P "envelopes/", "operator" },
	{ P "cohorts", "operator" },
	{ P "cohort-rule", "operator" },
	{ P "cohort-remove", "operator" },
	{ P "rollouts", "operator" },
	{ P "rollout-start", "operator" },
	{ P "rollout-pause", "operator" },
	{ P "rollout-submit", "operator" },
	{ P "rollout-approve", "operator" },
	{ P "rollout-advance", "operator" },
	{ P "rollout-abort", "operator" },
	{ P "rollout-supersede", "operator" },
	{ P "rollout-ack", "operator" },
	{ P "rollout-discard", "operator" },
	{ P "rollout-rollback", "operator" },
	{ P "device-pin", "operator" },
	{ P "device-unpin", "operator" },
	{ P "device-clear", "operator" },
	{ P "order-plan", "operator" },
	{ P "order-sign", "operator" },
	{ P "order-discard", "operator" },
	{ P "rollout-resume", "operator" },
	{ P "tokens", "officer" },
	{ P "token-revoke", "officer" },
	{ P "token-activate", "officer" },
	{ P "device-join", "officer" },
	{ P "device-approve", "officer" },
	{ P "device-deny", "officer" },
	{ P "device-revoke", "officer" },
	{ P "device-release", "officer" },
	{ P "device-block", "officer" },
	{ P "device-unblock", "officer" },
	{ P "device-retire", "officer" },
	{ P "device-forget", "officer" },
	{ P "bundle", "officer" },
	{ P "report-export", "officer" },
	{ P "outpost-report", "officer" },
	{ P "device-report", "officer" },
	{ P "device-readopt", "officer" },
};

static const char *const roles_known[] = { "admin", "operator", "officer",
					   "auditor" };

/* The next name of a list, and what is left of the list. */
static struct slice next_name(struct slice *names)
{
	const uint8_t *end = memchr(names->ptr, ' ', names->len);
	size_t len = end ? (size_t)(end - names->ptr) : names->len;
	struct slice name = slice_sub(*names, 0, len);

	*names = end ? slice_sub(*names, len + 1, names->len - len - 1)
		     : (struct slice){ 0 };
	return name;
}

bool rights_holds(const char *names, const char *role)
{
	struct slice left = slice_of(names);

	while (left.len > 0)
		if (slice_equal(next_name(&left), slice_of(role)))
			return true;
	return false;
}

bool rights_are_roles(struct slice names)
{
	unsigned seen = 0;

	/* A name is due behind each space. */
	if (names.len > 0 && names.ptr[names.len - 1] == ' ')
		return false;
	do {
		struct slice name = next_name(&names);
		size_t i = 0;

		while (i < ARRAY_LEN(roles_known) &&
		       !slice_equal(name, slice_of(roles_known[i])))
			i++;
		if (i == ARRAY_LEN(roles_known) || seen & 1U << i)
			return false;
		seen |= 1U << i;
	} while (names.len > 0);
	return true;
}

static const char *role_for(const struct route *route)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++)
		if (strcmp(rights[i].path, route->path) == 0)
			return rights[i].role;
	return "admin";
}

int rights_check(const char *roles, const struct route *route, struct err *e)
{
	const char *needed = role_for(route);

	if (rights_are_roles(slice_of(roles)) &&
	    (route->method == METHOD_GET || rights_holds(roles, needed)))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "you are registered as %s: this takes %s %s", roles,
		       strcmp(needed, "admin") == 0 ? "the" : "an", needed);
}

bool rights_is_boundless(const struct rights_scope *s)
{
	return s->cohorts[0] == 0 && s->share >= RIGHTS_SHARE_ALL;
}

int rights_check_cohort(const struct rights_scope *s, const char *cohort,
			struct err *e)
{
	if (s->cohorts[0] == 0 || rights_holds(s->cohorts, cohort))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "cohort %s is not yours: you are registered for %s",
		       cohort, s->cohorts);
}

int rights_check_share(const struct rights_scope *s, uint32_t share,
		       struct err *e)
{
	if (share <= s->share)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "you are registered for at most %u.%02u %% of a "
		       "rollout's devices",
		       (unsigned)s->share / 100, (unsigned)s->share % 100);
}
