/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial - the new slot is current: does it prove itself?
 *
 * The restart command makes the new tree run, then the health commands of the
 * signed release are run in it, then the local one, all within one deadline.
 */
#ifndef UPDATER_CLIENT_TRIAL_H
#define UPDATER_CLIENT_TRIAL_H

#include "updater-client/hook.h"
#include "updater-client/session.h"

struct trial_outcome {
	enum machine_event event; /* HEALTHY, UNHEALTHY or STOPPED */
	enum machine_reason reason;
	char detail[JOURNAL_DETAIL_LEN];
	struct hook_output evidence; /* of what failed */
};

/*
 * Whatever hangs from now on is reset; until somebody disarms it (watchdog.h).
 * A release is not bad because the device has lost its watchdog: that is
 * logged.
 */
void trial_arm(const struct settings *c);

/* Ask the release in the current slot. */
void trial_run(struct session *s, struct trial_outcome *out);

/* It cannot even begin: what goes along with it failed. Asked to stop, it goes
 * on at the next start. */
void trial_fail(struct session *s, const struct err *why,
		struct trial_outcome *out);

/* Make the old tree run again: after a switch back of the link, or because its
 * data were changed under it. Failing is logged. */
void trial_restart_old(struct session *s);

#endif
