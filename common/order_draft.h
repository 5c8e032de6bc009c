/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order_draft - the next order of a release, made from those that there are
 * and from what an operator asks for on a command line. A ladder is grown by
 * one phase, so it cannot shrink; numbers rise over all orders of the release.
 * Nothing is signed here.
 */
#ifndef COMMON_ORDER_DRAFT_H
#define COMMON_ORDER_DRAFT_H

#include "common/chance.h"
#include "common/opt.h"
#include "common/order.h"

/* Options as they were given; NULL, 0 and empty: not given. */
struct order_ask {
	const char *limit, *share, *not_before, *not_after;
	struct opt_list cohorts, devices;
	uint64_t days, fleet;
	bool wide, emergency;
	/* Set before anything is drafted: */
	int64_t now;
	bool production;
};

/* For the table of a command that opens a phase. */
#define ORDER_ASK_OPTIONS(a)                                                   \
	OPT_FLAG("wide", &(a)->wide, "two operators sign, no share binds"),    \
		OPT_LIST("cohort", "C", &(a)->cohorts, "to whom"),             \
		OPT_LIST("device", "ID", &(a)->devices,                        \
			 "to this one as well"),                               \
		OPT_TEXT("share", "PERCENT", &(a)->share, "of them (100)"),    \
		OPT_TEXT("limit", "HEX", &(a)->limit,                          \
			 "the bucket limit that the server planned for it"),   \
		OPT_NUMBER("devices", "N", &(a)->fleet, CHANCE_DEVICES_MAX,    \
			   "how many devices that was planned for"),           \
		OPT_TEXT("not-before", "UTC", &(a)->not_before, "(at once)"),  \
		OPT_TEXT("not-after", "UTC", &(a)->not_after, "(at the end)"), \
		OPT_NUMBER("days", "N", &(a)->days, 31,                        \
			   "life of the order (30)"),                          \
		OPT_FLAG("emergency", &(a)->emergency,                         \
			 "the server may not wait")

/*
 * A former ladder with one phase more. A limit that somebody else planned is
 * believed as far as chance allows (chance.h). ERR_USAGE; ERR_REFUSED for such
 * a limit, and for one operator alone where the release is halted; ERR_LIMIT.
 * The caller ends each draft with order_done().
 */
int order_draft_open(const struct order_set *now, const struct release *r,
		     const struct order_ask *ask, struct order *out,
		     struct err *e) NODISCARD;
/* For whole cohorts, those of `ask`. */
int order_draft_baseline(const struct order_set *now, const struct release *r,
			 const struct order_ask *ask, struct order *out,
			 struct err *e) NODISCARD;
void order_draft_halt(const struct order_set *now, const struct release *r,
		      int64_t when, struct order *out);

/*
 * Has the last phase begun: is the whole of each cohort that is asked for open
 * by a staged order that nothing halts? ERR_REFUSED names one that is not.
 */
int order_draft_passed(const struct order_set *now, const struct release *r,
		       const struct order_ask *ask, struct err *e) NODISCARD;

/* Does this baseline serve every cohort of a former one of its product? */
bool order_draft_replaces(const struct order *next, const struct order *former);

/* Which of its places asks for. */
enum order_place order_ask_place(const struct order_ask *ask);

#endif
