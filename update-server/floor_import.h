/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor_import - no import takes a product's floor down, or away. Devices keep
 * the highest that they saw; a server that believed an older copy of the
 * engineers' repository would offer them what they refuse.
 */
#ifndef UPDATE_SERVER_FLOOR_IMPORT_H
#define UPDATE_SERVER_FLOOR_IMPORT_H

#include "common/floor.h"
#include "common/tuf_client.h"

#include "update-server/ways.h"

/* The floors of what comes; zeroed, and ended with floor_import_done(). */
struct floor_import {
	struct floor *at;
	size_t count;
	bool partial; /* a role cannot be used: what it lists is not seen */
};

/* Take over a target that is a floor, from the payloads beneath dirfd. Others
 * are passed over. */
int floor_import_see(struct floor_import *f, int dirfd,
		     const struct tuf_target *t, struct err *e) NODISCARD;

/* ERR_ROLLBACK names the product whose floor is higher now. One that is not
 * seen is gone, unless it may be in a role that cannot be used. */
int floor_import_check(struct floor_import *f, const struct ways *now,
		       struct err *e) NODISCARD;

void floor_import_done(struct floor_import *f);

#endif
