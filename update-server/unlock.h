/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlock - where a program without a person at it takes a passphrase from:
 *
 *	file:PATH          a file of ours that nobody else may read
 *	credential:NAME    systemd's $CREDENTIALS_DIRECTORY/NAME
 *	fd:N               an inherited descriptor
 *	command:/PATH ...  what a program prints (words split at spaces, no
 *shell)
 */
#ifndef UPDATE_SERVER_UNLOCK_H
#define UPDATE_SERVER_UNLOCK_H

#include "common/buf.h"

/*
 * Relative paths are meant from the folder dir. Appends the passphrase, which
 * the caller wipes. ERR_CONFIG for an unknown kind or an open file.
 */
int unlock_read(const char *how, const char *dir, struct buf *out,
		struct err *e) NODISCARD;

/* So that nobody reads it a second time: closes an inherited descriptor, or
 * turns a standard one to /dev/null. Nothing for the other kinds. */
void unlock_close(const char *how);

#endif
