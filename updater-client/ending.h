/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ending - what came of an update, once the machine rests or has to wait: data,
 * history, report and floor follow, and whoever asked for it is told.
 */
#ifndef UPDATER_CLIENT_ENDING_H
#define UPDATER_CLIENT_ENDING_H

#include "updater-client/session.h"

struct ending {
	const char *release;
	const char *from;          /* the release before; "": none */
	const struct err *failure; /* where nothing was activated */
	struct slice said;         /* in the trial; empty: the journal tells */
	bool again; /* told by a run that was cut off, in part maybe */
};

/*
 * ERR_HEALTH: rolled back, or about to be; ERR_BUSY: the trial goes on at the
 * next start; else the failure.
 */
int ending_conclude(struct session *s, const struct ending *end,
		    struct err *e) NODISCARD;

/* One that the machine has not begun with failed: history and report of it. */
void ending_failed(struct session *s, const char *release, uint64_t attempt,
		   const struct err *failure);

#endif
