/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_disk - an image on a block device or in a file: written so that what
 * is half written does not start, and read back from the medium.
 *
 * The first IMAGE_BLOCK bytes, where a file system or a kernel is recognised,
 * are zeroed before anything else is written, and get their content after all
 * the rest is on the medium. Blocks of zeros are not written but given back
 * where the medium can do that. What lies behind the image stays as it is.
 */
#ifndef COMMON_IMAGE_DISK_H
#define COMMON_IMAGE_DISK_H

#include "common/digest.h"
#include "common/tree_watch.h"

#define IMAGE_BLOCK 65536u

struct image_writer;

/*
 * Begin to write an image of len bytes at the start of an open device or file.
 * ERR_SPACE when it has not the room, and nothing is written. What is there
 * then no longer starts.
 */
int image_writer_new(int fd, uint64_t len, struct image_writer **out,
		     struct err *e) NODISCARD;
int image_writer_add(struct image_writer *w, struct slice bytes,
		     struct err *e) NODISCARD;

/*
 * A later writer may go on behind what was added so far, when this returns 0:
 * it is on the medium, but for the first IMAGE_BLOCK bytes, which come last
 * and of which *head borrows. Of at least so many bytes.
 */
int image_writer_keep(struct image_writer *w, struct slice *head,
		      struct err *e) NODISCARD;
/* That later writer: of an image of len bytes, with its head, at `at`. */
int image_writer_resume(int fd, uint64_t len, struct slice head, uint64_t at,
			struct image_writer **out, struct err *e) NODISCARD;

/* After the last byte: everything is on the medium when it returns 0. */
int image_writer_end(struct image_writer *w, struct err *e) NODISCARD;
/* Without the end before it, what is there does not start. */
void image_writer_free(struct image_writer *w);

/* Bytes that an open device or file has room for. ERR_REFUSED for others. */
int image_room(int fd, uint64_t *out, struct err *e) NODISCARD;

/*
 * The digest of the first len bytes. from_medium: caches are dropped and, where
 * the medium can, passed by (O_DIRECT). ERR_NOT_FOUND when there are fewer.
 * watch may be NULL.
 */
int image_digest(int fd, uint64_t len, bool from_medium,
		 const struct tree_watch *watch, struct sha256 *out,
		 struct err *e) NODISCARD;

#endif
