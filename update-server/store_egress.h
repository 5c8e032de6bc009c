/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_egress - what egress counts, kept: over restarts, and as long as there
 * are rollouts to show it of. One row for each file that ever went out.
 */
#ifndef UPDATE_SERVER_STORE_EGRESS_H
#define UPDATE_SERVER_STORE_EGRESS_H

#include "update-server/egress.h"
#include "update-server/store.h"

/* Add these, all or none. What nothing went out of and what is no package here
 * was a stranger's guess, and is left out. */
int store_egress_add(struct store *s, const struct egress_count *counts,
		     size_t count, int64_t now, struct err *e) NODISCARD;

struct store_egress {
	int64_t since; /* counted from then on; 0: nothing was counted */
	uint64_t sent, busy;
};

int store_egress_get(struct store *s, const struct sha256 *package,
		     struct store_egress *out, struct err *e) NODISCARD;

#endif
