/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/gate.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base.h"

#define RARE_TO_STOP 0.01 /* 99 % */
#define RARE_TO_PASS 0.05 /* 95 % */
/* A probability that equals one of these is not taken for a smaller one. */
#define SLACK      1e-9
#define NEGLIGIBLE 1e-25

/* ---- codes --------------------------------------------------------------- */

const char *gate_class_name(enum gate_class c)
{
	static const char *const names[] = {
		[GATE_REL] = "release",
		[GATE_ENV] = "environment",
		[GATE_INFRA] = "infrastructure",
		[GATE_SEC] = "security",
	};

	return names[c];
}

enum gate_class gate_class_of(const char *code)
{
	static const struct {
		const char *code;
		enum gate_class class;
	} known[] = {
		{ "NETWORK", GATE_ENV },     { "BUSY", GATE_ENV },
		{ "SPACE", GATE_ENV },       { "SYSTEM", GATE_ENV },
		{ "CONFIG", GATE_ENV },      { "USAGE", GATE_ENV },
		{ "CONFLICT", GATE_ENV },    { "BY_PERSON", GATE_ENV },
		{ "NOT_FOUND", GATE_INFRA }, { "EXPIRED", GATE_INFRA },
		{ "REFUSED", GATE_INFRA },   { "UNTRUSTED", GATE_SEC },
		{ "ROLLBACK", GATE_SEC },    { "REPLACED", GATE_ENV },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i].code, code) == 0)
			return known[i].class;
	return GATE_REL;
}

/* ---- the binomial distribution ------------------------------------------- */

/*
 * P(at most `most` of n), each with probability p, 0 < p < 1. Each term is
 * taken relative to the largest, outwards until they vanish: so nothing over-
 * or underflows whatever n is, and no factorial is needed.
 */
static double at_most(uint64_t most, uint64_t n, double p)
{
	double odds = p / (1 - p), term = 1, all = 1, below;
	uint64_t mode = (uint64_t)((double)(n + 1) * p);

	mode = mode > n ? n : mode;
	below = mode <= most ? 1 : 0;
	for (uint64_t k = mode; k > 0 && term > NEGLIGIBLE; k--) {
		term *= (double)k / ((double)(n - k + 1) * odds);
		all += term;
		if (k - 1 <= most)
			below += term;
	}
	term = 1;
	for (uint64_t k = mode; k < n && term > NEGLIGIBLE; k++) {
		term *= (double)(n - k) * odds / (double)(k + 1);
		all += term;
		if (k + 1 <= most)
			below += term;
	}
	return below / all;
}

/*
 * P(at least `least` of n): the chance of so few good ones, rather than one
 * minus a number near one.
 */
static double at_least(uint64_t least, uint64_t n, double p)
{
	return at_most(n - least, n, 1 - p);
}

static double rate_of(uint32_t basis_points)
{
	return (double)basis_points / GATE_ALL;
}

/* ---- bounds of one rate -------------------------------------------------- */

/* Would so many bad be rare, even if the rate were as high as this? */
static bool is_above(uint64_t bad, uint64_t n, uint32_t rate, double slack)
{
	if (bad == 0 || rate >= GATE_ALL)
		return false;
	if (rate == 0)
		return true;
	return at_least(bad, n, rate_of(rate)) <= RARE_TO_STOP * (1 + slack);
}

static bool is_below(uint64_t bad, uint64_t n, uint32_t rate)
{
	if (rate >= GATE_ALL)
		return true;
	if (bad == n || rate == 0)
		return false;
	return at_most(bad, n, rate_of(rate)) <= RARE_TO_PASS * (1 + SLACK);
}

uint32_t gate_lower(uint64_t bad, uint64_t n)
{
	uint32_t low = 0, high = GATE_ALL; /* low is above, high is not */

	assert(n > 0 && bad <= n);
	if (bad == 0)
		return 0;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (is_above(bad, n, middle, SLACK))
			low = middle;
		else
			high = middle;
	}
	return low;
}

uint32_t gate_upper(uint64_t bad, uint64_t n)
{
	uint32_t low = 0, high = GATE_ALL; /* high is below, low is not */

	assert(n > 0 && bad <= n);
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (is_below(bad, n, middle))
			high = middle;
		else
			low = middle;
	}
	return high;
}

bool gate_exceeds(uint64_t bad, uint64_t n, uint32_t limit)
{
	return n > 0 && is_above(bad, n, limit, -SLACK);
}

bool gate_stays_under(uint64_t bad, uint64_t n, uint32_t limit)
{
	return n > 0 && is_below(bad, n, limit);
}

uint64_t gate_sample(uint32_t limit)
{
	double none = 1;
	uint64_t n = 0;

	assert(limit > 0);
	while (none > RARE_TO_PASS * (1 + SLACK)) {
		none *= 1 - rate_of(limit);
		n++;
	}
	return n;
}

/* ---- darkness ------------------------------------------------------------ */

static double square(double x)
{
	return x * x;
}

/* The upper 99 % bound of a rate is the lower one of its complement. */
static uint32_t upper_99(uint64_t bad, uint64_t n)
{
	return GATE_ALL - gate_lower(n - bad, n);
}

/* Integer square root, rounded up. */
static uint32_t root_up(double x)
{
	uint32_t low = 0, high = 2 * GATE_ALL;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if ((double)middle * middle >= x)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t gate_excess(const struct gate_dark *d)
{
	double rate, control, spread;
	uint32_t excess, margin;

	if (d->n == 0 || d->control_n == 0)
		return 0;
	rate = (double)d->dark / (double)d->n * GATE_ALL;
	control = (double)d->control_dark / (double)d->control_n * GATE_ALL;
	if (rate <= control)
		return 0;
	spread = square(rate - gate_lower(d->dark, d->n)) +
		 square(upper_99(d->control_dark, d->control_n) - control);
	excess = (uint32_t)(rate - control);
	margin = root_up(spread);
	return excess > margin ? excess - margin : 0;
}

uint32_t gate_excess_most(const struct gate_dark *d)
{
	double rate, control, spread, most;

	if (d->n == 0 || d->control_n == 0)
		return GATE_ALL;
	rate = (double)d->dark / (double)d->n * GATE_ALL;
	control = (double)d->control_dark / (double)d->control_n * GATE_ALL;
	spread = square(gate_upper(d->dark, d->n) - rate) +
		 square(control - GATE_ALL +
			gate_upper(d->control_n - d->control_dark,
				   d->control_n));
	most = rate - control + root_up(spread) + 1;
	return most <= 0 ? 0 : most < GATE_ALL ? (uint32_t)most : GATE_ALL;
}

/* ---- the verdict --------------------------------------------------------- */

uint64_t gate_needed(const struct gate_policy *p)
{
	return p->min_sample ? p->min_sample : gate_sample(p->max_fail);
}

static uint64_t judged(const struct gate_facts *f)
{
	return f->confirmed + f->bad;
}

static uint64_t ended(const struct gate_facts *f)
{
	return judged(f) + f->trouble + f->other;
}

enum gate_verdict gate_trips(const struct gate_policy *p,
			     const struct gate_facts *f)
{
	if (f->stop_code)
		return GATE_TRIP_CODE;
	if (f->early_bad >= 2)
		return GATE_TRIP_EARLY;
	if (f->bad >= 2 && gate_exceeds(f->bad, judged(f), p->max_fail))
		return GATE_TRIP_RATE;
	if (f->dark.dark >= 2 && gate_excess(&f->dark) > p->max_fail)
		return GATE_TRIP_DARK;
	if (f->trouble >= 2 && gate_exceeds(f->trouble, ended(f), p->breaker))
		return GATE_TRIP_TROUBLE;
	return GATE_GATHERING;
}

/* Enough of those that began have come to an end. */
static bool is_covered(const struct gate_policy *p, const struct gate_facts *f)
{
	return f->started > 0 &&
	       ended(f) * GATE_ALL >= f->started * p->coverage;
}

/* Where nothing can be proven, nothing at all may be bad. */
static bool is_clean(const struct gate_facts *f)
{
	bool good = f->confirmed > 0 || (f->late && f->resumed);

	return good && f->bad == 0 && f->lost == 0 && ended(f) >= f->started;
}

static uint64_t silent(const struct gate_facts *f)
{
	return f->lost + f->awaited;
}

/*
 * Whoever installed it and has not come back may be dead of it: that is proven
 * to be few, with what failed, or to be no more than is usual.
 */
static bool is_heard(const struct gate_policy *p, const struct gate_facts *f)
{
	const struct gate_dark d = { f->bad + silent(f), judged(f) + silent(f),
				     f->usual_dark, f->usual_n };

	return gate_stays_under(d.dark, d.n, p->max_fail) ||
	       gate_excess_most(&d) <= p->max_fail;
}

enum gate_verdict gate_judge(const struct gate_policy *p,
			     const struct gate_facts *f)
{
	enum gate_verdict trip = gate_trips(p, f);

	if (trip != GATE_GATHERING)
		return trip;
	if (f->size >= gate_needed(p) && judged(f) >= gate_needed(p) &&
	    is_covered(p, f) &&
	    gate_stays_under(f->bad, judged(f), p->max_fail))
		return is_heard(p, f) ? GATE_PASS : GATE_SILENT;
	/* A phase that never had enough, or had too few that came. */
	if ((f->size < gate_needed(p) || f->late) && is_clean(f))
		return GATE_SMALL;
	return GATE_GATHERING;
}

const char *gate_verdict_name(enum gate_verdict v)
{
	static const char *const names[] = {
		[GATE_GATHERING] = "gathering",  [GATE_PASS] = "pass",
		[GATE_SMALL] = "small",          [GATE_SILENT] = "silent",
		[GATE_TRIP_RATE] = "rate",       [GATE_TRIP_EARLY] = "early",
		[GATE_TRIP_CODE] = "code",       [GATE_TRIP_DARK] = "dark",
		[GATE_TRIP_TROUBLE] = "trouble",
	};

	return names[v];
}

/* ---- in words ------------------------------------------------------------ */

/* "2", "6.8" or "0.25": basis points as a percentage for people. */
static const char *percent(uint32_t bp, char out[16])
{
	if (bp % 100 == 0)
		(void)snprintf(out, 16, "%u", bp / 100);
	else
		(void)snprintf(out, 16, "%u.%02u", bp / 100, bp % 100);
	return out;
}

static void describe_rate(uint64_t bad, uint64_t n, uint32_t limit, char *out,
			  uint32_t size, const char *what)
{
	char rate[16], bound[16], most[16];

	(void)snprintf(out, size,
		       "%llu of %llu %s (%s %%, at least %s %%; limit %s %%)",
		       (unsigned long long)bad, (unsigned long long)n, what,
		       percent(n ? (uint32_t)(bad * GATE_ALL / n) : 0, rate),
		       percent(n ? gate_lower(bad, n) : 0, bound),
		       percent(limit, most));
}

static void describe_dark(const struct gate_policy *p,
			  const struct gate_dark *d, char *out, uint32_t size)
{
	char bound[16], most[16];

	(void)snprintf(out, size,
		       "%llu of %llu went dark after installing, %llu of %llu "
		       "others did in the same hours (at least %s %% more; "
		       "limit %s %%)",
		       (unsigned long long)d->dark, (unsigned long long)d->n,
		       (unsigned long long)d->control_dark,
		       (unsigned long long)d->control_n,
		       percent(gate_excess(d), bound),
		       percent(p->max_fail, most));
}

static void describe_silent(const struct gate_policy *p,
			    const struct gate_facts *f, char *out,
			    uint32_t size)
{
	uint64_t n = judged(f) + silent(f);
	char most[16], limit[16];

	(void)snprintf(
		out, size,
		"%llu of %llu installed it and have not come back; with "
		"what failed that may be %s %% (limit %s %%), and is not "
		"proven to be usual: a person decides",
		(unsigned long long)silent(f), (unsigned long long)n,
		percent(n ? gate_upper(f->bad + silent(f), n) : GATE_ALL, most),
		percent(p->max_fail, limit));
}

static void add_reason(const struct gate_reason *why, const char *what,
		       char *out, uint32_t size)
{
	size_t len = strlen(out);

	if (why->n > 0)
		(void)snprintf(out + len, size - len, "%s%s (%llu)", what,
			       why->code, (unsigned long long)why->n);
}

static const char top_reason[] = ", top reason ";

void gate_describe(const struct gate_policy *p, const struct gate_facts *f,
		   enum gate_verdict v, char *out, uint32_t size)
{
	switch (v) {
	case GATE_TRIP_EARLY:
		(void)snprintf(out, size, "%u of the first %d failed",
			       f->early_bad, GATE_EARLY);
		add_reason(&f->why_bad, top_reason, out, size);
		break;
	case GATE_TRIP_CODE:
		(void)snprintf(out, size,
			       "a device reported a code that stops at once");
		add_reason(&f->why_stopped, ": ", out, size);
		break;
	case GATE_TRIP_DARK:
		describe_dark(p, &f->dark, out, size);
		break;
	case GATE_TRIP_TROUBLE:
		describe_rate(f->trouble, ended(f), p->breaker, out, size,
			      "could not get or verify it");
		add_reason(&f->why_trouble, top_reason, out, size);
		break;
	case GATE_SMALL:
		(void)snprintf(out, size,
			       "%llu of %llu confirmed, none bad; %llu are "
			       "needed to prove anything: a person decides",
			       (unsigned long long)f->confirmed,
			       (unsigned long long)f->size,
			       (unsigned long long)gate_needed(p));
		break;
	case GATE_SILENT:
		describe_silent(p, f, out, size);
		break;
	case GATE_GATHERING:
	case GATE_PASS:
	case GATE_TRIP_RATE:
	default:
		describe_rate(f->bad, judged(f), p->max_fail, out, size,
			      "failed");
		add_reason(&f->why_bad, top_reason, out, size);
		break;
	}
}
