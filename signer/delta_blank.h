/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_blank - the new manifest of a delta that leaves digests of files out.
 *
 * Nobody can compress a digest, and who applies a delta finds that of each file
 * it makes. Where many small files changed their digests are much of a delta.
 * So they are replaced by what costs next to nothing: the digest that the file
 * had before. docs/delta-format.md, "Digests that are left out".
 */
#ifndef SIGNER_DELTA_BLANK_H
#define SIGNER_DELTA_BLANK_H

#include "signer/pack_tree.h"

struct delta_blank {
	struct pack_tree tree; /* the new one, with the other manifest */
	uint64_t count;        /* of the files whose digests are left out */
	uint64_t changed;      /* bytes of those that had a file before */
	uint64_t new;          /* and of those that had none */
};

/* Both are borrowed; what is known of files is still true. */
void delta_blank_make(const struct pack_tree *old,
		      const struct pack_tree *fresh, struct delta_blank *out);
void delta_blank_done(struct delta_blank *b);

/*
 * A device that was cut off begins anew: so it has to save a 64th. By the files
 * alone; and by what a delta with all digests came to, where making another one
 * takes little.
 */
bool delta_blank_pays(const struct delta_blank *b);
bool delta_blank_would_pay(const struct delta_blank *b, uint64_t delta_len);

#endif
