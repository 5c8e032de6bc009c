/* SPDX-License-Identifier: Apache-2.0 */
/* token_start - start the program that has the token (token.h), which lies
 * beside the client's own: only a device with a token needs it. */
#ifndef UPDATER_CLIENT_TOKEN_START_H
#define UPDATER_CLIENT_TOKEN_START_H

#include "updater-client/token.h"
#include "updater-client/worker.h"

/*
 * Start one with these rights, if the configuration names a token; else *out
 * stays as it is, zeroed, and keys are files. End it with worker_stop(). A
 * program that is not there answers each request with ERR_SYSTEM.
 */
int token_start(const struct settings *c, int state_fd, unsigned rights,
		int stop_fd, struct worker *out, struct err *e) NODISCARD;

/* The end of its channel, for the process that asks; -1 if keys are files. */
int token_fd(const struct worker *token);

#endif
