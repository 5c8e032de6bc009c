/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codes - the tree over a batch's claim codes. Pure.
 *
 * An officer's command makes the codes and signs the root of the Merkle tree
 * over their SHA-256 digests, in the order of the batch (merkle.h; a leaf is
 * one digest). So the keeper needs one digest of a whole batch, and whoever
 * brings a code shows with a short proof that it is the index-th of those.
 */
#ifndef UPDATE_SERVER_CODES_H
#define UPDATE_SERVER_CODES_H

#include "common/merkle.h"

#define CODES_MAX 10000 /* of one batch */

/* Where one code stands in its batch. */
struct codes_place {
	struct sha256 root;
	uint64_t index, count;
	struct merkle_proof proof;
};

void codes_root(const struct sha256 *hashes, uint64_t count,
		struct sha256 *out);

/* ERR_NOT_FOUND unless index < count. */
int codes_prove(const struct sha256 *hashes, uint64_t count, uint64_t index,
		struct codes_place *out, struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless this code's digest stands in that place. */
int codes_check(const struct sha256 *hash, const struct codes_place *place,
		struct err *e) NODISCARD;

#endif
