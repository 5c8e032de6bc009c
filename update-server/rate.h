/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate - how many acts each principal may do: a token bucket for each of the
 * few that are active, so one cannot fill the audit log. Pure; the caller
 * locks.
 */
#ifndef UPDATE_SERVER_RATE_H
#define UPDATE_SERVER_RATE_H

#include "common/digest.h"

#define RATE_PRINCIPALS 64

struct rate_bucket {
	struct sha256 who;
	int64_t left, filled; /* acts; when they were counted */
};

/* Zeroed but for its limits. */
struct rate {
	int64_t burst, per_minute;
	struct rate_bucket buckets[RATE_PRINCIPALS];
	size_t count;
};

/* One act of somebody. ERR_BUSY if that is too many. */
int rate_take(struct rate *r, const struct sha256 *who, int64_t now,
	      struct err *e) NODISCARD;

#endif
