/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_prefix - which old bytes what is inserted may refer to.
 *
 * Text that was rewritten, and code that was compiled anew, resemble what
 * stood in their place. So the inserts of a record are compressed with a
 * prefix of old bytes (common/delta_unpack.h): the whole home files if there is
 * room, else as much as there is room for around the places of the inserts.
 */
#ifndef SIGNER_DELTA_PREFIX_H
#define SIGNER_DELTA_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELTA_RANGES_MAX 1024 /* of a prefix, as it is written here */

/* Where in the old stream an insert would stand, and the home file's range. */
struct delta_near {
	uint64_t at, from, to;
};

struct delta_range {
	uint64_t at, len;
};

/* Zeroed: nothing was inserted yet. */
struct delta_prefix {
	struct delta_near *near;
	size_t count, cap;
};

void delta_prefix_done(struct delta_prefix *p);

/* An insert; a near without any range counts for nothing. */
void delta_prefix_add(struct delta_prefix *p, const struct delta_near *near);

/*
 * At most DELTA_RANGES_MAX ranges, ascending and disjoint, of at most `limit`
 * bytes in all; returns how many. p is empty afterwards.
 */
size_t delta_prefix_choose(struct delta_prefix *p, uint64_t limit,
			   struct delta_range out[DELTA_RANGES_MAX]);

#endif
