/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/curve.h"

#include <string.h>

/* p = 2^256 - 2^224 + 2^192 + 2^96 - 1 */
static const struct curve_int prime = { { UINT64_C(0xffffffffffffffff),
					  UINT64_C(0x00000000ffffffff), 0,
					  UINT64_C(0xffffffff00000001) } };
/* R modulo p is the one; R^2 takes an integer into the form. */
static const struct curve_int one = { { 1, UINT64_C(0xffffffff00000000),
					UINT64_C(0xffffffffffffffff),
					UINT64_C(0x00000000fffffffe) } };
static const struct curve_int r_squared = { { 3, UINT64_C(0xfffffffbffffffff),
					      UINT64_C(0xfffffffffffffffe),
					      UINT64_C(0x00000004fffffffd) } };
static const struct curve_int zero;

/* SEC 2, 2.4.2, in the form */
static const struct curve_int curve_b = {
	{ UINT64_C(0xd89cdf6229c4bddf), UINT64_C(0xacf005cd78843090),
	  UINT64_C(0xe5a220abf7212ed6), UINT64_C(0xdc30061d04874834) }
};
const struct curve_point curve_generator = {
	{ { UINT64_C(0x79e730d418a9143c), UINT64_C(0x75ba95fc5fedb601),
	    UINT64_C(0x79fb732b77622510), UINT64_C(0x18905f76a53755c6) } },
	{ { UINT64_C(0xddf25357ce95560a), UINT64_C(0x8b4ab8e4ba19e45c),
	    UINT64_C(0xd2e88688dd21f325), UINT64_C(0x8571ff1825885d85) } },
};

/* ---- integers modulo p --------------------------------------------------- */

/* a * b + c + *carry; the upper half becomes the carry. */
static inline uint64_t mul_add(uint64_t a, uint64_t b, uint64_t c,
			       uint64_t *carry);
/* a + b + *carry, and a - b - *borrow. */
static inline uint64_t plus(uint64_t a, uint64_t b, uint64_t *carry);
static inline uint64_t minus(uint64_t a, uint64_t b, uint64_t *borrow);

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 uint128_t;

static inline uint64_t mul_add(uint64_t a, uint64_t b, uint64_t c,
			       uint64_t *carry)
{
	const uint128_t t = (uint128_t)a * b + c + *carry;

	*carry = (uint64_t)(t >> 64);
	return (uint64_t)t;
}

static inline uint64_t plus(uint64_t a, uint64_t b, uint64_t *carry)
{
	const uint128_t t = (uint128_t)a + b + *carry;

	*carry = (uint64_t)(t >> 64);
	return (uint64_t)t;
}

static inline uint64_t minus(uint64_t a, uint64_t b, uint64_t *borrow)
{
	const uint128_t t = (uint128_t)a - b - *borrow;

	*borrow = (uint64_t)(t >> 64) & 1;
	return (uint64_t)t;
}
#else
static inline uint64_t plus(uint64_t a, uint64_t b, uint64_t *carry)
{
	const uint64_t part = a + b, sum = part + *carry;

	*carry = (uint64_t)(part < a) | (uint64_t)(sum < part);
	return sum;
}

static inline uint64_t minus(uint64_t a, uint64_t b, uint64_t *borrow)
{
	const uint64_t part = a - b, rest = part - *borrow;

	*borrow = (uint64_t)(a < b) | (uint64_t)(part < *borrow);
	return rest;
}

static inline uint64_t mul_add(uint64_t a, uint64_t b, uint64_t c,
			       uint64_t *carry)
{
	const uint64_t a0 = (uint32_t)a, a1 = a >> 32;
	const uint64_t b0 = (uint32_t)b, b1 = b >> 32;
	const uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32);
	const uint64_t middle = a0 * b1 + (uint32_t)cross;
	uint64_t high = a1 * b1 + (cross >> 32) + (middle >> 32);
	uint64_t t = middle << 32 | (uint32_t)low;

	t += c;
	high += t < c;
	t += *carry;
	high += t < *carry;
	*carry = high;
	return t;
}
#endif

/* r - p when that does not go below zero, counting a carry above r. */
static inline void reduce_once(struct curve_int *r, uint64_t carry)
{
	uint64_t borrow = 0, mask;
	const uint64_t l0 = minus(r->v[0], prime.v[0], &borrow);
	const uint64_t l1 = minus(r->v[1], prime.v[1], &borrow);
	const uint64_t l2 = minus(r->v[2], prime.v[2], &borrow);
	const uint64_t l3 = minus(r->v[3], prime.v[3], &borrow);

	/* Not a branch: nobody could predict it. */
	mask = 0 - (uint64_t)(carry >= borrow);
	r->v[0] ^= (r->v[0] ^ l0) & mask;
	r->v[1] ^= (r->v[1] ^ l1) & mask;
	r->v[2] ^= (r->v[2] ^ l2) & mask;
	r->v[3] ^= (r->v[3] ^ l3) & mask;
}

static inline void add(struct curve_int *r, const struct curve_int *a,
		       const struct curve_int *b)
{
	uint64_t carry = 0;

	r->v[0] = plus(a->v[0], b->v[0], &carry);
	r->v[1] = plus(a->v[1], b->v[1], &carry);
	r->v[2] = plus(a->v[2], b->v[2], &carry);
	r->v[3] = plus(a->v[3], b->v[3], &carry);
	reduce_once(r, carry);
}

static inline void sub(struct curve_int *r, const struct curve_int *a,
		       const struct curve_int *b)
{
	uint64_t borrow = 0, carry = 0, mask;
	const uint64_t d0 = minus(a->v[0], b->v[0], &borrow);
	const uint64_t d1 = minus(a->v[1], b->v[1], &borrow);
	const uint64_t d2 = minus(a->v[2], b->v[2], &borrow);
	const uint64_t d3 = minus(a->v[3], b->v[3], &borrow);

	mask = 0 - borrow;
	r->v[0] = plus(d0, prime.v[0] & mask, &carry);
	r->v[1] = plus(d1, prime.v[1] & mask, &carry);
	r->v[2] = plus(d2, prime.v[2] & mask, &carry);
	r->v[3] = plus(d3, prime.v[3] & mask, &carry);
}

/* What is left of a product; out of loops, so that it stays in registers. */
struct rest {
	uint64_t t0, t1, t2, t3, t4, t5;
};

/*
 * t + t0 * p, moved down a limb. The lowest limb vanishes, and as p is
 * 2^96 - 1 modulo 2^192, what it leaves of the next two is t0 * 2^96.
 */
static inline void reduce_limb(struct rest *t)
{
	const uint64_t m = t->t0;
	uint64_t carry = 0;

	t->t0 = plus(t->t1, m << 32, &carry);
	t->t1 = plus(t->t2, m >> 32, &carry);
	t->t2 = mul_add(m, prime.v[3], t->t3, &carry);
	t->t3 = plus(t->t4, 0, &carry);
	t->t4 = t->t5 + carry;
}

static inline void mul_limb(struct rest *t, const struct curve_int *a,
			    uint64_t b)
{
	uint64_t carry = 0;

	t->t0 = mul_add(a->v[0], b, t->t0, &carry);
	t->t1 = mul_add(a->v[1], b, t->t1, &carry);
	t->t2 = mul_add(a->v[2], b, t->t2, &carry);
	t->t3 = mul_add(a->v[3], b, t->t3, &carry);
	t->t4 += carry;
	t->t5 = t->t4 < carry;
	reduce_limb(t);
}

/* Montgomery's product, limb by limb. */
static void mul(struct curve_int *r, const struct curve_int *a,
		const struct curve_int *b)
{
	struct rest t = { 0 };

	mul_limb(&t, a, b->v[0]);
	mul_limb(&t, a, b->v[1]);
	mul_limb(&t, a, b->v[2]);
	mul_limb(&t, a, b->v[3]);
	*r = (struct curve_int){ { t.t0, t.t1, t.t2, t.t3 } };
	reduce_once(r, t.t4);
}

static bool is_zero(const struct curve_int *a)
{
	return (a->v[0] | a->v[1] | a->v[2] | a->v[3]) == 0;
}

/* a^exponent */
static void power(struct curve_int *r, const struct curve_int *a,
		  const struct curve_int *exponent)
{
	struct curve_int out = one;

	for (int bit = 255; bit >= 0; bit--) {
		mul(&out, &out, &out);
		if ((exponent->v[bit / 64] >> bit % 64 & 1) != 0)
			mul(&out, &out, a);
	}
	*r = out;
}

/* a^(2^count) * b */
static void shift(struct curve_int *r, const struct curve_int *a,
		  unsigned count, const struct curve_int *b)
{
	struct curve_int out = *a;

	while (count-- > 0)
		mul(&out, &out, &out);
	mul(r, &out, b);
}

/*
 * Fermat's inverse, a^(p-2); 0 of 0. In binary the exponent is 32 ones, 31
 * zeroes and a one, 96 zeroes, 94 ones, a zero and a one. ones_n is a to the
 * number that is n ones.
 */
static void invert(struct curve_int *r, const struct curve_int *a)
{
	struct curve_int ones_2, ones_4, ones_6, ones_8, ones_14, ones_16;
	struct curve_int ones_30, ones_32, out;

	shift(&ones_2, a, 1, a);
	shift(&ones_4, &ones_2, 2, &ones_2);
	shift(&ones_6, &ones_4, 2, &ones_2);
	shift(&ones_8, &ones_4, 4, &ones_4);
	shift(&ones_14, &ones_8, 6, &ones_6);
	shift(&ones_16, &ones_8, 8, &ones_8);
	shift(&ones_30, &ones_16, 14, &ones_14);
	shift(&ones_32, &ones_16, 16, &ones_16);
	shift(&out, &ones_32, 32, a);
	shift(&out, &out, 128, &ones_32);
	shift(&out, &out, 32, &ones_32);
	shift(&out, &out, 30, &ones_30);
	shift(r, &out, 2, a);
}

void curve_int_from(const uint8_t bytes[EC_SCALAR_LEN], struct curve_int *out)
{
	struct curve_int plain = zero;

	for (size_t i = 0; i < EC_SCALAR_LEN; i++)
		plain.v[3 - i / 8] = plain.v[3 - i / 8] << 8 | bytes[i];
	mul(out, &plain, &r_squared);
}

bool curve_int_equal(const struct curve_int *a, const struct curve_int *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- points of y^2 = x^3 - 3x + b ---------------------------------------- */

/* As p is 3 modulo 4, a root of a square is its power of (p + 1) / 4. */
bool curve_point_at(const struct curve_int *x, struct curve_point *out)
{
	static const struct curve_int exponent = {
		{ 0, UINT64_C(0x0000000040000000), UINT64_C(0x4000000000000000),
		  UINT64_C(0x3fffffffc0000000) }
	};
	struct curve_int square, y, again;

	mul(&square, x, x);
	sub(&square, &square, &one);
	sub(&square, &square, &one);
	sub(&square, &square, &one);
	mul(&square, &square, x);
	add(&square, &square, &curve_b);
	power(&y, &square, &exponent);
	mul(&again, &y, &y);
	if (!curve_int_equal(&again, &square))
		return false;
	out->x = *x;
	out->y = y;
	return true;
}

static bool is_infinite(const struct curve_point *p)
{
	return is_zero(&p->x) && is_zero(&p->y);
}

/* How a sum is made; SLOPE alone takes a division. */
enum way {
	FIRST,    /* it is a */
	SECOND,   /* it is b, or its negative */
	VANISHES, /* it is the point at infinity */
	SLOPE
};

/* A sum under way: its slope is above / below. */
struct line {
	enum way way;
	struct curve_int above, below;
	struct curve_int b_y; /* of b, or of its negative */
};

static void begin(const struct curve_sum *s, struct line *l)
{
	l->b_y = s->b->y;
	if (s->minus)
		sub(&l->b_y, &zero, &s->b->y);
	l->way = is_infinite(s->b) ? FIRST : is_infinite(s->a) ? SECOND : SLOPE;
	sub(&l->below, &s->b->x, &s->a->x);
	sub(&l->above, &l->b_y, &s->a->y);
	if (l->way != SLOPE || !is_zero(&l->below))
		return;
	/* The same x: the tangent, (3x^2 - 3) / 2y, or nothing at all. */
	if (!is_zero(&l->above)) {
		l->way = VANISHES;
		return;
	}
	mul(&l->above, &s->a->x, &s->a->x);
	sub(&l->above, &l->above, &one);
	add(&l->below, &l->above, &l->above);
	add(&l->above, &l->above, &l->below);
	add(&l->below, &s->a->y, &s->a->y);
}

static void finish(const struct curve_sum *s, const struct line *l,
		   const struct curve_int *inverse)
{
	struct curve_int slope, x, y;

	mul(&slope, &l->above, inverse);
	mul(&x, &slope, &slope);
	sub(&x, &x, &s->a->x);
	sub(&x, &x, &s->b->x);
	if (!s->x_only) {
		sub(&y, &s->a->x, &x);
		mul(&y, &y, &slope);
		sub(&s->out->y, &y, &s->a->y);
	}
	s->out->x = x;
}

static void take_one(const struct curve_sum *s, const struct line *l)
{
	if (l->way == FIRST)
		*s->out = *s->a;
	else if (l->way == SECOND)
		*s->out = (struct curve_point){ s->b->x, l->b_y };
	else
		*s->out = (struct curve_point){ zero, zero };
}

/* One inversion, of the product of all that is to be inverted. */
void curve_add(const struct curve_sum *sums, size_t count)
{
	struct line lines[CURVE_SUMS_MAX];
	struct curve_int before[CURVE_SUMS_MAX]; /* the product up to here */
	struct curve_int product = one, inverse;

	for (size_t i = 0; i < count; i++) {
		begin(&sums[i], &lines[i]);
		before[i] = product;
		if (lines[i].way == SLOPE)
			mul(&product, &product, &lines[i].below);
	}
	invert(&product, &product);
	for (size_t i = count; i-- > 0;) {
		if (lines[i].way != SLOPE) {
			take_one(&sums[i], &lines[i]);
			continue;
		}
		mul(&inverse, &product, &before[i]);
		mul(&product, &product, &lines[i].below);
		finish(&sums[i], &lines[i], &inverse);
	}
}

/* ---- one sum of many ----------------------------------------------------- */

/* x = X/Z^2, y = Y/Z^3: no division until the end. */
struct jacobian {
	struct curve_int x, y, z;
};

/* madd-2007-bl of the Explicit-Formulas Database; false where it fails. */
static bool add_to(struct jacobian *p, const struct curve_point *q)
{
	struct curve_int zz, h, hh, i, j, r, v, t;

	mul(&zz, &p->z, &p->z);
	mul(&h, &q->x, &zz);
	sub(&h, &h, &p->x);
	if (is_zero(&h))
		return false;
	mul(&r, &q->y, &p->z);
	mul(&r, &r, &zz);
	sub(&r, &r, &p->y);
	add(&r, &r, &r);
	mul(&hh, &h, &h);
	add(&i, &hh, &hh);
	add(&i, &i, &i);
	mul(&j, &h, &i);
	mul(&v, &p->x, &i);
	mul(&p->x, &r, &r);
	sub(&p->x, &p->x, &j);
	sub(&p->x, &p->x, &v);
	sub(&p->x, &p->x, &v);
	sub(&v, &v, &p->x);
	mul(&v, &v, &r);
	mul(&t, &p->y, &j);
	add(&t, &t, &t);
	sub(&p->y, &v, &t);
	add(&t, &p->z, &h);
	mul(&t, &t, &t);
	sub(&t, &t, &zz);
	sub(&p->z, &t, &hh);
	return true;
}

/* One by one, whatever they are. */
static bool total_slowly(const struct curve_point *const *points, size_t count,
			 struct curve_int *x)
{
	struct curve_point total = { zero, zero };
	struct curve_sum sum = { .a = &total, .out = &total };

	for (size_t i = 0; i < count; i++) {
		sum.b = points[i];
		curve_add(&sum, 1);
	}
	*x = total.x;
	return !is_infinite(&total);
}

bool curve_total(const struct curve_point *const *points, size_t count,
		 struct curve_int *x)
{
	struct jacobian p;

	if (count == 0 || is_infinite(points[0]))
		return total_slowly(points, count, x);
	p = (struct jacobian){ points[0]->x, points[0]->y, one };
	for (size_t i = 1; i < count; i++)
		if (is_infinite(points[i]) || !add_to(&p, points[i]))
			return total_slowly(points, count, x);
	invert(&p.z, &p.z);
	mul(&p.z, &p.z, &p.z);
	mul(x, &p.x, &p.z);
	return true;
}
