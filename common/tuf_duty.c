/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_duty.h"

#include <string.h>

#include "common/tuf_meta.h"

#define ONE_OPERATOR  "rollout"
#define TWO_OPERATORS "rollout-wide"
#define NIGHTLY       "nightly"

/* An operator signs alone, and with another one: one duty. */
static bool is_operators(const char *role)
{
	return strcmp(role, ONE_OPERATOR) == 0 ||
	       strcmp(role, TWO_OPERATORS) == 0;
}

static int refuse_shared(const char *role, struct err *e)
{
	return err_set(e, ERR_REFUSED,
		       "production: a key of %.64s has another role as well",
		       role);
}

static int check_top(const struct tuf_rules *rules, const struct json *root,
		     const char *role, const struct tuf_keyring *ring,
		     struct err *e)
{
	for (int top = TUF_ROOT; top <= TUF_TARGETS; top++) {
		struct tuf_keyring other;

		if (tuf_root_keyring(rules, root,
				     tuf_role_name((enum tuf_role)top), &other,
				     e))
			return -1;
		if (tuf_keyring_shares(ring, &other))
			return refuse_shared(role, e);
	}
	return 0;
}

static int check_beside(const struct tuf_rules *rules,
			const struct json *delegations, const char *role,
			const struct tuf_keyring *ring, struct err *e)
{
	const struct json *roles = json_get(delegations, "roles");

	for (size_t i = 0; i < json_count(roles); i++) {
		const struct json *beside = json_at(roles, i);
		const char *name = json_text(json_get(beside, "name"));
		struct tuf_keyring other;

		if (strcmp(name, role) == 0 ||
		    (is_operators(name) && is_operators(role)))
			continue;
		if (tuf_keyring_read(rules, json_get(delegations, "keys"),
				     beside, &other, e))
			return -1;
		if (tuf_keyring_shares(ring, &other))
			return refuse_shared(role, e);
	}
	return 0;
}

int tuf_duty_check(const struct tuf_rules *rules, const struct json *root,
		   const struct json *delegations, const char *role,
		   const struct tuf_keyring *ring, struct err *e)
{
	bool one_is_enough =
		strcmp(role, ONE_OPERATOR) == 0 || strcmp(role, NIGHTLY) == 0;

	if (ring->threshold < 2 && !one_is_enough)
		return err_set(e, ERR_REFUSED,
			       "production needs a threshold of 2 for %.64s",
			       role);
	if (check_top(rules, root, role, ring, e))
		return -1;
	return delegations ? check_beside(rules, delegations, role, ring, e)
			   : 0;
}
