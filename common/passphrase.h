/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passphrase - ask a person, or a descriptor, for a passphrase. It never comes
 * from the command line or the environment, where neighbours could read it.
 */
#ifndef COMMON_PASSPHRASE_H
#define COMMON_PASSPHRASE_H

#include "common/buf.h"

#define PASSPHRASE_MIN_LEN 8
#define PASSPHRASE_MAX_LEN 1024

/*
 * Read a passphrase from a descriptor up to a newline or its end (nothing past
 * the newline is taken, so several can follow each other); or from the
 * terminal (/dev/tty, no echo, prompt shown, asked twice when `confirm`) for
 * fd = -1. A signal while the terminal waits restores its echo and then takes
 * its usual course. ERR_FORMAT for an empty one or one with a NUL, ERR_LIMIT
 * above PASSPHRASE_MAX_LEN, ERR_REFUSED if two entries differ. Appends to out,
 * which is the caller's: a BUF_SECRET.
 */
int passphrase_read(int fd, const char *prompt, bool confirm, struct buf *out,
		    struct err *e) NODISCARD;

#endif
