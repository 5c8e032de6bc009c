/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/scalars.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define LIMBS     8
#define DIGITS    256
#define WINDOWS   (EC_SCALAR_LEN + 1) /* one more, for what moves out */
#define NAME_SIZE 96

/* ---- the field: integers modulo p in Montgomery form, R = 2^256 -----------
 */

/* Least significant limb first, always below p. */
struct fe {
	uint32_t v[LIMBS];
};

static const struct fe prime = { { 0xffffffff, 0xffffffff, 0xffffffff, 0, 0, 0,
				   1, 0xffffffff } };
/* R^2 mod p takes an integer into the form. */
static const struct fe r_squared = { { 3, 0, 0xffffffff, 0xfffffffb, 0xfffffffe,
				       0xffffffff, 0xfffffffd, 4 } };
static const struct fe plain_one = { { 1 } };

/* r - p when that does not go below zero, counting a carry above r. */
static void reduce_once(struct fe *r, uint32_t carry)
{
	struct fe less;
	uint64_t borrow = 0;

	for (int i = 0; i < LIMBS; i++) {
		uint64_t d = (uint64_t)r->v[i] - prime.v[i] - borrow;

		less.v[i] = (uint32_t)d;
		borrow = d >> 63;
	}
	if (carry != 0 || borrow == 0)
		*r = less;
}

static void fe_add(struct fe *r, const struct fe *a, const struct fe *b)
{
	uint64_t sum = 0;

	for (int i = 0; i < LIMBS; i++) {
		sum += (uint64_t)a->v[i] + b->v[i];
		r->v[i] = (uint32_t)sum;
		sum >>= 32;
	}
	reduce_once(r, (uint32_t)sum);
}

static void fe_sub(struct fe *r, const struct fe *a, const struct fe *b)
{
	uint64_t borrow = 0, sum = 0;

	for (int i = 0; i < LIMBS; i++) {
		uint64_t d = (uint64_t)a->v[i] - b->v[i] - borrow;

		r->v[i] = (uint32_t)d;
		borrow = d >> 63;
	}
	if (borrow == 0)
		return;
	for (int i = 0; i < LIMBS; i++) {
		sum += (uint64_t)r->v[i] + prime.v[i];
		r->v[i] = (uint32_t)sum;
		sum >>= 32;
	}
}

/*
 * t + t[0] * p, moved down a word. As p = 2^256 - 2^224 + 2^192 + 2^96 - 1,
 * that takes no multiplication, and its lowest word vanishes.
 */
static void reduce_word(uint32_t t[LIMBS + 2])
{
	int64_t m = t[0], sum = 0;

	t[0] = t[1];
	t[1] = t[2];
	for (int i = 3; i <= LIMBS; i++) {
		sum += t[i];
		if (i == 3 || i == 6 || i == 8)
			sum += m;
		else if (i == 7)
			sum -= m;
		t[i - 1] = (uint32_t)sum;
		sum >>= 32; /* rounds down, as a borrow must */
	}
	t[LIMBS] = (uint32_t)(t[LIMBS + 1] + sum);
}

/* Montgomery's product, word by word. */
static void fe_mul(struct fe *r, const struct fe *a, const struct fe *b)
{
	uint32_t t[LIMBS + 2] = { 0 };
	struct fe out;

	for (int i = 0; i < LIMBS; i++) {
		uint64_t c = 0;

		for (int j = 0; j < LIMBS; j++) {
			c += (uint64_t)a->v[j] * b->v[i] + t[j];
			t[j] = (uint32_t)c;
			c >>= 32;
		}
		c += t[LIMBS];
		t[LIMBS] = (uint32_t)c;
		t[LIMBS + 1] = (uint32_t)(c >> 32);
		reduce_word(t);
	}
	memcpy(out.v, t, sizeof(out.v));
	reduce_once(&out, t[LIMBS]);
	*r = out;
}

static void fe_square(struct fe *r, const struct fe *a)
{
	fe_mul(r, a, a);
}

static bool fe_is_zero(const struct fe *a)
{
	static const struct fe zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

/* a^(p-2), Fermat's inverse; 0 of 0. */
static void fe_invert(struct fe *r, const struct fe *a)
{
	struct fe exponent = prime, power;

	exponent.v[0] -= 2;
	fe_mul(&power, &r_squared, &plain_one);
	for (int bit = 32 * LIMBS - 1; bit >= 0; bit--) {
		fe_square(&power, &power);
		if ((exponent.v[bit / 32] >> bit % 32 & 1) != 0)
			fe_mul(&power, &power, a);
	}
	*r = power;
}

static void fe_from_bytes(struct fe *r, const uint8_t bytes[4 * LIMBS])
{
	struct fe plain;

	for (size_t i = 0; i < LIMBS; i++) {
		const uint8_t *at = bytes + 4 * (LIMBS - 1 - i);

		plain.v[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
			     (uint32_t)at[2] << 8 | at[3];
	}
	fe_mul(r, &plain, &r_squared);
}

/* ---- points of y^2 = x^3 - 3x + b ---------------------------------------- */

struct affine {
	struct fe x, y;
};

/* x = X/Z^2, y = Y/Z^3; Z = 0 is the point at infinity. */
struct point {
	struct fe x, y, z;
};

/* dbl-2001-b of the Explicit-Formulas Database. */
static void point_double(struct point *p)
{
	struct fe delta, gamma, beta, alpha, t, u;

	fe_square(&delta, &p->z);
	fe_square(&gamma, &p->y);
	fe_mul(&beta, &p->x, &gamma);
	fe_sub(&t, &p->x, &delta);
	fe_add(&u, &p->x, &delta);
	fe_mul(&alpha, &t, &u);
	fe_add(&t, &alpha, &alpha);
	fe_add(&alpha, &alpha, &t);
	fe_add(&t, &p->y, &p->z);
	fe_square(&t, &t);
	fe_sub(&t, &t, &gamma);
	fe_sub(&p->z, &t, &delta);
	fe_add(&beta, &beta, &beta);
	fe_add(&beta, &beta, &beta);
	fe_square(&p->x, &alpha);
	fe_sub(&p->x, &p->x, &beta);
	fe_sub(&p->x, &p->x, &beta);
	fe_square(&gamma, &gamma);
	fe_add(&gamma, &gamma, &gamma);
	fe_add(&gamma, &gamma, &gamma);
	fe_add(&gamma, &gamma, &gamma);
	fe_sub(&t, &beta, &p->x);
	fe_mul(&t, &alpha, &t);
	fe_sub(&p->y, &t, &gamma);
}

static void point_set(struct point *p, const struct affine *q)
{
	p->x = q->x;
	p->y = q->y;
	fe_mul(&p->z, &r_squared, &plain_one);
}

/* madd-2007-bl of the same, with the cases that it leaves out. */
static void point_add(struct point *p, const struct affine *q)
{
	struct fe zz, h, hh, i, j, r, v, t;

	if (fe_is_zero(&p->z)) {
		point_set(p, q);
		return;
	}
	fe_square(&zz, &p->z);
	fe_mul(&h, &q->x, &zz);
	fe_sub(&h, &h, &p->x);
	fe_mul(&r, &q->y, &p->z);
	fe_mul(&r, &r, &zz);
	fe_sub(&r, &r, &p->y);
	if (fe_is_zero(&h)) {
		if (fe_is_zero(&r))
			point_double(p);
		else
			memset(p, 0, sizeof(*p));
		return;
	}
	fe_add(&r, &r, &r);
	fe_square(&hh, &h);
	fe_add(&i, &hh, &hh);
	fe_add(&i, &i, &i);
	fe_mul(&j, &h, &i);
	fe_mul(&v, &p->x, &i);
	fe_square(&p->x, &r);
	fe_sub(&p->x, &p->x, &j);
	fe_sub(&p->x, &p->x, &v);
	fe_sub(&p->x, &p->x, &v);
	fe_sub(&v, &v, &p->x);
	fe_mul(&v, &v, &r);
	fe_mul(&t, &p->y, &j);
	fe_add(&t, &t, &t);
	fe_sub(&p->y, &v, &t);
	fe_add(&t, &p->z, &h);
	fe_square(&t, &t);
	fe_sub(&t, &t, &zz);
	fe_sub(&p->z, &t, &hh);
}

static void point_to_affine(const struct point *p, struct affine *out)
{
	struct fe inverse, power;

	fe_invert(&inverse, &p->z);
	fe_square(&power, &inverse);
	fe_mul(&out->x, &p->x, &power);
	fe_mul(&power, &power, &inverse);
	fe_mul(&out->y, &p->y, &power);
}

/* ---- known keys ---------------------------------------------------------- */

struct known {
	struct fe x;
	char name[NAME_SIZE];
};

struct scalars {
	struct known *keys;
	size_t count;
	/* [i][d] = d * 256^i * generator, from d = 1; made when first needed */
	struct affine (*table)[DIGITS];
};

struct scalars *scalars_new(void)
{
	struct scalars *s = mem_alloc(1, sizeof(*s));

	s->keys = mem_alloc(SCALARS_MAX, sizeof(*s->keys));
	return s;
}

void scalars_free(struct scalars *s)
{
	if (!s)
		return;
	free(s->table);
	free(s->keys);
	free(s);
}

size_t scalars_count(const struct scalars *s)
{
	return s ? s->count : 0;
}

int scalars_add(struct scalars *s, const uint8_t bytes[EC_SCALAR_LEN],
		const char *name, struct err *e)
{
	struct known *k = &s->keys[s->count];
	struct fe x;

	fe_from_bytes(&x, bytes);
	for (size_t i = 0; i < s->count; i++)
		if (memcmp(&s->keys[i].x, &x, sizeof(x)) == 0)
			return 0;
	if (s->count == SCALARS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d known keys",
			       SCALARS_MAX);
	k->x = x;
	memccpy(k->name, name, 0, sizeof(k->name) - 1);
	s->count++;
	return 0;
}

/* One row: the multiples of base, brought to affine with one inversion. */
static void fill_row(struct affine row[DIGITS], const struct affine *base)
{
	struct point *multiple = mem_alloc(DIGITS, sizeof(*multiple));
	struct fe *product = mem_alloc(DIGITS, sizeof(*product));
	struct fe inverse, z_inverse, square;

	point_set(&multiple[1], base);
	product[1] = multiple[1].z;
	for (int d = 2; d < DIGITS; d++) {
		multiple[d] = multiple[d - 1];
		point_add(&multiple[d], base);
		fe_mul(&product[d], &product[d - 1], &multiple[d].z);
	}
	fe_invert(&inverse, &product[DIGITS - 1]);
	for (int d = DIGITS - 1; d >= 1; d--) {
		z_inverse = inverse;
		if (d > 1)
			fe_mul(&z_inverse, &inverse, &product[d - 1]);
		fe_mul(&inverse, &inverse, &multiple[d].z);
		fe_square(&square, &z_inverse);
		fe_mul(&row[d].x, &multiple[d].x, &square);
		fe_mul(&square, &square, &z_inverse);
		fe_mul(&row[d].y, &multiple[d].y, &square);
	}
	free(product);
	free(multiple);
}

static void make_table(struct scalars *s)
{
	/* SEC 2, 2.4.2 */
	static const uint8_t gx[] = {
		0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47,
		0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
		0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0,
		0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
	};
	static const uint8_t gy[] = {
		0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b,
		0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
		0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
		0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
	};
	struct affine base;
	struct point p;

	s->table = mem_alloc(WINDOWS, sizeof(*s->table));
	fe_from_bytes(&base.x, gx);
	fe_from_bytes(&base.y, gy);
	for (int i = 0; i < WINDOWS; i++) {
		fill_row(s->table[i], &base);
		point_set(&p, &base);
		for (int bit = 0; bit < 8; bit++)
			point_double(&p);
		point_to_affine(&p, &base);
	}
}

/* ---- searching ----------------------------------------------------------- */

static void add_digit(const struct scalars *s, struct point *p, int row,
		      uint8_t digit)
{
	if (digit != 0)
		point_add(p, &s->table[row][digit]);
}

static void take_digit(const struct scalars *s, struct point *p, int row,
		       uint8_t digit)
{
	static const struct fe zero;
	struct affine minus;

	if (digit == 0)
		return;
	minus = s->table[row][digit];
	fe_sub(&minus.y, &zero, &minus.y);
	point_add(p, &minus);
}

static void multiply(const struct scalars *s, const uint8_t *bytes,
		     struct point *p)
{
	memset(p, 0, sizeof(*p));
	for (int i = 0; i < EC_SCALAR_LEN; i++)
		add_digit(s, p, i, bytes[EC_SCALAR_LEN - 1 - i]);
}

/* x alone: the negative of a scalar is as good as itself. */
static const char *whose(const struct scalars *s, const struct point *p)
{
	struct fe zz, x;

	if (fe_is_zero(&p->z))
		return NULL;
	fe_square(&zz, &p->z);
	for (size_t i = 0; i < s->count; i++) {
		fe_mul(&x, &s->keys[i].x, &zz);
		if (memcmp(&x, &p->x, sizeof(x)) == 0)
			return s->keys[i].name;
	}
	return NULL;
}

const char *scalars_match(struct scalars *s, const uint8_t bytes[EC_SCALAR_LEN])
{
	size_t at;

	return scalars_search(s, (struct slice){ bytes, EC_SCALAR_LEN }, &at);
}

const char *scalars_search(struct scalars *s, struct slice bytes, size_t *at)
{
	const char *name;
	struct point p;

	if (s->count == 0 || bytes.len < EC_SCALAR_LEN)
		return NULL;
	if (!s->table)
		make_table(s);
	multiply(s, bytes.ptr, &p);
	for (size_t i = 0;; i++) {
		name = whose(s, &p);
		if (name)
			*at = i;
		if (name || i + EC_SCALAR_LEN == bytes.len)
			return name;
		/* 256 * p, the new digit in, the one that is 256^32 out */
		for (int bit = 0; bit < 8; bit++)
			point_double(&p);
		add_digit(s, &p, 0, bytes.ptr[i + EC_SCALAR_LEN]);
		take_digit(s, &p, EC_SCALAR_LEN, bytes.ptr[i]);
	}
}
