/* SPDX-License-Identifier: Apache-2.0 */
/* Check-ins and reports: what runs there, what it shall have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"

#include "update-server/api.h"
#include "update-server/gate.h"

#define CANDIDATES_MAX 8

/* ---- what the check-in says ---------------------------------------------- */

static void log_attempt(const struct attempt *a)
{
	char id[2 * DEVICE_ID_LEN + 1];

	hex_format((struct slice){ a->device.bytes, DEVICE_ID_LEN }, id);
	log_event(a->state == ATTEMPT_FAILED || a->state == ATTEMPT_ROLLED_BACK
			  ? LOG_WARNING
			  : LOG_INFO,
		  "attempt-changed", "device=%s attempt=%lld state=%s code=%s",
		  id, (long long)a->id, attempt_state_name(a->state), a->code);
}

static bool matters_to_rollout(enum attempt_state state)
{
	return state == ATTEMPT_CONFIRMED || state == ATTEMPT_ROLLED_BACK ||
	       state == ATTEMPT_SKIPPED;
}

static int save(struct server_api *api, const struct attempt *a,
		enum attempt_state before, const char *evidence, struct err *e)
{
	if (store_attempt_save(api->store, a, evidence, e))
		return -1;
	if (a->state == before)
		return 0;
	log_attempt(a);
	if (a->state == ATTEMPT_FAILED && gate_class_of(a->code) == GATE_SEC)
		meter_count(api->meter, METER_SECURITY);
	if (!matters_to_rollout(a->state))
		return 0;
	return store_rollout_settle(api->store, a->rollout, a->changed, e);
}

/* The newest attempt, after what the device says of itself. */
static int judge_attempt(struct server_api *api, const struct wire_checkin *m,
			 const struct store_device *device, struct attempt *a,
			 bool *found, struct err *e)
{
	enum attempt_state before;

	if (store_attempt_latest(api->store, &device->facts.id, a, found, e))
		return -1;
	if (!*found)
		return 0;
	before = a->state;
	if (!attempt_checkin(a, m, device->last_seen))
		return 0;
	return save(api, a, before, NULL, e);
}

/* ---- what it shall have -------------------------------------------------- */

/* The best rollouts that concern a device, newest release first. */
struct choice {
	struct server_api *api;
	const struct rollout_device *device;
	int64_t now;
	struct rollout *candidates; /* CANDIDATES_MAX */
	size_t count;
	enum rollout_verdict verdict; /* why nothing, for people */
	char name[NAME_MAX_LEN + 1];  /* of the rollout that said so */
	struct err order;             /* what the orders say against it */
};

static void note_verdict(struct choice *c, const struct rollout *r,
			 enum rollout_verdict verdict)
{
	if (c->verdict != VERDICT_NOT_FOR)
		return;
	c->verdict = verdict;
	memcpy(c->name, r->name, sizeof(c->name));
}

static enum rollout_verdict decide_one(struct choice *c,
				       const struct rollout *r,
				       const struct rollout_past *past,
				       struct rollout *goal)
{
	const struct api_asked asked = { c->device, past, c->now };
	struct err why = { 0 };
	enum rollout_verdict verdict =
		api_decide(c->api, r, &asked, goal, &why);

	if (c->order.code == ERR_NONE)
		c->order = why;
	return verdict;
}

static void consider(void *ctx, const struct rollout *r)
{
	static const struct rollout_past nothing;
	struct choice *c = ctx;
	struct rollout goal;
	enum rollout_verdict verdict = decide_one(c, r, &nothing, &goal);

	if (verdict == VERDICT_OFFER && c->count < CANDIDATES_MAX)
		c->candidates[c->count++] = *r;
	else if (verdict != VERDICT_NOT_FOR)
		note_verdict(c, r, verdict);
}

static void fill_offer(struct wire_decision *d, const struct rollout *r,
		       int64_t attempt)
{
	d->action = WIRE_UPDATE;
	d->digest = r->digest;
	d->attempt = (uint64_t)attempt;
	memcpy(d->release, r->release, sizeof(d->release));
	(void)snprintf(d->reason, sizeof(d->reason), "rollout %s: %s", r->name,
		       rollout_why(VERDICT_OFFER));
}

static int offer(struct server_api *api, const struct store_device *device,
		 const struct rollout *r, const struct attempt *latest,
		 struct wire_decision *d, struct err *e)
{
	const struct rollout_device *f = &device->facts;
	struct attempt a = { .rollout = r->id,
			     .device = f->id,
			     .digest = r->digest,
			     .seq = r->seq,
			     .activation = device->activation,
			     .offered = device->last_seen };

	if (f->has_release && f->seq > r->seq)
		a.back_from = f->seq;

	/* Asked again before it was through: the same attempt goes on. */
	if (latest && latest->rollout == r->id &&
	    sha256_equal(&latest->digest, &r->digest) &&
	    latest->state < ATTEMPT_CONFIRMED) {
		fill_offer(d, r, latest->id);
		return 0;
	}
	if (store_attempt_add(api->store, &a, e))
		return -1;
	log_attempt(&a);
	fill_offer(d, r, a.id);
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

/* By its past with what it would be offered: the release, or the stone. */
static int judge_past(struct choice *c, const struct rollout *r,
		      struct rollout *goal, enum rollout_verdict *verdict,
		      struct err *e)
{
	static const struct rollout_past nothing;
	const struct device_id *id = &c->device->id;
	struct rollout_past past;
	bool opens = false;

	(void)decide_one(c, r, &nothing, goal);
	if (store_past(c->api->store, id, goal, &past, e))
		return -1;
	*verdict = decide_one(c, r, &past, goal);
	if (*verdict != VERDICT_OFFER)
		return 0;
	if (api_can_open(c->api, r->product, goal->release, id, &opens, e))
		return -1;
	if (!opens)
		*verdict = VERDICT_NO_KEY;
	return 0;
}

/* The first candidate that this device's own past does not forbid. */
static int choose(struct server_api *api, struct choice *c,
		  const struct store_device *device,
		  const struct attempt *latest, struct wire_decision *d,
		  struct err *e)
{
	enum rollout_verdict verdict;
	struct rollout goal;

	for (size_t i = 0; i < c->count; i++) {
		if (judge_past(c, &c->candidates[i], &goal, &verdict, e))
			return -1;
		if (verdict == VERDICT_OFFER)
			return offer(api, device, &goal, latest, d, e);
		c->verdict = verdict;
		memcpy(c->name, goal.name, sizeof(c->name));
	}
	fill_nothing(d, c);
	return 0;
}

static int decide(struct server_api *api, const struct store_device *device,
		  const struct attempt *latest, int64_t now,
		  struct wire_decision *d, struct err *e)
{
	struct choice c = { .api = api,
			    .device = &device->facts,
			    .now = now,
			    .verdict = VERDICT_NOT_FOR };
	int rc;

	c.candidates = mem_alloc(CANDIDATES_MAX, sizeof(*c.candidates));
	rc = store_rollout_each(api->store, consider, &c, e);
	if (rc == 0)
		rc = choose(api, &c, device, latest, d, e);
	free(c.candidates);
	return rc;
}

/* ---- handlers ------------------------------------------------------------ */

static int checkin(struct server_api *api, const struct wire_checkin *m,
		   struct store_device *device, struct wire_decision *d,
		   struct err *e)
{
	const struct rollout_device *f = &device->facts;
	int64_t now = utc_now();
	struct attempt latest;
	bool found = false;

	/* What it is was settled when it enrolled; it cannot become another. */
	if (strcmp(f->product, m->product) != 0 ||
	    strcmp(f->model, m->model) != 0)
		return err_set(e, ERR_REFUSED,
			       "this device is enrolled as %s %s", f->product,
			       f->model);
	if (store_device_seen(api->store, device, m, now, e) ||
	    judge_attempt(api, m, device, &latest, &found, e))
		return -1;
	return decide(api, device, found ? &latest : NULL, now, d, e);
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
	d->next_check_sec =
		rollout_next_check((uint32_t)api->config->poll_sec, chance);
	rc = wire_format_decision(d, &a->body, e);
out:
	free(d);
	free(device);
	return rc;
}

static int report(struct server_api *api, const struct device_id *id,
		  const struct wire_report *m, struct err *e)
{
	enum attempt_state before;
	struct attempt a;
	bool tells_why = m->evidence[0] != 0;

	if (store_attempt_find(api->store, (int64_t)m->attempt, id, &a, e))
		return -1;
	before = a.state;
	if (!attempt_report(&a, m, utc_now()))
		return 0;
	return save(api, &a, before, tells_why ? m->evidence : NULL, e);
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
