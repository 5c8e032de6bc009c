/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles - the files that a repository signs: root, targets, and the roles that
 * targets delegates to (TUF 1.0.34, section 4.5).
 *
 *	product-<product>	that product's releases, floor and steps back
 *	nightly			what CI signs for lab devices
 *	rollout			orders of one operator
 *	rollout-wide		orders of two, baselines, cohorts of devices
 *
 * A role's name decides everything about it: which paths it may list, how long
 * it lives, how many must sign in production. Pure.
 */
#ifndef SIGNER_ROLES_H
#define SIGNER_ROLES_H

#include "common/json.h"
#include "common/keyfile.h"
#include "common/text.h"

#define ROLE_NAME_LEN (NAME_MAX_LEN + 1)

enum role_kind {
	ROLE_ROOT,
	ROLE_TARGETS,
	ROLE_PRODUCT,
	ROLE_NIGHTLY,
	ROLE_ROLLOUT,
	ROLE_ROLLOUT_WIDE,
	ROLE_KINDS
};

/* False when there is no such role. */
bool roles_kind(const char *name, enum role_kind *out);

/* ERR_USAGE that names the roles there are, unless it is a delegated one. */
int roles_check_delegated(const char *name, struct err *e) NODISCARD;
bool roles_is_delegated(const char *name);

/* "product-<product>"; ERR_LIMIT when that is too long for a name. */
int roles_of_product(const char *product, char out[ROLE_NAME_LEN],
		     struct err *e) NODISCARD;

/* A product must not be called like a folder of ours: ERR_USAGE. */
int roles_check_product(const char *product, struct err *e) NODISCARD;

/* Days that a file of this role lives at most, and fewest in production. */
unsigned roles_days_max(const char *name);
unsigned roles_days_min(const char *name);

/* Signatures that production wants at least. */
unsigned roles_threshold_min(const char *name);

/*
 * Roles between which a key may be shared: the server's two, and the
 * operators' two, are each one duty.
 */
bool roles_same_duty(const char *a, const char *b);

/* Patterns of a delegated role, as its delegation lists them. */
struct json *roles_paths(const char *name);
bool roles_is_terminating(const char *name);

/* May a file of this role list that path? The top-level targets may all. */
bool roles_cover(const char *name, const char *path);

/* ---- who lists a role's keys --------------------------------------------- */

/* Key objects by id of a signed part: a root's, or those of delegations. */
const struct json *roles_keys(const struct json *by);

/* The object with "keyids" and "threshold" for a role; NULL if not listed. */
const struct json *roles_find(const struct json *by, const char *role);

bool roles_has(const struct json *by, const char *role, const char *keyid);

#endif
