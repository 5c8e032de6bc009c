/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode - the encoders to the decoders of common/compress.h.
 *
 * What comes out depends on the input, the codec, the window and the version
 * of the library, and on nothing else: not on the number of threads.
 */
#ifndef SIGNER_ENCODE_H
#define SIGNER_ENCODE_H

#include "common/buf.h"
#include "common/package.h"

/*
 * Append one frame that holds all of `in`. Several settings are tried and the
 * smallest result kept, so it is for pieces of a few MiB.
 */
int encode_all(enum package_codec codec, struct slice in, uint32_t window_len,
	       struct buf *out, struct err *e) NODISCARD;

/* The same with a prefix that the decoder has (common/compress.h). */
struct encode_how {
	enum package_codec codec;
	uint32_t window_len;
	struct slice prefix;
	bool fast; /* a fraction of the time: to compare ways with each other */
	bool bare; /* as decompress_bare() takes it */
	unsigned model; /* one that encode_model() chose; 0: it is chosen */
};

/*
 * The model (LZMA's contexts) that suits these bytes best, for who compresses
 * them more than once; 0 if the codec has none.
 */
int encode_model(const struct encode_how *how, struct slice in, unsigned *out,
		 struct err *e) NODISCARD;

int encode_with(const struct encode_how *how, struct slice in, struct buf *out,
		struct err *e) NODISCARD;

/* The same for any length, in pieces. */
struct encoder;

struct encoder_sink {
	void *ctx;
	int (*write)(void *ctx, struct slice bytes, struct err *e);
};

int encoder_new(enum package_codec codec, uint32_t window_len,
		const struct encoder_sink *to, struct encoder **out,
		struct err *e) NODISCARD;
int encoder_add(struct encoder *c, struct slice bytes, struct err *e) NODISCARD;
int encoder_end(struct encoder *c, struct err *e) NODISCARD;
/* After encoder_end(): another frame, which knows nothing of those before. */
int encoder_again(struct encoder *c, struct err *e) NODISCARD;
void encoder_free(struct encoder *c);

#endif
