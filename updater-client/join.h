/* SPDX-License-Identifier: Apache-2.0 */
/* join - the command that enrols: reads the claim code, runs the processes. */
#ifndef UPDATER_CLIENT_JOIN_H
#define UPDATER_CLIENT_JOIN_H

#include "updater-client/message.h"
#include "updater-client/settings.h"

/*
 * claim_file "-" is standard input. A device that is enrolled already is
 * ERR_CONFLICT. Trying again after any failure is fine: key and claim code
 * stay the same.
 */
int join_fleet(const struct settings *c, const char *claim_file, int stop_fd,
	       struct message_identity *out, struct err *e) NODISCARD;

#endif
