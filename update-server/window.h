/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window - what the clock on the wall shows where the devices are. A window
 * ("from 22:00 to 06:00") is judged by that clock alone: in the night in which
 * an hour is missing it is an hour shorter, in the one in which an hour comes
 * twice an hour longer, and one that lies in the missing hour does not open.
 */
#ifndef UPDATE_SERVER_WINDOW_H
#define UPDATE_SERVER_WINDOW_H

#include "common/utc.h"

struct window_zone {
	int offset_min; /* of standard time, east of Greenwich */
	/* An hour more from the last Sunday of March to the last of October,
	 * both at 01:00 UTC (Directive 2000/84/EC). */
	bool summer_time;
};

/* The minute of the local day, 0 to 1439. */
unsigned window_minute(const struct window_zone *z, int64_t now);

#endif
