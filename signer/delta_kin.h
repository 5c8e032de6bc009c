/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_kin - new files that resemble other new files more than any old one:
 * builds of the same for several machines, say. The first of them, its *elder*,
 * is kept in scratch space as it is made, and the others refer to it there.
 */
#ifndef SIGNER_DELTA_KIN_H
#define SIGNER_DELTA_KIN_H

#include "signer/delta_piece.h"

/* A file that others refer to. */
struct kin_elder {
	uint8_t *bytes; /* heap */
	size_t len;
	uint32_t file;    /* of the new view's map */
	uint64_t kept_at; /* in the old view as readers have it */
	bool cut;         /* the records that make it are ended */
};

/* Zeroed: there is none. */
struct delta_kin {
	struct kin_elder *elders;
	size_t elder_count;
	size_t *of; /* by file of the map: 0, or 1 + an index into elders */
};

/*
 * Find them, and mark the elders as kept in the new view, which then has to be
 * seen again. pieces->old is loaded.
 */
int delta_kin_find(const struct delta_piecer *pieces, struct stream_view *fresh,
		   struct delta_kin *out, struct err *e) NODISCARD;
void delta_kin_done(struct delta_kin *k);

/* It was seen again: where what is kept stands. */
void delta_kin_place(struct delta_kin *k, const struct delta_old *old,
		     const struct stream_view *fresh);

/* The elder of a span; NULL: it has none. */
struct kin_elder *delta_kin_of(const struct delta_kin *k,
			       const struct view_span *s);

/* The elder that holds a place; NULL: none. */
const struct kin_elder *delta_kin_at(const struct delta_kin *k, uint64_t at);

#endif
