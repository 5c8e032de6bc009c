/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/hours.h"

#include <time.h>

#include "common/mem.h"
#include "common/rd.h"

#define EACH_DAY 0x7f
#define WEEK_SEC INT64_C(604800)

/* Cut what stands before the first `at`; false, and nothing cut, without it. */
static bool cut(struct slice *rest, char at, struct slice *before)
{
	for (size_t i = 0; i < rest->len; i++)
		if (rest->ptr[i] == (uint8_t)at) {
			*before = slice_sub(*rest, 0, i);
			*rest = slice_sub(*rest, i + 1, rest->len - i - 1);
			return true;
		}
	return false;
}

/* ---- days ---------------------------------------------------------------- */

static bool parse_day(struct slice name, unsigned *day)
{
	static const char *const names[] = { "Sun", "Mon", "Tue", "Wed",
					     "Thu", "Fri", "Sat" };

	for (*day = 0; *day < ARRAY_LEN(names); (*day)++)
		if (slice_equal(name, slice_of(names[*day])))
			return true;
	return false;
}

/* "Mon" or "Fri..Mon" */
static bool parse_span(struct slice span, uint8_t *days)
{
	unsigned first, last;

	if (span.len == 8 &&
	    slice_equal(slice_sub(span, 3, 2), slice_of(".."))) {
		if (!parse_day(slice_sub(span, 0, 3), &first) ||
		    !parse_day(slice_sub(span, 5, 3), &last))
			return false;
	} else {
		if (!parse_day(span, &first))
			return false;
		last = first;
	}
	for (unsigned day = first;; day = (day + 1) % 7) {
		*days |= (uint8_t)(1u << day);
		if (day == last)
			return true;
	}
}

static bool parse_days(struct slice list, uint8_t *days)
{
	struct slice span;

	*days = 0;
	while (cut(&list, ',', &span))
		if (!parse_span(span, days))
			return false;
	return parse_span(list, days);
}

/* ---- times --------------------------------------------------------------- */

static bool parse_pair(struct slice text, uint32_t *number)
{
	for (size_t i = 0; i < 2; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	*number = (text.ptr[0] - '0') * 10u + (text.ptr[1] - '0');
	return true;
}

/* HH:MM, up to 24:00 */
static bool parse_minute(struct slice text, uint32_t *minute)
{
	uint32_t hour, min;

	if (text.len != 5 || text.ptr[2] != ':' || !parse_pair(text, &hour) ||
	    !parse_pair(slice_sub(text, 3, 2), &min) || min > 59)
		return false;
	*minute = hour * 60 + min;
	return *minute <= 24 * 60;
}

static bool parse(struct slice text, struct hours *h)
{
	struct slice word;

	h->days = EACH_DAY;
	if (text.len > 0 && text.ptr[0] > '9' &&
	    (!cut(&text, ' ', &word) || !parse_days(word, &h->days)))
		return false;
	if (cut(&text, ' ', &word)) {
		h->local = slice_equal(text, slice_of("local"));
		if (!h->local && !slice_equal(text, slice_of("UTC")))
			return false;
		text = word;
	}
	return cut(&text, '-', &word) && parse_minute(word, &h->from) &&
	       parse_minute(text, &h->to) && h->from < 24 * 60 &&
	       h->from != h->to;
}

int hours_parse(const char *text, struct hours *h, struct err *e)
{
	*h = (struct hours){ .text = text };
	if (!text || parse(slice_of(text), h))
		return 0;
	return err_set(e, ERR_CONFIG,
		       "[DAYS ]HH:MM-HH:MM[ local], such as "
		       "\"Mon..Fri 22:00-05:00 local\", not \"%s\"",
		       text);
}

/* ---- now ----------------------------------------------------------------- */

bool hours_include(const struct hours *h, int64_t now)
{
	const time_t t = (time_t)now;
	struct tm tm = { 0 };
	uint32_t minute;
	unsigned day;

	if (!h->text)
		return true;
	if (h->local)
		tzset(); /* the zone may have been changed meanwhile */
	if (!(h->local ? localtime_r(&t, &tm) : gmtime_r(&t, &tm)))
		return false;
	minute = (uint32_t)(tm.tm_hour * 60 + tm.tm_min);
	day = (unsigned)tm.tm_wday;
	if (h->from < h->to)
		return h->days >> day & 1 && minute >= h->from &&
		       minute < h->to;
	if (minute >= h->from)
		return h->days >> day & 1;
	return minute < h->to && h->days >> (day + 6) % 7 & 1;
}

/* By looking: what summer time does to a clock is not ours to know. */
uint64_t hours_wait(const struct hours *h, int64_t now)
{
	int64_t then = now;

	while (!hours_include(h, then) && then - now < WEEK_SEC)
		then += 60 - then % 60;
	return (uint64_t)(then - now);
}

uint64_t hours_length(const struct hours *h)
{
	return 60 * (uint64_t)(h->to - h->from + (h->from < h->to ? 0 : 1440));
}
