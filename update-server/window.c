/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/window.h"

#include <assert.h>
#include <string.h>

#include "common/base.h"

/* 01:00 UTC of the last Sunday of March or October (both have 31 days). */
static int64_t last_sunday(const char year[4], const char month[3])
{
	char text[UTC_TEXT_LEN] = "yyyy-mm-31T01:00:00Z";
	int64_t end = 0;
	struct err e;
	int rc;

	memcpy(text, year, 4);
	memcpy(text + 5, month, 2);
	rc = utc_parse(slice_of(text), &end, &e);
	assert(rc == 0);
	(void)rc;
	/* Day 0 was a Thursday. */
	return end - (end / UTC_DAY + 4) % 7 * UTC_DAY;
}

static bool is_summer(int64_t now)
{
	char text[UTC_TEXT_LEN];

	utc_format(now, text);
	return now >= last_sunday(text, "03") && now < last_sunday(text, "10");
}

unsigned window_minute(const struct window_zone *z, int64_t now)
{
	int64_t minute = now / 60 + z->offset_min;

	if (z->summer_time && is_summer(now))
		minute += 60;
	return (unsigned)((minute % 1440 + 1440) % 1440);
}
