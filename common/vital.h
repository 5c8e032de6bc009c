/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vital - a check that is said and not programmed: what must be so for a
 * release to be healthy. In a signed release it stands where a health command
 * does, its first word with an @; in client.conf, [trial] check, without.
 *
 *	unit NAME        systemd says that the unit is active
 *	tcp PORT         127.0.0.1 accepts a connection
 *	http PORT PATH   127.0.0.1 answers GET with a status of 200 to 299
 *	fresh FILE SEC   the file was written no longer than so many seconds ago
 *	daemon           our own daemon runs: there will be a next update
 *
 * Pure: words in, check out. Who asks is the device: updater-client/probe.h.
 */
#ifndef COMMON_VITAL_H
#define COMMON_VITAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define VITAL_WORDS_MAX 3

enum vital_kind {
	VITAL_UNIT,
	VITAL_TCP,
	VITAL_HTTP,
	VITAL_FRESH,
	VITAL_DAEMON
};

struct vital {
	enum vital_kind kind;
	/* Unit, path of the request, file, or (who asks knows it) the folder of
	 * the daemon's lock; borrowed. */
	const char *text;
	uint16_t port;
	uint32_t sec;
};

/* Is this word, the first of a signed health command, a check like that? */
bool vital_is_meant(const char *word);

/* Words as above, the first without its @. ERR_FORMAT. */
int vital_parse(char *const *words, size_t count, struct vital *out,
		struct err *e) NODISCARD;

/* "unit", "tcp", "http", "fresh", "daemon". */
const char *vital_name(const struct vital *v);

#endif
