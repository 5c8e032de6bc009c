/* SPDX-License-Identifier: Apache-2.0 */
/* Check-ins and reports: what runs there, what it shall have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"

#include "update-server/api.h"
#include "update-server/redact.h"
#include "update-server/urgency.h"

/* ---- what the check-in says ---------------------------------------------- */

static bool skip(struct stage_attempt *a, enum stage_skip why, int64_t now)
{
	return stage_attempt_end(a, STAGE_SKIPPED, stage_skip_code(why), now);
}

/* What was offered and not installed ends with its rollout, and when the device
 * is none of those any more that the rollout is for. */
static bool is_over(const struct stage *s, const struct rollout_device *d,
		    struct stage_attempt *a, int64_t now)
{
	if (a->state >= STAGE_INSTALLED)
		return false;
	if (s->status == STAGE_REPLACED)
		return stage_attempt_end(a, STAGE_SUPERSEDED, "", now);
	if (s->status == STAGE_ABORTED)
		return stage_attempt_end(a, STAGE_WITHDRAWN, "", now);
	if (rollout_is_pinned(&s->what, d))
		return skip(a, d->blocked ? SKIP_BLOCKED : SKIP_PINNED, now);
	if (!rollout_fits(&s->what, d))
		return skip(a, SKIP_HARDWARE, now);
	return !stage_concerns(s, d) &&
	       stage_attempt_end(a, STAGE_WITHDRAWN, "LEFT", now);
}

/* Nor is it for a device that cannot come to it any more: what runs there now,
 * or the floor, leaves no way; or no key to it is left. */
static bool is_out_of_reach(struct server_api *api, const struct stage *s,
			    const struct rollout_device *d,
			    struct stage_attempt *a, int64_t now)
{
	struct rollout_word word;
	struct rollout goal;
	struct err why = { 0 };
	bool opens = true;

	if (a->state >= STAGE_INSTALLED || api->behind)
		return false;
	(void)pthread_rwlock_rdlock(&api->orders_lock);
	ways_judge(api->ways, &s->what, d, now, &word, &goal);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	if (word.stranded || word.below_floor)
		return skip(a, SKIP_INCOMPATIBLE, now);
	/* Damage here keeps no device from its answer. */
	if (api_can_open(api, s->what.product, goal.release, &d->id, &opens,
			 &why)) {
		log_event(LOG_ERROR, "decision-failed", "at=keys why=%s",
			  why.msg);
		return false;
	}
	return !opens && skip(a, SKIP_NO_PAYLOAD, now);
}

/* What had installed before the newest was offered. One that is confirmed was
 * so by a check-in, which judged what came before it; other ends may have been
 * told by reports. */
static int judge_older(struct server_api *api, const struct wire_checkin *m,
		       const struct attempt *latest, int64_t now,
		       struct api_change *out, struct err *e)
{
	struct attempt *a = &out->attempt;
	struct stage_goal goal;
	bool found;

	if (store_attempt_waiting(api->store, latest, a, &found, e))
		return -1;
	if (!found || !api_stage_of(api, a->rollout))
		return 0;
	goal = (struct stage_goal){ a->digest, a->seq, a->back_from };
	out->before = (enum stage_state)a->at.state;
	out->changed =
		stage_attempt_checkin_older(&a->at, &goal, &latest->at, m, now);
	return 0;
}

static void judge_latest(struct server_api *api, const struct wire_checkin *m,
			 const struct rollout_device *facts, int64_t now,
			 struct api_change *c)
{
	struct attempt *a = &c->attempt;
	const struct stage *s = api_stage_of(api, a->rollout);
	const struct stage_goal goal = { a->digest, a->seq, a->back_from };
	bool ended;

	if (!s)
		return;
	c->changed = stage_attempt_checkin(&a->at, &goal, m, now);
	if (is_over(s, facts, &a->at, now))
		c->changed = true;
	ended = is_out_of_reach(api, s, facts, &a->at, now);
	c->changed = c->changed || ended;
}

int api_judge_word(struct server_api *api, const struct wire_checkin *m,
		   const struct rollout_device *facts, int64_t now,
		   struct api_judged *out, struct err *e)
{
	struct api_change *c = &out->latest;
	bool alone;

	memset(out, 0, sizeof(*out));
	if (store_attempt_latest(api->store, &facts->id, &c->attempt,
				 &out->found, e))
		return -1;
	if (!out->found)
		return 0;
	c->before = (enum stage_state)c->attempt.at.state;
	alone = c->before == STAGE_CONFIRMED;
	judge_latest(api, m, facts, now, c);
	return alone ? 0
		     : judge_older(api, m, &c->attempt, now, &out->older, e);
}

static int save_change(struct server_api *api, struct api_change *c,
		       struct err *e)
{
	return c->changed
		       ? api_attempt_save(api, &c->attempt, c->before, NULL, e)
		       : 0;
}

/* ---- what it shall have -------------------------------------------------- */

struct choice {
	struct server_api *api;
	const struct store_device *device;
	const struct attempt *latest; /* NULL: there was none */
	int64_t now, seen;            /* when it came before; 0: never */
	enum rollout_verdict verdict; /* why nothing, for people */
	char name[NAME_MAX_LEN + 1];  /* of the rollout that said so */
	struct err order;             /* what the orders say against it */
};

static void fill_offer(struct wire_decision *d, const struct rollout *goal,
		       int64_t attempt)
{
	d->action = WIRE_UPDATE;
	d->digest = goal->digest;
	d->attempt = (uint64_t)attempt;
	memcpy(d->release, goal->release, sizeof(d->release));
	(void)snprintf(d->reason, sizeof(d->reason), "rollout %s: %s",
		       goal->name, rollout_why(VERDICT_OFFER));
}

/* Asked again before it was through: the same attempt goes on. */
static bool goes_on(const struct attempt *latest, const struct rollout *goal)
{
	return latest && latest->rollout == goal->id &&
	       sha256_equal(&latest->digest, &goal->digest) &&
	       !stage_has_ended((enum stage_state)latest->at.state);
}

static int offer(struct choice *c, const struct stage *s,
		 const struct api_goal *goal, struct wire_decision *d,
		 struct err *e)
{
	const struct rollout_device *f = &c->device->facts;
	const struct rollout *what = &goal->what;
	struct attempt a = { .device = f->id,
			     .digest = what->digest,
			     .seq = what->seq };

	if (goes_on(c->latest, what)) {
		fill_offer(d, what, c->latest->id);
		return 0;
	}
	if (f->has_release && f->seq > what->seq)
		a.back_from = f->seq;
	a.at = (struct stage_attempt){
		.activation = c->device->activation,
		.offered = c->now,
		.changed = c->now,
		.interval_sec = c->device->interval_sec,
		.phase = (uint8_t)goal->phase,
		.counted = stage_counts(s, f, c->now),
		.stone = !sha256_equal(&what->digest, &s->what.digest),
	};
	a.due = api_attempt_due(s, &a.at);
	if (store_attempt_add(c->api->store, s, &a, c->seen, e))
		return -1;
	api_gates_due(c->api, s->what.id);
	fill_offer(d, what, a.id);
	return 0;
}

static void fill_nothing(struct wire_decision *d, const struct choice *c)
{
	d->action = c->verdict == VERDICT_TRIAL ? WIRE_WAIT : WIRE_NOTHING;
	if (c->verdict == VERDICT_NOT_FOR)
		(void)snprintf(d->reason, sizeof(d->reason),
			       "no rollout is for this device");
	else if (c->verdict == VERDICT_NO_ORDER)
		(void)snprintf(d->reason, sizeof(d->reason), "rollout %s: %.*s",
			       c->name, WIRE_REASON_MAX / 2, c->order.msg);
	else
		(void)snprintf(d->reason, sizeof(d->reason), "rollout %s: %s",
			       c->name, rollout_why(c->verdict));
}

/* Of several reasons the first rollout's is told; but what a device's own past
 * is against was open to it otherwise, and that is told before. */
static void note_verdict(struct choice *c, const struct stage *s,
			 enum rollout_verdict verdict,
			 const struct api_goal *goal)
{
	bool own = verdict == VERDICT_ROLLED_BACK ||
		   verdict == VERDICT_RESTING || verdict == VERDICT_NO_KEY;

	if (c->order.code == ERR_NONE)
		c->order = goal->order;
	/* A device that is for production hears nothing of nightly builds. */
	if (verdict == VERDICT_NOT_FOR || verdict == VERDICT_LAB ||
	    (c->verdict != VERDICT_NOT_FOR && !own))
		return;
	c->verdict = verdict;
	memcpy(c->name, s->what.name, sizeof(c->name));
}

/* The first rollout that has something for it; NULL if none has. */
static int choose(struct choice *c, struct wire_decision *d,
		  const struct stage **chosen, struct err *e)
{
	const struct rollout_device *f = &c->device->facts;
	struct api_goal goal;

	for (size_t i = 0; i < c->api->rollout_count; i++) {
		const struct stage *s = &c->api->rollouts[i];
		enum rollout_verdict verdict =
			api_decide_past(c->api, s, f, c->now, &goal);

		if (verdict == VERDICT_OFFER) {
			*chosen = s;
			return offer(c, s, &goal, d, e);
		}
		note_verdict(c, s, verdict, &goal);
	}
	*chosen = NULL;
	fill_nothing(d, c);
	return 0;
}

/* Whoever comes and is offered nothing is what darkness is compared with. */
static int note_others(const struct choice *c, const struct stage *chosen,
		       struct err *e)
{
	const struct rollout_device *f = &c->device->facts;
	const struct store_sign sign = { f->id, c->seen, c->now,
					 c->latest == NULL && !chosen };
	const struct stage *others[STORE_CONTROL_MAX];
	size_t count = 0;

	for (size_t i = 0; i < c->api->rollout_count; i++) {
		const struct stage *s = &c->api->rollouts[i];

		if (s == chosen || s->status != STAGE_RUNNING ||
		    !stage_concerns(s, f))
			continue;
		others[count++] = s;
		if (count < ARRAY_LEN(others))
			continue;
		if (store_control_seen(c->api->store, others, count, &sign, e))
			return -1;
		count = 0;
	}
	return store_control_seen(c->api->store, others, count, &sign, e);
}

/* As a rule, or sooner while something urgent waits for it. */
static uint32_t interval_for(const struct server_api *api,
			     const struct rollout_device *f)
{
	uint32_t poll_sec = (uint32_t)api->config->poll_sec;

	for (size_t i = 0; i < api->rollout_count; i++) {
		const struct stage *s = &api->rollouts[i];
		bool has = f->has_release && f->confirmed &&
			   sha256_equal(&f->digest, &s->what.digest);

		if (s->urgent && s->status == STAGE_RUNNING && !has &&
		    stage_concerns(s, f))
			return urgency_interval(poll_sec, s->ladder.population,
						api->config->checkin_rate);
	}
	return poll_sec;
}

/* ---- handlers ------------------------------------------------------------ */

static int checkin(struct server_api *api, const struct wire_checkin *m,
		   struct store_device *device, struct wire_decision *d,
		   struct err *e)
{
	const struct rollout_device *f = &device->facts;
	struct choice c = { .api = api,
			    .device = device,
			    .now = utc_now(),
			    .seen = device->last_seen,
			    .verdict = VERDICT_NOT_FOR };
	const struct stage *chosen;
	struct api_judged j;

	/* What it is was settled when it enrolled; it cannot become another. */
	if (strcmp(f->product, m->product) != 0 ||
	    strcmp(f->model, m->model) != 0)
		return err_set(e, ERR_REFUSED,
			       "this device is enrolled as %s %s", f->product,
			       f->model);
	if (store_device_seen(api->store, device, m, c.now, e) ||
	    api_judge_word(api, m, f, c.now, &j, e) ||
	    save_change(api, &j.older, e) || save_change(api, &j.latest, e))
		return -1;
	c.latest = j.found ? &j.latest.attempt : NULL;
	d->next_check_sec = interval_for(api, f);
	return choose(&c, d, &chosen, e) || note_others(&c, chosen, e) ? -1 : 0;
}

static void count_checkin(struct server_api *api, const struct wire_decision *d)
{
	static const enum meter_event events[] = {
		[WIRE_NOTHING] = METER_CHECKIN_NOTHING,
		[WIRE_UPDATE] = METER_CHECKIN_UPDATE,
		[WIRE_WAIT] = METER_CHECKIN_WAIT,
	};

	meter_count(api->meter, d ? events[d->action] : METER_CHECKIN_FAILED);
}

/* One identity on two boards: neither is heard until a person has decided. */
static int look_for_twin(struct server_api *api, const struct wire_checkin *m,
			 const struct store_device *device, struct response *a,
			 struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_GATE, .now = utc_now() };
	char id[2 * DEVICE_ID_LEN + 1];
	bool twin = false;

	if (store_device_twin(api->store, device, m, &by, &twin, e))
		return -1;
	if (!twin)
		return 0;
	hex_format((struct slice){ device->facts.id.bytes, DEVICE_ID_LEN }, id);
	log_event(LOG_ERROR, "device-twin",
		  "id=%s hint=\"it speaks from two boards: device release or "
		  "device revoke\"",
		  id);
	a->cut = true;
	a->cut_fingerprint = device->fingerprint;
	return err_set(e, ERR_REFUSED,
		       "this device is in quarantine until a person has "
		       "looked at it: its identity speaks from two boards");
}

int api_checkin(struct server_api *api, const struct request *q,
		struct response *a, struct err *e)
{
	struct wire_decision *d = mem_alloc(1, sizeof(*d));
	struct store_device *device = mem_alloc(1, sizeof(*device));
	struct wire_checkin m;
	struct device_id id;
	uint64_t chance;
	int rc = -1;

	if (wire_parse_checkin(q->body, &m, e) || api_device_id(q, &id, e) ||
	    store_device_find(api->store, &id, device, e) ||
	    look_for_twin(api, &m, device, a, e))
		goto out;
	(void)pthread_mutex_lock(&api->attempts);
	rc = checkin(api, &m, device, d, e);
	(void)pthread_mutex_unlock(&api->attempts);
	count_checkin(api, rc == 0 ? d : NULL);
	if (rc)
		goto out;
	random_bytes(&chance, sizeof(chance));
	d->next_check_sec = rollout_next_check(d->next_check_sec, chance);
	rc = wire_format_decision(d, &a->body, e);
out:
	free(d);
	free(device);
	return rc;
}

static int report(struct server_api *api, const struct device_id *id,
		  const struct wire_report *m, struct err *e)
{
	const struct store_word word = {
		.device = *id,
		.running = m->running,
		.activation = m->activation,
		.settled = m->state == WIRE_CONFIRMED ||
			   m->state == WIRE_ROLLED_BACK,
	};
	enum stage_state before;
	char evidence[WIRE_EVIDENCE_MAX + 1];
	const struct stage *s;
	int64_t now = utc_now();
	struct attempt a;

	if (store_attempt_find(api->store, (int64_t)m->attempt, id, &a, e))
		return -1;
	before = (enum stage_state)a.at.state;
	s = api_stage_of(api, a.rollout);
	/* It may be of a rollout that has ended: what runs is known by it. */
	if (!stage_attempt_report(&a.at, m, s && stage_has_lapsed(s, now), now))
		return store_word_save(api->store, &word, NULL, NULL, NULL, e);
	/* Whoever may look at the fleet reads it. */
	(void)redact(slice_of(m->evidence), evidence, sizeof(evidence));
	return api_attempt_say(api, &a, before, evidence[0] ? evidence : NULL,
			       &word, e);
}

int api_report(struct server_api *api, const struct request *q,
	       struct response *a, struct err *e)
{
	struct wire_report *m = mem_alloc(1, sizeof(*m));
	struct device_id id;
	int rc = -1;

	if (wire_parse_report(q->body, m, e) || api_device_id(q, &id, e))
		goto out;
	(void)pthread_mutex_lock(&api->attempts);
	rc = report(api, &id, m, e);
	(void)pthread_mutex_unlock(&api->attempts);
	/* Acknowledged only now: the store has committed. */
	if (rc == 0)
		rc = response_json(a, 200, api_answer(), e);
out:
	free(m);
	return rc;
}
