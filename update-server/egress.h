/* SPDX-License-Identifier: Apache-2.0 */
/*
 * egress - which package how many bytes went out of, and how many requests for
 * it were told to come again later (503), until somebody takes the counts to
 * where they are kept. A package is known by the digest in its name: the last
 * part of its path is "<sha256>.<name>"; what has none is not counted. Threads
 * count at the same time.
 *
 * Every call but egress_free() takes NULL for "nobody counts".
 */
#ifndef UPDATE_SERVER_EGRESS_H
#define UPDATE_SERVER_EGRESS_H

#include "common/digest.h"

/* So many packages are counted between two takings; of more nothing is. Those
 * of which nothing went out are half of them at most: anybody can ask. */
#define EGRESS_MAX 1024

struct egress_count {
	struct sha256 package;
	uint64_t sent, busy;
};

struct egress;

struct egress *egress_new(void);
void egress_free(struct egress *g);

void egress_sent(struct egress *g, struct slice path, uint64_t bytes);
void egress_busy(struct egress *g, struct slice path);

/* What was counted since it was taken last; out has room for EGRESS_MAX. */
size_t egress_take(struct egress *g, struct egress_count *out);
/* It could not be kept: count it again. */
void egress_return(struct egress *g, const struct egress_count *counts,
		   size_t count);
/* Of one package, what nobody has taken yet. */
struct egress_count egress_waiting(struct egress *g,
				   const struct sha256 *package);

#endif
