/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listed - the packages of a release as verified metadata lists them, in
 * whichever role: top-level targets, its product's, nightly.
 */
#ifndef UPDATE_SERVER_LISTED_H
#define UPDATE_SERVER_LISTED_H

#include "common/release.h"
#include "common/tuf_client.h"

/*
 * Visit each of its packages, of all components, through a client that is
 * refreshed; roles that it has not yet are fetched. visit returns -1 with e to
 * end it. ERR_NOT_FOUND if there is none.
 */
struct listed {
	struct tuf_client *client;
	const struct tuf_source *from;
	const char *product, *id;
	int (*visit)(void *ctx, const struct tuf_target *t,
		     const struct release *r, struct err *e);
	void *ctx;
};

int listed_packages(const struct listed *what, struct err *e) NODISCARD;

#endif
