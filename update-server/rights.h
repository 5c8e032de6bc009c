/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights - which acts a person's role allows. Pure.
 *
 * People of every role may read. What changes something is listed by route, and
 * what is not listed here is the admin's alone, so a new route is closed until
 * somebody has thought of it. docs/server-conf.md has the table for people.
 */
#ifndef UPDATE_SERVER_RIGHTS_H
#define UPDATE_SERVER_RIGHTS_H

#include "update-server/route.h"

/* Is this the name of a role? */
bool rights_is_role(struct slice name);
/* ERR_REFUSED, naming who may, if the role does not allow this route. */
int rights_check(const char *role, const struct route *route,
		 struct err *e) NODISCARD;

#endif
