/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta - rebuild a new byte stream from an old one and delta records.
 *
 * Both trees are seen as one stream: the manifest, then the content of each
 * regular file in manifest order (an image: its bytes). Records are
 * independent, each with a bounded size before and after decoding; the new
 * stream is produced in order, the old one is read at random. Layout:
 * docs/delta-format.md. The decoder is a total function: any input ends in an
 * error or in the right bytes, within a budget of operations and memory.
 */
#ifndef COMMON_DELTA_H
#define COMMON_DELTA_H

#include "common/package.h"

#define DELTA_RECORD_MAX (4u << 20) /* bytes of a record's decoded streams */

struct delta_io {
	void *ctx;
	/* Next bytes of the records; *got 0 at the end. */
	int (*more)(void *ctx, void *out, size_t len, size_t *got,
		    struct err *e);
	/* Exactly len bytes of the old stream. */
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

int delta_apply(enum package_codec codec, uint64_t old_len, uint64_t new_len,
		const struct delta_io *io, struct err *e) NODISCARD;

#endif
