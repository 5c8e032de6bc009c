/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs from strangers: never accepted for what they do not prove. The tree
 * is small and known, so whatever is accepted can be compared with it.
 */
#include <assert.h>

#include "common/merkle.h"

#define LEAVES 21

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void tree(uint64_t size, struct merkle_head *out)
{
	struct merkle_tree t = { 0 };
	struct err e;

	for (uint64_t i = 0; i < size; i++) {
		const uint8_t record = (uint8_t)i;
		struct sha256 leaf;

		merkle_leaf((struct slice){ &record, 1 }, &leaf);
		assert(merkle_add(&t, &leaf, &e) == 0);
	}
	out->size = size;
	merkle_root(&t, &out->root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rd r = rd_init((struct slice){ data, len });
	uint64_t a = rd_u8(&r) % (LEAVES + 1), b = rd_u8(&r) % (LEAVES + 1);
	bool lie = rd_u8(&r) & 1;
	struct merkle_proof p = { 0 };
	struct merkle_head old, now;
	struct sha256 leaf;
	uint8_t record = (uint8_t)(lie ? a + 1 : a);
	struct err e;

	tree(a, &old);
	tree(b, &now);
	while (r.rest.len > 0 && p.count < MERKLE_PROOF_MAX)
		rd_copy(&r, p.at[p.count++].bytes,
			r.rest.len < SHA256_LEN ? r.rest.len : SHA256_LEN);
	merkle_leaf((struct slice){ &record, 1 }, &leaf);
	if (merkle_check_inclusion(&leaf, a, &now, &p, &e) == 0)
		assert(a < b && !lie);
	if (lie)
		old.root.bytes[0] ^= 1;
	if (merkle_check_consistency(&old, &now, &p, &e) == 0)
		assert(a <= b && (!lie || a == 0));
	return 0;
}
