/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_sight - what a delta is made between: the views of both streams, with
 * those compressed members unpacked that are worth it, and with those new files
 * kept that others resemble; and what of the old one is searched.
 */
#ifndef SIGNER_DELTA_SIGHT_H
#define SIGNER_DELTA_SIGHT_H

#include "signer/delta_kin.h"
#include "signer/delta_old.h"
#include "signer/delta_piece.h"

struct delta_sight {
	struct view_pair views;
	struct delta_old old;
	struct delta_kin kin;
	struct delta_piecer pieces; /* points to old */
	size_t search_max;
};

/* What is seen, all of it borrowed, and how. */
struct delta_sighted {
	const struct pack_tree *old, *fresh;
	const struct delta_writer_setup *setup;
	bool plain;        /* no members, and no files of images */
	size_t search_max; /* see delta_old.h; 0: the usual */
};

/*
 * *s is zeroed, stays where it is, and takes delta_sight_done() on failure,
 * too. gave_up: why there are no members though they were not forbidden;
 * untouched if there may be.
 */
int delta_sight_open(struct delta_sight *s, const struct delta_sighted *of,
		     struct err *gave_up, struct err *e) NODISCARD;
void delta_sight_done(struct delta_sight *s);

/* For a writer: of the old view, and of what stands kept behind it; ctx is the
 * sight. */
int delta_sight_read(void *ctx, uint64_t at, void *out, size_t len,
		     struct err *e) NODISCARD;

#endif
