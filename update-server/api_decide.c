/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts in memory, and what becomes of each at a device. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "update-server/api.h"

/* ---- the rollouts -------------------------------------------------------- */

static int compare_preference(const void *a, const void *b)
{
	const struct stage *x = a, *y = b;

	if (stage_is_preferred(x, y))
		return -1;
	if (stage_is_preferred(y, x))
		return 1;
	return x->what.id < y->what.id ? 1 : -1;
}

int api_read_rollouts_locked(struct server_api *api, struct err *e)
{
	struct stage *all = NULL;
	size_t count = 0;

	if (store_rollout_all(api->store, &all, &count, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		api_order_times(api, &all[i], utc_now());
	if (count > 0)
		qsort(all, count, sizeof(*all), compare_preference);
	free(api->rollouts);
	api->rollouts = all;
	api->rollout_count = count;
	api->gates_due = true;
	return 0;
}

int api_read_rollouts(struct server_api *api, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&api->attempts);
	rc = api_read_rollouts_locked(api, e);
	(void)pthread_mutex_unlock(&api->attempts);
	return rc;
}

const struct stage *api_stage_of(const struct server_api *api, int64_t rollout)
{
	for (size_t i = 0; i < api->rollout_count; i++)
		if (api->rollouts[i].what.id == rollout)
			return &api->rollouts[i];
	return NULL;
}

void api_gates_due(struct server_api *api, int64_t rollout)
{
	for (size_t i = 0; i < api->rollout_count; i++)
		if (api->rollouts[i].what.id == rollout)
			api->rollouts[i].quiet = false;
	api->gates_due = true;
}

/* ---- the decision -------------------------------------------------------- */

enum rollout_verdict api_decide(struct server_api *api, const struct stage *s,
				const struct api_asked *asked,
				struct api_goal *goal)
{
	const struct rollout_device *d = asked->device;
	struct rollout_word word;
	const struct stage_question q = {
		.device = d,
		.past = asked->past,
		.word = &word,
		.now = asked->now,
	};
	enum rollout_verdict verdict;

	goal->phase = 0;
	goal->order = (struct err){ .code = ERR_NONE };
	if (api->behind) {
		goal->what = s->what;
		return VERDICT_BEHIND;
	}
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	ways_judge(api->ways, &s->what, d, asked->now, &word, &goal->what);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	verdict = stage_decide(s, &q, &goal->phase);
	/* The orders are asked last, for they cost the most. */
	if (verdict == VERDICT_OFFER &&
	    api_ordered(api, &goal->what, d, asked->now, &goal->order)) {
		word.ordered = false;
		verdict = stage_decide(s, &q, &goal->phase);
	}
	return verdict;
}

static enum rollout_verdict trouble(const char *what, const struct err *why)
{
	log_event(LOG_ERROR, "decision-failed", "at=%s why=%s", what, why->msg);
	return VERDICT_CLOSED;
}

enum rollout_verdict api_decide_past(struct server_api *api,
				     const struct stage *s,
				     const struct rollout_device *d,
				     int64_t now, struct api_goal *goal)
{
	static const struct rollout_past nothing;
	struct rollout_past past;
	struct api_asked asked = { d, &nothing, now };
	enum rollout_verdict verdict = api_decide(api, s, &asked, goal);
	bool opens = false;
	struct err e;

	if (verdict != VERDICT_OFFER)
		return verdict;
	asked.past = &past;
	if (store_past(api->store, &d->id, &goal->what, &past, &e))
		return trouble("past", &e);
	verdict = api_decide(api, s, &asked, goal);
	if (verdict != VERDICT_OFFER)
		return verdict;
	if (api_can_open(api, s->what.product, goal->what.release, &d->id,
			 &opens, &e))
		return trouble("keys", &e);
	return opens ? VERDICT_OFFER : VERDICT_NO_KEY;
}

/* ---- attempts ------------------------------------------------------------ */

int64_t api_attempt_due(const struct stage *s, const struct stage_attempt *a)
{
	int64_t due = stage_attempt_due(a, &s->policy.timers, s->size);

	return due == INT64_MAX ? 0 : due;
}

void api_log_attempt(const struct attempt *a)
{
	char id[2 * DEVICE_ID_LEN + 1];
	bool bad = a->at.state == STAGE_FAILED ||
		   a->at.state == STAGE_ROLLED_BACK ||
		   a->at.state == STAGE_LOST;

	hex_format((struct slice){ a->device.bytes, DEVICE_ID_LEN }, id);
	log_event(bad ? LOG_WARNING : LOG_INFO, "attempt-changed",
		  "device=%s attempt=%lld state=%s code=%s", id,
		  (long long)a->id,
		  stage_state_name((enum stage_state)a->at.state), a->at.code);
}

void api_attempt_settle(const struct stage *s, struct attempt *a,
			enum stage_state before)
{
	/* A change belongs to the gate epoch in which it happens. */
	if (a->at.state != before)
		a->at.epoch = s->epoch;
	a->due = api_attempt_due(s, &a->at);
}

void api_attempt_stored(struct server_api *api, const struct attempt *a,
			enum stage_state before)
{
	if (a->at.state == before)
		return;
	api_gates_due(api, a->rollout);
	api_log_attempt(a);
	if (a->at.state == STAGE_FAILED &&
	    gate_class_of(a->at.code) == GATE_SEC)
		meter_count(api->meter, METER_SECURITY);
}

int api_attempt_save(struct server_api *api, struct attempt *a,
		     enum stage_state before, const char *evidence,
		     struct err *e)
{
	return api_attempt_say(api, a, before, evidence, NULL, e);
}

int api_attempt_say(struct server_api *api, struct attempt *a,
		    enum stage_state before, const char *evidence,
		    const struct store_word *word, struct err *e)
{
	const struct stage *s = api_stage_of(api, a->rollout);

	if (!s)
		return err_set(e, ERR_SYSTEM, "an attempt without a rollout");
	api_attempt_settle(s, a, before);
	if (word ? store_word_save(api->store, word, s, a, evidence, e)
		 : store_attempt_save(api->store, s, a, evidence, e))
		return -1;
	api_attempt_stored(api, a, before);
	return 0;
}
