/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history - how the last updates ended, newest last, with their reasons: the
 * file history.json in the state folder. It is for people; nothing is decided
 * by it, so a damaged one is begun anew.
 */
#ifndef UPDATER_CLIENT_HISTORY_H
#define UPDATER_CLIENT_HISTORY_H

#include "common/json.h"
#include "common/release.h"

#define HISTORY_MAX 50

struct history_entry {
	int64_t time;
	const char *release;
	const char *from;   /* what ran before, or runs again; "" for nothing */
	const char *result; /* "confirmed", "rolled-back", "failed" */
	const char *reason; /* a word: "health", "space"; "" if confirmed */
	const char *detail; /* for people */
};

int history_add(int state_fd, const struct history_entry *entry,
		struct err *e) NODISCARD;

/* Is that the last one, whenever it was noted? */
bool history_ends_with(int state_fd, const struct history_entry *entry);

/* An array of objects, maybe empty; the caller frees it. */
struct json *history_load(int state_fd);

#endif
