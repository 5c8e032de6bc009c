/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roleedit - changes to keys and thresholds in the signed part that lists
 * them: a root for its four roles, targets for those that it delegates to.
 * Pure: what may be signed is the rules' to say (rules.h).
 */
#ifndef SIGNER_ROLEEDIT_H
#define SIGNER_ROLEEDIT_H

#include "common/tuf_write.h"
#include "signer/roles.h"

struct roleedit_site {
	enum environment environment;
	const char *staging; /* "server" or "signed" */
	uint64_t medium_max_days;
};

/* Fill a fresh root: no keys, thresholds 1, consistent snapshots. */
void roleedit_init(struct json *root, const struct roleedit_site *site);

/* Fill the fresh targets of an environment; role is NULL for the top level. */
void roleedit_init_targets(struct json *targets, enum environment env,
			   const char *role);

/*
 * ERR_USAGE unless it is root, targets, snapshot, timestamp, online or a
 * delegated role. *delegated: it is listed by targets, not by root.
 */
int roleedit_check_role(const char *role, bool *delegated,
			struct err *e) NODISCARD;

/*
 * Let targets delegate to a role of that name: no key yet, threshold 1.
 * ERR_CONFLICT when it does already.
 */
int roleedit_delegate(struct json *targets, const char *role,
		      struct err *e) NODISCARD;

/* The opposite, with keys that nobody needs any more. ERR_NOT_FOUND. */
int roleedit_undelegate(struct json *targets, const char *role,
			struct err *e) NODISCARD;

/*
 * Move entries (and exceptions of the secret scan) that the delegated role
 * covers from one signed part to another; how many there were.
 */
size_t roleedit_move(struct json *from, struct json *to, const char *role);

/*
 * Add a key to a role ("online" means snapshot and timestamp). ERR_CONFLICT
 * when the role has it already, ERR_NOT_FOUND when there is no such role.
 */
int roleedit_add(struct json *by, const char *role, const struct ec_public *key,
		 struct err *e) NODISCARD;

/*
 * Remove a key from a role, and altogether when no role needs it any more.
 * ERR_NOT_FOUND when the role does not have it. Fewer keys than the threshold
 * may be left for the moment: a new one can follow before anybody signs.
 */
int roleedit_remove(struct json *by, const char *role, const char *keyid,
		    struct err *e) NODISCARD;

void roleedit_threshold(struct json *by, const char *role, uint64_t threshold);

#endif
