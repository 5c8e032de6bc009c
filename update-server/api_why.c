/* SPDX-License-Identifier: Apache-2.0 */
/* Why a device gets what it gets: each rollout of its product, and what is for
 * and against it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/api.h"

/* Where a bucket lies, as a share of all: "83.10 %". */
static void set_bucket(struct json *j, const char *name, const char *share_name,
		       uint64_t bucket)
{
	char text[BUCKET_TEXT_LEN], share[16];

	bucket_format_limit(bucket, text);
	bucket_format_share(bucket, share);
	json_set_text(j, name, text);
	json_set_text(j, share_name, share);
}

struct tries {
	int64_t rollout;
	uint32_t n;
	enum stage_state state;
	bool open;
};

static void take_try(void *ctx, const struct attempt *a, const char *rollout,
		     const char *release, const char *evidence)
{
	struct tries *t = ctx;

	(void)rollout;
	(void)release;
	(void)evidence;
	if (a->rollout != t->rollout || a->n < t->n)
		return;
	t->n = a->n;
	t->state = (enum stage_state)a->at.state;
	t->open = !stage_has_ended(t->state);
}

static void set_window(struct json *j, const struct stage *s, int64_t now)
{
	char text[WINDOW_WORDS];

	if (!s->has_window)
		return;
	window_words(&s->zone, s->window_from, s->window_to, now, text);
	json_set_text(j, "window", text);
}

static void set_sentence(struct json *j, enum rollout_verdict verdict,
			 const struct api_goal *goal, const struct tries *t,
			 const char *where)
{
	char text[ERR_MSG_LEN + 64];

	if (verdict == VERDICT_NO_ORDER)
		(void)snprintf(text, sizeof(text), "%s", goal->order.msg);
	else if (verdict == VERDICT_SELECTOR)
		(void)snprintf(text, sizeof(text), "%s: %s",
			       rollout_why(verdict), where);
	else
		(void)snprintf(text, sizeof(text), "%s", rollout_why(verdict));
	json_set_text(j, "verdict", rollout_verdict_name(verdict));
	json_set_text(j, "why", text);
	if (t->n > 0) {
		json_set_int(j, "attempt", t->n);
		json_set_text(j, "attempt_state", stage_state_name(t->state));
	}
}

/* What signed metadata says against it, whatever else does. */
static void set_floor(struct server_api *api, const struct stage *s,
		      const struct rollout_device *d, int64_t now,
		      struct json *j)
{
	char text[NAME_MAX_LEN + 64] = "free";
	struct rollout_word word;
	struct rollout goal;

	(void)pthread_rwlock_rdlock(&api->orders_lock);
	ways_judge(api->ways, &s->what, d, now, &word, &goal);
	(void)pthread_rwlock_unlock(&api->orders_lock);
	if (word.below_floor)
		(void)snprintf(text, sizeof(text), "below the floor");
	else if (word.stranded)
		(void)snprintf(text, sizeof(text),
			       "needs an older release first: none leads here");
	else if (strcmp(goal.release, s->what.release) != 0)
		(void)snprintf(text, sizeof(text), "needs %s first",
			       goal.release);
	json_set_text(j, "floor", text);
}

/* Did the selector choose it? "" where there is none. */
static const char *chosen(const struct stage *s, const struct rollout_device *d)
{
	if (!s->where[0])
		return "";
	return rollout_selects(&s->selector, d) ? "yes" : "no";
}

static int why_one(struct server_api *api, const struct stage *s,
		   const struct store_device *d, struct json *list,
		   struct err *e)
{
	struct tries t = { .rollout = s->what.id };
	int64_t now = utc_now();
	struct json *j = json_new_object();
	struct api_goal goal;
	enum rollout_verdict verdict;
	uint64_t limit;

	json_add(list, j);
	if (store_attempt_each(api->store, &d->facts.id, take_try, &t, e))
		return -1;
	verdict = api_decide_past(api, s, &d->facts, now, &goal);
	json_set_text(j, "rollout", s->what.name);
	json_set_text(j, "release", s->what.release);
	if (strcmp(goal.what.release, s->what.release) != 0)
		json_set_text(j, "goal", goal.what.release);
	json_set_text(j, "state", stage_status_name(s->status));
	set_sentence(j, verdict, &goal, &t, s->where);
	json_set_text(j, "where", s->where);
	json_set_text(j, "selected", chosen(s, &d->facts));
	set_floor(api, s, &d->facts, now, j);
	json_set_int(j, "attempts", s->policy.attempts);
	set_bucket(j, "bucket", "bucket_percent",
		   bucket_of(&s->what.digest, &d->facts.id));
	if (stage_limit(s, &limit))
		set_bucket(j, "limit", "limit_percent", limit);
	json_set_int(j, "phase",
		     (int64_t)ladder_find(&s->ladder, bucket_of(&s->what.digest,
								&d->facts.id)) +
			     1);
	set_window(j, s, now);
	return 0;
}

int api_why_json(struct server_api *api, const struct store_device *d,
		 struct json **out, struct err *e)
{
	struct json *list = json_new_array();
	int rc = 0;

	(void)pthread_mutex_lock(&api->attempts);
	for (size_t i = 0; rc == 0 && i < api->rollout_count; i++)
		if (strcmp(api->rollouts[i].what.product, d->facts.product) ==
		    0)
			rc = why_one(api, &api->rollouts[i], d, list, e);
	(void)pthread_mutex_unlock(&api->attempts);
	if (rc) {
		json_free(list);
		return -1;
	}
	*out = list;
	return 0;
}

/* One line: what it is offered, or what the first of them says against it. */
static void set_answer(struct json *j, const struct json *list)
{
	char text[512] = "no rollout is for this device";
	bool against = false;

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *one = json_at(list, i);
		const char *verdict = json_text(json_get(one, "verdict"));
		bool offered = strcmp(verdict, "offer") == 0;

		if (strcmp(verdict, "not-for") == 0 || (against && !offered))
			continue;
		against = true;
		(void)snprintf(text, sizeof(text), "%s%s: %s",
			       offered ? "it is offered " : "",
			       json_text(json_get(one, "release")),
			       json_text(json_get(one, "why")));
		if (offered)
			break;
	}
	json_set_text(j, "answer", text);
}

int api_device_why(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	char way[WIRE_REASON_MAX];
	struct json *list = NULL, *j;
	struct device_id id;
	int rc = -1;

	if (hex_parse(slice_of(api_rest(q, "/v1/people/device-why/")), id.bytes,
		      DEVICE_ID_LEN, e)) {
		(void)err_set(e, ERR_NOT_FOUND,
			      "not a device id: see `device list`");
		goto out;
	}
	if (store_device_find(api->store, &id, d, e) ||
	    api_why_json(api, d, &list, e))
		goto out;
	j = api_answer();
	json_set_hex(j, "device", (struct slice){ id.bytes, DEVICE_ID_LEN });
	json_set_text(j, "product", d->facts.product);
	json_set_text(j, "model", d->facts.model);
	json_set_text(j, "hardware", d->facts.hardware);
	json_set_text(j, "cohort", d->facts.cohort);
	json_set_text(j, "runs", d->facts.release);
	set_answer(j, list);
	api_explain_way(api, &d->facts, way);
	if (way[0])
		json_set_text(j, "way", way);
	json_set(j, "rollouts", list);
	rc = response_json(a, 200, j, e);
out:
	free(d);
	return rc;
}
