/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - a fleet that does not exist, driven through a rollout by the very
 * engine that decides over real ones (stage.h). What chance decides comes from
 * a seed, so the same world has the same history. Scenario files: sim_file.h.
 */
#ifndef UPDATE_SERVER_SIM_H
#define UPDATE_SERVER_SIM_H

#include "update-server/sim_world.h"
#include "update-server/stage.h"

struct sim_result {
	struct stage stage;
	struct tally tally;
	uint64_t confirmed, bad, bricked, exposed;
	uint64_t checkins, offers, pauses;
	int64_t first_pause, completed; /* 0: never */
	uint64_t reachable;             /* all but those that never come */
	int64_t nearly_all; /* 95 % of those have confirmed; 0: never */
	unsigned acts;      /* of people */
};

/* What an event was, for people; `text` is one line. */
struct sim_teller {
	void (*tell)(void *ctx, int64_t now, const char *text);
	void *ctx;
};

/* teller may be NULL. ERR_REFUSED, ERR_USAGE as ladder_choose(), and for what
 * cannot be started. */
int sim_run(const struct sim_world *w, const struct sim_teller *teller,
	    struct sim_result *out, struct err *e) NODISCARD;

#endif
