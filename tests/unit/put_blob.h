/* SPDX-License-Identifier: Apache-2.0 */
/* A payload as an upload brings it, without its record. */
#ifndef TESTS_UNIT_PUT_BLOB_H
#define TESTS_UNIT_PUT_BLOB_H

#include "update-server/blobs.h"

static inline int put_blob(int dirfd, int fd, uint64_t len,
			   const struct sha256 *digest, struct err *e)
{
	struct blobs_copy copy;

	return blobs_take(dirfd, fd, len, digest, &copy, e) ||
			       blobs_keep(dirfd, &copy, e)
		       ? -1
		       : 0;
}

#endif
