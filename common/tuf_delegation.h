/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_delegation - to whom a targets role delegates a path.
 *
 * The Update Framework 1.0.34, section 4.5: roles in listed order with path
 * patterns or hash prefixes, or hash bins ("succinct_roles"). Patterns know
 * only '*' and '?'; neither matches a '/'; bytes compare case-sensitively.
 */
#ifndef COMMON_TUF_DELEGATION_H
#define COMMON_TUF_DELEGATION_H

#include "common/tuf_keys.h"

#define TUF_ROLE_NAME_MAX 256

/* One delegation that covers a path. */
struct tuf_delegation {
	char name[TUF_ROLE_NAME_MAX];
	bool terminating;
	const struct json *keys; /* the delegator's; borrowed like role */
	const struct json *role; /* has keyids and threshold */
};

/* Whether pattern covers path. */
bool tuf_pattern_matches(const char *pattern, const char *path);

/*
 * Check a targets role's "delegations" object: everything that section 4.5
 * demands, no role twice, none with the name of a top-level role.
 */
int tuf_delegations_check(const struct tuf_rules *rules,
			  const struct json *delegations,
			  struct err *e) NODISCARD;

/*
 * The next delegation, in listed order, that covers path, from *at on; *at
 * starts at 0 and moves on. False when there are no more.
 */
bool tuf_delegation_next(const struct json *delegations, const char *path,
			 size_t *at, struct tuf_delegation *out);

/* The delegation to the role of this name; false if there is none. Roles in
 * hash bins have no delegation of their own. NULL delegates to nobody. */
bool tuf_delegation_named(const struct json *delegations, const char *name,
			  struct tuf_delegation *out);

/* Whether the role may speak of path at all. */
bool tuf_delegation_covers(const struct tuf_delegation *d, const char *path);

#endif
