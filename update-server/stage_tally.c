/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/stage_tally.h"

#include <assert.h>
#include <string.h>

#include "common/base.h"

/* Hours whose control group is smaller say nothing. */
#define CONTROL_MIN 20

void tally_init(struct tally *t)
{
	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < TALLY_HOURS; i++)
		t->hours[i].hour = TALLY_NO_HOUR;
}

/* ---- hours --------------------------------------------------------------- */

static struct tally_hour *slot_of(struct tally *t, int64_t hour)
{
	return &t->hours[(uint64_t)hour % TALLY_HOURS];
}

/* The hour's counters, as long as they are remembered. */
static struct tally_hour *hour_of(struct tally *t, int64_t when)
{
	int64_t hour = when / TALLY_HOUR;
	struct tally_hour *h = slot_of(t, hour);

	if (h->hour < hour)
		*h = (struct tally_hour){ .hour = hour };
	return h->hour == hour ? h : NULL;
}

void tally_control_leaves(struct tally *t, int64_t seen)
{
	struct tally_hour *h = seen == TALLY_NO_HOUR ? NULL : hour_of(t, seen);

	if (h && h->last > 0)
		h->last--;
}

void tally_control_seen(struct tally *t, int64_t before, int64_t now)
{
	struct tally_hour *h;

	if (before != TALLY_NO_HOUR && before / TALLY_HOUR == now / TALLY_HOUR)
		return;
	tally_control_leaves(t, before);
	h = hour_of(t, now);
	if (h) {
		h->seen++;
		h->last++;
	}
}

/* ---- attempts ------------------------------------------------------------ */

static bool is_stop(const struct tally_stops *stops, const char *code)
{
	for (size_t i = 0; i < stops->count; i++)
		if (strcmp(stops->code[i], code) == 0)
			return true;
	return false;
}

static bool has_begun(enum stage_state state)
{
	return state == STAGE_DOWNLOADING || state == STAGE_VERIFIED ||
	       state == STAGE_INSTALLED || state == STAGE_LOST;
}

static bool is_bad(enum stage_state state)
{
	return state == STAGE_FAILED || state == STAGE_ROLLED_BACK;
}

static struct tally_code *code_of(struct tally *t,
				  const struct stage_attempt *a)
{
	for (size_t i = 0; i < t->code_count; i++)
		if (t->codes[i].phase == a->phase &&
		    strcmp(t->codes[i].code, a->code) == 0)
			return &t->codes[i];
	return NULL;
}

/* Room for one that comes n times: that of the rarest, if it is rarer. */
static struct tally_code *new_code(struct tally *t, uint64_t n)
{
	struct tally_code *rarest = &t->codes[0];

	if (t->code_count < TALLY_CODES_MAX)
		return &t->codes[t->code_count++];
	for (size_t i = 1; i < TALLY_CODES_MAX; i++)
		if (t->codes[i].n < rarest->n)
			rarest = &t->codes[i];
	return rarest->n < n ? rarest : NULL;
}

static void weigh_code(struct tally *t, const struct stage_attempt *a,
		       int64_t by)
{
	struct tally_code *c = code_of(t, a);

	if (!c && by > 0) {
		c = new_code(t, (uint64_t)by);
		if (!c)
			return;
		*c = (struct tally_code){ .phase = (uint16_t)a->phase };
		memcpy(c->code, a->code, sizeof(c->code));
	}
	if (c)
		c->n += (uint64_t)by;
}

/* Add (or with -1 take away) what an attempt is to its phase's gate. */
static void weigh(struct tally *t, const struct stage_attempt *a, int64_t by)
{
	struct tally_gate *g = &t->gate[a->phase];
	uint64_t n = (uint64_t)by;
	enum stage_state state = a->state;

	if (!a->counted || a->stone)
		return;
	if (has_begun(state))
		g->under_way += n;
	if (state == STAGE_INSTALLED)
		g->awaited += n;
	if (a->epoch != t->epoch)
		return;
	if (state == STAGE_LOST)
		g->lost += n;
	if (state == STAGE_CONFIRMED)
		g->confirmed += n;
	else if (is_bad(state)) {
		g->failed[gate_class_of(a->code)] += n;
		weigh_code(t, a, by);
	}
}

/* The first that end are looked at in the order in which they do. */
static void weigh_early(struct tally *t, const struct tally_stops *stops,
			const struct stage_attempt *a)
{
	struct tally_gate *g = &t->gate[a->phase];
	bool bad = is_bad(a->state);

	if (!a->counted || a->stone || a->epoch != t->epoch)
		return;
	if (bad && is_stop(stops, a->code))
		g->stop_code = true;
	bad = bad && gate_class_of(a->code) == GATE_REL;
	if (g->early == GATE_EARLY || (a->state != STAGE_CONFIRMED && !bad))
		return;
	g->early++;
	g->early_bad += bad;
}

static void weigh_dark(struct tally *t, const struct stage_attempt *before,
		       const struct stage_attempt *after)
{
	bool was = before && before->state == STAGE_LOST;
	bool is = after->state == STAGE_LOST;
	struct tally_hour *h;

	if (!after->counted || after->stone || after->installed == 0 ||
	    after->epoch != t->epoch)
		return;
	h = hour_of(t, after->installed);
	if (!h)
		return;
	if (!before || before->installed == 0)
		h->installed++;
	if (is && !was && h->dark < h->installed)
		h->dark++;
	else if (was && !is && h->dark > 0)
		h->dark--;
}

void tally_move(struct tally *t, const struct tally_stops *stops,
		const struct stage_attempt *before,
		const struct stage_attempt *after)
{
	assert(after->phase < LADDER_RUNGS_MAX);
	if (before) {
		t->states[before->phase][before->state]--;
		weigh(t, before, -1);
	}
	t->states[after->phase][after->state]++;
	weigh(t, after, 1);
	if (!before || before->state != after->state) {
		weigh_early(t, stops, after);
		weigh_dark(t, before, after);
	}
}

void tally_add(struct tally *t, const struct stage_attempt *like, uint64_t n)
{
	assert(like->phase < LADDER_RUNGS_MAX);
	t->states[like->phase][like->state] += n;
	weigh(t, like, (int64_t)n);
}

void tally_epoch(struct tally *t, uint16_t epoch)
{
	t->epoch = epoch;
	t->code_count = 0;
	for (size_t i = 0; i < LADDER_RUNGS_MAX; i++) {
		struct tally_gate *g = &t->gate[i];

		*g = (struct tally_gate){ .under_way = g->under_way,
					  .awaited = g->awaited };
	}
	for (size_t i = 0; i < TALLY_HOURS; i++) {
		t->hours[i].installed = 0;
		t->hours[i].dark = 0;
	}
}

/* ---- facts --------------------------------------------------------------- */

/* The hour's counters; NULL if nothing is remembered of it. */
static const struct tally_hour *known_hour(const struct tally *t, int64_t hour)
{
	const struct tally_hour *h = &t->hours[(uint64_t)hour % TALLY_HOURS];

	return h->hour == hour ? h : NULL;
}

/*
 * What others' darkness would have been, had they been online in the hours in
 * which these installed: each hour's rate, weighed with its installations. The
 * size of that sample is what gives the same variance, and never more than the
 * devices that there are. An hour without others is left out; or, to tell what
 * is usual, has those of the last hour before it that had some.
 */
static void add_darkness(const struct tally *t, int64_t dark_sec, int64_t now,
			 bool usual, struct gate_dark *out)
{
	const struct tally_hour *h, *others = NULL;
	double rate = 0, variance = 0, sample;
	int64_t hour = now / TALLY_HOUR - TALLY_HOURS + 1;
	uint64_t most = 0;

	for (; (hour + 1) * TALLY_HOUR + dark_sec <= now; hour++) {
		double weight;

		h = known_hour(t, hour);
		if (!h)
			continue;
		if (h->seen >= CONTROL_MIN)
			others = h;
		else if (!usual)
			others = NULL;
		if (h->installed == 0 || !others)
			continue;
		weight = (double)h->installed;
		out->n += h->installed;
		out->dark += h->dark;
		most = others->seen > most ? others->seen : most;
		rate += weight * (double)others->last / (double)others->seen;
		variance += weight * weight / (double)others->seen;
	}
	if (out->n == 0)
		return;
	sample = (double)out->n * (double)out->n / variance;
	out->control_n = sample < (double)most ? (uint64_t)sample : most;
	out->control_dark =
		(uint64_t)(rate / (double)out->n * (double)out->control_n +
			   0.5);
}

static void add_phase(const struct tally_gate *g, struct gate_facts *f)
{
	f->confirmed += g->confirmed;
	f->bad += g->failed[GATE_REL];
	f->trouble += g->failed[GATE_INFRA] + g->failed[GATE_SEC];
	f->other += g->failed[GATE_ENV];
	f->lost += g->lost;
	f->awaited += g->awaited;
	f->started += g->under_way + g->confirmed;
	for (size_t i = 0; i < GATE_CLASSES; i++)
		f->started += g->failed[i];
	f->stop_code = f->stop_code || g->stop_code;
	if (g->early_bad > f->early_bad)
		f->early_bad = g->early_bad;
}

void tally_facts(const struct tally *t, size_t phase, int64_t dark_sec,
		 int64_t now, struct gate_facts *out)
{
	struct gate_facts f = { .size = 0 };
	struct gate_dark usual = { .n = 0 };

	for (size_t i = 0; i < LADDER_RUNGS_MAX; i++)
		if (phase == TALLY_PHASE_ALL || phase == i)
			add_phase(&t->gate[i], &f);
	if (phase == TALLY_PHASE_ALL)
		add_darkness(t, dark_sec, now, false, &f.dark);
	add_darkness(t, dark_sec, now, true, &usual);
	f.usual_dark = usual.control_dark;
	f.usual_n = usual.control_n;
	*out = f;
}

/* ---- reasons ------------------------------------------------------------- */

_Static_assert(GATE_CODE_LEN == WIRE_CODE_MAX + 1, "a code fits its place");

/* Over all phases that count, as often as it comes. */
static uint64_t times(const struct tally *t, size_t phase, const char *code)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->code_count; i++)
		if ((phase == TALLY_PHASE_ALL || phase == t->codes[i].phase) &&
		    strcmp(t->codes[i].code, code) == 0)
			n += t->codes[i].n;
	return n;
}

static void take_reason(struct gate_reason *top, const char *code, uint64_t n)
{
	if (n <= top->n)
		return;
	top->n = n;
	memcpy(top->code, code, sizeof(top->code));
}

void tally_reasons(const struct tally *t, size_t phase,
		   const struct tally_stops *stops, struct gate_facts *out)
{
	out->why_bad = out->why_trouble = out->why_stopped =
		(struct gate_reason){ .n = 0 };
	for (size_t i = 0; i < t->code_count; i++) {
		const char *code = t->codes[i].code;
		enum gate_class class = gate_class_of(code);
		uint64_t n = times(t, phase, code);

		if (class == GATE_REL)
			take_reason(&out->why_bad, code, n);
		else if (class != GATE_ENV)
			take_reason(&out->why_trouble, code, n);
		if (is_stop(stops, code))
			take_reason(&out->why_stopped, code, n);
	}
}

uint64_t tally_count(const struct tally *t, enum stage_state state)
{
	uint64_t n = 0;

	for (size_t i = 0; i < LADDER_RUNGS_MAX; i++)
		n += t->states[i][state];
	return n;
}
