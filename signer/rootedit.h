/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootedit - changes to the keys and thresholds in the signed part of a root.
 * Pure: what may be signed is the rules' to say (rules.h).
 */
#ifndef SIGNER_ROOTEDIT_H
#define SIGNER_ROOTEDIT_H

#include "common/tuf_write.h"

struct rootedit_site {
	enum environment environment;
	const char *staging; /* "server" or "signed" */
	uint64_t medium_max_days;
};

/* Fill a fresh root: no keys, thresholds 1, consistent snapshots. */
void rootedit_init(struct json *root, const struct rootedit_site *site);

/* ERR_USAGE unless it is root, targets, snapshot, timestamp or online. */
int rootedit_check_role(const char *role, struct err *e) NODISCARD;

/*
 * Add a key to a role ("online" means snapshot and timestamp). ERR_CONFLICT
 * when the role has it already.
 */
int rootedit_add(struct json *root, const char *role,
		 const struct ec_public *key, struct err *e) NODISCARD;

/*
 * Remove a key from a role, and from root when no role needs it any more.
 * ERR_NOT_FOUND when the role does not have it. Fewer keys than the threshold
 * may be left for the moment: a new one can follow before anybody signs.
 */
int rootedit_remove(struct json *root, const char *role, const char *keyid,
		    struct err *e) NODISCARD;

void rootedit_threshold(struct json *root, const char *role,
			uint64_t threshold);

bool rootedit_has(const struct json *root, const char *role, const char *keyid);

#endif
