/* SPDX-License-Identifier: Apache-2.0 */
/* What a device gets, and the names of things. */
#include "update-server/stage.h"

#include <string.h>

#define HOUR INT64_C(3600)
/* Far more than come of anything but a device that says one thing and then
 * another, each time for a new attempt. */
#define ENDED_MAX 50

const struct stage_policy stage_usual = {
	.gate = { .max_fail = 200, .coverage = 8000, .breaker = 2000 },
	.timers = { .start_min = HOUR,
		    .progress_min = 6 * HOUR,
		    .dark_min = HOUR,
		    .give_up = 7 * UTC_DAY,
		    .start_polls = 2,
		    .dark_polls = 3,
		    .min_rate = 10000 },
	.poll_sec = 3600,
	.evidence_sec = 3 * UTC_DAY,
	.new_device_sec = 7 * UTC_DAY,
	.attempts = 3,
	.rest_sec = UTC_DAY,
	.four_eyes = 1000,
};

const char *stage_status_name(enum stage_status s)
{
	static const char *const names[] = {
		[STAGE_DRAFT] = "draft",
		[STAGE_PENDING] = "pending-approval",
		[STAGE_SCHEDULED] = "scheduled",
		[STAGE_RUNNING] = "running",
		[STAGE_PAUSED] = "paused",
		[STAGE_COMPLETED] = "completed",
		[STAGE_ABORTED] = "aborted",
		[STAGE_REPLACED] = "superseded",
	};

	return names[s];
}

const char *stage_phase_name(enum stage_phase_state s)
{
	static const char *const names[] = {
		[PHASE_WAITING] = "waiting", [PHASE_OPEN] = "open",
		[PHASE_BAKING] = "watching", [PHASE_HELD] = "waiting for you",
		[PHASE_PASSED] = "passed",
	};

	return names[s];
}

const char *stage_pause_name(enum stage_pause p)
{
	static const char *const names[] = {
		[PAUSE_NONE] = "",
		[PAUSE_PERSON] = "person",
		[PAUSE_GATE] = "gate",
		[PAUSE_TROUBLE] = "payload-trouble",
		[PAUSE_EVIDENCE] = "insufficient-evidence",
		[PAUSE_ORDER] = "order-ended",
		[PAUSE_METADATA] = "metadata-expired",
	};

	return names[p];
}

const char *stage_verb_name(enum stage_verb verb)
{
	static const char *const names[] = {
		[STAGE_SUBMIT] = "submit",   [STAGE_APPROVE] = "approve",
		[STAGE_START] = "start",     [STAGE_PAUSE] = "pause",
		[STAGE_RESUME] = "resume",   [STAGE_ADVANCE] = "advance",
		[STAGE_ABORT] = "abort",     [STAGE_SUPERSEDE] = "supersede",
		[STAGE_ACK] = "acknowledge", [STAGE_ROLLBACK] = "roll back",
	};

	return names[verb];
}

int stage_make_ladder(struct stage *s, uint64_t population, struct err *e)
{
	const struct stage_policy *p = &s->policy;
	uint64_t sample = gate_needed(&p->gate);
	struct ladder l;

	if (p->share_count == 0) {
		if (ladder_choose(population, sample, &l, e))
			return -1;
	} else if (ladder_of_shares(p->shares, p->share_count, population,
				    sample, &l, e)) {
		return -1;
	}
	for (size_t i = 0; i < l.count && i < p->watch_count; i++)
		l.rungs[i].bake_sec = p->watch[i];
	s->ladder = l;
	return 0;
}

int stage_set_where(struct stage *s, struct slice text, struct err *e)
{
	if (selector_parse(text, &s->selector, e))
		return -1;
	memset(s->where, 0, sizeof(s->where));
	if (text.len > 0) /* bounded by the parser */
		memcpy(s->where, text.ptr, text.len);
	return 0;
}

/* ---- who ----------------------------------------------------------------- */

static bool is_excluded(const struct stage *s, const struct device_id *id)
{
	for (size_t i = 0; i < s->excluded_count; i++)
		if (memcmp(s->excluded[i].bytes, id->bytes, DEVICE_ID_LEN) == 0)
			return true;
	return false;
}

bool stage_concerns(const struct stage *s, const struct rollout_device *d)
{
	return rollout_concerns(&s->what, d->product, d->model, d->cohort) &&
	       rollout_fits(&s->what, d) && (d->lab || !s->what.lab_only) &&
	       !is_excluded(s, &d->id) && rollout_selects(&s->selector, d);
}

static bool runs_undone(const struct stage *s, const struct rollout_device *d)
{
	return d->has_release && sha256_equal(&d->digest, &s->undo_of);
}

bool stage_has_member(const struct stage *s, const struct rollout_device *d)
{
	return stage_concerns(s, d) && !rollout_is_pinned(&s->what, d) &&
	       (!s->is_undo || runs_undone(s, d));
}

bool stage_counts(const struct stage *s, const struct rollout_device *d,
		  int64_t now)
{
	return d->enrolled + s->policy.new_device_sec <= now;
}

bool stage_is_preferred(const struct stage *a, const struct stage *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->what.seq > b->what.seq;
}

/* ---- the decision -------------------------------------------------------- */

/* Who it is for, what runs there and what is signed settle most cases. */
static enum rollout_verdict decide_device(const struct stage *s,
					  const struct stage_question *q)
{
	enum rollout_verdict v =
		rollout_judge(&s->what, q->device, q->past, q->word);

	if (v != VERDICT_NOT_FOR && is_excluded(s, &q->device->id))
		return VERDICT_EXCLUDED;
	/* What it runs may be what a selector asks for: once it has updated,
	 * that is said and not this. */
	if (v != VERDICT_NOT_FOR && v != VERDICT_HARDWARE &&
	    v != VERDICT_ALREADY && v != VERDICT_NEWER &&
	    !rollout_selects(&s->selector, q->device))
		return VERDICT_SELECTOR;
	if (v == VERDICT_OFFER && s->is_undo && !runs_undone(s, q->device))
		return VERDICT_UNDO;
	return v;
}

static bool is_open(const struct stage *s, size_t phase)
{
	return phase < s->phase ||
	       (phase == s->phase && phase < s->ladder.count &&
		s->phase_state != PHASE_WAITING);
}

bool stage_limit(const struct stage *s, uint64_t *limit)
{
	if (is_open(s, s->phase))
		*limit = s->ladder.rungs[s->phase].limit;
	else if (s->phase > 0)
		*limit = s->ladder.rungs[s->phase - 1].limit;
	else
		return false;
	return true;
}

bool stage_has_lapsed(const struct stage *s, int64_t now)
{
	return s->metadata_ends && now >= s->metadata_ends;
}

static bool is_in_window(const struct stage *s, int64_t now)
{
	unsigned minute;

	if (!s->has_window || s->urgent)
		return true;
	minute = window_minute(&s->zone, now);
	if (s->window_from <= s->window_to)
		return minute >= s->window_from && minute < s->window_to;
	return minute >= s->window_from || minute < s->window_to;
}

/* Every third failure earns a rest, so a broken device cannot hammer; nor can
 * one whose attempts end otherwise fill the disk with them. */
static bool is_resting(const struct stage_policy *p,
		       const struct rollout_past *past, int64_t now)
{
	if (past->ended >= ENDED_MAX && now < past->last_ended + UTC_DAY)
		return true;
	return past->failed > 0 && past->failed % p->attempts == 0 &&
	       now < past->last_failed + p->rest_sec;
}

static enum rollout_verdict decide_time(const struct stage *s,
					const struct stage_question *q,
					size_t *phase)
{
	uint64_t bucket;
	size_t mine;

	if (s->status != STAGE_RUNNING && s->status != STAGE_COMPLETED)
		return VERDICT_CLOSED;
	if (s->what.not_before > q->now)
		return VERDICT_EARLY;
	bucket = q->bucket ? *q->bucket
			   : bucket_of(&s->what.digest, &q->device->id);
	mine = ladder_find(&s->ladder, bucket);
	if (!is_open(s, mine))
		return VERDICT_OUTSIDE;
	if (s->expires && q->now >= s->expires)
		return VERDICT_CLOSED;
	if (!is_in_window(s, q->now))
		return VERDICT_WINDOW;
	*phase = mine;
	return VERDICT_OFFER;
}

enum rollout_verdict stage_decide(const struct stage *s,
				  const struct stage_question *q, size_t *phase)
{
	enum rollout_verdict v = decide_device(s, q);

	if (v == VERDICT_OFFER)
		v = decide_time(s, q, phase);
	if (v != VERDICT_OFFER)
		return v;
	if (!q->word->ordered)
		return VERDICT_NO_ORDER;
	if (q->past->rolled_back)
		return VERDICT_ROLLED_BACK;
	if (is_resting(&s->policy, q->past, q->now))
		return VERDICT_RESTING;
	return VERDICT_OFFER;
}
