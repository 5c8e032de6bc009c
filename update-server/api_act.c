/* SPDX-License-Identifier: Apache-2.0 */
/* What people do to rollouts. Each act names the revision that they saw, and is
 * refused with 412 if the rollout has changed since. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/stage_policy.h"

/* ---- what a body names --------------------------------------------------- */

static int get_cohorts(const struct json *j, struct rollout *r, struct err *e)
{
	const struct json *list;

	if (json_get_array(j, "cohorts", &list, e))
		return -1;
	r->cohort_count = json_count(list);
	if (r->cohort_count == 0 || r->cohort_count > ROLLOUT_COHORTS_MAX)
		return err_set(e, ERR_USAGE, "name 1 to %d cohorts",
			       ROLLOUT_COHORTS_MAX);
	for (size_t i = 0; i < r->cohort_count; i++) {
		const char *name = json_text(json_at(list, i));

		if (!name_is_valid(slice_of(name)))
			return err_set(e, ERR_FORMAT, "cohorts: not a name");
		memcpy(r->cohorts[i], name, strlen(name) + 1);
	}
	return 0;
}

/* Names between spaces into zeroed places; how many. */
static size_t take_names(const char *text, char (*names)[NAME_MAX_LEN + 1],
			 size_t max)
{
	size_t count = 0;

	while (*text && count < max) {
		size_t len = strcspn(text, " ");

		if (len > 0 && len <= NAME_MAX_LEN)
			memcpy(names[count++], text, len);
		text += len + (text[len] == ' ');
	}
	return count;
}

static int take_release(struct server_api *api, const char *product,
			const char *id, struct rollout *r, struct err *e)
{
	struct store_release release = { 0 };
	int rc = -1;

	if (store_release_find(api->store, product, id, &release, e))
		return -1;
	if (!release.listed) {
		(void)err_set(e, ERR_REFUSED,
			      "release %s is no longer in the signed metadata",
			      id);
		goto out;
	}
	memcpy(r->product, release.product, sizeof(r->product));
	memcpy(r->release, release.id, sizeof(r->release));
	r->digest = release.digest;
	r->seq = release.seq;
	r->requires_seq = release.requires_seq;
	r->not_before = release.not_before;
	r->lab_only = release.lab_only;
	r->model_count =
		take_names(release.models, r->models, RELEASE_MODELS_MAX);
	r->hardware_count =
		take_names(release.hardware, r->hardware, RELEASE_HARDWARE_MAX);
	rc = 0;
out:
	store_release_done(&release);
	return rc;
}

int api_rollout_read(struct server_api *api, const struct json *j,
		     struct rollout *r, struct err *e)
{
	char release[NAME_MAX_LEN + 1], product[NAME_MAX_LEN + 1] = "";

	if (api_get_name(j, "release", release, e) ||
	    (json_get(j, "product") &&
	     api_get_name(j, "product", product, e)) ||
	    get_cohorts(j, r, e))
		return -1;
	if (json_get(j, "step_back") &&
	    json_get_bool(j, "step_back", &r->step_back, e))
		return -1;
	if (take_release(api, product, release, r, e))
		return -1;
	return api_way_allows(api, r, utc_now(), e);
}

/* ---- create -------------------------------------------------------------- */

static int get_excluded(const struct json *j, struct stage *s, struct err *e)
{
	const struct json *list;

	if (!json_get(j, "exclude"))
		return 0;
	if (json_get_array(j, "exclude", &list, e))
		return -1;
	if (json_count(list) > STAGE_EXCLUDED_MAX)
		return err_set(e, ERR_LIMIT, "exclude: %d devices at most",
			       STAGE_EXCLUDED_MAX);
	for (size_t i = 0; i < json_count(list); i++)
		if (hex_parse(slice_of(json_text(json_at(list, i))),
			      s->excluded[i].bytes, DEVICE_ID_LEN, e))
			return err_set(e, ERR_FORMAT,
				       "exclude: not a device id");
	s->excluded_count = json_count(list);
	return 0;
}

static int get_minute(const struct json *j, const char *name, uint16_t *out,
		      struct err *e)
{
	int64_t minute;

	if (json_get_int(j, name, 0, 24 * 60 - 1, &minute, e))
		return -1;
	*out = (uint16_t)minute;
	return 0;
}

/* true: Europe's, which was the only one once. */
static int get_summer(const struct json *w, enum window_summer *out,
		      struct err *e)
{
	const struct json *value = json_get(w, "summer_time");
	const char *name = "none";
	bool is_on = false;
	struct err ignored; /* then it is a name */

	if (value && json_get_bool(w, "summer_time", &is_on, &ignored) == 0)
		name = is_on ? "eu" : "none";
	else if (value && json_get_text(w, "summer_time", &name, e))
		return -1;
	return window_summer_parse(name, out, e);
}

static int get_window(const struct json *j, struct stage *s, struct err *e)
{
	static const char *const known[] = { "from", "to", "zone_minutes",
					     "summer_time", NULL };
	const struct json *w;
	int64_t zone = 0;

	if (!json_get(j, "window"))
		return 0;
	if (json_get_object(j, "window", &w, e) || json_only(w, known, e) ||
	    get_minute(w, "from", &s->window_from, e) ||
	    get_minute(w, "to", &s->window_to, e) ||
	    (json_get(w, "zone_minutes") &&
	     json_get_int(w, "zone_minutes", -12 * 60, 14 * 60, &zone, e)) ||
	    get_summer(w, &s->zone.summer, e))
		return err_in(e, "window");
	if (s->window_from == s->window_to)
		return err_set(e, ERR_USAGE,
			       "window: from and to are the same");
	s->zone.offset_min = (int)zone;
	s->has_window = true;
	return 0;
}

/* One object for both: the ladder is part of the policy. */
static int get_policy(const struct json *j, struct stage_policy *p,
		      struct err *e)
{
	static const char *const parts[] = { "shares", "watch" };
	struct json *ladder;
	int rc = 0;

	if (json_get(j, "policy") &&
	    stage_policy_take(json_get(j, "policy"), p, e))
		return -1;
	ladder = json_new_object();
	if (json_get(j, "share")) {
		struct json *one = json_new_array();

		json_add(one, json_clone(json_get(j, "share")));
		json_set(ladder, "shares", one);
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (json_get(j, parts[i]))
			json_set(ladder, parts[i],
				 json_clone(json_get(j, parts[i])));
	rc = stage_policy_take(ladder, p, e);
	json_free(ladder);
	return rc;
}

/* Elsewhere than in production everything is new, and nobody else is there. */
static void set_usual(const struct server_api *api, struct stage_policy *p)
{
	bool production = api->environment == ENV_PRODUCTION;

	*p = stage_usual;
	p->poll_sec = (uint32_t)api->config->poll_sec;
	if (!production)
		p->new_device_sec = 0;
	if (!production || !api->config->four_eyes)
		p->four_eyes = GATE_ALL + 1;
}

/* Nobody does without the second person by saying so. */
static int check_eyes(const struct server_api *api,
		      const struct stage_policy *p, struct err *e)
{
	struct stage_policy usual;

	set_usual(api, &usual);
	return p->four_eyes <= usual.four_eyes
		       ? 0
		       : err_set(e, ERR_REFUSED,
				 "above %u.%02u %% this server wants two "
				 "people: four_eyes only gets smaller",
				 usual.four_eyes / 100, usual.four_eyes % 100);
}

static int get_where(const struct json *j, struct stage *s, struct err *e)
{
	const char *text = "";

	if ((json_get(j, "where") && json_get_text(j, "where", &text, e)) ||
	    stage_set_where(s, slice_of(text), e))
		return err_in(e, "where");
	return 0;
}

static int get_rest(struct server_api *api, const struct json *j,
		    struct stage *s, struct err *e)
{
	int64_t priority = 0;

	set_usual(api, &s->policy);
	if (api_get_name(j, "name", s->what.name, e) ||
	    api_rollout_read(api, j, &s->what, e) || get_excluded(j, s, e) ||
	    get_where(j, s, e) || get_window(j, s, e) ||
	    get_policy(j, &s->policy, e) || check_eyes(api, &s->policy, e) ||
	    (json_get(j, "priority") &&
	     json_get_int(j, "priority", -100, 100, &priority, e)) ||
	    (json_get(j, "urgent") &&
	     json_get_bool(j, "urgent", &s->urgent, e)))
		return -1;
	s->priority = (int)priority;
	return 0;
}

static const struct json *full_package(const struct json *detail)
{
	const struct json *list = json_get(detail, "packages");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_text(json_get(json_at(list, i), "kind")),
			   "full") == 0)
			return json_at(list, i);
	return NULL;
}

static int find_undone(struct server_api *api, const char *id, struct stage *s,
		       struct err *e)
{
	struct store_release r = { 0 };

	if (store_release_find(api->store, s->what.product, id, &r, e))
		return err_in(e, "what it undoes");
	s->is_undo = true;
	s->undo_of = r.digest;
	store_release_done(&r);
	return 0;
}

/* What only the release's detail says. */
static int take_detail(struct server_api *api, struct stage *s, struct err *e)
{
	struct store_release r = { 0 };
	struct json *detail = NULL;
	const char *undone;
	int rc = -1;

	if (store_release_find(api->store, s->what.product, s->what.release, &r,
			       e) ||
	    json_parse(slice_of(r.detail), &detail, e))
		goto out;
	s->size = (uint64_t)json_int(json_get(full_package(detail), "bytes"));
	undone = json_text(json_get(detail, "undo_of"));
	rc = undone[0] ? find_undone(api, undone, s, e) : 0;
out:
	json_free(detail);
	store_release_done(&r);
	return rc;
}

/* For nobody yet: who they are is seen when it starts. */
static int sketch(struct server_api *api, struct stage *s, struct err *e)
{
	struct sha256 plan;

	if (api_plan(api, s, &plan, e) == 0)
		return 0;
	if (e->code != ERR_REFUSED || stage_make_ladder(s, 1, e))
		return -1;
	s->ladder.population = 0;
	return 0;
}

/* At once, unless it is to stay a draft until somebody does that. */
static int submit(struct stage *s, const struct json *j, const char *by,
		  int64_t now, struct err *e)
{
	struct stage_act act = { .verb = STAGE_SUBMIT, .by = by, .now = now };
	bool changed, draft = false;

	if (json_get(j, "draft") && json_get_bool(j, "draft", &draft, e))
		return -1;
	s->revision = act.revision = 1;
	s->created = now;
	(void)snprintf(s->author, sizeof(s->author), "%s", by);
	return draft ? 0 : stage_act(s, &act, NULL, &changed, e);
}

int api_rollout_make(struct server_api *api, const struct json *j,
		     const char *person, const struct audit_by *by,
		     struct err *e)
{
	struct stage *s = mem_alloc(1, sizeof(*s));
	int rc = -1;

	if (get_rest(api, j, s, e) || take_detail(api, s, e) ||
	    sketch(api, s, e) || submit(s, j, person, by->now, e) ||
	    store_rollout_add(api->store, s, by, e) ||
	    api_read_rollouts(api, e))
		goto out;
	log_event(LOG_INFO, "rollout-created",
		  "by=%s name=%s release=%s phases=%zu", person, s->what.name,
		  s->what.release, s->ladder.count);
	rc = 0;
out:
	free(s);
	return rc;
}

int api_rollout_create(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	static const char *const known[] = { "v",        "name",      "release",
					     "cohorts",  "product",   "exclude",
					     "share",    "shares",    "watch",
					     "policy",   "window",    "urgent",
					     "priority", "step_back", "where",
					     "draft",    NULL };
	char name[NAME_MAX_LEN + 1];
	struct audit_by by;
	struct json *j = NULL;
	int rc = -1;

	if (api_body(q, known, &j, e) == 0 &&
	    api_get_name(j, "name", name, e) == 0 &&
	    api_by(api, q, &by, e) == 0 && api_cohort_narrow(api, j, e) == 0 &&
	    api_rollout_make(api, j, q->peer->id, &by, e) == 0)
		rc = api_rollout_answer(api, name, a, e);
	json_free(j);
	return rc;
}

/* ---- acts ---------------------------------------------------------------- */

struct kind {
	enum stage_verb verb;
	enum audit_act act;
	const char *event;
};

struct asked {
	char name[NAME_MAX_LEN + 1];
	char reason[STAGE_REASON_MAX];
	uint64_t revision; /* 0: whatever it is now */
	bool has_plan;
	struct sha256 plan;
};

static int get_reason(const struct json *j, char out[STAGE_REASON_MAX],
		      struct err *e)
{
	const char *text;

	if (!json_get(j, "reason"))
		return 0;
	if (json_get_text(j, "reason", &text, e))
		return -1;
	if (!text[0] || strlen(text) >= STAGE_REASON_MAX)
		return err_set(e, ERR_USAGE,
			       "a reason has 1 to %d bytes: --reason TEXT",
			       STAGE_REASON_MAX - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int read_asked(const struct request *q, const struct kind *kind,
		      struct asked *out, struct err *e)
{
	static const char *const known[] = { "v",      "name", "revision",
					     "reason", "plan", NULL };
	int64_t revision = 0;
	struct json *j;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if (api_get_name(j, "name", out->name, e) ||
	    get_reason(j, out->reason, e))
		goto out;
	if ((kind->verb != STAGE_PAUSE || json_get(j, "revision")) &&
	    json_get_int(j, "revision", 1, INT64_C(1) << 52, &revision, e))
		goto out;
	out->revision = (uint64_t)revision;
	out->has_plan = json_get(j, "plan") != NULL;
	if (out->has_plan &&
	    json_get_hex(j, "plan", out->plan.bytes, SHA256_LEN, e))
		goto out;
	rc = 0;
out:
	json_free(j);
	return rc;
}

/* What is opened must still be what the signed metadata lists. */
static int check_release(struct server_api *api, const struct stage *s,
			 struct err *e)
{
	struct rollout now = { 0 };

	if (take_release(api, s->what.product, s->what.release, &now, e))
		return -1;
	if (sha256_equal(&now.digest, &s->what.digest))
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "release %s has another content now: make a new rollout",
		       s->what.release);
}

/* Start insists on the plan that a person saw. */
static int check_plan(const struct asked *k, const struct sha256 *plan,
		      struct err *e)
{
	if (!k->has_plan)
		return err_set(e, ERR_USAGE,
			       "see what it would do first (rollout plan %s), "
			       "and start that plan: --plan SHA256",
			       k->name);
	if (sha256_equal(plan, &k->plan))
		return 0;
	return err_set(
		e, ERR_CONFLICT,
		"the fleet is not what was planned for any more: rollout "
		"plan %s again",
		k->name);
}

static void count_security(void *ctx, const struct store_counter *c)
{
	uint64_t *n = ctx;

	if ((c->state == STAGE_FAILED || c->state == STAGE_ROLLED_BACK) &&
	    gate_class_of(c->code) == GATE_SEC)
		*n += c->n;
}

/* Somebody's act on the rollout as the store has it now. */
struct acting {
	struct server_api *api;
	const struct kind *kind;
	const struct asked *asked;
	const char *name; /* of the person */
	struct audit_by by;
	struct stage s;
	struct stage_ready ready;
	/* Of a start: what was planned of which revision; 0: nothing was. */
	struct ladder ladder;
	bool everybody;
	struct sha256 plan;
	uint64_t planned;
	bool changed; /* false: it was done before */
};

/* The whole fleet is looked at, which takes seconds where it is large. So it is
 * before `attempts` is taken, for which devices would wait. */
static int plan_start(struct acting *w, struct err *e)
{
	const struct asked *k = w->asked;

	if (store_rollout_find(w->api->store, k->name, &w->s, e))
		return -1;
	/* Whatever else it is, stage_act() knows the words. */
	if (w->s.status != STAGE_SCHEDULED || w->s.revision != k->revision)
		return 0;
	if (check_release(w->api, &w->s, e) ||
	    api_plan(w->api, &w->s, &w->plan, e) ||
	    api_ready(w->api, &w->s, w->by.now, &w->ready, e))
		return -1;
	w->ladder = w->s.ladder;
	w->everybody = w->s.everybody;
	w->planned = w->s.revision;
	return 0;
}

static int prepare_start(struct acting *w, struct err *e)
{
	if (w->planned != w->s.revision)
		return err_set(e, ERR_CONFLICT,
			       "rollout %s was changed just now: look again",
			       w->s.what.name);
	w->s.ladder = w->ladder;
	w->s.everybody = w->everybody;
	/* What is planned is the same when an order's time has come. */
	memset(w->s.not_before, 0, sizeof(w->s.not_before));
	if (check_release(w->api, &w->s, e))
		return -1;
	return check_plan(w->asked, &w->plan, e);
}

static int prepare(struct acting *w, struct stage_act *act, struct err *e)
{
	const struct asked *k = w->asked;

	/* An old revision is told before anything else is. */
	if (k->revision != 0 && k->revision != w->s.revision)
		return 0;
	if (w->kind->verb == STAGE_START && w->s.status == STAGE_SCHEDULED)
		return prepare_start(w, e);
	if (w->kind->verb == STAGE_RESUME)
		return check_release(w->api, &w->s, e);
	if (w->kind->verb == STAGE_ACK)
		return store_counter_each(w->api->store, w->s.what.id,
					  count_security, &act->security, e);
	return 0;
}

static int store_act(struct acting *w, uint64_t revision, struct err *e)
{
	const struct asked *k = w->asked;
	/* Somebody may have asked before: then this act is itself. */
	bool asks =
		w->kind->verb == STAGE_RESUME && w->s.status == STAGE_PAUSED;
	const struct store_act act = {
		.act = asks ? AUDIT_ROLLOUT_ASK : w->kind->act,
		.by = &w->by,
		.revision = revision,
		.reason = k->reason[0] ? k->reason : NULL,
	};
	struct err why = { 0 };

	if (store_rollout_save(w->api->store, &w->s, &act, e) ||
	    api_read_rollouts_locked(w->api, e))
		return -1;
	log_event(LOG_INFO, asks ? "rollout-asked" : w->kind->event,
		  "by=%s name=%s revision=%llu why=%s", w->name, w->s.what.name,
		  (unsigned long long)w->s.revision, k->reason);
	/* What it opens is open when the answer says so. The act itself is
	 * done, whatever becomes of that: the tick tries again. */
	if (api_look_at_gates(w->api, w->by.now, &why))
		log_event(LOG_ERROR, "rollouts-not-advanced", "why=%s",
			  why.msg);
	return 0;
}

static int apply(struct acting *w, struct err *e)
{
	const struct asked *k = w->asked;
	struct stage_act act = { .verb = w->kind->verb,
				 .by = w->name,
				 .reason = k->reason,
				 .revision = k->revision,
				 .now = w->by.now };
	uint64_t revision;

	if (store_rollout_find(w->api->store, k->name, &w->s, e))
		return -1;
	api_order_times(w->api, &w->s, w->by.now);
	revision = w->s.revision;
	if (prepare(w, &act, e) ||
	    stage_act(&w->s, &act, &w->ready, &w->changed, e))
		return -1;
	return w->changed ? store_act(w, revision, e) : 0;
}

static int act_on(struct server_api *api, const struct request *q,
		  const struct kind *kind, struct asked *k, bool *changed,
		  struct err *e)
{
	struct acting *w = mem_alloc(1, sizeof(*w));
	int rc = -1;

	w->api = api;
	w->kind = kind;
	w->asked = k;
	w->name = q->peer->id;
	if (read_asked(q, kind, k, e) == 0 && api_by(api, q, &w->by, e) == 0 &&
	    (kind->verb != STAGE_START || plan_start(w, e) == 0)) {
		(void)pthread_mutex_lock(&api->attempts);
		rc = apply(w, e);
		(void)pthread_mutex_unlock(&api->attempts);
	}
	*changed = w->changed;
	free(w);
	return rc;
}

static const struct kind kinds[] = {
	[STAGE_SUBMIT] = { STAGE_SUBMIT, AUDIT_ROLLOUT_SUBMIT,
			   "rollout-submitted" },
	[STAGE_APPROVE] = { STAGE_APPROVE, AUDIT_ROLLOUT_APPROVE,
			    "rollout-approved" },
	[STAGE_START] = { STAGE_START, AUDIT_ROLLOUT_START, "rollout-started" },
	[STAGE_PAUSE] = { STAGE_PAUSE, AUDIT_ROLLOUT_PAUSE, "rollout-paused" },
	[STAGE_RESUME] = { STAGE_RESUME, AUDIT_ROLLOUT_RESUME,
			   "rollout-resumed" },
	[STAGE_ADVANCE] = { STAGE_ADVANCE, AUDIT_ROLLOUT_ADVANCE,
			    "rollout-advanced" },
	[STAGE_ABORT] = { STAGE_ABORT, AUDIT_ROLLOUT_ABORT, "rollout-aborted" },
	[STAGE_SUPERSEDE] = { STAGE_SUPERSEDE, AUDIT_ROLLOUT_SUPERSEDE,
			      "rollout-superseded" },
	[STAGE_ACK] = { STAGE_ACK, AUDIT_ROLLOUT_ACK, "rollout-acknowledged" },
	[STAGE_ROLLBACK] = { STAGE_ROLLBACK, AUDIT_ROLLOUT_ROLLBACK,
			     "rollout-rolled-back" },
};

int api_rollout_do(struct server_api *api, const struct request *q,
		   enum stage_verb verb, struct api_done *done,
		   struct response *a, struct err *e)
{
	struct asked k = { .revision = 0 };

	if (act_on(api, q, &kinds[verb], &k, &done->changed, e))
		return api_conflict(a, e);
	memcpy(done->name, k.name, sizeof(k.name));
	return 0;
}

static int act(struct server_api *api, const struct request *q,
	       enum stage_verb verb, struct response *a, struct err *e)
{
	struct api_done done = { .changed = false };
	struct json *j = NULL;

	if (api_rollout_do(api, q, verb, &done, a, e))
		return -1;
	if (a->status == 412)
		return 0;
	if (api_rollout_json(api, done.name, &j, e))
		return -1;
	json_set_bool(j, "repeated", !done.changed);
	return response_json(a, 200, j, e);
}

#define ACT(handler, verb)                                                     \
	int handler(struct server_api *api, const struct request *q,           \
		    struct response *a, struct err *e)                         \
	{                                                                      \
		return act(api, q, verb, a, e);                                \
	}

ACT(api_rollout_submit, STAGE_SUBMIT)
ACT(api_rollout_approve, STAGE_APPROVE)
ACT(api_rollout_start, STAGE_START)
ACT(api_rollout_pause, STAGE_PAUSE)
ACT(api_rollout_resume, STAGE_RESUME)
ACT(api_rollout_advance, STAGE_ADVANCE)
ACT(api_rollout_abort, STAGE_ABORT)
ACT(api_rollout_supersede, STAGE_SUPERSEDE)
ACT(api_rollout_ack, STAGE_ACK)
