/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update - one whole round: ask the server (or look into a folder), verify,
 * choose, install, try, report.
 */
#ifndef UPDATER_CLIENT_UPDATE_H
#define UPDATER_CLIENT_UPDATE_H

#include "updater-client/session.h"

struct update_options {
	const char *from; /* a folder; NULL: the configured servers */
	bool only_check;  /* choose, but install nothing */
	bool retry;       /* also what was rolled back here */
	bool repair;      /* also what runs already */
	bool step_back;   /* also an older release, if that is authorised */
	bool unattended;  /* nobody asked for it: see consent.h */
};

enum update_result {
	UPDATE_NOTHING,   /* up to date */
	UPDATE_WAIT,      /* the server, or this device, says: not now */
	UPDATE_AVAILABLE, /* only_check: there is one */
	UPDATE_DONE,      /* installed and confirmed */
	UPDATE_REBOOT,    /* the next boot starts another slot */
};

struct update_outcome {
	enum update_result result;
	char release[NAME_MAX_LEN + 1]; /* AVAILABLE, DONE */
	char version[RELEASE_VERSION_MAX + 1];
	bool is_delta;
	uint64_t package_len;
	uint32_t next_check_sec;      /* as the server asked; 0: it did not */
	char reason[WIRE_REASON_MAX]; /* the words of who says so */
};

/*
 * ERR_HEALTH: a release was rolled back. ERR_REFUSED: not enrolled, or what
 * there is is not for this device. Anything else: see docs/exit-status.md;
 * nothing was activated.
 */
int update_run(struct session *s, const struct update_options *options,
	       struct update_outcome *out, struct err *e) NODISCARD;

#endif
