/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_patch - write one segment of a changed file: for each block of its
 * covers the predictor that is wrong in the fewest bytes.
 */
#ifndef SIGNER_DELTA_PATCH_H
#define SIGNER_DELTA_PATCH_H

#include "signer/delta_writer.h"

/*
 * Of a reader's budget of reads predictors use one byte for so many of the new:
 * those around their blocks.
 */
#define DELTA_AROUND_SHARE 4

struct delta_patch {
	struct delta_segment segment;
	const struct delta_cover *covers;
	struct slice home;  /* the home file's bytes, which stand */
	uint64_t home_at;   /* here in the old stream */
	struct slice fresh; /* the segment's */
	/* by cover: the old bytes, for those that are not of the home file */
	const uint8_t *const *old;
};

int delta_patch_write(struct delta_writer *w, const struct delta_patch *p,
		      struct err *e) NODISCARD;

#endif
