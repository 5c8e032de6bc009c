/* SPDX-License-Identifier: Apache-2.0 */
/* What time does to rollouts: attempts fall silent, gates are looked at. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"

#define GATES_SEC 10 /* at the latest; at once when an attempt changed */

/* ---- attempts ------------------------------------------------------------ */

/* What the timer means for one attempt. A device that only came again has not
 * changed it; then the timer is set anew. */
static void ring(const struct stage *s, struct store_due *d, int64_t now)
{
	struct stage_attempt *a = &d->attempt.at;

	if (d->last_seen > a->heard)
		a->heard = d->last_seen;
	if (d->interval_sec)
		a->interval_sec = d->interval_sec;
	if (stage_attempt_tick(a, &s->policy.timers, s->size, now) && d->is_out)
		(void)stage_attempt_end(a, STAGE_RETIRED, "", now);
}

/* What came of a list of attempts, in one transaction. */
struct batch {
	struct store_due due[STORE_DUE_MAX];
	struct store_change changed[STORE_DUE_MAX];
	enum stage_state before[STORE_DUE_MAX];
	size_t count;
};

static void put(struct batch *b, const struct stage *s, struct attempt *a,
		enum stage_state before)
{
	api_attempt_settle(s, a, before);
	b->changed[b->count].stage = s;
	b->changed[b->count].attempt = *a;
	b->before[b->count++] = before;
}

static int store_batch(struct server_api *api, struct batch *b, struct err *e)
{
	size_t count = b->count;

	b->count = 0;
	if (count == 0)
		return 0;
	if (store_attempts_save(api->store, b->changed, count, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (b->changed[i].attempt.at.state != b->before[i]) {
			api_gates_due(api, b->changed[i].attempt.rollout);
			api_log_attempt(&b->changed[i].attempt);
		}
	return 0;
}

static int ring_timers(struct server_api *api, struct batch *b, int64_t now,
		       struct err *e)
{
	size_t count;

	if (store_attempts_due(api->store, now, b->due, &count, e))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct store_due *d = &b->due[i];
		const struct stage *s = api_stage_of(api, d->attempt.rollout);
		enum stage_state before = (enum stage_state)d->attempt.at.state;

		if (!s)
			return err_set(e, ERR_SYSTEM,
				       "an attempt without a rollout");
		ring(s, d, now);
		put(b, s, &d->attempt, before);
	}
	return store_batch(api, b, e);
}

/* Of a rollout that is over, what has not installed ends. */
static int end_open(struct server_api *api, const struct stage *s,
		    struct batch *b, int64_t now, struct err *e)
{
	enum stage_state how =
		s->status == STAGE_ABORTED ? STAGE_WITHDRAWN : STAGE_SUPERSEDED;
	size_t count;

	b->count = 0;
	if (store_attempts_open(api->store, s->what.id, b->due, &count, e))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct attempt *a = &b->due[i].attempt;
		enum stage_state before = (enum stage_state)a->at.state;

		if (stage_attempt_end(&a->at, how, "", now))
			put(b, s, a, before);
	}
	return store_batch(api, b, e);
}

/* ---- gates --------------------------------------------------------------- */

static void log_event_of(const struct stage *s, enum stage_event event)
{
	const char *name = s->what.name;

	if (event == EVENT_PAUSED)
		log_event(LOG_WARNING, "rollout-paused", "by=%s name=%s why=%s",
			  stage_pause_name(s->pause), name, s->reason);
	else if (event == EVENT_COMPLETED)
		log_event(LOG_INFO, "rollout-completed", "name=%s", name);
	else
		log_event(LOG_INFO, "rollout-phase",
			  "name=%s phase=%zu state=%d", name, s->phase + 1,
			  s->phase_state);
}

static enum audit_act act_of(enum stage_event event)
{
	if (event == EVENT_PAUSED)
		return AUDIT_ROLLOUT_PAUSE;
	return event == EVENT_COMPLETED ? AUDIT_ROLLOUT_COMPLETE
					: AUDIT_ROLLOUT_PHASE;
}

/* Until nothing is left to do. Each step is stored by compare and set. */
static int look(struct server_api *api, struct stage *s, const struct tally *t,
		int64_t now, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_GATE, .now = now };
	struct store_act act = { .by = &by };
	enum stage_event event;

	for (;;) {
		act.revision = s->revision;
		event = stage_tick(s, t, now);
		if (event == EVENT_NONE)
			return 0;
		act.act = act_of(event);
		if (store_rollout_save(api->store, s, &act, e))
			return -1;
		log_event_of(s, event);
	}
}

static int look_at(struct server_api *api, const struct stage *s, int64_t now,
		   bool *changed, struct err *e)
{
	struct stage *next = mem_alloc(1, sizeof(*next));
	struct tally *t = mem_alloc(1, sizeof(*t));
	struct orders_reach reach;
	uint64_t limit;
	int rc;

	*next = *s;
	api_order_times(api, next, now);
	api_order_reach(api, &s->what, now, &reach);
	next->order_short = stage_limit(s, &limit) && reach.limit < limit;
	rc = store_tally(api->store, s, now, t, e);
	if (rc == 0)
		rc = look(api, next, t, now, e);
	*changed = next->revision != s->revision;
	free(next);
	free(t);
	return rc;
}

/* Completed ones become many, and most have nothing new: darkness alone comes
 * with time, as long as the hours are remembered. */
static bool is_watched(const struct stage *s, int64_t now)
{
	return s->status == STAGE_RUNNING ||
	       (s->status == STAGE_COMPLETED &&
		(!s->quiet || now < s->changed + TALLY_HOURS * TALLY_HOUR));
}

/* What fails of one rollout must not keep the gates of another from stopping
 * it: each is looked at, and the first failure is told. */
int api_look_at_gates(struct server_api *api, int64_t now, struct err *e)
{
	bool any = false, changed;
	struct err more;
	int rc = 0;

	for (size_t i = 0; i < api->rollout_count; i++) {
		struct stage *s = &api->rollouts[i];

		if (!is_watched(s, now))
			continue;
		if (look_at(api, s, now, &changed, rc ? &more : e))
			rc = -1;
		else
			s->quiet = true;
		any = any || changed;
	}
	if (any && api_read_rollouts_locked(api, rc ? &more : e))
		rc = -1;
	return rc;
}

/* ---- the tick ------------------------------------------------------------ */

static int end_all(struct server_api *api, struct batch *b, int64_t now,
		   struct err *e)
{
	struct err more;
	int rc = 0;

	for (size_t i = 0; i < api->rollout_count; i++) {
		const struct stage *s = &api->rollouts[i];

		if ((s->status == STAGE_ABORTED ||
		     s->status == STAGE_REPLACED) &&
		    end_open(api, s, b, now, rc ? &more : e))
			rc = -1;
	}
	return rc;
}

/* The gates whatever becomes of the attempts; and before what is only tidied
 * up. */
static int tick(struct server_api *api, int64_t now, struct err *e)
{
	struct batch *b = mem_alloc(1, sizeof(*b));
	struct err more;
	int rc = ring_timers(api, b, now, e);

	if (api->gates_due || now >= api->next_gates ||
	    now < api->next_gates - GATES_SEC) {
		api->gates_due = false;
		api->next_gates = now + GATES_SEC;
		if (api_look_at_gates(api, now, rc ? &more : e))
			rc = -1;
		if (end_all(api, b, now, rc ? &more : e))
			rc = -1;
	}
	free(b);
	return rc;
}

void api_tick_rollouts(struct server_api *api, int64_t now)
{
	struct err e = { 0 };
	int rc = 0;

	/* What a restored server lacks may be what stopped a rollout. */
	if (api->behind)
		return;
	(void)pthread_mutex_lock(&api->attempts);
	rc = tick(api, now, &e);
	(void)pthread_mutex_unlock(&api->attempts);
	if (rc)
		log_event(LOG_ERROR, "rollouts-not-advanced", "why=%s", e.msg);
}
