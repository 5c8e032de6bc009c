/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta - rebuild a new byte stream from an old one and delta records.
 *
 * Both trees are seen as one stream: the manifest, then the content of each
 * regular file in manifest order (an image: its bytes). Records have a bounded
 * size before and after decoding (delta_record.h); the new stream is produced
 * in order, the old one is read at random. What moved within a file is known
 * before its differences are read, so that the references in it can be
 * predicted (delta_predict.h). Layout: docs/delta-format.md. The decoder is a
 * total function: any input ends in an error or in new_len bytes, within a
 * budget of operations, of bytes read and of memory.
 */
#ifndef COMMON_DELTA_H
#define COMMON_DELTA_H

#include "common/delta_record.h"
#include "common/package.h"

/*
 * Segments and covers are what a hostile delta could waste time with, so there
 * are never more than one for DELTA_OP_LEN bytes of the new stream, and a few.
 */
#define DELTA_OP_LEN   8
#define DELTA_OPS_FREE 4096

/*
 * Of the old stream at most one and a half times the length of the longer
 * stream is read, and a little.
 */
#define DELTA_READS_FREE (4u << 20)

/* What the decoder takes at most, beside the codec's window. */
#define DELTA_MEMORY                                                           \
	(DELTA_RECORD_MAX + DELTA_PREFIX_MAX +                                 \
	 DELTA_COVERS_MAX * (16 + 2 * sizeof(struct delta_span)) + (1u << 20))

struct delta_io {
	void *ctx;
	/*
	 * From where more() goes on, and what `records` were made before that:
	 * one of the points that were told, between two records with nothing
	 * unfinished. point() may be NULL.
	 */
	struct package_point from;
	int (*point)(void *ctx, const struct package_point *at, struct err *e);
	bool whole; /* there are no records: struct delta_source */
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
 * Exactly new_len bytes are emitted, less io->from.records, or it fails:
 * ERR_FORMAT, ERR_LIMIT, or what io said.
 */
int delta_apply(enum package_codec codec, uint64_t old_len, uint64_t new_len,
		const struct delta_io *io, struct err *e) NODISCARD;

#endif
