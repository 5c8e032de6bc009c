/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/pace.h"

#define FIRST_MAX_SEC 60

/* 0 to limit, both included. */
static uint64_t spread(uint64_t limit, uint32_t random)
{
	return limit * random / UINT32_MAX;
}

static uint64_t at_least_one(uint64_t sec)
{
	return sec > 0 ? sec : 1;
}

uint64_t pace_first(const struct pace *p, uint32_t random)
{
	uint64_t limit = p->interval_sec / 4;

	return spread(limit < FIRST_MAX_SEC ? limit : FIRST_MAX_SEC, random);
}

uint64_t pace_next(const struct pace *p, uint32_t server_sec, uint32_t random)
{
	uint64_t longest =
		p->interval_sec > PACE_MAX_SEC ? p->interval_sec : PACE_MAX_SEC;
	uint64_t tenth = p->interval_sec / 10;

	if (server_sec > 0)
		return server_sec < longest ? server_sec : longest;
	return at_least_one(p->interval_sec - tenth +
			    spread(2 * tenth, random));
}

uint64_t pace_until(uint64_t wait, uint64_t opens_sec, uint64_t length_sec,
		    uint32_t random)
{
	uint64_t within = opens_sec + spread(length_sec / 2, random);

	return opens_sec > 0 && within < wait ? within : wait;
}

static uint64_t backed_off(const struct pace *p, uint32_t failures)
{
	uint64_t sec = p->retry_min_sec;

	for (uint32_t i = 1; i < failures && sec < p->retry_max_sec; i++)
		sec *= 2;
	return sec < p->retry_max_sec ? sec : p->retry_max_sec;
}

uint64_t pace_soonest(const struct pace *p, uint32_t failures)
{
	uint64_t sec = backed_off(p, failures);

	return sec - sec / 2;
}

uint64_t pace_retry(const struct pace *p, uint32_t failures, bool answered,
		    const struct err *e, uint32_t random)
{
	uint64_t sec = pace_soonest(p, failures), server_sec = e->retry_sec;

	if (!answered && e->code == ERR_NETWORK && server_sec == 0 &&
	    p->usual_sec > 0)
		return at_least_one(p->usual_sec / 2 +
				    spread(p->usual_sec, random));
	sec += spread(backed_off(p, failures) / 2, random);
	if (server_sec > PACE_MAX_SEC)
		server_sec = PACE_MAX_SEC;
	return at_least_one(sec > server_sec ? sec : server_sec);
}
