/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew - several threads for work that falls into independent parts.
 *
 * Parts are handed out in order and may end in any. What comes of them must
 * not depend on who did them, nor on how many there were to do it: each part
 * writes to memory of its own, and the caller puts the results in order.
 */
#ifndef SIGNER_CREW_H
#define SIGNER_CREW_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define CREW_MAX 64

struct crew;

/*
 * Threads that wait for work: `jobs` of them, counting the caller's; 0: as
 * many as there are processors. ERR_SYSTEM: threads cannot be had.
 */
int crew_new(unsigned jobs, struct crew **out, struct err *e) NODISCARD;
void crew_free(struct crew *c);

/*
 * Do parts 0 to count - 1 and wait for them; of those that failed the first
 * one's error is reported. Without a crew (NULL) the caller does them all.
 * Parts may not come here themselves with the same crew.
 */
int crew_run(struct crew *c, size_t count,
	     int (*part)(void *ctx, size_t index, struct err *e), void *ctx,
	     struct err *e) NODISCARD;

#endif
