/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renew - how a device goes on with a new key: made here, on the disk before it
 * is sent, signed by the present one. The answer's certificate is kept beside
 * the present one until the server was seen to accept it.
 *
 * Whatever is cut short is taken up again: the same key is sent again and is
 * given the same certificate; a certificate that is here is tried again. The
 * conversation is held in a process that has the keys but no network.
 *
 * Each renewal leaves a link of a chain behind: the old key's signature over
 * the new one. By it a server that was restored from an old backup finds from
 * what it knows to what the device has become (readopt).
 */
#ifndef UPDATER_CLIENT_RENEW_H
#define UPDATER_CLIENT_RENEW_H

#include "updater-client/ipc.h"

struct renew_setup {
	int state_fd;
	int token_fd;   /* -1: keys are files */
	int present_fd; /* to a source with the present identity */
	int next_fd;    /* to one with the next */
};

/* The life of the process; ctx is a struct renew_setup. Requests: RENEW,
 * RENEWED, READOPT. */
void renew_run(void *ctx, struct channel *control);

#endif
