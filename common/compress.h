/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress - the decoders of zstd (RFC 8878) and raw LZMA2 behind one face,
 * with the window, and so the memory, limited by the caller.
 *
 * LZMA2 comes without the .xz container: the dictionary is the window that
 * signed metadata allows, and digests stand elsewhere. Of zstd one frame is
 * taken, which may not be a skippable one. A frame may begin with bytes that
 * both sides have already as if they had just been decoded (a prefix; neither
 * format tells of it). The encoders are the signer's alone (signer/encode.h).
 */
#ifndef COMMON_COMPRESS_H
#define COMMON_COMPRESS_H

#include "common/package.h"

#define COMPRESS_WINDOW_MIN 4096

struct decompressor;

/*
 * window_len: a power of two from COMPRESS_WINDOW_MIN to PACKAGE_WINDOW_MAX,
 * else ERR_LIMIT; PACKAGE_RAW has none.
 */
int decompress_new(enum package_codec codec, uint32_t window_len,
		   struct decompressor **out, struct err *e) NODISCARD;

/* One step: what there is, and what became of it. */
struct decompress_step {
	struct slice in;
	void *out;
	size_t out_len;
	size_t used; /* bytes of in */
	size_t got;  /* bytes of out */
	bool ended;  /* the frame is complete; what follows was not used */
};

/*
 * Progress is certain while there is input left or the output was filled.
 * ERR_LIMIT when zstd input asks for a larger window, ERR_FORMAT for damaged
 * input. PACKAGE_RAW copies and never ends.
 */
int decompress(struct decompressor *d, struct decompress_step *s,
	       struct err *e) NODISCARD;

/* Start again with another frame. */
int decompress_reset(struct decompressor *d, struct err *e) NODISCARD;

/*
 * After that, in pieces: what the frame may refer to as if it had been decoded
 * before it, in all at most the window. LZMA2 holds it in its window alone,
 * zstd beside it.
 */
int decompress_prefix(struct decompressor *d, struct slice bytes,
		      struct err *e) NODISCARD;

/*
 * After both: a frame of zstd comes without its header, which says that it
 * yields so many bytes, and that they are its window. For other codecs it
 * changes nothing.
 */
int decompress_bare(struct decompressor *d, uint32_t len,
		    struct err *e) NODISCARD;
void decompress_free(struct decompressor *d);

#endif
