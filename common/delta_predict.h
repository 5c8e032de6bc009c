/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_predict - what a block of a cover will likely look like in the new
 * file: the old bytes with the references in them moved along.
 *
 * A predictor is a total function of bytes that a decoder already has; it
 * recognises references by their byte patterns and by the range of what they
 * refer to. Whatever it gets wrong is put right by the differences, so it can
 * only cost bytes, never correctness. docs/delta-format.md, "Predictors".
 */
#ifndef COMMON_DELTA_PREDICT_H
#define COMMON_DELTA_PREDICT_H

#include "common/delta_map.h"

#define DELTA_BLOCK  4096 /* bytes of a block at most */
#define DELTA_BEFORE 32   /* bytes before a block that a predictor may see */
#define DELTA_AFTER  16   /* old bytes behind it */

enum delta_predictor {
	DELTA_AS_IS,
	DELTA_X86,         /* x86-64 code */
	DELTA_ARM64,       /* AArch64 code */
	DELTA_ARM,         /* 32-bit Arm code */
	DELTA_THUMB,       /* 32-bit Arm code in Thumb encoding */
	DELTA_POINTERS,    /* 64-bit addresses */
	DELTA_WORDS,       /* 32-bit addresses */
	DELTA_RELATIVE,    /* 32-bit distances from themselves */
	DELTA_ANCHORED,    /* 32-bit distances from the anchor */
	DELTA_FRAMES,      /* call frame records (.eh_frame) */
	DELTA_RELOCATIONS, /* entries of 24 bytes: place, kind, address */
	/* numbers that grew as the number before them grew */
	DELTA_CARRY4,  /* 32 bits, the one 4 bytes before */
	DELTA_CARRY8,  /* 32 bits, 8 bytes before */
	DELTA_CARRY12, /* 32 bits, 12 bytes before */
	DELTA_CARRY64, /* 64 bits, 8 bytes before */
	DELTA_PREDICTORS
};

/* A block of a cover, and where it stands in the two files. */
struct delta_block {
	/* DELTA_BEFORE bytes, the block's len, DELTA_AFTER bytes; zeroes where
	 * the home file has none. */
	const uint8_t *old;
	size_t len;
	uint32_t old_at, new_at;
};

/*
 * fresh holds the DELTA_BEFORE bytes of the new stream before the block; the
 * block's are put behind them.
 */
void delta_rebuild(enum delta_predictor p, const struct delta_map *m,
		   const struct delta_block *b, const uint8_t *diff,
		   uint8_t *fresh);

/* The other way: fresh is complete, diff[len] comes out. */
void delta_compare(enum delta_predictor p, const struct delta_map *m,
		   const struct delta_block *b, const uint8_t *fresh,
		   uint8_t *diff);

#endif
