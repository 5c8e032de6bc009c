/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts as people see them: docs/protocol.md has every member. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/next_step.h"
#include "update-server/stage_policy.h"

#define ATTEMPTS_SHOWN 200
/* With a command that names a product, a release and all cohorts. */
#define WORDS_MAX (512 + (ROLLOUT_COHORTS_MAX + 2) * (NAME_MAX_LEN + 10))

/* ---- one rollout --------------------------------------------------------- */

static struct json *names_json(const char (*names)[NAME_MAX_LEN + 1],
			       size_t count)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_add(list, json_new_text(names[i]));
	return list;
}

/* Basis points as people read them. */
static void set_percent(struct json *j, const char *name, int64_t share)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld.%02lld %%",
		       (long long)(share / 100), (long long)(share % 100));
	json_set_text(j, name, text);
}

/* The share that is open now; of canaries, what they are of all. */
static uint32_t open_share(const struct stage *s)
{
	const struct ladder *l = &s->ladder;
	const struct ladder_rung *r;
	uint64_t limit;

	if (!stage_limit(s, &limit))
		return 0;
	r = &l->rungs[s->phase];
	if (r->limit != limit)
		r--;
	if (r->share > 0 || l->population == 0)
		return r->share;
	return (uint32_t)(r->size * GATE_ALL / l->population);
}

static void count_security(void *ctx, const struct store_counter *c)
{
	uint64_t *n = ctx;

	if ((c->state == STAGE_FAILED || c->state == STAGE_ROLLED_BACK) &&
	    gate_class_of(c->code) == GATE_SEC)
		*n += c->n;
}

/* One is enough to tell a person, and it is told until somebody looked. */
static int set_alert(struct server_api *api, struct json *j,
		     const struct stage *s, struct err *e)
{
	char text[128] = "";
	uint64_t n = 0;

	if (store_counter_each(api->store, s->what.id, count_security, &n, e))
		return -1;
	if (n > s->acked)
		(void)snprintf(text, sizeof(text),
			       "%llu devices reported a wrong signature or a "
			       "roll-back attack: look at why",
			       (unsigned long long)(n - s->acked));
	json_set_text(j, "alert", text);
	return 0;
}

static int summary(struct server_api *api, const struct stage *s, int64_t now,
		   struct json *j, struct err *e)
{
	const struct rollout *w = &s->what;
	char words[WORDS_MAX];

	api_rollout_words(api, s, now, words, sizeof(words));
	json_set_text(j, "name", w->name);
	json_set_text(j, "state", stage_status_name(s->status));
	json_set_int(j, "revision", (int64_t)s->revision);
	json_set_text(j, "verdict", words);
	json_set_text(j, "pause", stage_pause_name(s->pause));
	json_set_text(j, "reason", s->reason);
	json_set_text(j, "waits_for", api_waits_for(api, s, now));
	json_set_text(j, "product", w->product);
	json_set_text(j, "release", w->release);
	json_set_int(j, "seq", (int64_t)w->seq);
	json_set(j, "cohorts", names_json(w->cohorts, w->cohort_count));
	json_set_text(j, "where", s->where);
	json_set_bool(j, "step_back", w->step_back);
	json_set_bool(j, "rolled_back",
		      s->status == STAGE_PAUSED &&
			      s->last_verb == STAGE_ROLLBACK);
	json_set_bool(j, "urgent", s->urgent);
	json_set_int(j, "priority", s->priority);
	json_set_int(j, "phase", (int64_t)s->phase + 1);
	json_set_int(j, "phase_count", (int64_t)s->ladder.count);
	json_set_int(j, "share", open_share(s));
	set_percent(j, "percent", open_share(s));
	json_set_int(j, "population", (int64_t)s->ladder.population);
	json_set_int(j, "epoch", s->epoch);
	json_set_text(j, "author", s->author);
	api_set_time(j, "created", s->created);
	api_set_time(j, "changed", s->changed);
	api_set_time(j, "started", s->started);
	return set_alert(api, j, s, e);
}

/* ---- its parts ----------------------------------------------------------- */

static const char *phase_state(const struct stage *s, size_t i)
{
	if (i < s->phase)
		return stage_phase_name(PHASE_PASSED);
	return stage_phase_name(i == s->phase ? s->phase_state : PHASE_WAITING);
}

/* With none bad, so high a rate can pass unseen. */
static void set_detects(struct json *j, const struct stage *s, uint64_t adds)
{
	uint64_t needed = gate_needed(&s->policy.gate);
	uint32_t bound = gate_upper(0, adds < needed ? adds : needed);
	char text[96];

	(void)snprintf(text, sizeof(text),
		       "a failure rate below %u.%02u %% can pass unseen",
		       bound / 100, bound % 100);
	json_set_text(j, "detects", text);
	json_set_int(j, "unseen", bound);
}

struct json *api_phases_json(const struct stage *s)
{
	struct json *list = json_new_array();
	uint64_t before = 0;

	for (size_t i = 0; i < s->ladder.count; i++) {
		const struct ladder_rung *r = &s->ladder.rungs[i];
		struct json *j = json_new_object();
		char limit[BUCKET_TEXT_LEN];

		bucket_format_limit(r->limit, limit);
		json_set_int(j, "n", (int64_t)i + 1);
		json_set_int(j, "share", r->share);
		if (r->share > 0)
			set_percent(j, "percent", r->share);
		else
			json_set_text(j, "percent", "canaries");
		json_set_int(j, "size", (int64_t)r->size);
		json_set_int(j, "adds", (int64_t)(r->size - before));
		json_set_text(j, "limit", limit);
		json_set_text(j, "state", phase_state(s, i));
		json_set_int(j, "watch_sec", s->urgent ? 0 : r->bake_sec);
		json_set_bool(j, "manual", r->manual);
		api_set_time(j, "not_before", s->not_before[i]);
		api_set_time(j, "opened", s->opened_at[i]);
		api_set_time(j, "passed", s->passed_at[i]);
		set_detects(j, s, r->size - before);
		before = r->size;
		json_add(list, j);
	}
	return list;
}

struct json *api_order_json(struct server_api *api, const struct stage *s,
			    int64_t now)
{
	struct json *j = json_new_object();
	uint64_t limit = s->ladder.rungs[s->phase].limit;
	struct orders_reach reach;
	char words[WORDS_MAX], share[16];

	api_order_reach(api, &s->what, now, &reach);
	bucket_format_share(reach.limit, share);
	json_set_bool(j, "needed", reach.needed);
	json_set_bool(j, "short", reach.limit < limit);
	json_set_text(j, "reach", reach.any ? share : "nothing");
	api_set_time(j, "ends", s->expires);
	api_set_time(j, "metadata_ends", s->metadata_ends);
	if (!reach.needed)
		(void)snprintf(words, sizeof(words), "no order is needed");
	else if (reach.limit < limit)
		api_order_words(s, &reach, words, sizeof(words));
	else
		(void)snprintf(words, sizeof(words),
			       "the order opens what this phase wants");
	json_set_text(j, "words", words);
	return j;
}

/* Counters, as a table of each phase, one of all, and the failures. */
struct counted {
	uint64_t n[LADDER_RUNGS_MAX][STAGE_STATES];
	struct json *failures, *skips;
};

/* Ended, and says nothing of the release: why so. */
static void add_skip(struct json *list, const struct store_counter *c)
{
	struct json *j = json_new_object();

	json_set_text(j, "state", stage_state_name(c->state));
	json_set_text(j, "code", c->code);
	json_set_int(j, "phase", (int64_t)c->phase + 1);
	json_set_int(j, "n", (int64_t)c->n);
	json_add(list, j);
}

static void take_counter(void *ctx, const struct store_counter *c)
{
	struct counted *all = ctx;
	struct json *j;

	all->n[c->phase][c->state] += c->n;
	if (c->state >= STAGE_SKIPPED)
		add_skip(all->skips, c);
	if (c->state != STAGE_FAILED && c->state != STAGE_ROLLED_BACK &&
	    c->state != STAGE_LOST)
		return;
	j = json_new_object();
	json_set_text(j, "class",
		      c->state == STAGE_LOST
			      ? "dark"
			      : gate_class_name(gate_class_of(c->code)));
	json_set_text(j, "code", c->code);
	json_set_text(j, "state", stage_state_name(c->state));
	json_set_int(j, "phase", (int64_t)c->phase + 1);
	json_set_int(j, "epoch", c->epoch);
	json_set_bool(j, "counted", c->counted);
	json_set_int(j, "n", (int64_t)c->n);
	json_add(all->failures, j);
}

static struct json *counts_json(const struct counted *c, size_t from, size_t to)
{
	struct json *j = json_new_object();

	for (int state = 0; state < STAGE_STATES; state++) {
		uint64_t n = 0;

		for (size_t i = from; i < to; i++)
			n += c->n[i][state];
		json_set_int(j, stage_state_name((enum stage_state)state),
			     (int64_t)n);
	}
	return j;
}

/* What a borrowed member cannot take, a copy can. */
static struct json *with_counts(const struct json *phases,
				const struct counted *c)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < json_count(phases); i++) {
		struct json *j = json_clone(json_at(phases, i));

		json_set(j, "counts", counts_json(c, i, i + 1));
		json_add(list, j);
	}
	return list;
}

static int set_counts(struct server_api *api, struct json *j,
		      const struct stage *s, struct err *e)
{
	struct counted *c = mem_alloc(1, sizeof(*c));
	struct json *phases = api_phases_json(s);
	int rc;

	c->failures = json_new_array();
	c->skips = json_new_array();
	rc = store_counter_each(api->store, s->what.id, take_counter, c, e);
	json_set(j, "phases", with_counts(phases, c));
	json_set(j, "counts", counts_json(c, 0, LADDER_RUNGS_MAX));
	json_set(j, "failures", c->failures);
	json_set(j, "skips", c->skips);
	json_free(phases);
	free(c);
	return rc;
}

static struct json *control_json(const struct gate_dark *d)
{
	struct json *j = json_new_object();

	json_set_int(j, "dark", (int64_t)d->dark);
	json_set_int(j, "n", (int64_t)d->n);
	json_set_int(j, "control_dark", (int64_t)d->control_dark);
	json_set_int(j, "control_n", (int64_t)d->control_n);
	json_set_int(j, "excess", gate_excess(d));
	return j;
}

static struct json *gate_json(const struct stage *s, const struct tally *t,
			      int64_t now)
{
	struct json *j = json_new_object();
	struct gate_facts f, all;
	enum gate_verdict v = stage_judge(s, t, now, &f);
	uint64_t n = f.confirmed + f.bad;
	char words[STAGE_REASON_MAX];

	gate_describe(&s->policy.gate, &f, v, words, sizeof(words));
	tally_facts(t, TALLY_PHASE_ALL,
		    stage_dark_sec(&s->policy.timers, s->policy.poll_sec), now,
		    &all);
	json_set_text(j, "verdict", gate_verdict_name(v));
	json_set_text(j, "words", words);
	json_set_int(j, "confirmed", (int64_t)f.confirmed);
	json_set_int(j, "bad", (int64_t)f.bad);
	json_set_int(j, "trouble", (int64_t)f.trouble);
	json_set_int(j, "other", (int64_t)f.other);
	json_set_int(j, "dark", (int64_t)f.lost);
	json_set_int(j, "started", (int64_t)f.started);
	json_set_int(j, "size", (int64_t)f.size);
	json_set_int(j, "needed", (int64_t)gate_needed(&s->policy.gate));
	json_set_int(j, "max_fail", s->policy.gate.max_fail);
	json_set_int(j, "lower", n ? gate_lower(f.bad, n) : 0);
	json_set_int(j, "upper", n ? gate_upper(f.bad, n) : GATE_ALL);
	json_set(j, "control", control_json(&all.dark));
	return j;
}

static struct json *hours_json(const struct tally *t)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < TALLY_HOURS; i++) {
		const struct tally_hour *h = &t->hours[i];
		struct json *j;

		if (h->hour == TALLY_NO_HOUR)
			continue;
		j = json_new_object();
		api_set_time(j, "hour", h->hour * TALLY_HOUR);
		json_set_int(j, "installed", (int64_t)h->installed);
		json_set_int(j, "dark", (int64_t)h->dark);
		json_set_int(j, "seen", (int64_t)h->seen);
		json_set_int(j, "last", (int64_t)h->last);
		json_add(list, j);
	}
	return list;
}

static int set_gate(struct server_api *api, struct json *j,
		    const struct stage *s, int64_t now, struct err *e)
{
	struct tally *t = mem_alloc(1, sizeof(*t));
	int rc = store_tally(api->store, s, now, t, e);

	if (rc == 0) {
		json_set(j, "gate", gate_json(s, t, now));
		json_set(j, "hours", hours_json(t));
	}
	free(t);
	return rc;
}

void api_set_window(struct json *j, const struct stage *s, int64_t now)
{
	char words[WINDOW_WORDS];
	struct json *w;

	if (!s->has_window)
		return;
	window_words(&s->zone, s->window_from, s->window_to, now, words);
	w = json_new_object();
	json_set_int(w, "from", s->window_from);
	json_set_int(w, "to", s->window_to);
	json_set_int(w, "zone_minutes", s->zone.offset_min);
	json_set_text(w, "summer_time", window_summer_name(s->zone.summer));
	json_set_text(w, "words", words);
	json_set(j, "window", w);
}

static void set_excluded(struct json *j, const struct stage *s)
{
	struct json *list = json_new_array();
	char id[2 * DEVICE_ID_LEN + 1];

	for (size_t i = 0; i < s->excluded_count; i++) {
		hex_format(
			(struct slice){ s->excluded[i].bytes, DEVICE_ID_LEN },
			id);
		json_add(list, json_new_text(id));
	}
	json_set(j, "excluded", list);
}

static void set_asked(struct json *j, const struct stage *s)
{
	struct json *asked;

	if (!s->asked_by[0])
		return;
	asked = json_new_object();
	json_set_text(asked, "verb",
		      stage_verb_name((enum stage_verb)s->asked_verb));
	json_set_text(asked, "by", s->asked_by);
	json_set(j, "asked", asked);
}

static void list_attempt(void *ctx, const struct attempt *a,
			 const char *evidence)
{
	const struct stage_attempt *t = &a->at;
	struct json *j = json_new_object();

	json_set_hex(j, "device",
		     (struct slice){ a->device.bytes, DEVICE_ID_LEN });
	json_set_int(j, "n", a->n);
	json_set_int(j, "phase", t->phase + 1);
	json_set_text(j, "state", stage_state_name((enum stage_state)t->state));
	json_set_text(j, "code", t->code);
	json_set_text(j, "class",
		      t->code[0] ? gate_class_name(gate_class_of(t->code))
				 : "");
	json_set_bool(j, "counted", t->counted && !t->stone);
	api_set_time(j, "offered", t->offered);
	api_set_time(j, "changed", t->changed);
	if (t->until > 0)
		api_set_time(j, "until", t->until);
	json_set_bool(j, "evidence", evidence[0] != 0);
	json_add(ctx, j);
}

static int set_attempts(struct server_api *api, struct json *j,
			const struct stage *s, struct err *e)
{
	struct json *list = json_new_array();
	int rc = store_rollout_attempts(api->store, s->what.id, ATTEMPTS_SHOWN,
					list_attempt, list, e);

	json_set(j, "attempts", list);
	return rc;
}

static void set_next(struct server_api *api, struct json *j,
		     const struct stage *s, int64_t now)
{
	const char *waits_for = api_waits_for(api, s, now);
	const struct next_step n = {
		.stage = s,
		.wants_order = strcmp(waits_for, "order") == 0,
		.wants_baseline = strcmp(waits_for, "baseline") == 0,
		.alert = json_text(json_get(j, "alert"))[0] != 0,
	};

	json_set(j, "next", next_step_json(&n));
}

/* ---- answers ------------------------------------------------------------- */

int api_rollout_json(struct server_api *api, const char *name,
		     struct json **out, struct err *e)
{
	struct stage *s = mem_alloc(1, sizeof(*s));
	struct json *j = api_answer();
	int64_t now = utc_now();
	int rc = -1;

	if (store_rollout_find(api->store, name, s, e))
		goto out;
	api_order_times(api, s, now);
	if (summary(api, s, now, j, e) || set_counts(api, j, s, e) ||
	    set_gate(api, j, s, now, e) || api_set_kinds(api, j, s, e) ||
	    api_set_flow(api, j, s, e) || set_attempts(api, j, s, e))
		goto out;
	json_set(j, "policy", stage_policy_json(&s->policy));
	json_set(j, "order", api_order_json(api, s, now));
	api_set_window(j, s, now);
	set_excluded(j, s);
	set_asked(j, s);
	set_next(api, j, s, now);
	*out = j;
	j = NULL;
	rc = 0;
out:
	json_free(j);
	free(s);
	return rc;
}

int api_rollout_answer(struct server_api *api, const char *name,
		       struct response *a, struct err *e)
{
	struct json *j;

	return api_rollout_json(api, name, &j, e) ? -1
						  : response_json(a, 200, j, e);
}

int api_rollout_show(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	return api_rollout_answer(api, api_rest(q, "/v1/people/rollout/"), a,
				  e);
}

int api_rollout_list(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct json *list = json_new_array(), *j;
	struct stage *all = NULL;
	int64_t now = utc_now();
	size_t count = 0;
	int rc = store_rollout_all(api->store, &all, &count, e);

	(void)q;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct json *one = json_new_object();

		api_order_times(api, &all[i], now);
		rc = summary(api, &all[i], now, one, e);
		json_add(list, one);
	}
	free(all);
	if (rc) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set(j, "rollouts", list);
	return response_json(a, 200, j, e);
}
