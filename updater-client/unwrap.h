/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwrap - the process that opens a sealed content key: it has the device's
 * decryption key (or the way to it) and reads one message of fixed fields; it
 * has no network and never sees a package. What parses packages gets the
 * content key alone.
 */
#ifndef UPDATER_CLIENT_UNWRAP_H
#define UPDATER_CLIENT_UNWRAP_H

#include "updater-client/ipc.h"

struct unwrap_setup {
	int state_fd;
	int token_fd; /* -1: the key is a file */
};

/* The life of the process; ctx is a struct unwrap_setup. */
void unwrap_run(void *ctx, struct channel *control);

#endif
