/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overdue - a boot on trial that nobody decides, seen from outside the client.
 *
 * Boot loaders count boots. Where a release comes up and the client in it does
 * not, there is no next boot: somebody else has to see that, and restart.
 *
 * What is looked at: the slot that the loader says runs, and the client's
 * journal. Its checksum is not asked, which would need a library that a bad
 * release may lack: a torn record tells of one step more or less, and costs at
 * most a restart that the loader counts. Where there is no journal, because the
 * release does not find the disk that it lies on, the loader's word counts; and
 * whatever the journal says, where the loader says that it counts nothing (no
 * way back: the release before is below the floor), nothing is waited for.
 */
#ifndef UPDATER_CLIENT_OVERDUE_H
#define UPDATER_CLIENT_OVERDUE_H

#include <stdbool.h>
#include <stdint.h>

struct overdue {
	const char *cmdline; /* /proc/cmdline */
	const char *state;   /* the client's folder */
	int64_t limit_ms;    /* for the decision, from now on */
	int64_t pause_ms;    /* between two looks */
};

/*
 * Wait until the trial is decided: false, as at once where there is none. True
 * when it is not within the limit.
 */
bool overdue_wait(const struct overdue *o);

#endif
