/* SPDX-License-Identifier: Apache-2.0 */
#include "common/merkle.h"

#include <assert.h>
#include <string.h>

#include "common/mem.h"

/* ---- hashes -------------------------------------------------------------- */

void merkle_leaf(struct slice record, struct sha256 *out)
{
	static const uint8_t prefix[] = { 0x00 };
	struct digest d;

	digest_start(&d);
	digest_add(&d, (struct slice){ prefix, 1 });
	digest_add(&d, record);
	digest_finish(&d, out);
}

void merkle_node(const struct sha256 *left, const struct sha256 *right,
		 struct sha256 *out)
{
	uint8_t both[1 + 2 * SHA256_LEN] = { 0x01 };

	memcpy(both + 1, left->bytes, SHA256_LEN);
	memcpy(both + 1 + SHA256_LEN, right->bytes, SHA256_LEN);
	sha256_of((struct slice){ both, sizeof(both) }, out);
}

static void empty_root(struct sha256 *out)
{
	sha256_of((struct slice){ 0 }, out);
}

/* ---- reading a log from its start ---------------------------------------- */

int merkle_add(struct merkle_tree *t, const struct sha256 *leaf, struct err *e)
{
	struct sha256 h = *leaf;
	unsigned level = 0;

	if (t->size >= MERKLE_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "the log is full");
	/* Each subtree that this leaf completes joins its left neighbour. */
	for (; t->size >> level & 1; level++)
		merkle_node(&t->peaks[level], &h, &h);
	t->peaks[level] = h;
	t->size++;
	return 0;
}

void merkle_root(const struct merkle_tree *t, struct sha256 *out)
{
	bool any = false;

	empty_root(out);
	for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
		if (!(t->size >> level & 1))
			continue;
		if (any)
			merkle_node(&t->peaks[level], out, out);
		else
			*out = t->peaks[level];
		any = true;
	}
}

/* ---- making proofs ------------------------------------------------------- */

/* The largest power of two below n, for n > 1: how the RFC splits a range. */
static uint64_t split(uint64_t n)
{
	uint64_t k = 1;

	while (k << 1 < n)
		k <<= 1;
	return k;
}

/*
 * The root over n leaves from start on. Ranges that arise from splitting start
 * at a multiple of each of their perfect parts, so all of those exist.
 */
static int range_root(const struct merkle_source *from, uint64_t start,
		      uint64_t n, struct sha256 *out, struct err *e)
{
	struct merkle_tree t = { .size = n };

	for (unsigned level = MERKLE_LEVELS; level-- > 0;) {
		if (!(n >> level & 1))
			continue;
		if (from->node(from->ctx, level, start >> level,
			       &t.peaks[level], e))
			return -1;
		start += UINT64_C(1) << level;
	}
	merkle_root(&t, out);
	return 0;
}

int merkle_root_of(const struct merkle_source *from, uint64_t size,
		   struct sha256 *out, struct err *e)
{
	struct sha256 root;

	if (size > MERKLE_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "a log of impossible size");
	if (range_root(from, 0, size, &root, e))
		return -1;
	*out = root;
	return 0;
}

static int push(const struct merkle_source *from, uint64_t start, uint64_t n,
		struct merkle_proof *p, struct err *e)
{
	assert(p->count < MERKLE_PROOF_MAX);
	return range_root(from, start, n, &p->at[p->count++], e);
}

/* Collected from the root down, proofs are told from the leaf up. */
static void reverse(const struct merkle_proof *in, struct merkle_proof *out)
{
	out->count = in->count;
	for (size_t i = 0; i < in->count; i++)
		out->at[i] = in->at[in->count - 1 - i];
}

int merkle_prove_inclusion(const struct merkle_source *from, uint64_t index,
			   uint64_t size, struct merkle_proof *out,
			   struct err *e)
{
	struct merkle_proof down = { 0 };
	uint64_t start = 0, n = size;

	if (size > MERKLE_SIZE_MAX || index >= size)
		return err_set(e, ERR_NOT_FOUND, "no such record in the log");
	while (n > 1) {
		uint64_t k = split(n);

		if (index < start + k) {
			if (push(from, start + k, n - k, &down, e))
				return -1;
			n = k;
		} else {
			if (push(from, start, k, &down, e))
				return -1;
			start += k;
			n -= k;
		}
	}
	reverse(&down, out);
	return 0;
}

int merkle_prove_consistency(const struct merkle_source *from,
			     uint64_t old_size, uint64_t size,
			     struct merkle_proof *out, struct err *e)
{
	struct merkle_proof down = { 0 };
	uint64_t start = 0, m = old_size, n = size;

	if (size > MERKLE_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "a log of impossible size");
	if (old_size > size)
		return err_set(e, ERR_ROLLBACK,
			       "the log has fewer records than before");
	if (old_size == 0)
		m = n;
	while (m < n) {
		uint64_t k = split(n);

		if (m <= k) {
			if (push(from, start + k, n - k, &down, e))
				return -1;
			n = k;
		} else {
			if (push(from, start, k, &down, e))
				return -1;
			start += k;
			m -= k;
			n -= k;
		}
	}
	/* The old tree itself need not be told; a part of it must be. */
	if (start > 0 && push(from, start, n, &down, e))
		return -1;
	reverse(&down, out);
	return 0;
}

/* ---- checking proofs ----------------------------------------------------- */

static int reject(struct err *e)
{
	return err_set(e, ERR_UNTRUSTED, "the log's proof does not hold");
}

/* One level up: r joins its sibling c, on its left or on its right. */
static void join(uint64_t *fn, uint64_t *sn, const struct sha256 *c,
		 struct sha256 *r)
{
	if (*fn & 1 || *fn == *sn) {
		merkle_node(c, r, r);
		while (!(*fn & 1) && *fn != 0) {
			*fn >>= 1;
			*sn >>= 1;
		}
	} else {
		merkle_node(r, c, r);
	}
	*fn >>= 1;
	*sn >>= 1;
}

int merkle_check_inclusion(const struct sha256 *leaf, uint64_t index,
			   const struct merkle_head *head,
			   const struct merkle_proof *proof, struct err *e)
{
	struct sha256 r = *leaf;
	uint64_t fn = index, sn = head->size - 1;

	if (index >= head->size || proof->count > MERKLE_PROOF_MAX)
		return reject(e);
	for (size_t i = 0; i < proof->count; i++) {
		if (sn == 0)
			return reject(e);
		join(&fn, &sn, &proof->at[i], &r);
	}
	return sn == 0 && sha256_equal(&r, &head->root) ? 0 : reject(e);
}

/* Both trees' roots as the proof computes them, step by step. */
struct pair {
	uint64_t fn, sn; /* the last leaf of each, seen from this height */
	struct sha256 fr, sr;
};

static void climb(struct pair *p, const struct sha256 *c)
{
	if (p->fn & 1 || p->fn == p->sn) {
		merkle_node(c, &p->fr, &p->fr);
		merkle_node(c, &p->sr, &p->sr);
		while (!(p->fn & 1) && p->fn != 0) {
			p->fn >>= 1;
			p->sn >>= 1;
		}
	} else {
		merkle_node(&p->sr, c, &p->sr);
	}
	p->fn >>= 1;
	p->sn >>= 1;
}

static int check_growth(const struct merkle_head *old,
			const struct merkle_head *now,
			const struct merkle_proof *proof, struct err *e)
{
	struct pair p = { .fn = old->size - 1, .sn = now->size - 1 };
	bool whole = (old->size & (old->size - 1)) == 0;
	size_t i = 0;

	if (proof->count == 0 || proof->count > MERKLE_PROOF_MAX)
		return reject(e);
	while (p.fn & 1) {
		p.fn >>= 1;
		p.sn >>= 1;
	}
	/* An old tree that is perfect stands in the new one as it is. */
	p.fr = p.sr = whole ? old->root : proof->at[i++];
	for (; i < proof->count; i++) {
		if (p.sn == 0)
			return reject(e);
		climb(&p, &proof->at[i]);
	}
	if (p.sn != 0 || !sha256_equal(&p.fr, &old->root) ||
	    !sha256_equal(&p.sr, &now->root))
		return reject(e);
	return 0;
}

int merkle_check_consistency(const struct merkle_head *old,
			     const struct merkle_head *now,
			     const struct merkle_proof *proof, struct err *e)
{
	if (now->size > MERKLE_SIZE_MAX)
		return reject(e);
	if (old->size > now->size)
		return err_set(e, ERR_ROLLBACK,
			       "the log has fewer records than before");
	if (old->size == 0)
		return proof->count == 0 ? 0 : reject(e);
	if (old->size < now->size)
		return check_growth(old, now, proof, e);
	return proof->count == 0 && sha256_equal(&old->root, &now->root)
		       ? 0
		       : reject(e);
}
