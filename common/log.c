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

#include "common/text.h"
#include "common/utc.h"

#define LINE_LEN 4096

static enum log_level highest = LOG_INFO;

void log_set_level(enum log_level level)
{
	highest = level;
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

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warning", "info",
					     "debug" };
	static const int priorities[] = { 3, 4, 6, 7 };
	char said[LINE_LEN / 2], start[96], line[LINE_LEN];
	char now[UTC_TEXT_LEN];
	int saved = errno;
	size_t len;
	va_list ap;

	if (level > highest)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	utc_format(utc_now(), now);
	if (is_journal())
		(void)snprintf(start, sizeof(start), "<%d>%s%s",
			       priorities[level], event, *said ? " " : "");
	else
		(void)snprintf(start, sizeof(start), "%s %s %s%s", now,
			       names[level], event, *said ? " " : "");
	text_escape(slice_of(start), line, sizeof(line) - 1);
	len = strlen(line);
	text_escape(slice_of(said), line + len, sizeof(line) - 1 - len);
	len = strlen(line);
	line[len++] = '\n';
	/* One write, so that lines of several processes do not mix. If nobody
	 * reads standard error, there is nobody to tell. */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = 0;
	errno = saved;
}
