/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress - zstd and lzma behind one face, with the window limited.
 */
#ifndef COMMON_COMPRESS_H
#define COMMON_COMPRESS_H

#include "common/buf.h"
#include "common/package.h"

struct decompressor;

/* ERR_LIMIT when input asks for a larger window than window_len. */
int decompress_new(enum package_codec codec, uint32_t window_len,
		   struct decompressor **out, struct err *e) NODISCARD;

/*
 * Feed in, get up to out_len bytes; *used and *got say how much. One frame
 * only: *ended is set at its end, and what follows is not consumed.
 */
int decompress(struct decompressor *d, struct slice in, size_t *used, void *out,
	       size_t out_len, size_t *got, bool *ended,
	       struct err *e) NODISCARD;
void decompress_free(struct decompressor *d);

/* Whole buffers, for records: exactly out_len bytes must come out. */
int decompress_all(enum package_codec codec, struct slice in, uint8_t *out,
		   size_t out_len, struct err *e) NODISCARD;

/* The signer's side; deterministic for one library version. */
int compress_all(enum package_codec codec, struct slice in, uint32_t window_len,
		 struct buf *out, struct err *e) NODISCARD;

#endif
