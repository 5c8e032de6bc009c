/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress - how far a long task is. For people on standard error: a bar on a
 * terminal, a line every tenth of the way elsewhere. For programs on standard
 * output, an object a line for each percent:
 *
 *	{"phase":"fetching","done":31000,"total":62000,"state":"running"}
 *
 * in bytes; the last one of a phase says "done" or "stopped".
 */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress;

/*
 * Who is told besides: never at the start, and then every `every_ms`, so that
 * what is over soon costs nothing. All zero: nobody.
 */
struct progress_listener {
	void (*tell)(const void *ctx, const struct progress *p);
	const void *ctx;
	unsigned every_ms;
};

enum progress_kind {
	PROGRESS_PEOPLE,
	PROGRESS_QUIET,
	PROGRESS_JSON
};

struct progress {
	const char *what; /* "applying", at most 24 letters */
	uint64_t total;   /* 0: not known, only the count is shown */
	uint64_t done;
	int64_t shown_ms;
	unsigned shown; /* parts of the way */
	enum progress_kind kind;
	bool terminal;
	/* Set after the start. */
	struct progress_listener listener;
	int64_t told_ms;
};

void progress_start(struct progress *p, const char *what, uint64_t total,
		    enum progress_kind kind);
void progress_set(struct progress *p, uint64_t done);

/* End the line; says "done" with the total, or that it stopped short. */
void progress_end(struct progress *p, bool complete);

#endif
