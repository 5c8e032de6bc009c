/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ladder - in how many steps a fleet is opened, and to whom each step. Pure.
 *
 * A rung is a bucket limit. Membership is computed once, when the ladder is
 * planned: the limit that opens m devices is the m-th smallest bucket of the
 * population, m = max(1, ceil(share x N)). So a rung is exact when it opens,
 * holds at least one device, contains every lower rung, does not depend on
 * order, and takes in devices that join later in proportion. (To expose each
 * device with a probability instead exposes none of 10 at 10 % a third of the
 * time.) A device compares its bucket with the very same number.
 */
#ifndef UPDATE_SERVER_LADDER_H
#define UPDATE_SERVER_LADDER_H

#include "common/bucket.h"

#define LADDER_RUNGS_MAX 8
#define LADDER_CANARIES  20
/* From so many devices on a 1 % rung can prove a 2 % limit. */
#define LADDER_WITH_1_PERCENT 15000
/* Below, no rung can: canaries, a person, everybody. */
#define LADDER_PROVABLE 150
/* Above, a share is taken of all possible buckets, not of the real ones. */
#define LADDER_EXACT_MAX 1000000

struct ladder_rung {
	uint32_t share; /* basis points; 0: the canaries */
	uint64_t size;  /* devices that it opens, those of lower rungs too */
	uint64_t limit;
	int64_t bake_sec; /* how long it is watched when it is proven good */
	bool manual;      /* a person opens the next one */
};

struct ladder {
	struct ladder_rung rungs[LADDER_RUNGS_MAX];
	size_t count;
	uint64_t population;
};

/*
 * The usual ladder for so many devices whose gate needs this sample: canary
 * (manual), 1 %, 5 %, 25 %, 100 %, without what would prove nothing. A rung
 * whose new devices are fewer than the sample wants a person. Limits are still
 * unset. ERR_REFUSED for nobody.
 */
int ladder_choose(uint64_t population, uint64_t sample, struct ladder *out,
		  struct err *e) NODISCARD;

/*
 * A ladder of these shares (basis points, rising, the last may be less than
 * all; 0 first: canaries). ERR_USAGE, ERR_REFUSED as above.
 */
int ladder_of_shares(const uint32_t *shares, size_t count, uint64_t population,
		     uint64_t sample, struct ladder *out,
		     struct err *e) NODISCARD;

/*
 * Set every rung's limit from the buckets of the whole population, which are
 * sorted on the way. `count` must be the population. Limits only grow.
 */
void ladder_measure(struct ladder *l, uint64_t *buckets, size_t count);

/* m = max(1, ceil(share x N)). */
uint64_t ladder_size(uint64_t population, uint32_t share);

/* The lowest rung that holds this bucket; l->count if none does. */
size_t ladder_find(const struct ladder *l, uint64_t bucket);

#endif
