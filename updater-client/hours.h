/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hours - the times of a week at which something may be done:
 *
 *	[DAYS ]HH:MM-HH:MM[ local]      e.g. "Mon..Fri,Sun 22:00-05:30 local"
 *
 * Days are as systemd.time(7) names them; without days it is each day. What
 * reaches over midnight belongs to the day on which it begins. In UTC, or
 * ("local") as the device's own time zone shows the clock on the wall, summer
 * time included.
 */
#ifndef UPDATER_CLIENT_HOURS_H
#define UPDATER_CLIENT_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct hours {
	const char *text;  /* borrowed; NULL: always */
	uint32_t from, to; /* minutes of the day; 1440: its end */
	uint8_t days;      /* bit 0: Sunday */
	bool local;
};

/* text may be NULL. ERR_CONFIG in words. */
int hours_parse(const char *text, struct hours *h, struct err *e) NODISCARD;

/* Is it such a time? now: seconds since 1970. */
bool hours_include(const struct hours *h, int64_t now);

/* Seconds until the next such time, 0 within one. */
uint64_t hours_wait(const struct hours *h, int64_t now);
/* How long one lasts, in seconds; not for what is always. */
uint64_t hours_length(const struct hours *h);

#endif
