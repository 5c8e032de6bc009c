/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelopes - files of content keys sealed to devices (common/keybox.h), one
 * for each encrypted package: envelopes/<sha256 of the package>.keys beneath
 * the server's folder. The server can open none of them.
 */
#ifndef UPDATE_SERVER_ENVELOPES_H
#define UPDATE_SERVER_ENVELOPES_H

#include "common/keybox.h"

#include "update-server/blobs.h"

/* Take over len bytes of fd in the place of what was there; checked whole. */
int envelopes_put(int dirfd, int fd, uint64_t len, const struct sha256 *package,
		  struct err *e) NODISCARD;

/* Open for reading; ERR_NOT_FOUND. */
int envelopes_open(int dirfd, const struct sha256 *package, int *fd,
		   struct err *e) NODISCARD;

/* Each file of the folder, "envelopes/<sha256>.keys", to be taken away by
 * blobs_remove(): the digest is the package's. */
int envelopes_each(int at,
		   int (*visit)(void *ctx, const struct blob *b, struct err *e),
		   void *ctx, struct err *e) NODISCARD;

#endif
