/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curve - sums of points on P-256 (SEC 2, 2.4.2), for searching alone.
 *
 * Made to try millions of candidates for a private key: many sums at once share
 * one inversion (Montgomery's trick), so that each takes six multiplications.
 * It takes no care of side channels, and no result of it ever signs or
 * verifies: common/ec does that.
 */
#ifndef SIGNER_CURVE_H
#define SIGNER_CURVE_H

#include "common/ec.h"

/* An integer modulo p as Montgomery has it, with R = 2^256; below p. */
struct curve_int {
	uint64_t v[4]; /* least significant first */
};

/* A point; zeroed it is the one at infinity. */
struct curve_point {
	struct curve_int x, y;
};

extern const struct curve_point curve_generator;

/* From the usual form, most significant byte first; p itself becomes 0. */
void curve_int_from(const uint8_t bytes[EC_SCALAR_LEN], struct curve_int *out);

bool curve_int_equal(const struct curve_int *a, const struct curve_int *b);

/*
 * One of the two points with this x: which of them is left open. False: there
 * is none.
 */
bool curve_point_at(const struct curve_int *x, struct curve_point *out);

/* a + b, or a - b if `minus`; out may be one of them. */
struct curve_sum {
	const struct curve_point *a, *b;
	bool minus, x_only;
	struct curve_point *out; /* x alone of it, if x_only */
};

/* At most so many at once. */
#define CURVE_SUMS_MAX 512

/* All of them, none of which needs another's result. */
void curve_add(const struct curve_sum *sums, size_t count);

/*
 * The x of the sum of so many points; false if that is the one at infinity. For
 * one sum of many, where curve_add() is for many sums of two.
 */
bool curve_total(const struct curve_point *const *points, size_t count,
		 struct curve_int *x);

#endif
