/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utc.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

int64_t utc_now(void)
{
	struct timespec now = { 0 };
	int64_t sec;

	/* This clock is always there. */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	sec = (int64_t)now.tv_sec;
	if (sec < 0)
		return 0;
	return sec < UTC_LAST ? sec : UTC_LAST;
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

static int64_t days_before_year(unsigned year)
{
	int64_t y = (int64_t)year - 1;

	return (y - 1969) * 365 + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
	       (y / 400 - 1969 / 400);
}

/* `count` digits at `at`; what is no digit makes *bad. */
static unsigned digits(struct slice in, size_t at, size_t count, bool *bad)
{
	unsigned v = 0;

	for (size_t i = at; i < at + count; i++) {
		if (in.ptr[i] < '0' || in.ptr[i] > '9')
			*bad = true;
		v = v * 10 + (unsigned)(in.ptr[i] - '0') % 10;
	}
	return v;
}

static bool punctuation_fits(struct slice in)
{
	static const char form[] = "____-__-__T__:__:__Z";

	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] != '_' && in.ptr[i] != (uint8_t)form[i])
			return false;
	return true;
}

int utc_parse(struct slice in, int64_t *sec, struct err *e)
{
	static const char *const what = "not a date as YYYY-MM-DDTHH:MM:SSZ";
	unsigned year, month, day, hour, minute, second;
	bool bad = false;
	int64_t days;

	if (in.len != UTC_TEXT_LEN - 1 || !punctuation_fits(in))
		return err_set(e, ERR_FORMAT, "%s", what);
	year = digits(in, 0, 4, &bad);
	month = digits(in, 5, 2, &bad);
	day = digits(in, 8, 2, &bad);
	hour = digits(in, 11, 2, &bad);
	minute = digits(in, 14, 2, &bad);
	second = digits(in, 17, 2, &bad);
	if (bad || year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month) || hour > 23 || minute > 59 ||
	    second > 59)
		return err_set(e, ERR_FORMAT, "%s", what);
	days = days_before_year(year) + day - 1;
	for (unsigned m = 1; m < month; m++)
		days += days_in_month(year, m);
	*sec = days * UTC_DAY + (int64_t)hour * 3600 + (int64_t)minute * 60 +
	       second;
	return 0;
}

void utc_format(int64_t sec, char out[UTC_TEXT_LEN])
{
	int64_t days = sec / UTC_DAY;
	unsigned rest = (unsigned)(sec % UTC_DAY);
	unsigned year = 1970, month = 1;

	assert(sec >= 0 && sec <= UTC_LAST);
	while (days_before_year(year + 1) <= days)
		year++;
	days -= days_before_year(year);
	while (days >= days_in_month(year, month))
		days -= days_in_month(year, month++);
	(void)snprintf(out, UTC_TEXT_LEN, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		       year % 10000, month, (unsigned)days + 1,
		       rest / 3600 % 100, rest / 60 % 60, rest % 60);
}
