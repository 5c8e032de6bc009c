/* SPDX-License-Identifier: Apache-2.0 */
/* What a device gets, and the names of things. */
#include "update-server/stage.h"

#include <string.h>

#define HOUR INT64_C(3600)

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
	};

	return names[p];
}

const char *stage_why(enum stage_answer a)
{
	static const char *const words[] = {
		[ANSWER_OFFER] = "open for this device",
		[ANSWER_STONE] = "needs an older release first, which is open",
		[ANSWER_NOT_FOR] = "for other devices",
		[ANSWER_ALREADY] = "runs there already",
		[ANSWER_NEWER] = "something newer runs there",
		[ANSWER_NO_STONE] = "needs an older release first",
		[ANSWER_TRIAL] = "another release is on trial there",
		[ANSWER_PINNED] = "the device is pinned to another release",
		[ANSWER_CLOSED] = "not running",
		[ANSWER_EARLY] = "the release is not to be installed yet",
		[ANSWER_OUTSIDE] = "its share is not open to this device yet",
		[ANSWER_WINDOW] = "outside the hours in which it is offered",
		[ANSWER_ROLLED_BACK] = "this device tried it and came back",
		[ANSWER_RESTING] = "failed there too often today",
	};

	return words[a];
}

/* ---- who ----------------------------------------------------------------- */

static bool is_listed(const char (*names)[NAME_MAX_LEN + 1], size_t count,
		      const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is_excluded(const struct stage *s, const struct device_id *id)
{
	for (size_t i = 0; i < s->excluded_count; i++)
		if (memcmp(s->excluded[i].bytes, id->bytes, DEVICE_ID_LEN) == 0)
			return true;
	return false;
}

bool stage_concerns(const struct stage *s, const struct stage_device *d)
{
	return strcmp(s->product, d->product) == 0 &&
	       (s->model_count == 0 ||
		is_listed(s->models, s->model_count, d->model)) &&
	       is_listed(s->cohorts, s->cohort_count, d->cohort) &&
	       !is_excluded(s, &d->id);
}

bool stage_counts(const struct stage *s, const struct stage_device *d,
		  int64_t now)
{
	return d->enrolled + s->policy.new_device_sec <= now;
}

bool stage_is_preferred(const struct stage *a, const struct stage *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->release.seq > b->release.seq;
}

/* ---- the decision -------------------------------------------------------- */

/* What the device runs already settles most cases. */
static enum stage_answer decide_version(const struct stage *s,
					const struct stage_device *d)
{
	if (d->has_release && sha256_equal(&d->digest, &s->release.digest))
		return ANSWER_ALREADY;
	if (d->pinned && d->pin != s->release.seq)
		return ANSWER_PINNED;
	if (s->is_undo &&
	    !(d->has_release && sha256_equal(&d->digest, &s->undo_of)))
		return ANSWER_NOT_FOR;
	if (!d->has_release)
		return ANSWER_OFFER;
	if (d->seq >= s->release.seq)
		return ANSWER_NEWER;
	if (!d->confirmed)
		return ANSWER_TRIAL;
	if (d->seq >= s->release.requires_seq)
		return ANSWER_OFFER;
	if (s->has_stone && d->seq < s->stone.seq &&
	    d->seq >= s->stone.requires_seq)
		return ANSWER_STONE;
	return ANSWER_NO_STONE;
}

static bool is_open(const struct stage *s, size_t phase)
{
	return phase < s->phase ||
	       (phase == s->phase && phase < s->ladder.count &&
		s->phase_state != PHASE_WAITING);
}

static bool is_in_window(const struct stage *s, unsigned minute)
{
	if (!s->has_window || s->urgent)
		return true;
	if (s->window_from <= s->window_to)
		return minute >= s->window_from && minute < s->window_to;
	return minute >= s->window_from || minute < s->window_to;
}

/* Every third failure earns a rest, so a broken device cannot hammer. */
static bool is_resting(const struct stage_policy *p,
		       const struct stage_past *past, int64_t now)
{
	return past->failed > 0 && past->failed % p->attempts == 0 &&
	       now < past->last_failed + p->rest_sec;
}

static enum stage_answer decide_time(const struct stage *s, uint64_t bucket,
				     const struct stage_when *when,
				     size_t *phase)
{
	size_t mine = ladder_find(&s->ladder, bucket);

	if (s->status != STAGE_RUNNING && s->status != STAGE_COMPLETED)
		return ANSWER_CLOSED;
	if (s->release.not_before > when->now)
		return ANSWER_EARLY;
	if (!is_open(s, mine))
		return ANSWER_OUTSIDE;
	if (s->expires && when->now >= s->expires)
		return ANSWER_CLOSED;
	if (!is_in_window(s, when->local_minute))
		return ANSWER_WINDOW;
	*phase = mine;
	return ANSWER_OFFER;
}

enum stage_answer stage_decide(const struct stage *s,
			       const struct stage_device *d, uint64_t bucket,
			       const struct stage_past *past,
			       const struct stage_when *when, size_t *phase)
{
	enum stage_answer version, answer;

	if (!stage_concerns(s, d))
		return ANSWER_NOT_FOR;
	version = decide_version(s, d);
	if (version != ANSWER_OFFER && version != ANSWER_STONE)
		return version;
	answer = decide_time(s, bucket, when, phase);
	if (answer != ANSWER_OFFER)
		return answer;
	if (past->rolled_back)
		return ANSWER_ROLLED_BACK;
	if (is_resting(&s->policy, past, when->now))
		return ANSWER_RESTING;
	return version;
}
