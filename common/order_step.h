/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order_step - from one version of an operators' role file to the next: what
 * changes in it, read from verified bytes, and whether operators may change
 * that. The server asks it before it imports such a file; an operator's
 * machine, before it signs one that somebody else made. Pure.
 *
 * The rules, in the order in which they are judged:
 *	a file lists orders and assignments of its own role and nothing else;
 *	what comes can be read, stands in its place and speaks of a release
 *	that is listed, with its content;
 *	an order's number is above those of all orders of its release, and
 *	not far above (order_follows()), nor does the file's version run ahead;
 *	a ladder only grows (order_grows());
 *	where a release is halted, one operator alone opens nothing;
 *	an assignment's version rises;
 *	nothing goes from the list but an order of a release that is listed no
 *	more, and a baseline in favour of another one of its product.
 */
#ifndef COMMON_ORDER_STEP_H
#define COMMON_ORDER_STEP_H

#include "common/assign.h"
#include "common/order.h"

/* What a step is judged with. */
struct order_facts {
	/* The signed parts that count now; NULL where nobody signed yet. */
	const struct json *one, *wide;
	/* The bytes of an entry, verified against it; appended. */
	int (*document)(void *ctx, const char *path, const struct json *entry,
			struct buf *out, struct err *e);
	/* The content of the release that is listed so; ERR_NOT_FOUND. */
	int (*release)(void *ctx, const char *product, const char *id,
		       struct sha256 *digest, struct err *e);
	void *ctx;
};

/* One path whose entry is another. */
struct order_change {
	char path[PATH_MAX_LEN];
	bool assignment; /* then `move` is what comes */
	enum order_place place;
	bool had, has; /* an order before, and after; had: a readable one */
	struct order before, after;
	struct assign move;
};

struct order_step {
	int64_t from, to; /* versions; from 0: the first */
	bool rest_same;   /* but for version, dates and list */
	struct order_change *changes;
	size_t count;
};

/*
 * Read and judge the step of `role` from what counts now to `next`, a signed
 * part. ERR_REFUSED, ERR_ROLLBACK for a lower version, ERR_CONFLICT for a
 * number that was given meanwhile, or what reading gives. The caller ends it
 * with order_step_done().
 */
int order_step_read(const char *role, const struct json *next,
		    const struct order_facts *facts, struct order_step *out,
		    struct err *e) NODISCARD;
void order_step_done(struct order_step *s);

/*
 * The orders that a release has now, by the facts; borrowed by *set from `at`.
 * What cannot be read is left out, as it opens nothing. End each of `at` whose
 * place is in *set with order_done().
 */
int order_step_orders(const struct order_facts *facts, const char *product,
		      const char *release, struct order at[ORDER_PLACES],
		      struct order_set *set, struct err *e) NODISCARD;
void order_step_orders_done(struct order_set *set,
			    struct order at[ORDER_PLACES]);

/* One entry to be made or, without bytes, taken off the list. */
struct order_put {
	char path[PATH_MAX_LEN];
	const char *type; /* "order", "assignment" */
	struct slice bytes;
};

/* The unsigned envelope that follows `now` by these changes and no other. */
struct json *order_step_make(const struct json *now, int64_t issued,
			     int64_t expires, const struct order_put *puts,
			     size_t count);

#endif
