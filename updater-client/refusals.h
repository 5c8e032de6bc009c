/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusals - what this device took back, and so does not try again by itself.
 * Pure.
 *
 * Two things are remembered: digests of releases that were rolled back, and,
 * of those that are signed with "retry", which number of it was used up here
 * when it was switched to: the next one lets it be tried again, once. There is
 * room for a few. What is forgotten is tried once more; where that would go
 * round for ever, bounds stand in its place, so that of any list of bad
 * releases each is tried a few times and then none (test_refusals.c).
 */
#ifndef UPDATER_CLIENT_REFUSALS_H
#define UPDATER_CLIENT_REFUSALS_H

#include "common/digest.h"

#define REFUSALS_MAX 8

struct refusals {
	struct sha256 digests[REFUSALS_MAX]; /* oldest first */
	uint32_t count;
	/* More were than are remembered: nothing up to this seq is tried, but
	 * what is signed with a higher number than this to be tried again. 0:
	 * not so */
	uint64_t seq, retry;
};

bool refusals_have(const struct refusals *r, const struct sha256 *digest);

/* A release was rolled back. Its seq is 0 where it makes no bound. */
void refusals_add(struct refusals *r, const struct sha256 *digest,
		  uint64_t seq);
/* This number of a release is used up. */
void refusals_spend(struct refusals *r, const struct sha256 *digest,
		    uint64_t retry);
/* The release proved itself after all; what is older than what runs is not
 * tried for another reason. */
void refusals_forgive(struct refusals *r, const struct sha256 *digest,
		      uint64_t running_seq);

/*
 * Is the release one of more than are remembered? What runs, and what is
 * older, comes only when somebody wants it.
 */
bool refusals_bind(const struct refusals *r, uint64_t seq,
		   uint64_t running_seq);
/* Rolled back (or bound so), and nobody who signs has said since to try it
 * again (retry 0: never did)? */
bool refusals_hold(const struct refusals *r, const struct sha256 *digest,
		   uint64_t retry, bool bound);

#endif
