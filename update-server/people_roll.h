/* SPDX-License-Identifier: Apache-2.0 */
/*
 * people_roll - the keeper's list of people (keeper_people.h) as who installs
 * the server changes it, beside a server that runs: it reads the list anew
 * whenever it needs it. Opens the key that seals it with the keeper's own
 * secret, and makes that key for a server that has none yet.
 */
#ifndef UPDATE_SERVER_PEOPLE_ROLL_H
#define UPDATE_SERVER_PEOPLE_ROLL_H

#include "update-server/keeper_people.h"

/* *added: it was not there. What is there stays as it is. */
int people_roll_add(const char *dir, const struct keeper_person *p, bool *added,
		    struct err *e) NODISCARD;
/* Of somebody who is not there, too. */
int people_roll_revoke(const char *dir, const struct sha256 *certificate,
		       struct err *e) NODISCARD;

#endif
