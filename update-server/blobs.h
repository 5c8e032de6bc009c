/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blobs - payload files, named by nothing but their digest:
 * blobs/<2 digits>/<sha256> beneath the server's folder. What lies there was
 * complete and had that digest when it came.
 */
#ifndef UPDATE_SERVER_BLOBS_H
#define UPDATE_SERVER_BLOBS_H

#include "common/buf.h"
#include "common/digest.h"

/* Take over len bytes of fd; ERR_UNTRUSTED if their digest is another. */
int blobs_put(int dirfd, int fd, uint64_t len, const struct sha256 *digest,
	      struct err *e) NODISCARD;

/* Open for reading; ERR_NOT_FOUND. */
int blobs_open(int dirfd, const struct sha256 *digest, int *fd, uint64_t *len,
	       struct err *e) NODISCARD;

/*
 * Append a small one: what lies on the disk is verified again. ERR_NOT_FOUND;
 * ERR_LIMIT for more than out takes, ERR_UNTRUSTED if it was changed.
 */
int blobs_read(int dirfd, const struct sha256 *digest, struct buf *out,
	       struct err *e) NODISCARD;

#endif
