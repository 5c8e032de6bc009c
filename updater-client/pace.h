/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace - how long the daemon waits until it asks again. Pure: the caller
 * brings the randomness that keeps a fleet from asking in step.
 */
#ifndef UPDATER_CLIENT_PACE_H
#define UPDATER_CLIENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

#define PACE_MAX_SEC 86400 /* a server cannot make a device wait longer */

struct pace {
	uint64_t interval_sec;
	uint64_t retry_min_sec, retry_max_sec;
	uint64_t usual_sec; /* the last pace_next(); 0: none since the start */
};

/* After a start: soon, but not all at once when the power comes back. */
uint64_t pace_first(const struct pace *p, uint32_t random);

/*
 * After a round that worked: what the server asked for (its jitter is in it),
 * or (0) our own interval give or take a tenth.
 */
uint64_t pace_next(const struct pace *p, uint32_t server_sec, uint32_t random);

/*
 * Where something waits for its hours, which begin in opens_sec (0: they are)
 * and last length_sec: not longer than into their first half, and not with the
 * whole fleet as they begin.
 */
uint64_t pace_until(uint64_t wait, uint64_t opens_sec, uint64_t length_sec,
		    uint32_t random);

/* After so many failures in a row pace_retry() lets at least this time pass. */
uint64_t pace_soonest(const struct pace *p, uint32_t failures);

/*
 * After `failures` rounds in a row that failed, `e` is why the last did:
 * doubling, half of it random; not before the seconds that a busy server asked
 * for.
 *
 * But a server that we heard since our start and that now says nothing
 * (`answered` is false) is away for the whole fleet, perhaps. Who doubles comes
 * again and again meanwhile, and the more often the shorter it has been away,
 * so that a server that returns finds five times its usual load. So we wait
 * half to one and a half of the usual time, which loses a round, and the load
 * stays under twice the usual however long the server was away.
 */
uint64_t pace_retry(const struct pace *p, uint32_t failures, bool answered,
		    const struct err *e, uint32_t random);

#endif
