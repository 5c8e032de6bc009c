/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders - what the published repository lets operators' orders open, as the
 * server knows it: so that it never offers what a device would refuse.
 *
 * The book is derived from what was imported, and so verified, and from nothing
 * else; it is made anew after each import. The decision is common/order, which
 * devices use too. What cannot be read opens nothing.
 */
#ifndef UPDATE_SERVER_ORDERS_H
#define UPDATE_SERVER_ORDERS_H

#include "common/assign.h"
#include "common/order.h"
#include "update-server/store.h"

struct orders;

/*
 * Read the newest metadata of the store and the documents beneath dirfd. A
 * store that nothing was imported to yet has an empty book.
 */
int orders_read(struct store *s, int dirfd, struct orders **out,
		struct err *e) NODISCARD;
void orders_free(struct orders *o);

/*
 * May this device have what a rollout offers, by the orders? 0 too where none
 * is needed: root says "staging": "server", and it is no undo. ERR_REFUSED says
 * in words what is missing. NULL, a book that could not be read, opens nothing.
 */
int orders_judge(const struct orders *o, const struct rollout *r,
		 const struct rollout_device *d, int64_t now,
		 struct err *e) NODISCARD;

/* How far the orders open a rollout now, to all of its cohorts. */
struct orders_reach {
	bool needed;    /* root wants orders, or it is an undo */
	bool any;       /* something is open */
	uint64_t limit; /* the least of the cohorts' limits, if any is open */
	char why[ERR_MSG_LEN]; /* what is missing where nothing is open */
};

void orders_reach(const struct orders *o, const struct rollout *r, int64_t now,
		  struct orders_reach *out);

/* How many operators sign an order that is for more than one of them opens; 0:
 * nobody may. */
unsigned orders_wide_signers(const struct orders *o);

/* When the orders, as they are now, open and close a rollout. */
struct orders_times {
	/* From when on they open each rung to all of its cohorts; 0: now, or
	 * never, or no order is needed. */
	int64_t not_before[LADDER_RUNGS_MAX];
	int64_t expires; /* from when on nothing is open, for good; 0: never */
	/* When what lists the release ends: its role, targets, or root,
	 * whichever is first; 0: nothing lists it. */
	int64_t metadata;
};

void orders_times(const struct orders *o, const struct rollout *r,
		  const struct ladder *l, int64_t now,
		  struct orders_times *out);

/*
 * Is there a cohort of this rollout for which neither its release nor a later
 * one of the product is the baseline? False where no order is needed, and for
 * an undo.
 */
bool orders_lack_baseline(const struct orders *o, const struct rollout *r);

/* Each device that two operators assigned, to a cohort or to the lab. */
int orders_each_assigned(const struct orders *o,
			 int (*visit)(void *ctx, const struct assign *a,
				      struct err *e),
			 void *ctx, struct err *e) NODISCARD;

#endif
