/* SPDX-License-Identifier: Apache-2.0 */
/*
 * way - the releases that verified metadata lists, as far as they decide which
 * way a device may go: what leads where, and what may be stepped back to.
 * Pure: filled from one pass over the list, asked by the device's policy and by
 * the server, so that it offers what a device takes.
 *
 * A release below the floor is still installed when it is the stepping stone
 * of one at or above it, for else nothing could come up from below. A step back
 * needs a signed authorisation for exactly these two releases.
 */
#ifndef COMMON_WAY_H
#define COMMON_WAY_H

#include "common/release.h"

#define WAY_BACK_MAX 16 /* authorisations that are looked at in a run */

struct way_release {
	char id[NAME_MAX_LEN + 1];
	char stepping_stone[NAME_MAX_LEN + 1];
	struct sha256 digest;
	uint64_t seq, content_seq, requires_seq;
};

struct way {
	struct way_release *at; /* heap, one entry per package */
	size_t count;
	uint64_t back[WAY_BACK_MAX]; /* seqs that may be stepped back to */
	size_t back_count;
};

void way_add(struct way *w, const struct release *r);
/* One more seq; more than WAY_BACK_MAX are not remembered. */
void way_add_back(struct way *w, uint64_t seq);
void way_done(struct way *w);

/* Does a listed release at or above the floor name this one as its stone? */
bool way_is_stone(const struct way *w, uint64_t floor, const char *id);

/* A listed release by name and content; NULL if it is not listed. */
const struct way_release *way_find(const struct way *w, const char *id,
				   const struct sha256 *digest);

/*
 * Where a device that runs content_seq goes first to reach the listed release
 * (id, digest): its stepping stone, or that one's, until a way is open. NULL
 * when the direct way is open, or none is known.
 */
const char *way_first(const struct way *w, const char *id,
		      const struct sha256 *digest, uint64_t content_seq);

/*
 * Is a device that runs content_seq without any way to the listed release: the
 * direct one is closed, and no stone leads there?
 */
bool way_is_closed(const struct way *w, const char *id,
		   const struct sha256 *digest, uint64_t content_seq);

bool way_may_step_back(const struct way *w, uint64_t seq);

#endif
