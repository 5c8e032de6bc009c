/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_walk - the search for a target through delegated roles.
 *
 * The Update Framework 1.0.34, section 5.6.7: pre-order, in the order in which
 * a delegator lists its roles, every role at most once, and never past a
 * terminating delegation that covers the path.
 */
#ifndef COMMON_TUF_WALK_H
#define COMMON_TUF_WALK_H

#include "common/tuf_delegation.h"
#include "common/tuf_meta.h"

#define TUF_WALK_MAX 256 /* the largest `max` */

/*
 * Get a delegated role's metadata, verified with the keys of this delegation.
 * Who implements it owns *out, which must live until the search has ended.
 */
struct tuf_loader {
	void *ctx;
	int (*load)(void *ctx, const struct tuf_meta *delegator,
		    const struct tuf_delegation *delegation,
		    const struct tuf_meta **out, struct err *e);
};

/*
 * Find path in `targets` or below it, loading at most max roles. ERR_NOT_FOUND
 * when no role has it, ERR_LIMIT when max roles were not enough to know. A
 * role that cannot be loaded ends the search with its error, for what it
 * would have said comes before all that follows.
 */
int tuf_walk(const struct tuf_meta *targets, const char *path, unsigned max,
	     const struct tuf_loader *loader, struct tuf_target *out,
	     struct err *e) NODISCARD;

/* Call visit for each of one role's own targets, in path order; stops with its
 * error when it returns -1. */
int tuf_targets_each(const struct tuf_meta *m,
		     int (*visit)(void *ctx, const struct tuf_target *t,
				  struct err *e),
		     void *ctx, struct err *e) NODISCARD;

#endif
