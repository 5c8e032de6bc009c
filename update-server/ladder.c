/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/ladder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"

#define HOUR INT64_C(3600)

/* ---- shares -------------------------------------------------------------- */

uint64_t ladder_size(uint64_t population, uint32_t share)
{
	/* In two parts, so that no population overflows. */
	uint64_t whole = population / BUCKET_SHARE_ALL * share;
	uint64_t rest = population % BUCKET_SHARE_ALL * share;
	uint64_t m = whole + (rest + BUCKET_SHARE_ALL - 1) / BUCKET_SHARE_ALL;

	return m > 0 ? m : 1;
}

static uint64_t rung_size(uint64_t population, uint32_t share)
{
	if (share == 0)
		return population < LADDER_CANARIES ? population
						    : LADDER_CANARIES;
	return ladder_size(population, share);
}

static int64_t usual_bake(uint32_t share)
{
	if (share <= 100)
		return 4 * HOUR;
	return share <= 500 ? 12 * HOUR : 24 * HOUR;
}

/* ---- ladders ------------------------------------------------------------- */

/* A rung that opens nobody new is no rung. */
static void add_rung(struct ladder *l, uint32_t share, uint64_t sample)
{
	uint64_t size = rung_size(l->population, share);
	uint64_t before = l->count ? l->rungs[l->count - 1].size : 0;

	if (size <= before)
		return;
	l->rungs[l->count++] = (struct ladder_rung){
		.share = share,
		.size = size,
		.bake_sec = usual_bake(share),
		.manual = share == 0 || size - before < sample,
	};
}

/* Where the canaries are everybody already, they are the last rung. */
static void end_with_everybody(struct ladder *l)
{
	struct ladder_rung *last = &l->rungs[l->count - 1];

	if (last->size == l->population)
		last->share = BUCKET_SHARE_ALL;
}

int ladder_of_shares(const uint32_t *shares, size_t count, uint64_t population,
		     uint64_t sample, struct ladder *out, struct err *e)
{
	struct ladder l = { .population = population };

	if (population == 0)
		return err_set(e, ERR_REFUSED,
			       "no device would be in this rollout");
	if (count == 0 || count > LADDER_RUNGS_MAX)
		return err_set(e, ERR_USAGE, "a ladder has 1 to %d phases",
			       LADDER_RUNGS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (shares[i] > BUCKET_SHARE_ALL ||
		    (i > 0 && shares[i] <= shares[i - 1]))
			return err_set(e, ERR_USAGE,
				       "phases open growing shares of at most "
				       "100 %%, canaries first");
		add_rung(&l, shares[i], sample);
	}
	if (shares[count - 1] == BUCKET_SHARE_ALL)
		end_with_everybody(&l);
	*out = l;
	return 0;
}

int ladder_choose(uint64_t population, uint64_t sample, struct ladder *out,
		  struct err *e)
{
	static const uint32_t large[] = { 0, 100, 500, 2500, BUCKET_SHARE_ALL };
	static const uint32_t middle[] = { 0, 500, 2500, BUCKET_SHARE_ALL };
	static const uint32_t small[] = { 0, BUCKET_SHARE_ALL };

	if (population >= LADDER_WITH_1_PERCENT)
		return ladder_of_shares(large, ARRAY_LEN(large), population,
					sample, out, e);
	if (population >= LADDER_PROVABLE)
		return ladder_of_shares(middle, ARRAY_LEN(middle), population,
					sample, out, e);
	return ladder_of_shares(small, ARRAY_LEN(small), population, sample,
				out, e);
}

/* ---- limits -------------------------------------------------------------- */

static int compare_buckets(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

void ladder_measure(struct ladder *l, uint64_t *buckets, size_t count)
{
	uint64_t highest = 0;

	assert(count == l->population);
	qsort(buckets, count, sizeof(*buckets), compare_buckets);
	for (size_t i = 0; i < l->count; i++) {
		struct ladder_rung *r = &l->rungs[i];

		if (r->share == BUCKET_SHARE_ALL)
			r->limit = BUCKET_ALL;
		else if (count > LADDER_EXACT_MAX && r->share > 0)
			r->limit = bucket_limit_of(r->share);
		else
			r->limit = buckets[r->size - 1];
		if (r->limit < highest)
			r->limit = highest;
		highest = r->limit;
	}
}

size_t ladder_find(const struct ladder *l, uint64_t bucket)
{
	size_t i = 0;

	while (i < l->count && bucket > l->rungs[i].limit)
		i++;
	return i;
}
