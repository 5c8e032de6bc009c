/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_audience - for whom a rollout is: how many, what runs there, who is
 * left out, and what opening a share of them would mean. Read page by page, so
 * that whoever waits is served before the next.
 */
#ifndef UPDATE_SERVER_STORE_AUDIENCE_H
#define UPDATE_SERVER_STORE_AUDIENCE_H

#include "update-server/store.h"

/* The buckets of all devices that it is for and that do not have it yet; of all
 * that it is for where all of them have it, and that is r->everybody. *buckets
 * is heap, freed by the caller also on failure. */
int store_rollout_buckets(struct store *s, struct stage *r, uint64_t **buckets,
			  size_t *count, struct err *e) NODISCARD;

/* What opening a share would mean now. */
struct store_opening {
	uint64_t limit, population;
	uint64_t opened; /* how many of these devices the limit opens */
};

int store_rollout_plan(struct store *s, const struct rollout *r, uint32_t share,
		       struct store_opening *out, struct err *e) NODISCARD;

/* Devices of the rollout's product: who is left out, and what runs on the
 * others. */
struct store_audience {
	uint64_t devices; /* for which it is */
	uint64_t other_model, other_hardware, other_cohort, no_lab, excluded;
	uint64_t unselected; /* in its cohorts, and its selector is against */
	uint64_t pinned;     /* to another release */
	uint64_t blocked;    /* from all of them */
	uint64_t not_undone; /* of an undo: do not run what it undoes */
	uint64_t there;      /* run it already, or something newer */
	uint64_t of_seq;     /* in: what some of those it is for run */
	uint64_t on_seq;     /* how many of them */
	uint64_t silent;     /* of those it is for: never came */
	uint64_t
		clockless; /* of those it is for: say that they have no clock */
	int64_t enrolled_after; /* in: since when a device is new */
	uint64_t young; /* of those it is for: too new to count in gates */
};

int store_rollout_audience(struct store *s, const struct stage *r,
			   struct store_audience *out, struct err *e) NODISCARD;
/* What runs on the devices that it is for: a release and on how many. */
int store_rollout_from(struct store *s, const struct stage *r,
		       void (*visit)(void *ctx, const char *release,
				     uint64_t devices),
		       void *ctx, struct err *e) NODISCARD;

/*
 * What their other slot still holds: a release of ours, and in how many, the
 * most first. As far as check-ins and reports tell; devices that never said
 * what they ran before are in none.
 */
int store_rollout_before(struct store *s, const struct rollout *r,
			 void (*visit)(void *ctx, const char *release,
				       uint64_t devices),
			 void *ctx, struct err *e) NODISCARD;

#endif
