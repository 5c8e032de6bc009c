/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package_write - put a payload into a package (package.h).
 *
 * The chunk table stands before the payload and is known only after it, so the
 * payload goes to a spool file first. It is cut into chunks, and encrypted,
 * once its length and so the header is known: every chunk is bound to the
 * header.
 */
#ifndef SIGNER_PACKAGE_WRITE_H
#define SIGNER_PACKAGE_WRITE_H

#include "common/release.h"

struct package_writer;

int package_writer_new(int scratch_dirfd, struct package_writer **out,
		       struct err *e) NODISCARD;

/* The next bytes of the payload. */
int package_writer_add(struct package_writer *w, struct slice bytes,
		       struct err *e) NODISCARD;

struct package_writer_end {
	struct package_header *h;
	const uint8_t *content_key; /* NULL: not encrypted */
	int fd;
};

/*
 * Write the package to fd, from its beginning. Of *h kind, content, codec,
 * window_len and plain_len are given, the rest is filled. Fills head_digest,
 * head_len, package_len, package_digest, window_len, encrypted and commitment
 * of *r. A content key must never be used for another payload.
 */
int package_writer_end(struct package_writer *w,
		       const struct package_writer_end *how, struct release *r,
		       struct err *e) NODISCARD;
void package_writer_free(struct package_writer *w);

#endif
