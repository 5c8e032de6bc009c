/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rd - a bounded reader over bytes we do not trust.
 *
 * A reader never reads past its end. The first read that does not fit makes it
 * "bad"; from then on every read yields zeroes or an empty slice. A parser can
 * therefore be written as the schema of its format, with one check at the end:
 * rd_finish() fails unless every read fitted and nothing is left over.
 *
 * A value that is used before rd_finish() (as a length, a count or an index)
 * must be checked against its own limit first. All integers are little-endian.
 */
#ifndef COMMON_RD_H
#define COMMON_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Bytes owned by somebody else. */
struct slice {
	const uint8_t *ptr;
	size_t len;
};

struct rd {
	struct slice rest;
	bool bad;
};

/* The bytes of a string without its NUL; NULL gives an empty slice. */
struct slice slice_of(const char *text);

/* Bytes from offset on, at most len of them; empty past the end. */
struct slice slice_sub(struct slice s, size_t offset, size_t len);

bool slice_equal(struct slice a, struct slice b);

struct rd rd_init(struct slice in);

uint8_t rd_u8(struct rd *r);
uint16_t rd_le16(struct rd *r);
uint32_t rd_le32(struct rd *r);
uint64_t rd_le64(struct rd *r);

/* The next len bytes, still owned by whoever owns the input. */
struct slice rd_slice(struct rd *r, size_t len);

/* Copy exactly len bytes to dst; zeroes if there are not so many. */
void rd_copy(struct rd *r, void *dst, size_t len);

/* The input must be used up and every read must have fitted. */
int rd_finish(const struct rd *r, struct err *e) NODISCARD;

#endif
