/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_piece - write a piece of changed content: which old bytes cover it, and
 * which of several ways to choose them costs the least.
 */
#ifndef SIGNER_DELTA_PIECE_H
#define SIGNER_DELTA_PIECE_H

#include "signer/delta_old.h"
#include "signer/delta_writer.h"

/* Of one file or member at most this much is looked at together. */
#define DELTA_PIECE_MAX ((size_t)128 << 20)

struct delta_piece {
	struct slice bytes;
	uint64_t within; /* the file or member */
	uint64_t hint;   /* where in the text it likely comes from */
};

/* Zeroed but for the first three, which are borrowed. */
struct delta_piecer {
	const struct delta_old *old; /* loaded before the first piece */
	struct delta_writer *writer;
	const struct delta_writer_setup *setup; /* of that writer */
	struct cover_list covers, parts;
	size_t likely;               /* home of a piece without any cover */
	struct delta_segment layout; /* of the file under way */
};

/* Another file or member begins. */
void delta_piece_begin(struct delta_piecer *w);
int delta_piece_put(struct delta_piecer *w, const struct delta_piece *piece,
		    struct err *e) NODISCARD;

/* About what a piece would cost by itself; it begins and ends a file. */
int delta_piece_cost(struct delta_piecer *w, const struct delta_piece *piece,
		     uint64_t *len, struct err *e) NODISCARD;

void delta_piecer_done(struct delta_piecer *w);

#endif
