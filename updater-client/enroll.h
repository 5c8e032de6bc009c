/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enroll - how a device that came out of the factory without any identity gets
 * one: it makes a key, proves that it holds it over the server's nonce, shows
 * its claim code, and stores the certificate that it is given.
 *
 * Without a claim code it asks to be let in, and shows a short code of its key
 * for an officer to compare.
 *
 * Without a connection either, what it asks is a file, over a nonce of its own,
 * and so is the answer, which the server's TLS key has signed (letter.h).
 *
 * An answer that was lost on the way is asked for again with the same key and
 * claim code. The conversation is held in a process that has the key but
 * neither network nor slots.
 */
#ifndef UPDATER_CLIENT_ENROLL_H
#define UPDATER_CLIENT_ENROLL_H

#include "updater-client/ipc.h"

/* Descriptors, or -1. */
struct enroll_setup {
	int state_fd;
	int token_fd; /* -1: keys are files */
	int source_fd;
	/* By file: either what is asked is written, or the answer is read and
	 * must come from a server of these CAs. */
	int request_fd, response_fd, ca_fd;
};

/* The life of the process; ctx is a struct enroll_setup. */
void enroll_run(void *ctx, struct channel *control);

#endif
