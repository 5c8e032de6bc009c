/* SPDX-License-Identifier: Apache-2.0 */
#include "common/order_draft.h"

#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/mem.h"
#include "common/utc.h"

#define STAGED_DAYS_MIN 14
#define STAGED_DAYS     30

enum order_place order_ask_place(const struct order_ask *ask)
{
	return ask->wide ? ORDER_WIDE : ORDER_ONE;
}

static void begin(const struct order_set *now, const struct release *r,
		  enum order_kind kind, int64_t when, struct order *out)
{
	*out = (struct order){ .kind = kind,
			       .digest = r->digest,
			       .number = order_newest(now) + 1,
			       .issued = when };
	memcpy(out->product, r->product, sizeof(out->product));
	memcpy(out->release, r->id, sizeof(out->release));
}

/* ---- one phase ----------------------------------------------------------- */

static int read_time(const char *text, const char *what, int64_t *out,
		     struct err *e)
{
	if (text && utc_parse(slice_of(text), out, e)) {
		e->code = ERR_USAGE;
		return err_in(e, "--%s (as 2026-12-24T06:00:00Z)", what);
	}
	return 0;
}

/* A limit that somebody planned is believed as far as chance allows. */
static int read_limit(const struct order_ask *a, uint64_t *limit, struct err *e)
{
	uint32_t share = BUCKET_SHARE_ALL;

	if (a->share && bucket_parse_share(a->share, &share, e))
		return err_in(e, "--share");
	*limit = bucket_limit_of(share);
	if (!a->limit)
		return 0;
	if (!a->share || a->fleet == 0)
		return err_set(e, ERR_USAGE,
			       "--limit wants --share and --devices, to be "
			       "compared with");
	if (bucket_parse_limit(slice_of(a->limit), limit, e)) {
		e->code = ERR_USAGE;
		return err_in(e, "--limit");
	}
	return chance_check(*limit, share, a->fleet, e);
}

static int read_members(const struct order_ask *a, struct order_phase *p,
			struct err *e)
{
	if (a->cohorts.count > ORDER_COHORTS_MAX ||
	    a->cohorts.count + a->devices.count == 0)
		return err_set(e, ERR_USAGE,
			       "1 to %d --cohort, or --device ID, are needed",
			       ORDER_COHORTS_MAX);
	for (size_t i = 0; i < a->cohorts.count; i++) {
		if (!name_is_valid(slice_of(a->cohorts.at[i])))
			return err_set(e, ERR_USAGE, "--cohort: not a name");
		memcpy(p->cohorts[p->cohort_count++], a->cohorts.at[i],
		       strlen(a->cohorts.at[i]) + 1);
	}
	if (a->devices.count == 0)
		return 0;
	p->devices = mem_alloc(a->devices.count, sizeof(*p->devices));
	for (size_t i = 0; i < a->devices.count; i++)
		if (hex_parse(slice_of(a->devices.at[i]),
			      p->devices[p->device_count++].bytes,
			      DEVICE_ID_LEN, e)) {
			e->code = ERR_USAGE;
			return err_in(e, "--device");
		}
	return 0;
}

static int read_phase(const struct order_ask *a, struct order_phase *p,
		      struct err *e)
{
	p->not_before = a->now;
	p->emergency = a->emergency;
	return read_members(a, p, e) || read_limit(a, &p->limit, e) ||
			       read_time(a->not_before, "not-before",
					 &p->not_before, e) ||
			       read_time(a->not_after, "not-after",
					 &p->not_after, e)
		       ? -1
		       : 0;
}

static void copy_phase(const struct order_phase *from, struct order_phase *to)
{
	*to = *from;
	if (from->device_count == 0)
		return;
	to->devices = mem_alloc(from->device_count, sizeof(*to->devices));
	memcpy(to->devices, from->devices,
	       from->device_count * sizeof(*to->devices));
}

/* ---- open ---------------------------------------------------------------- */

static bool is_halt(const struct order *o)
{
	return o && o->kind == ORDER_HALT;
}

static int check_halts(const struct order_set *now, const struct order_ask *ask,
		       const struct release *r, struct err *e)
{
	if (ask->wide ||
	    (!is_halt(now->at[ORDER_ONE]) && !is_halt(now->at[ORDER_WIDE])))
		return 0;
	return err_set(e, ERR_REFUSED,
		       "%s is halted: only two operators open it again "
		       "(--wide)",
		       r->id);
}

static int add_phase(const struct order *former, const struct order_ask *ask,
		     struct order *out, struct err *e)
{
	size_t before = former ? former->phase_count : 0;

	if (before == ORDER_PHASES_MAX)
		return err_set(e, ERR_LIMIT, "an order has at most %d phases",
			       ORDER_PHASES_MAX);
	out->phases = mem_alloc(before + 1, sizeof(*out->phases));
	for (size_t i = 0; i < before; i++)
		copy_phase(&former->phases[i], &out->phases[i]);
	out->phase_count = before + 1;
	return read_phase(ask, &out->phases[before], e);
}

/* Whoever must sign every other day soon signs without looking. */
static int check_days(const struct order_ask *ask, struct err *e)
{
	if (!ask->production || ask->emergency || ask->days == 0 ||
	    ask->days >= STAGED_DAYS_MIN)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "production wants an order to live for %d days at least "
		       "(--not-after ends a phase before)",
		       STAGED_DAYS_MIN);
}

int order_draft_open(const struct order_set *now, const struct release *r,
		     const struct order_ask *ask, struct order *out,
		     struct err *e)
{
	uint64_t days = ask->days ? ask->days : STAGED_DAYS;
	struct order o;

	if (check_halts(now, ask, r, e) || check_days(ask, e))
		return -1;
	begin(now, r, ORDER_STAGED, ask->now, &o);
	o.expires = ask->now + (int64_t)days * UTC_DAY;
	if (add_phase(now->at[order_ask_place(ask)], ask, &o, e)) {
		order_done(&o);
		return -1;
	}
	*out = o;
	return 0;
}

/* ---- baseline, halt ------------------------------------------------------ */

int order_draft_baseline(const struct order_set *now, const struct release *r,
			 const struct order_ask *ask, struct order *out,
			 struct err *e)
{
	struct order o;

	begin(now, r, ORDER_BASELINE, ask->now, &o);
	if (ask->days > 0)
		o.expires = ask->now + (int64_t)ask->days * UTC_DAY;
	o.phases = mem_alloc(1, sizeof(*o.phases));
	o.phase_count = 1;
	o.phases->limit = BUCKET_ALL;
	o.phases->not_before = ask->now;
	if (read_members(ask, o.phases, e)) {
		order_done(&o);
		return -1;
	}
	*out = o;
	return 0;
}

void order_draft_halt(const struct order_set *now, const struct release *r,
		      int64_t when, struct order *out)
{
	begin(now, r, ORDER_HALT, when, out);
}

static bool has_cohort(const struct order_phase *p, const char *cohort)
{
	for (size_t i = 0; i < p->cohort_count; i++)
		if (strcmp(p->cohorts[i], cohort) == 0)
			return true;
	return false;
}

static bool is_whole(const struct order *o, const char *cohort, int64_t now)
{
	for (size_t i = 0; o && i < o->phase_count; i++)
		if (o->phases[i].limit == BUCKET_ALL &&
		    o->phases[i].not_before <= now &&
		    has_cohort(&o->phases[i], cohort))
			return true;
	return false;
}

/* A staged order that counts; NULL for none. */
static const struct order *open_at(const struct order_set *now,
				   enum order_place place)
{
	return order_stands(now, place) ? now->at[place] : NULL;
}

int order_draft_passed(const struct order_set *now, const struct release *r,
		       const struct order_ask *ask, struct err *e)
{
	const struct order *one = open_at(now, ORDER_ONE);
	const struct order *wide = open_at(now, ORDER_WIDE);

	if (!one && !wide &&
	    (is_halt(now->at[ORDER_ONE]) || is_halt(now->at[ORDER_WIDE])))
		return err_set(e, ERR_REFUSED, "%s is halted", r->id);
	for (size_t i = 0; i < ask->cohorts.count; i++)
		if (!is_whole(one, ask->cohorts.at[i], ask->now) &&
		    !is_whole(wide, ask->cohorts.at[i], ask->now))
			return err_set(e, ERR_REFUSED,
				       "the last phase has not passed: %s is "
				       "not open to all of cohort %.64s yet",
				       r->id, ask->cohorts.at[i]);
	return 0;
}

bool order_draft_replaces(const struct order *next, const struct order *former)
{
	const struct order_phase *p = former->phases;

	if (former->kind != ORDER_BASELINE || former->phase_count != 1)
		return false;
	for (size_t i = 0; i < p->cohort_count; i++)
		if (!has_cohort(next->phases, p->cohorts[i]))
			return false;
	return true;
}
