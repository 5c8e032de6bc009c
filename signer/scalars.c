/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of 32 bytes that overlap share their arithmetic. Let S(n) be the last
 * n bytes of a strip, as one number, times the generator: S(n + 1) is that plus
 * an entry of a table, by the byte's value and place. Then S(e + 32) - S(e) is
 * the scalar of the window with e bytes behind it, times 256^e; and so it is
 * compared with the known keys' points times 256^e. Two sums for each window;
 * and many strips go side by side, so that they share the division in a sum.
 */
#include "signer/scalars.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/curve.h"

#define DIGITS    256
#define NAME_SIZE 96
#define KEY_LEN   EC_SCALAR_LEN

#define STRIPS      256 /* side by side */
#define STRIP_MAX   192 /* bytes of one */
#define STRIP_SHORT 64  /* where few places are tried: a step is dear then */
#define MANY        4096
#define FEW         24            /* are tried one by one */
#define KEPT        (KEY_LEN + 2) /* of S(n): none is lost while it is needed */
#define BEHIND_MAX  (STRIP_MAX - KEY_LEN + 1)
#define FILTER_BITS 4096

_Static_assert(2 * STRIPS <= CURVE_SUMS_MAX,
	       "a step of all strips is one batch");

struct known {
	struct curve_point point;
	char name[NAME_SIZE];
};

/* What windows with so many bytes behind them are compared with. */
struct targets {
	struct curve_point *points; /* of the keys, in their order */
	uint64_t filter[FILTER_BITS / 64];
};

struct strip {
	size_t from, to; /* bytes of the window */
};

struct scalars {
	struct known *keys;
	size_t count;
	/* [i][d] = d * 256^i * generator; made as far as was needed */
	struct curve_point (*rows)[DIGITS];
	size_t row_count;
	struct targets targets[BEHIND_MAX];
	size_t target_count;
	/* Of a search: the newest S(n) of each strip, and what is compared. */
	struct strip strips[STRIPS];
	size_t strip_count, strip_max;
	struct curve_point (*sums)[KEPT];
	struct curve_point *scalars;
};

struct scalars *scalars_new(void)
{
	struct scalars *s = mem_alloc(1, sizeof(*s));

	s->keys = mem_alloc(SCALARS_MAX, sizeof(*s->keys));
	return s;
}

static void forget_targets(struct scalars *s)
{
	for (size_t i = 0; i < s->target_count; i++)
		free(s->targets[i].points);
	s->target_count = 0;
}

void scalars_free(struct scalars *s)
{
	if (!s)
		return;
	forget_targets(s);
	free(s->rows);
	free(s->sums);
	free(s->scalars);
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
	struct curve_point point;
	struct curve_int x;

	curve_int_from(bytes, &x);
	for (size_t i = 0; i < s->count; i++)
		if (curve_int_equal(&s->keys[i].point.x, &x))
			return 0;
	if (s->count == SCALARS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d known keys",
			       SCALARS_MAX);
	if (!curve_point_at(&x, &point))
		return err_set(e, ERR_FORMAT, "%s: not a point of P-256", name);
	k->point = point;
	memccpy(k->name, name, 0, sizeof(k->name) - 1);
	s->count++;
	forget_targets(s);
	return 0;
}

/* ---- tables -------------------------------------------------------------- */

/* From 1 to twice, four times... as many entries: few divisions. */
static void fill_row(struct curve_point row[DIGITS],
		     const struct curve_point *base)
{
	struct curve_sum sums[DIGITS / 2];

	row[0] = (struct curve_point){ 0 };
	row[1] = *base;
	for (size_t have = 1; have < DIGITS; have *= 2) {
		const size_t end = have * 2 < DIGITS ? have * 2 : DIGITS - 1;

		for (size_t d = have + 1; d <= end; d++)
			sums[d - have - 1] = (struct curve_sum){
				.a = &row[have],
				.b = &row[d - have],
				.out = &row[d],
			};
		curve_add(sums, end - have);
	}
}

static void need_rows(struct scalars *s, size_t count)
{
	struct curve_point base;

	if (!s->rows)
		s->rows = mem_alloc(STRIP_MAX, sizeof(*s->rows));
	for (; s->row_count < count; s->row_count++) {
		struct curve_point *row = s->rows[s->row_count];

		if (s->row_count == 0) {
			fill_row(row, &curve_generator);
			continue;
		}
		/* 255 times the one before, and once more. */
		curve_add(&(struct curve_sum){ .a = &row[-1],
					       .b = &row[1 - DIGITS],
					       .out = &base },
			  1);
		fill_row(row, &base);
	}
}

static void add_target(struct targets *t, const struct curve_int *x)
{
	const size_t bit = x->v[0] % FILTER_BITS;

	t->filter[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* Each key's point doubled eight times: times 256. */
static void multiply_targets(struct curve_point *points, size_t count)
{
	struct curve_sum sums[CURVE_SUMS_MAX];

	for (size_t from = 0; from < count; from += CURVE_SUMS_MAX) {
		const size_t left = count - from;
		const size_t n = left < CURVE_SUMS_MAX ? left : CURVE_SUMS_MAX;

		for (size_t i = 0; i < n; i++) {
			struct curve_point *p = &points[from + i];

			sums[i] =
				(struct curve_sum){ .a = p, .b = p, .out = p };
		}
		for (int bit = 0; bit < 8; bit++)
			curve_add(sums, n);
	}
}

static void need_targets(struct scalars *s, size_t count)
{
	for (; s->target_count < count; s->target_count++) {
		struct targets *t = &s->targets[s->target_count];

		memset(t->filter, 0, sizeof(t->filter));
		t->points = mem_alloc(s->count, sizeof(*t->points));
		for (size_t i = 0; i < s->count; i++)
			t->points[i] = s->target_count == 0 ? s->keys[i].point
							    : t[-1].points[i];
		if (s->target_count > 0)
			multiply_targets(t->points, s->count);
		for (size_t i = 0; i < s->count; i++)
			add_target(t, &t->points[i].x);
	}
}

/* x alone: the negative of a scalar is as good as itself. */
static const char *whose(const struct scalars *s, const struct targets *t,
			 const struct curve_int *x)
{
	const size_t bit = x->v[0] % FILTER_BITS;

	if ((t->filter[bit / 64] >> bit % 64 & 1) == 0)
		return NULL;
	for (size_t i = 0; i < s->count; i++)
		if (curve_int_equal(&t->points[i].x, x))
			return s->keys[i].name;
	return NULL;
}

/* ---- one place ----------------------------------------------------------- */

const char *scalars_match(struct scalars *s, const uint8_t bytes[EC_SCALAR_LEN])
{
	const struct curve_point *digits[KEY_LEN];
	struct curve_int x;
	size_t count = 0;

	if (s->count == 0)
		return NULL;
	need_rows(s, KEY_LEN);
	need_targets(s, 1);
	for (size_t i = 0; i < KEY_LEN; i++)
		if (bytes[KEY_LEN - 1 - i] != 0)
			digits[count++] = &s->rows[i][bytes[KEY_LEN - 1 - i]];
	return curve_total(digits, count, &x) ? whose(s, &s->targets[0], &x)
					      : NULL;
}

/* ---- many places --------------------------------------------------------- */

static bool is_place(const struct scalars_search *search, size_t at)
{
	return at < search->count &&
	       (search->places[at >> 3] >> (at & 7) & 1) != 0;
}

/* No place among the following 64? */
static bool is_bare(const struct scalars_search *search, size_t at)
{
	uint64_t bits = 1;

	if ((at & 7) == 0 && at + 64 <= search->count)
		memcpy(&bits, search->places + (at >> 3), sizeof(bits));
	return bits == 0;
}

/* The next place from `at` on; count if there is none. */
static size_t next_place(const struct scalars_search *search, size_t at)
{
	while (at < search->count && !is_place(search, at))
		at += is_bare(search, at) ? 64 : 1;
	return at < search->count ? at : search->count;
}

/* As many of the following places as are worth the bytes between them. */
static struct strip next_strip(const struct scalars *s,
			       const struct scalars_search *search, size_t at)
{
	struct strip strip = { at, at + KEY_LEN };
	size_t next = next_place(search, at + 1);

	while (next < search->count && next < strip.to &&
	       next + KEY_LEN - at <= s->strip_max) {
		strip.to = next + KEY_LEN;
		next = next_place(search, next + 1);
	}
	return strip;
}

static bool has(const struct strip *strip, size_t n)
{
	return n <= strip->to - strip->from;
}

/* The window whose first byte is the n-th from the end. */
static bool is_tried(const struct scalars_search *search,
		     const struct strip *strip, size_t n)
{
	return n >= KEY_LEN && has(strip, n) && is_place(search, strip->to - n);
}

/* S(n) of all strips, and of S(n - 1) the scalars. */
static void take_byte(struct scalars *s, const struct scalars_search *search,
		      size_t n)
{
	struct curve_sum sums[2 * STRIPS];
	size_t count = 0;

	for (size_t i = 0; i < s->strip_count; i++) {
		const struct strip *strip = &s->strips[i];
		struct curve_point *of = s->sums[i];
		const struct curve_point *last = &of[(n - 1) % KEPT];

		if (has(strip, n))
			sums[count++] = (struct curve_sum){
				.a = last,
				.b = &s->rows[n - 1]
					     [search->bytes.ptr[strip->to - n]],
				.out = &of[n % KEPT],
			};
		if (is_tried(search, strip, n - 1))
			sums[count++] = (struct curve_sum){
				.a = last,
				.b = &of[(n - 1 - KEY_LEN) % KEPT],
				.minus = true,
				.x_only = true,
				.out = &s->scalars[i],
			};
	}
	curve_add(sums, count);
}

static int compare(const struct scalars *s, const struct scalars_search *search,
		   size_t n, struct err *e)
{
	const char *name;

	for (size_t i = 0; i < s->strip_count; i++) {
		if (!is_tried(search, &s->strips[i], n))
			continue;
		name = whose(s, &s->targets[n - KEY_LEN], &s->scalars[i].x);
		if (name &&
		    search->found(search->ctx, name, s->strips[i].to - n, e))
			return -1;
	}
	return 0;
}

static int run_strips(struct scalars *s, const struct scalars_search *search,
		      struct err *e)
{
	size_t longest = 0;

	for (size_t i = 0; i < s->strip_count; i++) {
		const size_t len = s->strips[i].to - s->strips[i].from;

		longest = len > longest ? len : longest;
		s->sums[i][0] = (struct curve_point){ 0 };
	}
	need_rows(s, longest);
	need_targets(s, longest - KEY_LEN + 1);
	for (size_t n = 1; n <= longest + 1; n++) {
		take_byte(s, search, n);
		if (compare(s, search, n - 1, e))
			return -1;
	}
	s->strip_count = 0;
	return 0;
}

static int search_strips(struct scalars *s, const struct scalars_search *search,
			 struct err *e)
{
	size_t at = next_place(search, 0);

	s->strip_count = 0;
	if (!s->sums) {
		s->sums = mem_alloc(STRIPS, sizeof(*s->sums));
		s->scalars = mem_alloc(STRIPS, sizeof(*s->scalars));
	}
	while (at < search->count) {
		struct strip *strip = &s->strips[s->strip_count++];

		*strip = next_strip(s, search, at);
		at = next_place(search, strip->to - KEY_LEN + 1);
		if (s->strip_count == STRIPS && run_strips(s, search, e))
			return -1;
	}
	return s->strip_count > 0 ? run_strips(s, search, e) : 0;
}

static int search_one_by_one(struct scalars *s,
			     const struct scalars_search *search, struct err *e)
{
	const char *name;

	for (size_t at = next_place(search, 0); at < search->count;
	     at = next_place(search, at + 1)) {
		name = scalars_match(s, search->bytes.ptr + at);
		if (name && search->found(search->ctx, name, at, e))
			return -1;
	}
	return 0;
}

int scalars_search(struct scalars *s, const struct scalars_search *search,
		   struct err *e)
{
	size_t count = 0;

	if (s->count == 0)
		return 0;
	for (size_t at = next_place(search, 0);
	     at < search->count && count < MANY;
	     at = next_place(search, at + 1))
		count++;
	s->strip_max = count < MANY ? STRIP_SHORT : STRIP_MAX;
	return count <= FEW ? search_one_by_one(s, search, e)
			    : search_strips(s, search, e);
}
