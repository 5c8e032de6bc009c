/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - one pass over the fields of something that is kept or sent, which
 * either writes or reads them, so that its layout stands in one function.
 *
 * Numbers are little-endian. A failure is sticky: what does not fit or is not
 * allowed makes the whole bad, and a number is then 0: nobody counts to what is
 * refused.
 */
#ifndef UPDATER_CLIENT_WALK_H
#define UPDATER_CLIENT_WALK_H

#include "common/buf.h"
#include "common/digest.h"

struct walk {
	bool writing, bad;
	struct buf *out; /* writing */
	struct rd in;    /* reading */
};

void walk_u64(struct walk *w, uint64_t *value);
void walk_u32(struct walk *w, uint32_t *value);
/* Not before 1970. */
void walk_time(struct walk *w, int64_t *value);
/* A byte, from 0 to max: booleans and enums. */
unsigned walk_small(struct walk *w, unsigned value, unsigned max);
void walk_bool(struct walk *w, bool *value);

void walk_bytes(struct walk *w, void *bytes, size_t len);
void walk_digest(struct walk *w, struct sha256 *digest);
/* Bytes of a length that varies: its length first, at most size. */
size_t walk_block(struct walk *w, void *bytes, size_t len, size_t size);
/* A C string in an array of size bytes; a NUL inside is refused. */
void walk_text(struct walk *w, char *text, size_t size);
/* All that is left. */
void walk_rest(struct walk *w, struct slice *bytes);

/*
 * All was read, and was allowed; or what is left is zeros, where later fields
 * may be: ERR_FORMAT.
 */
int walk_end(struct walk *w, struct err *e) NODISCARD;

#endif
