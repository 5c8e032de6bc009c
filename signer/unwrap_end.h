/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwrap_end - where an archive or a compressed stream ends, told from its
 * bytes as they pass: of xz, zstd and 7z, whose decoders take what follows for
 * damage and give nothing, and of lz4, whose decoder goes beyond its end. Of
 * the others nothing is told: their decoders stop by themselves.
 *
 * Streams and frames that directly follow each other are one, as their tools
 * have it. What is damaged has no end. Pure.
 */
#ifndef SIGNER_UNWRAP_END_H
#define SIGNER_UNWRAP_END_H

#include "signer/unwrap_kind.h"

#define UNWRAP_END_HEAD      32
#define UNWRAP_END_DIRECTORY 4112

struct unwrap_end {
	enum unwrap_kind kind;
	bool blind;     /* nothing is told */
	bool ended;     /* what passed is all of it */
	uint64_t taken; /* bytes that passed */
	/*
	 * So many bytes that say nothing, then so many that are gathered, and
	 * who judges these. Held, they pass only if they go on with it.
	 */
	uint64_t skip;
	uint8_t head[UNWRAP_END_HEAD];
	size_t have, need;
	void (*judge)(struct unwrap_end *x);
	bool held;
	uint8_t flags; /* of the stream or frame */
};

void unwrap_end_init(struct unwrap_end *x, enum unwrap_kind kind);

/*
 * What of *bytes, taken from its front, is to be passed on: it lasts until the
 * next call, at least. Empty when more bytes are needed, or it has ended; then
 * what is left in *bytes, and what was held back, is none of it.
 */
struct slice unwrap_end_pass(struct unwrap_end *x, struct slice *bytes);

/*
 * A zip's decoder stops at its directory. How long is the record of it that
 * begins here? 0: none does, or more bytes are needed to say it: 46, of a zip64
 * UNWRAP_END_DIRECTORY.
 */
uint64_t unwrap_end_directory(struct slice s);

/* The CRC32 of gzip and xz, of so few bytes that no table is worth it. */
uint32_t unwrap_end_crc32(const uint8_t *bytes, size_t len);

#endif
