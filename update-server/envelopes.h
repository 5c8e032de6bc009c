/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelopes - files of content keys sealed to devices (common/keybox.h), one
 * for each encrypted package: envelopes/<sha256 of the package>.keys beneath
 * the server's folder. The server can open none of them.
 */
#ifndef UPDATE_SERVER_ENVELOPES_H
#define UPDATE_SERVER_ENVELOPES_H

#include "common/keybox.h"

/* Take over len bytes of fd in the place of what was there; checked whole. */
int envelopes_put(int dirfd, int fd, uint64_t len, const struct sha256 *package,
		  struct err *e) NODISCARD;

/* Open for reading; ERR_NOT_FOUND. */
int envelopes_open(int dirfd, const struct sha256 *package, int *fd,
		   struct err *e) NODISCARD;

#endif
