/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peek - look into images of disks and file systems, for the secret scan alone.
 *
 * Of a disk its partitions are the members, of ext2, ext3, ext4 and squashfs
 * the regular files. The input is hostile; what memory and time an image takes
 * goes with its length, and bounds on what comes out are the caller's.
 */
#ifndef SIGNER_PEEK_H
#define SIGNER_PEEK_H

#include "signer/peek_back.h"

enum peek_kind {
	PEEK_NONE,
	PEEK_EXT,
	PEEK_SQUASHFS,
	PEEK_DISK
};

struct peek;

/* What does a file begin like? Looks at the first 2048 bytes at most. */
enum peek_kind peek_kind(struct slice head);

/* What an image of that kind is called: "a squashfs image". */
const char *peek_name(enum peek_kind kind);

/*
 * ERR_FORMAT or ERR_LIMIT: it cannot be looked into; what stands in the message
 * is why. *at is borrowed until peek_close().
 */
int peek_open(enum peek_kind kind, const struct peek_place *at,
	      struct peek **out, struct err *e) NODISCARD;
void peek_close(struct peek *p);

/* The next member; *end instead when there is none. Errors as above. */
int peek_next(struct peek *p, struct peek_member *m, bool *end,
	      struct err *e) NODISCARD;

/* Content of the member: up to len bytes, fewer only at its end. */
int peek_read(struct peek *p, void *out, size_t len, size_t *got,
	      struct err *e) NODISCARD;

#endif
