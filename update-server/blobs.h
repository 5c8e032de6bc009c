/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blobs - payload files, named by nothing but their digest:
 * blobs/<2 digits>/<sha256> beneath the server's folder. What lies there was
 * complete and had that digest when it came.
 */
#ifndef UPDATE_SERVER_BLOBS_H
#define UPDATE_SERVER_BLOBS_H

#include "common/digest.h"

/* Take over len bytes of fd; ERR_UNTRUSTED if their digest is another. */
int blobs_put(int dirfd, int fd, uint64_t len, const struct sha256 *digest,
	      struct err *e) NODISCARD;

/* Open for reading; ERR_NOT_FOUND. */
int blobs_open(int dirfd, const struct sha256 *digest, int *fd, uint64_t *len,
	       struct err *e) NODISCARD;

#endif
