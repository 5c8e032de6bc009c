/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights - which acts a person's roles allow, and how far they reach. Pure.
 *
 * Roles do not overlap: what changes something is one role's work, and the
 * admin's is the people and the server alone. One person may hold several.
 * People of every role may read. What changes something is listed by route, and
 * what is not listed is the admin's alone, so a new route is closed until
 * somebody has thought of it. docs/server-conf.md has the table for people.
 */
#ifndef UPDATE_SERVER_RIGHTS_H
#define UPDATE_SERVER_RIGHTS_H

#include "update-server/route.h"

#define RIGHTS_ROLES_MAX 40    /* bytes of names joined by spaces */
#define RIGHTS_SCOPE_MAX 256   /* likewise, of cohorts */
#define RIGHTS_SHARE_ALL 10000 /* basis points */

/* Are these names of roles, joined by single spaces, none twice? */
bool rights_are_roles(struct slice names);
/* Is this role one of them? */
bool rights_holds(const char *names, const char *role);
/* ERR_REFUSED, naming who may, if the roles do not allow this route. */
int rights_check(const char *roles, const struct route *route,
		 struct err *e) NODISCARD;

/* How far an operator's acts on rollouts reach. */
struct rights_scope {
	char cohorts[RIGHTS_SCOPE_MAX]; /* joined by spaces; "": all */
	uint32_t share; /* basis points of a rollout's devices at most */
};

/* Does it take in everything? */
bool rights_is_boundless(const struct rights_scope *s);
/* ERR_REFUSED, naming the scope, for a cohort outside of it. */
int rights_check_cohort(const struct rights_scope *s, const char *cohort,
			struct err *e) NODISCARD;
int rights_check_share(const struct rights_scope *s, uint32_t share,
		       struct err *e) NODISCARD;

#endif
