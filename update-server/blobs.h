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

#define BLOB_NAME_MAX 128

/* A copy of len bytes of fd, whole and on the disk, that lies beside its place.
 * ERR_UNTRUSTED if their digest is another. */
struct blobs_copy {
	char name[BLOB_NAME_MAX], place[BLOB_NAME_MAX];
};
int blobs_take(int dirfd, int fd, uint64_t len, const struct sha256 *digest,
	       struct blobs_copy *out, struct err *e) NODISCARD;
/* Put it into its place, or away; it is gone either way. */
int blobs_keep(int dirfd, const struct blobs_copy *copy,
	       struct err *e) NODISCARD;
void blobs_drop(int dirfd, const struct blobs_copy *copy, struct err *e);

/* Open for reading; ERR_NOT_FOUND. As long as it is open, blobs_remove() leaves
 * it alone. */
int blobs_open(int dirfd, const struct sha256 *digest, int *fd, uint64_t *len,
	       struct err *e) NODISCARD;

/*
 * Append a small one: what lies on the disk is verified again. ERR_NOT_FOUND;
 * ERR_LIMIT for more than out takes, ERR_UNTRUSTED if it was changed.
 */
int blobs_read(int dirfd, const struct sha256 *digest, struct buf *out,
	       struct err *e) NODISCARD;

/* Somebody was told that it is here: it counts as come now. ERR_NOT_FOUND. */
int blobs_touch(int dirfd, const struct sha256 *digest, uint64_t *len,
		struct err *e) NODISCARD;

/* ---- all of them --------------------------------------------------------- */

struct blob {
	char name[BLOB_NAME_MAX]; /* "blobs/ab/<sha256>" */
	bool whole;               /* else a copy that was cut off */
	struct sha256 digest;     /* where it is whole */
	uint64_t len;
	int64_t since; /* when it came */
};

/* Each file of blobs/, in no order. What else lies there is passed over. */
int blobs_each(int at,
	       int (*visit)(void *ctx, const struct blob *b, struct err *e),
	       void *ctx, struct err *e) NODISCARD;

/* The same of another folder, whose files `read` knows by their names. */
int blobs_each_of(int at, const char *folder,
		  bool (*read)(const char *folder, const char *name,
			       struct blob *out),
		  int (*visit)(void *ctx, const struct blob *b, struct err *e),
		  void *ctx, struct err *e) NODISCARD;

/*
 * Take one away for good: its room is free when this returns. ERR_BUSY if
 * somebody reads it; ERR_CONFLICT if it came, or was touched, after `before`;
 * ERR_NOT_FOUND.
 */
int blobs_remove(int dirfd, const struct blob *b, int64_t before,
		 struct err *e) NODISCARD;

#endif
