/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guesses - enrolments that failed in this minute: all together, and of each
 * network that they came from, so that one of them cannot use up what is there
 * for all. Guessing claim codes is hopeless; it is also not to cost us
 * anything. Pure; the caller locks.
 */
#ifndef UPDATE_SERVER_GUESSES_H
#define UPDATE_SERVER_GUESSES_H

#include <stddef.h>

#include "common/err.h"
#include "update-server/whence.h"

#define GUESSES_NETWORKS 64
#define GUESSES_SHARE    4 /* of all, for one network */

/* Starts zeroed. */
struct guesses {
	int64_t minute;
	uint64_t all;
	/* Beyond so many networks, what is for all is the limit. */
	struct guesses_network {
		struct whence from;
		uint64_t count;
	} networks[GUESSES_NETWORKS];
	size_t count;
};

/* May one more be looked at, of `most` in a minute? ERR_BUSY if not. */
int guesses_may(struct guesses *g, const struct whence *from, uint64_t most,
		int64_t now, struct err *e) NODISCARD;

/* One has failed. */
void guesses_count(struct guesses *g, const struct whence *from);

#endif
