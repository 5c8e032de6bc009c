/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_observe - what of the store is counted for monitoring, and the score of
 * each day.
 */
#ifndef UPDATE_SERVER_STORE_OBSERVE_H
#define UPDATE_SERVER_STORE_OBSERVE_H

#include "update-server/store.h"

/* Tell how long each commit took; called under the lock. */
void store_watch_commits(struct store *s, void (*seen)(void *ctx, uint64_t ns),
			 void *ctx);
/* Can it be written? Commits something that changes nothing. ERR_SPACE... */
int store_probe(struct store *s, struct err *e) NODISCARD;
/* How many attempts are in each state, over all rollouts; from counters. */
int store_attempt_totals(struct store *s, uint64_t counts[STAGE_STATES],
			 struct err *e) NODISCARD;

/*
 * As store_device_each(), but with what a survey looks at alone: id, product,
 * model, release and seq, times, certificate, posture, and what became of it.
 * What is not yet written of last-seen times is not waited for.
 */
int store_survey(struct store *s, const struct device_id *after, size_t max,
		 void (*visit)(void *ctx, const struct store_device *d),
		 void *ctx, struct err *e) NODISCARD;

struct store_score {
	int64_t when;
	unsigned points;
	const char *detail; /* score_json() */
};

/* In the place of the same day's; those of long ago are forgotten. */
int store_score_put(struct store *s, const struct store_score *score,
		    struct err *e) NODISCARD;
/* The newest first. */
int store_score_each(struct store *s,
		     void (*visit)(void *ctx, const struct store_score *score),
		     void *ctx, struct err *e) NODISCARD;

#endif
