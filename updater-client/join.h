/* SPDX-License-Identifier: Apache-2.0 */
/* join - the command that enrols: reads the claim code, runs the processes. */
#ifndef UPDATER_CLIENT_JOIN_H
#define UPDATER_CLIENT_JOIN_H

#include "updater-client/message.h"
#include "updater-client/settings.h"

struct join_how {
	/* "-" is standard input; NULL: there is none, an officer is asked */
	const char *claim_file;
	uint64_t wait_sec; /* so long for an officer */
	/* By file, at most one of them: write what is asked; read the answer.
	 */
	const char *request, *response;
};

/*
 * A device that is enrolled already is ERR_CONFLICT. Trying again after any
 * failure is fine: key and claim code stay the same. ERR_BUSY: it waits for an
 * officer; the message holds the code, and so does `status`. So it is after a
 * request was written.
 */
int join_fleet(const struct settings *c, const struct join_how *how,
	       int stop_fd, struct message_identity *out,
	       struct err *e) NODISCARD;

#endif
