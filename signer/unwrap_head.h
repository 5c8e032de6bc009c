/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwrap_head - does a member of an archive begin here? Of zip and cpio, whose
 * reader, where it does not, would look for one in all that follows: what it
 * ran over then would be nobody's. Pure.
 */
#ifndef SIGNER_UNWRAP_HEAD_H
#define SIGNER_UNWRAP_HEAD_H

#include "common/rd.h"

#define UNWRAP_HEAD_LEN  110 /* of the longest header */
#define UNWRAP_HEAD_TAIL 512 /* more than a reader looks ahead */

enum unwrap_head {
	UNWRAP_HEAD_NONE,
	UNWRAP_HEAD_ZIP,  /* or a record of its directory: there its reader ends
			   */
	UNWRAP_HEAD_NEWC, /* cpio, with or without sums */
	UNWRAP_HEAD_ODC,
	UNWRAP_HEAD_CPIO_LE, /* binary */
	UNWRAP_HEAD_CPIO_BE,
};

/*
 * A header of cpio must be there whole: digits throughout, a name and a link
 * that are no longer than a path can be, and the zero behind the name, if so
 * many bytes are there.
 */
enum unwrap_head unwrap_head(struct slice s);

/* Does it begin like a cpio whose numbers are text? */
bool unwrap_head_is_like_cpio(struct slice s);

/*
 * An archive's bytes as they are given to its reader, block by block, and of
 * these the first ones of where a member should begin.
 */
struct unwrap_trail {
	uint64_t given;
	struct slice last;                /* until the next one is asked for */
	uint8_t before[UNWRAP_HEAD_TAIL]; /* the end of what precedes it */
	uint8_t tail[UNWRAP_HEAD_TAIL];   /* of all that was given */
	bool awaited;
	uint64_t at;
	uint8_t head[UNWRAP_HEAD_LEN];
	size_t have;
};

/* The next block; empty at the end. It must last until the next call. */
void unwrap_head_pass(struct unwrap_trail *t, struct slice bytes);

/* A member should begin at this byte, of UNWRAP_HEAD_TAIL before the last block
 * at most. */
void unwrap_head_await(struct unwrap_trail *t, uint64_t at);

/* None of that kind does, for certain: all of its header is there. Of
 * UNWRAP_HEAD_NONE, or when none is awaited, nothing is known. */
bool unwrap_head_is_not(const struct unwrap_trail *t, enum unwrap_head kind);

#endif
