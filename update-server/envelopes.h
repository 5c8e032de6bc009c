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

/* A copy of len bytes of fd, checked whole, that lies beside its place. */
#define ENVELOPES_NAME_MAX 160
struct envelopes_copy {
	char name[ENVELOPES_NAME_MAX], place[ENVELOPES_NAME_MAX];
};
int envelopes_take(int dirfd, int fd, uint64_t len,
		   const struct sha256 *package, struct envelopes_copy *out,
		   struct err *e) NODISCARD;
/* Put it in the place of what was there, or away; it is gone either way. */
int envelopes_keep(int dirfd, const struct envelopes_copy *copy,
		   struct err *e) NODISCARD;
void envelopes_drop(int dirfd, const struct envelopes_copy *copy,
		    struct err *e);

/* Open for reading; ERR_NOT_FOUND. */
int envelopes_open(int dirfd, const struct sha256 *package, int *fd,
		   struct err *e) NODISCARD;

/* Each file of the folder, "envelopes/<sha256>.keys", to be taken away by
 * blobs_remove(): the digest is the package's. */
int envelopes_each(int at,
		   int (*visit)(void *ctx, const struct blob *b, struct err *e),
		   void *ctx, struct err *e) NODISCARD;

#endif
