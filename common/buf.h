/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - a growing byte buffer with a ceiling.
 *
 * Every buffer is born with the largest size it may reach; an append beyond it
 * fails with ERR_LIMIT and leaves the buffer as it was. The bytes are always
 * followed by a NUL that len does not count, so text can be handed to printf.
 * A pointer into a buffer dies at the next append.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/rd.h"

struct buf {
	uint8_t *ptr;
	size_t len;
	size_t cap;
	size_t max;
	bool secret; /* lies where secrets do, with room for all at once */
};

#define BUF_INIT(limit)                                                        \
	{                                                                      \
		.max = (limit)                                                 \
	}

/*
 * For a passphrase or a key of at most so many bytes: locked, out of core
 * files, never moved, and overwritten by whatever releases it (secret.h).
 */
#define BUF_SECRET(limit)                                                      \
	{                                                                      \
		.max = (limit), .secret = true                                 \
	}

/* Release the memory; the buffer is then empty and may be used again. */
void buf_done(struct buf *b);

/* The same after overwriting what it held: for what a secret went through. */
void buf_wipe(struct buf *b);

int buf_add(struct buf *b, struct slice s, struct err *e) NODISCARD;
int buf_addf(struct buf *b, struct err *e, const char *fmt, ...)
	PRINTF(3, 4) NODISCARD;

/* Append the low len bytes (1 to 8) of an integer, little-endian. */
int buf_add_le(struct buf *b, uint64_t value, size_t len,
	       struct err *e) NODISCARD;

/*
 * Make room for len more bytes and return it, or NULL past the ceiling. The
 * caller then adds to b->len what it has really written there.
 */
uint8_t *buf_reserve(struct buf *b, size_t len, struct err *e) NODISCARD;

/* The bytes, borrowed until the next change. */
struct slice buf_slice(const struct buf *b);

/* The bytes as text; "" for a buffer that never held any. */
const char *buf_text(const struct buf *b);

#endif
