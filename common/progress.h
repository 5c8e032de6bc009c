/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress - how far a long task is: a bar on a terminal, a line every tenth
 * of the way elsewhere, nothing when quiet. On standard error.
 */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "applying", at most 24 letters */
	uint64_t total;   /* 0: not known, only the count is shown */
	uint64_t done;
	int64_t shown_ms;
	unsigned shown_tenth;
	bool quiet, terminal;
};

void progress_start(struct progress *p, const char *what, uint64_t total,
		    bool quiet);
void progress_set(struct progress *p, uint64_t done);

/* End the line; says "done" with the total, or that it stopped short. */
void progress_end(struct progress *p, bool complete);

#endif
