/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order - the operators' signed word on who may install a release, and when.
 * Format and rules in prose: docs/rollout-orders.md.
 *
 * An order is a small document, signed as a TUF target of one of two delegated
 * roles. Where it stands says who signed it:
 *	rollout/<product>/<release>.json       one operator (role rollout)
 *	rollout-wide/<product>/<release>.json  two operators (role rollout-wide)
 *	baseline/<product>/<release>.json      two operators (role rollout-wide)
 * The device itself evaluates it over its own id, its pinned cohort and its
 * time, so no server can widen it. Pure: bytes and facts in, decision out.
 */
#ifndef COMMON_ORDER_H
#define COMMON_ORDER_H

#include "common/release.h"
#include "common/x509.h"

#define ORDER_BYTES_MAX   65536
#define ORDER_PHASES_MAX  32
#define ORDER_COHORTS_MAX 16   /* of one phase */
#define ORDER_DEVICES_MAX 1024 /* of one phase */
#define ORDER_STAGED_LIFE (31 * UTC_DAY)

/*
 * How far numbers may run ahead, so that nobody uses them up: what one operator
 * signs, of what two operators signed for that release; their own, of all.
 */
#define ORDER_AHEAD 1000U

#define ORDER_ROLE_ONE  "rollout"
#define ORDER_ROLE_WIDE "rollout-wide"

enum order_kind {
	ORDER_STAGED,   /* a ladder of phases; expires within 31 days */
	ORDER_BASELINE, /* whole cohorts, once the last phase has passed */
	ORDER_HALT      /* closes every order of the release before it */
};

/* Where an order stands, and so who signed it. */
enum order_place {
	ORDER_ONE,
	ORDER_WIDE,
	ORDER_BASE,
	ORDER_PLACES
};

struct order_phase {
	char cohorts[ORDER_COHORTS_MAX][NAME_MAX_LEN + 1];
	size_t cohort_count;
	struct device_id *devices; /* heap: listed ids */
	size_t device_count;
	uint64_t limit;     /* of the cohorts' devices; BUCKET_ALL */
	int64_t not_before; /* the first second in which it is open */
	int64_t not_after;  /* the first in which it is not; 0: till expiry */
	bool emergency;     /* the server may skip waiting, and nothing else */
};

struct order {
	enum order_kind kind;
	char product[NAME_MAX_LEN + 1];
	char release[NAME_MAX_LEN + 1];
	struct sha256 digest; /* the release's: its resulting content */
	uint64_t number;      /* rises over all orders of a release, from 1 */
	int64_t issued;
	int64_t expires;            /* staged; baseline: may be 0, none */
	struct order_phase *phases; /* heap; none in a halt */
	size_t phase_count;
};

/* "staged", "baseline", "halt". */
const char *order_kind_name(enum order_kind kind);

/*
 * Canonical JSON and nothing else: what is accepted is exactly what
 * order_format() writes. ERR_FORMAT, ERR_LIMIT; ERR_REFUSED for a later format.
 */
int order_parse(struct slice in, struct order *out, struct err *e) NODISCARD;
int order_format(const struct order *o, struct buf *out,
		 struct err *e) NODISCARD;
void order_done(struct order *o);

/* "rollout", "rollout-wide": whose keys sign at this place. */
const char *order_role(enum order_place place);
/* "rollout", "rollout-wide", "baseline": the folder of this place. */
const char *order_folder(enum order_place place);
int order_path(enum order_place place, const char *product, const char *release,
	       char out[PATH_MAX_LEN], struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless it may stand there and speaks of this very release. */
int order_check(const struct order *o, enum order_place place,
		const struct release *r, struct err *e) NODISCARD;

/*
 * Does `next` only widen `now`, as a ladder may? Every phase of `now` must be
 * contained in one of `next`. ERR_REFUSED.
 */
int order_grows(const struct order *now, const struct order *next,
		struct err *e) NODISCARD;

/* ---- the decision -------------------------------------------------------- */

/* All verified orders of one release, by place; NULL where there is none. */
struct order_set {
	const struct order *at[ORDER_PLACES];
	/*
	 * The file of the role rollout has expired. Nothing in it counts then;
	 * nor, as a halt in it may be missing, does what two operators signed
	 * for staged rollout. A baseline does.
	 */
	bool one_expired;
};

struct order_device {
	struct device_id id;
	char cohort[NAME_MAX_LEN + 1]; /* as pinned here */
	int64_t clock;                 /* the system's */
	int64_t floor;                 /* signed time that certainly passed */
	int64_t announced;             /* "issued" of the verified timestamp */
};

/* Which order opened a release, for people. */
struct order_grant {
	enum order_place place;
	uint64_t number;
	size_t phase; /* from 0 */
	uint64_t limit;
	bool listed; /* by id, not by its bucket */
};

/*
 * May this device install this release now? The union of the release's orders
 * decides; through `rollout` only within what the release lets one operator
 * open. A halt closes each order whose number is not above the halt's, and
 * `rollout` altogether: only two operators reopen (order_newest()). Time is
 * max(clock, floor); while the clock is not above the floor, not_before alone
 * is judged against the later of that and `announced`. ERR_REFUSED says in
 * words what is missing.
 */
int order_allows(const struct order_set *orders, const struct release *r,
		 const struct order_device *d, struct order_grant *out,
		 struct err *e) NODISCARD;
/*
 * Up to which bucket may the devices of a cohort install it now? The device's
 * own id is not asked. ERR_REFUSED, in words, if not even the first.
 */
int order_reach(const struct order_set *orders, const struct release *r,
		const struct order_device *d, uint64_t *limit,
		struct err *e) NODISCARD;

/* Is there an order that may open something, and that no halt closes? */
bool order_stands(const struct order_set *orders, enum order_place place);

/*
 * The highest number among them; 0 for none. What one operator signed far above
 * all that two signed (more than twice ORDER_AHEAD) is not counted; nor does
 * it, as a halt, close what two signed. So nobody alone takes the last number
 * and with it the word from the two who reopen.
 */
uint64_t order_newest(const struct order_set *orders);

/*
 * May an order of this number follow at this place? It must be above the newest
 * (ERR_CONFLICT) and not run ahead (ERR_REFUSED). A halt by one operator may
 * run ahead twice as far: there is always room for it above what one opened.
 */
int order_follows(const struct order_set *orders, enum order_place place,
		  const struct order *next, struct err *e) NODISCARD;

#endif
