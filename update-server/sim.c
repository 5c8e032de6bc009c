/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/urgency.h"

#define MINUTE     INT64_C(60)
#define TICK_MIN   5
#define NIGHT_FROM (20 * 60) /* minute of the local day */
#define NIGHT_LAST 180       /* switched off within so many minutes */
#define NIGHT_LONG 480
#define NOBODY     UINT32_MAX
#define UNDONE                                                                 \
	{                                                                      \
		{                                                              \
			4                                                      \
		}                                                              \
	}
#define NEARLY_ALL 95 /* percent */
#define REVERT_SEC (6 * 3600)

enum runs {
	RUNS_OLD,
	RUNS_STONE,
	RUNS_NEW
};

enum step {
	STEP_CHECK_IN,
	STEP_BEGUN,
	STEP_LOADED,
	STEP_BOOTED
};

/* What chance decides about a device, each by its own draw. */
enum draw {
	DRAW_ID,
	DRAW_FAIL,
	DRAW_BRICK,
	DRAW_REVERT,
	DRAW_ENV,
	DRAW_MISSING,
	DRAW_AWAY,
	DRAW_LIAR,
	DRAW_DEFER,
	DRAW_OLD,
	DRAW_START,
	DRAW_NIGHT, /* one for each night from here on */
	DRAW_PIN = 100000,
	DRAW_UNDO
};

struct unit {
	struct stage_attempt a;
	uint64_t bucket;
	int64_t seen; /* TALLY_NO_HOUR: never */
	int64_t last_failed;
	uint16_t activation;
	uint8_t failed, runs, step;
	bool has_attempt, rolled_back, deferred;
};

/* Who comes in which minute: a list of devices each. */
struct wheel {
	uint32_t *head, *next;
};

/* The same for the server's timers; a device may have several. */
struct timer {
	uint32_t device, next;
};

struct timers {
	uint32_t *head;
	struct timer *at;
	uint32_t count, room, free;
};

struct sim {
	const struct sim_world *w;
	const struct sim_teller *teller;
	struct sim_result *out;
	struct unit *units;
	struct wheel devices;
	struct timers timers;
	uint32_t minutes;
	int64_t since; /* held or paused */
	/* What a device is and says, of which little differs: to clear both
	 * for each visit took a third of the time. */
	struct rollout_device device;
	struct wire_checkin says;
};

/* ---- chance -------------------------------------------------------------- */

static uint64_t draw(const struct sim *s, uint32_t i, unsigned what)
{
	uint64_t x = s->w->seed * UINT64_C(0x9e3779b97f4a7c15) +
		     ((uint64_t)what << 40) + i;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static bool is_drawn(const struct sim *s, uint32_t i, unsigned what,
		     uint64_t rate)
{
	return rate && draw(s, i, what) % BUCKET_SHARE_ALL < rate;
}

static bool fails(const struct sim *s, uint32_t i)
{
	bool bad = s->w->bad_model && i % s->w->models + 1 == s->w->bad_model;

	return is_drawn(s, i, DRAW_FAIL,
			bad ? s->w->bad_model_fail : s->w->fail);
}

/* ---- time ---------------------------------------------------------------- */

static void wheel_init(struct wheel *w, uint32_t minutes, uint64_t devices)
{
	w->head = mem_alloc(minutes, sizeof(*w->head));
	w->next = mem_alloc(devices, sizeof(*w->next));
	memset(w->head, 0xff, minutes * sizeof(*w->head));
}

static void wheel_done(struct wheel *w)
{
	free(w->head);
	free(w->next);
}

static void come(struct sim *s, uint32_t i, int64_t at)
{
	struct wheel *w = &s->devices;
	int64_t minute = (at - s->w->start + MINUTE - 1) / MINUTE;

	if (minute >= (int64_t)s->minutes)
		return;
	w->next[i] = w->head[minute];
	w->head[minute] = i;
}

/* When a device that is switched off comes on again; `at` if it is not. */
static int64_t next_on(const struct sim *s, uint32_t i, int64_t at)
{
	unsigned local, since, night, off;

	if (s->w->night == 0)
		return at;
	local = window_minute(&s->w->zone, at);
	/* Minutes since the evening began, whichever day it was. */
	since = (local + 1440 - NIGHT_FROM) % 1440;
	night = (unsigned)((at / 60 - since) / 1440);
	if (!is_drawn(s, i, DRAW_NIGHT + night, s->w->night))
		return at;
	off = (unsigned)(draw(s, i, DRAW_NIGHT + night) >> 32) % NIGHT_LAST;
	if (since < off || since >= off + NIGHT_LONG)
		return at;
	return at + (off + NIGHT_LONG - since) * MINUTE;
}

static void again(struct sim *s, uint32_t i, int64_t at)
{
	come(s, i, next_on(s, i, at));
}

/* ---- the server's side --------------------------------------------------- */

static uint32_t new_timer(struct timers *t)
{
	uint32_t n = t->free;

	if (n != NOBODY) {
		t->free = t->at[n].next;
		return n;
	}
	if (t->count == t->room) {
		t->room *= 2;
		t->at = mem_resize(t->at, t->room, sizeof(*t->at));
	}
	return t->count++;
}

static void watch(struct sim *s, uint32_t i)
{
	const struct stage *g = &s->out->stage;
	int64_t due =
		stage_attempt_due(&s->units[i].a, &g->policy.timers, g->size);
	int64_t last = s->w->start + (int64_t)(s->minutes - 1) * MINUTE;
	uint32_t n;
	int64_t minute;

	if (due > last)
		return;
	n = new_timer(&s->timers);
	minute = (due - s->w->start + MINUTE - 1) / MINUTE;
	s->timers.at[n] = (struct timer){ i, s->timers.head[minute] };
	s->timers.head[minute] = n;
}

/* Something happened to an attempt: count it. */
static void settle(struct sim *s, uint32_t i,
		   const struct stage_attempt *before, int64_t now)
{
	struct unit *u = &s->units[i];

	if (u->a.state == before->state)
		return;
	u->a.epoch = s->out->stage.epoch;
	tally_move(&s->out->tally, &s->out->stage.policy.stops, before, &u->a);
	if (u->a.state == STAGE_ROLLED_BACK)
		u->rolled_back = true;
	if (u->a.state == STAGE_FAILED) {
		u->failed++;
		u->last_failed = now;
	}
	watch(s, i);
}

static void report(struct sim *s, uint32_t i, enum wire_state state,
		   const char *code, int64_t now)
{
	static struct wire_report m;
	struct unit *u = &s->units[i];
	struct stage_attempt before = u->a;

	m.sequence = u->a.sequence + 1;
	m.state = state;
	memcpy(m.code, code, strlen(code) + 1);
	(void)stage_attempt_report(&u->a, &m,
				   stage_has_lapsed(&s->out->stage, now), now);
	settle(s, i, &before, now);
}

static struct stage_goal offered(const struct sim *s, const struct unit *u)
{
	const struct rollout *r = &s->out->stage.what;

	return u->a.stone ? s->w->stone
			  : (struct stage_goal){ r->digest, r->seq, 0 };
}

static uint64_t seq_of(const struct sim *s, uint32_t i)
{
	const struct stage *g = &s->out->stage;

	if (s->units[i].runs == RUNS_NEW)
		return g->what.seq;
	if (s->units[i].runs == RUNS_STONE)
		return s->w->stone.seq;
	return is_drawn(s, i, DRAW_OLD, s->w->old) ? 1 : 2;
}

static void describe(struct sim *s, uint32_t i)
{
	const struct rollout *r = &s->out->stage.what;
	static const struct sha256 undone = UNDONE;
	const struct unit *u = &s->units[i];
	struct rollout_device *d = &s->device;
	bool new =
		is_drawn(s, i, DRAW_LIAR, s->w->liars) && s->w->liars_are_new;

	d->seq = seq_of(s, i);
	d->enrolled = s->w->start - (new ? UTC_DAY : 365 * UTC_DAY);
	d->pinned = is_drawn(s, i, DRAW_PIN, s->w->pinned);
	if (u->runs == RUNS_NEW)
		d->digest = r->digest;
	else if (u->runs == RUNS_STONE)
		d->digest = s->w->stone.digest;
	else if (is_drawn(s, i, DRAW_UNDO, s->w->undo))
		d->digest = undone;
	else
		d->digest = (struct sha256){ 0 };
	s->says.seq = d->seq;
	s->says.digest = d->digest;
	s->says.activation = u->activation;
}

static void take_offer(struct sim *s, uint32_t i, size_t phase, int64_t now)
{
	const struct rollout_device *d = &s->device;
	struct unit *u = &s->units[i];
	bool stone = d->seq < s->out->stage.what.requires_seq;

	if (!u->has_attempt)
		tally_control_leaves(&s->out->tally, u->seen);
	u->has_attempt = true;
	u->a = (struct stage_attempt){
		.activation = u->activation,
		.offered = now,
		.changed = now,
		.heard = now,
		.interval_sec = (uint32_t)s->w->interval_sec,
		.epoch = s->out->stage.epoch,
		.phase = (uint8_t)phase,
		.counted = stage_counts(&s->out->stage, d, now),
		.stone = stone,
	};
	tally_move(&s->out->tally, &s->out->stage.policy.stops, NULL, &u->a);
	s->out->offers++;
	watch(s, i);
	if (s->w->begin_min > 0) {
		u->step = STEP_BEGUN;
		return;
	}
	report(s, i, WIRE_DOWNLOADING, "", now);
	u->step = STEP_LOADED;
}

/* What the server does with a check-in: true if it makes an offer. */
static bool serve(struct sim *s, uint32_t i, int64_t now)
{
	struct unit *u = &s->units[i];
	struct rollout_past past = { .failed = u->failed,
				     .last_failed = u->last_failed };
	const struct rollout_word word = { .ordered = true };
	struct stage_question ask = {
		.device = &s->device,
		.past = &past,
		.word = &word,
		.bucket = &u->bucket,
		.now = now,
	};
	struct stage_attempt before = u->a;
	struct stage_goal goal = offered(s, u);
	size_t phase = 0;

	describe(s, i);
	if (u->has_attempt) {
		(void)stage_attempt_checkin(&u->a, &goal, &s->says, now);
		settle(s, i, &before, now);
	}
	past.rolled_back = u->rolled_back;
	s->out->checkins++;
	if (stage_decide(&s->out->stage, &ask, &phase) == VERDICT_OFFER) {
		take_offer(s, i, phase, now);
		u->seen = now;
		return true;
	}
	if (!u->has_attempt)
		tally_control_seen(&s->out->tally, u->seen, now);
	u->seen = now;
	return false;
}

/* ---- the device's side --------------------------------------------------- */

/* As a rule, or sooner while something urgent waits for it. */
static uint64_t interval_for(const struct sim *s, const struct unit *u)
{
	const struct stage *g = &s->out->stage;

	if (!g->urgent || s->w->checkins_per_sec == 0 ||
	    g->status != STAGE_RUNNING || u->runs == RUNS_NEW)
		return s->w->interval_sec;
	return urgency_interval((uint32_t)s->w->interval_sec,
				g->ladder.population, s->w->checkins_per_sec);
}

static void check_in(struct sim *s, uint32_t i, int64_t now)
{
	struct unit *u = &s->units[i];
	uint64_t interval = interval_for(s, u), spread = interval / 5 + 1;

	if (u->runs == RUNS_NEW && u->a.state == STAGE_CONFIRMED &&
	    now > u->a.changed + REVERT_SEC &&
	    is_drawn(s, i, DRAW_REVERT, s->w->late_revert)) {
		u->runs = RUNS_OLD;
		u->activation++;
	}
	if (serve(s, i, now))
		again(s, i,
		      now + (int64_t)(u->step == STEP_BEGUN
					      ? s->w->begin_min
					      : s->w->download_min) *
				      MINUTE);
	else
		again(s, i,
		      now + (int64_t)(interval - spread / 2 +
				      draw(s, i, (unsigned)(now / 60)) %
					      spread));
}

/* What it was offered, it takes up only now; unless that has ended. */
static void begun(struct sim *s, uint32_t i, int64_t now)
{
	struct unit *u = &s->units[i];

	u->step = STEP_CHECK_IN;
	if (stage_has_ended(u->a.state)) {
		check_in(s, i, now);
		return;
	}
	report(s, i, WIRE_DOWNLOADING, "", now);
	u->step = STEP_LOADED;
	again(s, i, now + (int64_t)s->w->download_min * MINUTE);
}

static void loaded(struct sim *s, uint32_t i, int64_t now)
{
	struct unit *u = &s->units[i];
	const char *trouble = NULL;

	if (is_drawn(s, i, DRAW_MISSING, s->w->missing))
		trouble = "NOT_FOUND";
	else if (is_drawn(s, i, DRAW_ENV, s->w->env))
		trouble = "SPACE";
	if (!trouble && !u->deferred &&
	    is_drawn(s, i, DRAW_DEFER, s->w->defer)) {
		u->deferred = true;
		report(s, i, WIRE_DEFERRED, "", now);
		again(s, i, now + UTC_DAY);
		return;
	}
	if (trouble) {
		report(s, i, WIRE_FAILED, trouble, now);
		u->step = STEP_CHECK_IN;
		again(s, i, now + (int64_t)s->w->interval_sec);
		return;
	}
	/* An offer that was taken back is not installed. */
	if (stage_has_ended(u->a.state)) {
		u->step = STEP_CHECK_IN;
		again(s, i, now + (int64_t)s->w->interval_sec);
		return;
	}
	report(s, i, WIRE_VERIFIED, "", now);
	report(s, i, WIRE_INSTALLED, "", now);
	u->step = STEP_BOOTED;
	again(s, i, now + (int64_t)s->w->restart_min * MINUTE);
}

static void booted(struct sim *s, uint32_t i, int64_t now)
{
	struct unit *u = &s->units[i];

	u->activation++;
	u->step = STEP_CHECK_IN;
	if (!u->a.stone && is_drawn(s, i, DRAW_BRICK, s->w->brick)) {
		s->out->bricked++;
		return; /* for ever */
	}
	if (u->a.stone)
		u->runs = RUNS_STONE;
	else if (fails(s, i) || is_drawn(s, i, DRAW_LIAR, s->w->liars))
		report(s, i, WIRE_ROLLED_BACK, "HEALTH_FAILED", now);
	else
		u->runs = RUNS_NEW;
	check_in(s, i, now);
}

static void wake(struct sim *s, uint32_t i, int64_t now)
{
	switch (s->units[i].step) {
	case STEP_BEGUN:
		begun(s, i, now);
		break;
	case STEP_LOADED:
		loaded(s, i, now);
		break;
	case STEP_BOOTED:
		booted(s, i, now);
		break;
	default:
		check_in(s, i, now);
		break;
	}
}

static void expire(struct sim *s, uint32_t i, int64_t now)
{
	const struct stage *g = &s->out->stage;
	struct unit *u = &s->units[i];
	struct stage_attempt before = u->a;

	if (!u->has_attempt)
		return;
	if (stage_attempt_tick(&u->a, &g->policy.timers, g->size, now))
		settle(s, i, &before, now);
	else
		watch(s, i);
}

/* ---- the people ---------------------------------------------------------- */

static void tell(const struct sim *s, int64_t now, const char *text)
{
	if (s->teller)
		s->teller->tell(s->teller->ctx, now, text);
}

static struct stage_ready ready_of(const struct sim_world *w)
{
	return (struct stage_ready){
		.metadata_expires = INT64_MAX,
		.delta_coverage = (uint32_t)w->delta_coverage,
	};
}

static void act(struct sim *s, enum stage_verb verb, int64_t now)
{
	struct stage *g = &s->out->stage;
	const struct stage_ready ready = ready_of(s->w);
	struct stage_act a = { .verb = verb,
			       .by = "first",
			       .reason = "scenario",
			       .revision = g->revision,
			       .now = now };
	bool changed = false;
	struct err e;

	if (stage_act(g, &a, &ready, &changed, &e) || !changed)
		return;
	if (g->asked_by[0]) {
		a.by = "second";
		a.revision = g->revision;
		if (stage_act(g, &a, &ready, &changed, &e))
			return;
		s->out->acts++;
	}
	if (g->epoch != s->out->tally.epoch)
		tally_epoch(&s->out->tally, g->epoch);
	if (verb == STAGE_SUPERSEDE)
		for (uint32_t i = 0; i < s->w->devices; i++) {
			struct stage_attempt before = s->units[i].a;

			if (s->units[i].has_attempt &&
			    stage_attempt_end(&s->units[i].a, STAGE_SUPERSEDED,
					      "", now))
				settle(s, i, &before, now);
		}
	s->out->acts++;
	tell(s, now,
	     verb == STAGE_ADVANCE ? "a person opened the next phase"
				   : "a person acted");
}

static bool is_due(const struct sim *s, uint64_t hours, int64_t now)
{
	return hours && now == s->w->start + (int64_t)hours * 3600;
}

/* Nobody opens what follows while devices are missing. */
static bool is_doubted(const struct sim *s, int64_t now)
{
	struct gate_facts f;

	return stage_judge(&s->out->stage, &s->out->tally, now, &f) ==
	       GATE_SILENT;
}

static void people(struct sim *s, int64_t now)
{
	const struct stage *g = &s->out->stage;
	bool held = g->phase_state == PHASE_HELD && !is_doubted(s, now);

	if (is_due(s, s->w->pause_after, now))
		act(s, STAGE_PAUSE, now);
	if (is_due(s, s->w->supersede_after, now))
		act(s, STAGE_SUPERSEDE, now);
	if (!held && g->status != STAGE_PAUSED)
		s->since = now;
	if (held && g->status == STAGE_RUNNING && s->w->click_hours &&
	    now >= s->since + (int64_t)s->w->click_hours * 3600)
		act(s, STAGE_ADVANCE, now);
	if (g->status == STAGE_PAUSED && s->w->resume_hours &&
	    now >= s->since + (int64_t)s->w->resume_hours * 3600)
		act(s, STAGE_RESUME, now);
}

static void say_event(struct sim *s, enum stage_event event, int64_t now)
{
	static const char *const words[] = {
		[EVENT_OPENED] = "open",
		[EVENT_BAKING] = "good so far, watched",
		[EVENT_HELD] = "waits for a person",
		[EVENT_PASSED] = "next",
		[EVENT_PAUSED] = "PAUSED",
		[EVENT_COMPLETED] = "COMPLETED",
	};
	const struct stage *g = &s->out->stage;
	char line[STAGE_REASON_MAX + 128];

	if (event == EVENT_PAUSED) {
		s->out->pauses++;
		if (s->out->first_pause == 0)
			s->out->first_pause = now;
	}
	if (event == EVENT_COMPLETED)
		s->out->completed = now;
	(void)snprintf(line, sizeof(line), "phase %zu of %zu: %s%s%s",
		       g->phase + 1, g->ladder.count, words[event],
		       event == EVENT_PAUSED ? ": " : "",
		       event == EVENT_PAUSED ? g->reason : "");
	tell(s, now, line);
}

/* ---- the run ------------------------------------------------------------- */

/* What a visit puts into this very minute is visited too. */
static void run_minute(struct sim *s, uint32_t minute, int64_t now)
{
	struct wheel *w = &s->devices;
	struct timers *t = &s->timers;

	while (w->head[minute] != NOBODY) {
		uint32_t i = w->head[minute];

		w->head[minute] = w->next[i];
		wake(s, i, now);
	}
	while (t->head[minute] != NOBODY) {
		uint32_t n = t->head[minute], i = t->at[n].device;

		t->head[minute] = t->at[n].next;
		t->at[n].next = t->free;
		t->free = n;
		expire(s, i, now);
	}
}

static void tick(struct sim *s, int64_t now)
{
	enum stage_event event;

	while ((event = stage_tick(&s->out->stage, &s->out->tally, now)) !=
	       EVENT_NONE)
		say_event(s, event, now);
	people(s, now);
	if (s->out->nearly_all == 0 &&
	    tally_count(&s->out->tally, STAGE_CONFIRMED) * 100 >=
		    s->out->reachable * NEARLY_ALL) {
		s->out->nearly_all = now;
		tell(s, now, "95 % of those that come have confirmed");
	}
}

/* As the server plans: without who is pinned elsewhere, and of an undo over
 * those that run what it undoes. */
static bool is_member(const struct sim *s, uint32_t i)
{
	return !is_drawn(s, i, DRAW_PIN, s->w->pinned) &&
	       (s->w->undo == 0 || is_drawn(s, i, DRAW_UNDO, s->w->undo));
}

/* As a person does who has seen the plan; what is not ready is refused. */
static int start(struct sim *s, struct err *e)
{
	const struct stage_ready ready = ready_of(s->w);
	const struct stage_act a = { .verb = STAGE_START,
				     .by = "first",
				     .reason = "scenario",
				     .revision = s->out->stage.revision,
				     .now = s->w->start };
	bool changed;

	return stage_act(&s->out->stage, &a, &ready, &changed, e);
}

static int make_ladder(struct sim *s, struct err *e)
{
	struct stage *g = &s->out->stage;
	uint64_t *buckets = mem_alloc(s->w->devices, sizeof(*buckets));
	size_t count = 0;
	int rc = 0;

	for (uint32_t i = 0; i < s->w->devices; i++)
		if (is_member(s, i))
			buckets[count++] = s->units[i].bucket;
	if (g->ladder.count == 0)
		rc = stage_make_ladder(g, count, e);
	if (rc == 0)
		ladder_measure(&g->ladder, buckets, count);
	free(buckets);
	return rc;
}

static void make_device(struct sim *s, uint32_t i)
{
	struct unit *u = &s->units[i];
	struct device_id id = { { 0 } };

	for (size_t k = 0; k < 8; k++)
		id.bytes[k] = (uint8_t)(draw(s, i, DRAW_ID) >> (8 * k));
	u->bucket = bucket_of(&s->out->stage.what.digest, &id);
	u->seen = TALLY_NO_HOUR;
	u->activation = 1;
}

static void first_check_in(struct sim *s, uint32_t i)
{
	int64_t at = s->w->start +
		     (int64_t)(draw(s, i, DRAW_START) % s->w->interval_sec);

	if (is_drawn(s, i, DRAW_AWAY, s->w->away))
		return;
	s->out->reachable++;
	if (s->units[i].bucket <= s->out->stage.ladder.rungs[0].limit)
		at += (int64_t)s->w->canaries_away_hours * 3600;
	again(s, i, at);
}

static void run(struct sim *s)
{
	for (uint32_t i = 0; i < s->w->devices; i++)
		first_check_in(s, i);
	for (uint32_t m = 0; m < s->minutes; m++) {
		int64_t now = s->w->start + (int64_t)m * MINUTE;

		run_minute(s, m, now);
		if (m % TICK_MIN == 0)
			tick(s, now);
	}
}

static void sum_up(struct sim *s)
{
	s->out->confirmed = tally_count(&s->out->tally, STAGE_CONFIRMED);
	s->out->bad = tally_count(&s->out->tally, STAGE_FAILED) +
		      tally_count(&s->out->tally, STAGE_ROLLED_BACK);
	for (uint32_t i = 0; i < s->w->devices; i++)
		s->out->exposed += s->units[i].has_attempt;
}

/* What is the same of all devices. */
static void describe_all(struct sim *s)
{
	const struct rollout *r = &s->w->stage.what;
	struct rollout_device *d = &s->device;

	d->has_release = true;
	d->confirmed = true;
	d->pin = 1;
	memcpy(d->product, r->product, sizeof(d->product));
	memcpy(d->cohort, r->cohorts[0], sizeof(d->cohort));
	s->says.has_release = true;
	s->says.confirmed = true;
	s->says.interval_sec = (uint32_t)s->w->interval_sec;
}

int sim_run(const struct sim_world *w, const struct sim_teller *teller,
	    struct sim_result *out, struct err *e)
{
	struct sim s = { .w = w, .teller = teller, .out = out };
	int rc = -1;

	if (w->devices > SIM_DEVICES_MAX || w->hours > SIM_HOURS_MAX ||
	    w->interval_sec < 60 || w->models == 0)
		return err_set(e, ERR_USAGE, "a fleet of at most %d devices",
			       SIM_DEVICES_MAX);
	memset(out, 0, sizeof(*out));
	out->stage = w->stage;
	out->stage.zone = w->zone;
	out->stage.is_undo = w->undo > 0;
	out->stage.undo_of = (struct sha256)UNDONE;
	if (w->metadata_hours)
		out->stage.metadata_ends =
			w->start + (int64_t)w->metadata_hours * 3600;
	if (w->order_hours)
		out->stage.expires = w->start + (int64_t)w->order_hours * 3600;
	tally_init(&out->tally);
	describe_all(&s);
	s.minutes = (uint32_t)w->hours * 60 + 1;
	s.units = mem_alloc(w->devices, sizeof(*s.units));
	wheel_init(&s.devices, s.minutes, w->devices);
	s.timers.head = mem_alloc(s.minutes, sizeof(*s.timers.head));
	memset(s.timers.head, 0xff, s.minutes * sizeof(*s.timers.head));
	s.timers.room = 1024;
	s.timers.at = mem_alloc(s.timers.room, sizeof(*s.timers.at));
	s.timers.free = NOBODY;
	for (uint32_t i = 0; i < w->devices; i++)
		make_device(&s, i);
	if (make_ladder(&s, e) == 0 && start(&s, e) == 0) {
		run(&s);
		sum_up(&s);
		rc = 0;
	}
	wheel_done(&s.devices);
	free(s.timers.head);
	free(s.timers.at);
	free(s.units);
	return rc;
}
