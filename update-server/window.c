/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/window.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

static const char *const names[] = {
	[SUMMER_NONE] = "none",
	[SUMMER_EU] = "eu",
	[SUMMER_US] = "us",
};

const char *window_summer_name(enum window_summer rule)
{
	return names[rule];
}

int window_summer_parse(const char *name, enum window_summer *out,
			struct err *e)
{
	for (int i = 0; i < SUMMER_RULES; i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum window_summer)i;
			return 0;
		}
	return err_set(e, ERR_USAGE, "summer time is eu, us or none");
}

/* The midnight at which a day of this year begins, "mm-dd". */
static int64_t midnight(const char year[4], const char *day)
{
	char text[UTC_TEXT_LEN] = "yyyy-mm-ddT00:00:00Z";
	int64_t at = 0;
	struct err e;
	int rc;

	memcpy(text, year, 4);
	memcpy(text + 5, day, 5);
	rc = utc_parse(slice_of(text), &at, &e);
	assert(rc == 0);
	(void)rc;
	return at;
}

/* Of the seven days that end with this one. Day 0 was a Thursday. */
static int64_t sunday_until(int64_t day)
{
	return day - (day / UTC_DAY + 4) % 7 * UTC_DAY;
}

static bool is_summer(const struct window_zone *z, int64_t now)
{
	/* When it is midnight there, before the clocks are changed. */
	int64_t there = -z->offset_min * INT64_C(60);
	char text[UTC_TEXT_LEN];
	int64_t from, to;

	utc_format(now, text);
	if (z->summer == SUMMER_EU) {
		from = sunday_until(midnight(text, "03-31")) + 3600;
		to = sunday_until(midnight(text, "10-31")) + 3600;
	} else {
		from = sunday_until(midnight(text, "03-14")) + there + 7200;
		to = sunday_until(midnight(text, "11-07")) + there + 3600;
	}
	return now >= from && now < to;
}

unsigned window_minute(const struct window_zone *z, int64_t now)
{
	int64_t minute = now / 60 + z->offset_min;

	if (z->summer != SUMMER_NONE && is_summer(z, now))
		minute += 60;
	return (unsigned)((minute % 1440 + 1440) % 1440);
}

void window_words(const struct window_zone *z, unsigned from, unsigned to,
		  int64_t now, char out[WINDOW_WORDS])
{
	static const char *const summer[] = {
		[SUMMER_NONE] = "",
		[SUMMER_EU] = ", summer time as in the EU",
		[SUMMER_US] = ", summer time as in the US",
	};
	unsigned zone = (unsigned)abs(z->offset_min);
	unsigned here = window_minute(z, now);

	(void)snprintf(out, WINDOW_WORDS,
		       "%02u:%02u to %02u:%02u at UTC%c%02u:%02u%s; it is "
		       "%02u:%02u there",
		       from / 60 % 24, from % 60, to / 60 % 24, to % 60,
		       z->offset_min < 0 ? '-' : '+', zone / 60 % 24, zone % 60,
		       summer[z->summer], here / 60, here % 60);
}
