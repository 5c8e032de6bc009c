/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - every command that opens a repository says which of its published
 * files end soon: 60, 30 and 7 days before. The people who must sign are not
 * the ones who happen to run the next command, and need the time.
 */
#ifndef SIGNER_WATCH_H
#define SIGNER_WATCH_H

#include "signer/repo.h"
#include "signer/report.h"

/*
 * repo_open(), then a note for each role that ends soon or has ended; for
 * --json also the array "expiry" with role, expires, days_left and level (60,
 * 30, 7, or 0 when it has ended).
 */
int watch_open(const char *path, enum repo_access access, struct repo *r,
	       struct report *out, struct err *e) NODISCARD;

/* The notes alone, of an open repository at the time `now`. */
void watch_say(const struct repo *r, int64_t now, struct report *out);

#endif
