/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_piece - which old bytes cover a piece of changed content: of several
 * ways to choose them, the one that costs the least.
 *
 * Planning looks at nothing but the old stream and the piece, so any number of
 * pieces can be planned at the same time.
 */
#ifndef SIGNER_DELTA_PIECE_H
#define SIGNER_DELTA_PIECE_H

#include "signer/delta_old.h"
#include "signer/delta_patch.h"

/* Of one file or member at most this much is looked at together. */
#define DELTA_PIECE_MAX ((size_t)128 << 20)

struct delta_piece {
	struct slice bytes;
	uint64_t within; /* the file or member */
	uint64_t hint;   /* where in the text it likely comes from */
};

/* Borrowed. */
struct delta_piecer {
	const struct delta_old *old;            /* loaded */
	const struct delta_writer_setup *setup; /* of the writer in the end */
};

/*
 * The piece as one patch, or more if it has more covers than a patch may; its
 * bytes are borrowed.
 */
struct delta_plan {
	struct delta_patch *patches; /* heap, as are the next two */
	struct delta_cover *covers;
	const uint8_t **old;
	size_t patch_count;
	struct delta_segment layout; /* for later pieces of the same file */
};

/* layout: of the file, as its first piece found it; not looked at for that. */
int delta_piece_plan(const struct delta_piecer *w,
		     const struct delta_piece *piece,
		     const struct delta_segment *layout, struct delta_plan *out,
		     struct err *e) NODISCARD;
int delta_plan_write(const struct delta_plan *plan, struct delta_writer *w,
		     struct err *e) NODISCARD;
void delta_plan_done(struct delta_plan *plan);

/*
 * About what a piece would cost by itself, for comparing: LZMA is not measured,
 * zstd stands for it. It begins and ends a file.
 */
int delta_piece_cost(const struct delta_piecer *w,
		     const struct delta_piece *piece, uint64_t *len,
		     struct err *e) NODISCARD;

#endif
