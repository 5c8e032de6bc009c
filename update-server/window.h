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

/* By whose rule there is an hour more. */
enum window_summer {
	SUMMER_NONE,
	/* From the last Sunday of March to the last of October, both at 01:00
	 * UTC (Directive 2000/84/EC). */
	SUMMER_EU,
	/* From the second Sunday of March to the first of November, both at
	 * 02:00 by the clock that is changed (15 U.S.C. 260a). */
	SUMMER_US,
	SUMMER_RULES
};

/* "none", "eu", "us". */
const char *window_summer_name(enum window_summer rule);
int window_summer_parse(const char *name, enum window_summer *out,
			struct err *e) NODISCARD;

struct window_zone {
	int offset_min; /* of standard time, east of Greenwich */
	enum window_summer summer;
};

/* The minute of the local day, 0 to 1439. */
unsigned window_minute(const struct window_zone *z, int64_t now);

/* "22:00 to 06:00 at UTC+01:00, summer time as in the EU; it is 14:05 there",
 * of minutes of the day. */
#define WINDOW_WORDS 96
void window_words(const struct window_zone *z, unsigned from, unsigned to,
		  int64_t now, char out[WINDOW_WORDS]);

#endif
