/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta - rebuild a new byte stream from an old one and delta records.
 *
 * Both trees are seen as one stream: the manifest, then the content of each
 * regular file in manifest order (an image: its bytes). Records are
 * independent, each with a bounded size before and after decoding; the new
 * stream is produced in order, the old one is read at random. Layout:
 * docs/delta-format.md. The decoder is a total function: any input ends in an
 * error or in new_len bytes, within a budget of operations and memory.
 */
#ifndef COMMON_DELTA_H
#define COMMON_DELTA_H

#include "common/package.h"

#define DELTA_RECORD_MAX (4u << 20) /* bytes of a record's decoded streams */
#define DELTA_WINDOW     (4u << 20) /* of the codec */

/*
 * Operations are what a hostile delta could waste time with, so there are
 * never more than one for DELTA_OP_LEN bytes of the new stream, and a few.
 */
#define DELTA_OP_LEN   8
#define DELTA_OPS_FREE 4096

/* A record begins with a header of fixed length, then its streams follow. */
enum delta_stream {
	DELTA_GAPS,    /* varints: bytes of DELTA_INSERTS before each cover */
	DELTA_LENGTHS, /* varints: cover's length * 2, + 1 if it is exact */
	DELTA_OFFSETS, /* zigzag varints: from the end of the cover before */
	DELTA_DIFFS,   /* bytes to add to the covers that are not exact */
	DELTA_INSERTS, /* bytes that come from nowhere */
	DELTA_STREAMS
};

struct delta_record {
	uint64_t new_len; /* bytes of the new stream, at least 1 */
	uint32_t op_count;
	uint32_t raw_len[DELTA_STREAMS];
	uint32_t packed_len[DELTA_STREAMS]; /* raw_len: not compressed */
};

#define DELTA_RECORD_LEN (16 + 8 * DELTA_STREAMS)

int delta_parse_record(struct slice in, struct delta_record *out,
		       struct err *e) NODISCARD;
void delta_format_record(const struct delta_record *r,
			 uint8_t out[DELTA_RECORD_LEN]);

struct delta_io {
	void *ctx;
	/* Next bytes of the records; *got 0 at the end. */
	int (*more)(void *ctx, void *out, size_t len, size_t *got,
		    struct err *e);
	/* Exactly len bytes of the old stream; the range was checked. */
	int (*old_at)(void *ctx, uint64_t offset, void *out, size_t len,
		      struct err *e);
	/* The new stream, in order. */
	int (*emit)(void *ctx, struct slice bytes, struct err *e);
	/*
	 * len bytes of the new stream that equal the old stream at offset: may
	 * be reflinked. NULL: they go through old_at and emit.
	 */
	int (*emit_old)(void *ctx, uint64_t offset, uint64_t len,
			struct err *e);
};

/*
 * Exactly new_len bytes are emitted, or it fails: ERR_FORMAT, ERR_LIMIT, or
 * what io said.
 */
int delta_apply(enum package_codec codec, uint64_t old_len, uint64_t new_len,
		const struct delta_io *io, struct err *e) NODISCARD;

#endif
