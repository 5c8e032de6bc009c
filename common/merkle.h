/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle - the tree over an append-only log, as in RFC 9162 section 2.1:
 * SHA-256, leaves hashed behind 0x00, nodes behind 0x01. Pure.
 *
 * A tree is known by its size and its root hash (RFC 9162: the tree head). Who
 * keeps the log keeps the hash of every perfect subtree; from those come roots
 * and proofs in logarithmic time. Who merely reads the log from its start needs
 * no more than struct merkle_tree.
 */
#ifndef COMMON_MERKLE_H
#define COMMON_MERKLE_H

#include "common/digest.h"

#define MERKLE_LEVELS    53 /* sizes are below 2^53, like all our integers */
#define MERKLE_SIZE_MAX  ((UINT64_C(1) << 53) - 1)
#define MERKLE_PROOF_MAX (MERKLE_LEVELS + 1)

/* MTH of one record; MTH of two subtrees. */
void merkle_leaf(struct slice record, struct sha256 *out);
void merkle_node(const struct sha256 *left, const struct sha256 *right,
		 struct sha256 *out);

/* ---- reading a log from its start ---------------------------------------- */

/* The roots of the perfect subtrees that the leaves so far fill; zeroed: the
 * empty tree. */
struct merkle_tree {
	uint64_t size;
	struct sha256 peaks[MERKLE_LEVELS];
};

/* Append a leaf's hash. ERR_LIMIT beyond MERKLE_SIZE_MAX. */
int merkle_add(struct merkle_tree *t, const struct sha256 *leaf,
	       struct err *e) NODISCARD;
/* The root now; that of the empty tree is SHA-256 of nothing. */
void merkle_root(const struct merkle_tree *t, struct sha256 *out);

/* ---- making proofs ------------------------------------------------------- */

/*
 * Where the hashes of perfect subtrees come from: the one at `level` (0: a
 * leaf) that covers the leaves from index << level on. Asked for whole subtrees
 * alone.
 */
struct merkle_source {
	void *ctx;
	int (*node)(void *ctx, unsigned level, uint64_t index,
		    struct sha256 *out, struct err *e);
};

struct merkle_proof {
	size_t count;
	struct sha256 at[MERKLE_PROOF_MAX];
};

int merkle_root_of(const struct merkle_source *from, uint64_t size,
		   struct sha256 *out, struct err *e) NODISCARD;
/* RFC 9162 section 2.1.3.1. ERR_NOT_FOUND unless index < size. */
int merkle_prove_inclusion(const struct merkle_source *from, uint64_t index,
			   uint64_t size, struct merkle_proof *out,
			   struct err *e) NODISCARD;
/* RFC 9162 section 2.1.4.1; empty for equal sizes and for the empty tree.
 * ERR_ROLLBACK if the tree shrank. */
int merkle_prove_consistency(const struct merkle_source *from,
			     uint64_t old_size, uint64_t size,
			     struct merkle_proof *out, struct err *e) NODISCARD;

/* ---- checking proofs ----------------------------------------------------- */

struct merkle_head {
	uint64_t size;
	struct sha256 root;
};

/* RFC 9162 section 2.1.3.2. ERR_UNTRUSTED. */
int merkle_check_inclusion(const struct sha256 *leaf, uint64_t index,
			   const struct merkle_head *head,
			   const struct merkle_proof *proof,
			   struct err *e) NODISCARD;
/* RFC 9162 section 2.1.4.2. ERR_UNTRUSTED; ERR_ROLLBACK if it shrank. */
int merkle_check_consistency(const struct merkle_head *old,
			     const struct merkle_head *now,
			     const struct merkle_proof *proof,
			     struct err *e) NODISCARD;

#endif
