/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warrant_desk - a person's own machine: what is signed there for the keeper,
 * with that person's key, so that the server need not be believed.
 *
 * Acts that nobody has to sign pass as they are.
 */
#ifndef UPDATE_SERVER_WARRANT_DESK_H
#define UPDATE_SERVER_WARRANT_DESK_H

#include "common/wire_enrol.h"

#include "update-server/people_client.h"
#include "update-server/warrant.h"

struct warrant_desk {
	const struct people_client *person; /* who signs */
	struct people_client *server;       /* a connection, to ask */
	/* Codes that are activated or withdrawn: how their root begins, from
	 * the person who made them; NULL: as the server says. */
	const char *root;
};

#define WARRANT_ROOT_MIN 16 /* digits that tell one batch from others */

/* Is there something to sign for a POST to this path? *act: as what. */
bool warrant_desk_takes(const char *path, enum warrant_act *act);

/*
 * Add "warrant" to the body of a POST to this path, if it takes one. What the
 * server says of a device that waits is believed only as far as the code goes
 * that the officer compared. ERR_UNTRUSTED, or what asking came to.
 */
int warrant_desk_add(const struct warrant_desk *d, const char *path,
		     struct json *body, struct err *e) NODISCARD;

/*
 * Make so many claim codes: add their digests ("hashes") and the warrant to the
 * body of POST tokens. The codes never leave the caller, who wipes them; *root
 * names them.
 */
int warrant_desk_codes(const struct warrant_desk *d, struct json *body,
		       uint8_t (*codes)[WIRE_CLAIM_LEN], uint64_t count,
		       struct sha256 *root, struct err *e) NODISCARD;

#endif
