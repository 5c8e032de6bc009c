/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line per event, in the past tense, on standard error.
 *
 *	log_event(LOG_INFO, "device-enrolled", "id=%s model=%s", id, model);
 *
 * prints "2026-11-22T15:12:21Z info device-enrolled id=... model=..."; under
 * systemd the time is left to the journal and the level becomes its <N>
 * prefix. As JSON (log_json.h) a line is
 * {"time":...,"level":"info","event":"device-enrolled","id":...}, under
 * systemd too. The whole line is escaped here, so values may be foreign text.
 * Never log a key, token, passphrase or claim code. common/ does not log.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>

#include "common/rd.h"

enum log_level {
	LOG_ERROR,
	LOG_WARNING,
	LOG_INFO,
	LOG_DEBUG
};

/* What is below this level is dropped; LOG_INFO at the start. */
void log_set_level(enum log_level level);

/* From now on one JSON object a line; at the start it is text. */
void log_set_json(bool json);

/*
 * The last whole lines of this process, for who must tell others what came
 * before: borrowed until the next event.
 */
#define LOG_LAST_LEN 1536
struct slice log_last(void);

void log_event(enum log_level level, const char *event, const char *fmt, ...)
	PRINTF(3, 4);

#endif
