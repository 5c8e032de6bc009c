/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/codes.h"

#include <assert.h>

static void leaf_of(const struct sha256 *hash, struct sha256 *out)
{
	merkle_leaf((struct slice){ hash->bytes, SHA256_LEN }, out);
}

/* Batches are small: every subtree is hashed when it is asked for. */
static int node(void *ctx, unsigned level, uint64_t index, struct sha256 *out,
		struct err *e)
{
	const struct sha256 *hashes = ctx;
	struct merkle_tree t = { 0 };
	struct sha256 leaf;

	for (uint64_t i = index << level; i < (index + 1) << level; i++) {
		leaf_of(&hashes[i], &leaf);
		if (merkle_add(&t, &leaf, e))
			return -1;
	}
	merkle_root(&t, out);
	return 0;
}

void codes_root(const struct sha256 *hashes, uint64_t count, struct sha256 *out)
{
	struct merkle_tree t = { 0 };
	struct sha256 leaf;
	struct err never;
	int rc = 0;

	for (uint64_t i = 0; i < count && rc == 0; i++) {
		leaf_of(&hashes[i], &leaf);
		rc = merkle_add(&t, &leaf, &never);
	}
	assert(rc == 0); /* it fails at 2^53 leaves */
	merkle_root(&t, out);
}

int codes_prove(const struct sha256 *hashes, uint64_t count, uint64_t index,
		struct codes_place *out, struct err *e)
{
	const struct merkle_source from = { (void *)(uintptr_t)hashes, node };

	if (merkle_prove_inclusion(&from, index, count, &out->proof, e))
		return -1;
	codes_root(hashes, count, &out->root);
	out->index = index;
	out->count = count;
	return 0;
}

int codes_check(const struct sha256 *hash, const struct codes_place *place,
		struct err *e)
{
	const struct merkle_head head = { .size = place->count,
					  .root = place->root };
	struct sha256 leaf;

	leaf_of(hash, &leaf);
	return merkle_check_inclusion(&leaf, place->index, &head, &place->proof,
				      e);
}
