/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log_json.h"
#include "common/text.h"
#include "common/utc.h"

#define LINE_LEN 4096

static enum log_level highest = LOG_INFO;
static bool as_json;
static char last[LOG_LAST_LEN];
static size_t last_len;

void log_set_level(enum log_level level)
{
	highest = level;
}

void log_set_json(bool json)
{
	as_json = json;
}

/*
 * The journal says in JOURNAL_STREAM which file it gave us; who redirects our
 * standard error elsewhere still has the variable, so the file is compared.
 */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	(void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

static const char *const names[] = { "error", "warning", "info", "debug" };

PRINTF(3, 0)
static size_t format_text(const struct log_head *head, int priority,
			  const char *fmt, va_list ap, char line[LINE_LEN])
	PRINTF(3, 0);

static size_t format_text(const struct log_head *head, int priority,
			  const char *fmt, va_list ap, char line[LINE_LEN])
{
	char said[LINE_LEN / 2], start[96];
	size_t len;

	(void)vsnprintf(said, sizeof(said), fmt, ap);
	if (is_journal())
		(void)snprintf(start, sizeof(start), "<%d>%s%s", priority,
			       head->event, *said ? " " : "");
	else
		(void)snprintf(start, sizeof(start), "%s %s %s%s", head->time,
			       head->level, head->event, *said ? " " : "");
	text_escape(slice_of(start), line, LINE_LEN - 1);
	len = strlen(line);
	text_escape(slice_of(said), line + len, LINE_LEN - 1 - len);
	len = strlen(line);
	line[len++] = '\n';
	return len;
}

struct slice log_last(void)
{
	return (struct slice){ (const uint8_t *)last, last_len };
}

/* The oldest lines make place. A line that has no room at all is not kept. */
static void keep_line(const char *line, size_t len)
{
	size_t gone = 0;

	if (len > sizeof(last))
		return;
	while (last_len - gone > sizeof(last) - len) {
		const char *end = memchr(last + gone, '\n', last_len - gone);

		gone = (size_t)(end + 1 - last);
	}
	memmove(last, last + gone, last_len - gone);
	memcpy(last + last_len - gone, line, len);
	last_len += len - gone;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	static const int priorities[] = { 3, 4, 6, 7 };
	char line[LINE_LEN], now[UTC_TEXT_LEN];
	const struct log_head head = { now, names[level], event };
	int saved = errno;
	size_t len;
	va_list ap;

	if (level > highest)
		return;
	utc_format(utc_now(), now);
	va_start(ap, fmt);
	len = as_json ? log_json_format(&head, fmt, ap, line, sizeof(line))
		      : format_text(&head, priorities[level], fmt, ap, line);
	va_end(ap);
	keep_line(line, len);
	/* One write, so that lines of several processes do not mix. If nobody
	 * reads standard error, there is nobody to tell. */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = 0;
	errno = saved;
}
