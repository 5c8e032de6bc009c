/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace - how long the daemon waits until it asks again. Pure: the caller
 * brings the randomness that keeps a fleet from asking in step.
 */
#ifndef UPDATER_CLIENT_PACE_H
#define UPDATER_CLIENT_PACE_H

#include <stdint.h>

#define PACE_MAX_SEC 86400 /* a server cannot make a device wait longer */

struct pace {
	uint64_t interval_sec;
	uint64_t retry_min_sec, retry_max_sec;
};

/* After a start: soon, but not all at once when the power comes back. */
uint64_t pace_first(const struct pace *p, uint32_t random);

/*
 * After a round that worked: what the server asked for (its jitter is in it),
 * or (0) our own interval give or take a tenth.
 */
uint64_t pace_next(const struct pace *p, uint32_t server_sec, uint32_t random);

/*
 * After `failures` rounds in a row that failed: doubling, half of it random;
 * not before the seconds that a busy server asked for (0: it did not).
 */
uint64_t pace_retry(const struct pace *p, uint32_t failures,
		    uint32_t server_sec, uint32_t random);

#endif
