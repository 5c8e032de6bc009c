/* SPDX-License-Identifier: Apache-2.0 */
/* What people see and do of rollouts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "update-server/api.h"

#define ATTEMPTS_SHOWN 200

static struct json *names_json(const char (*names)[NAME_MAX_LEN + 1],
			       size_t count)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_add(list, json_new_text(names[i]));
	return list;
}

/* Basis points as people read them. */
static void set_percent(struct json *j, int64_t share)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld.%02lld %%",
		       (long long)(share / 100), (long long)(share % 100));
	json_set_text(j, "percent", text);
}

static struct json *rollout_json(const struct rollout *r)
{
	struct json *j = json_new_object();

	json_set_text(j, "name", r->name);
	json_set_text(j, "state", rollout_state_name(r->state));
	json_set_text(j, "product", r->product);
	json_set_text(j, "release", r->release);
	json_set_int(j, "seq", (int64_t)r->seq);
	json_set(j, "cohorts", names_json(r->cohorts, r->cohort_count));
	json_set_int(j, "share", r->share);
	set_percent(j, r->share);
	json_set_bool(j, "step_back", r->step_back);
	json_set_int(j, "population", (int64_t)r->population);
	json_set_text(j, "reason", r->reason);
	api_set_time(j, "created", r->created);
	api_set_time(j, "changed", r->changed);
	return j;
}

static void list_rollout(void *ctx, const struct rollout *r)
{
	json_add(ctx, rollout_json(r));
}

int api_rollout_list(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct json *list = json_new_array();
	struct json *j;

	(void)q;
	if (store_rollout_each(api->store, list_rollout, list, e)) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set(j, "rollouts", list);
	return response_json(a, 200, j, e);
}

static void list_attempt(void *ctx, const struct attempt *a,
			 const char *evidence)
{
	struct json *j = json_new_object();

	json_set_hex(j, "device",
		     (struct slice){ a->device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "state", attempt_state_name(a->state));
	json_set_text(j, "code", a->code);
	api_set_time(j, "changed", a->changed);
	json_set_bool(j, "evidence", evidence[0] != 0);
	json_add(ctx, j);
}

static struct json *counts_json(const uint64_t counts[ATTEMPT_STATES])
{
	struct json *j = json_new_object();

	for (int i = 0; i < ATTEMPT_STATES; i++)
		json_set_int(j, attempt_state_name((enum attempt_state)i),
			     (int64_t)counts[i]);
	return j;
}

/* A rollout with its attempts; the answer of every act on one, too. */
static int show(struct server_api *api, const char *name, struct response *a,
		struct err *e)
{
	uint64_t counts[ATTEMPT_STATES];
	struct json *j, *attempts;
	struct rollout r;

	if (store_rollout_find(api->store, name, &r, e) ||
	    store_rollout_counts(api->store, r.id, counts, e))
		return -1;
	attempts = json_new_array();
	if (store_rollout_attempts(api->store, r.id, ATTEMPTS_SHOWN,
				   list_attempt, attempts, e)) {
		json_free(attempts);
		return -1;
	}
	j = rollout_json(&r);
	json_set_int(j, "v", 1);
	json_set(j, "counts", counts_json(counts));
	json_set(j, "attempts", attempts);
	return response_json(a, 200, j, e);
}

int api_rollout_show(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	return show(api, api_rest(q, "/v1/people/rollout/"), a, e);
}

/* ---- create -------------------------------------------------------------- */

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

static void take_models(struct rollout *r, const char *models)
{
	while (*models && r->model_count < RELEASE_MODELS_MAX) {
		size_t len = strcspn(models, " ");

		if (len > 0 && len <= NAME_MAX_LEN)
			memcpy(r->models[r->model_count++], models, len);
		models += len + (models[len] == ' ');
	}
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
	take_models(r, release.models);
	rc = 0;
out:
	store_release_done(&release);
	return rc;
}

int api_rollout_read(struct server_api *api, const struct json *j,
		     struct rollout *r, struct err *e)
{
	char release[NAME_MAX_LEN + 1], product[NAME_MAX_LEN + 1] = "";
	int64_t share;

	if (api_get_name(j, "release", release, e) ||
	    (json_get(j, "product") &&
	     api_get_name(j, "product", product, e)) ||
	    get_cohorts(j, r, e) ||
	    json_get_int(j, "share", 1, ROLLOUT_SHARE_ALL, &share, e))
		return -1;
	r->share = (uint32_t)share;
	if (json_get(j, "step_back") &&
	    json_get_bool(j, "step_back", &r->step_back, e))
		return -1;
	if (take_release(api, product, release, r, e))
		return -1;
	return api_way_allows(api, r, utc_now(), e);
}

int api_rollout_create(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	static const char *const known[] = { "v",         "name",  "release",
					     "cohorts",   "share", "product",
					     "step_back", NULL };
	struct rollout r = { .state = ROLLOUT_DRAFT, .created = utc_now() };
	struct audit_by by;
	struct json *j;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if (api_get_name(j, "name", r.name, e) ||
	    api_rollout_read(api, j, &r, e) || api_by(api, q, &by, e) ||
	    store_rollout_add(api->store, &r, &by, e))
		goto out;
	log_event(LOG_INFO, "rollout-created",
		  "by=%s name=%s release=%s share=%u", q->peer->id, r.name,
		  r.release, r.share);
	rc = show(api, r.name, a, e);
out:
	json_free(j);
	return rc;
}

/* What is opened must still be what the signed metadata lists. */
static int check_release(struct server_api *api, const struct rollout *r,
			 struct err *e)
{
	struct rollout now = { 0 };

	if (take_release(api, r->product, r->release, &now, e))
		return -1;
	if (sha256_equal(&now.digest, &r->digest))
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "release %s has another content now: make a new rollout",
		       r->release);
}

/* ---- start, pause, resume ------------------------------------------------ */

/* The share may grow on the way; it never shrinks. */
static int get_share(const struct json *j, struct rollout *r, struct err *e)
{
	int64_t share;

	if (!json_get(j, "share"))
		return 0;
	if (json_get_int(j, "share", 1, ROLLOUT_SHARE_ALL, &share, e))
		return -1;
	if ((uint32_t)share < r->share && r->state != ROLLOUT_DRAFT)
		return err_set(e, ERR_REFUSED,
			       "a share only grows: it is %u.%02u %% now",
			       r->share / 100, r->share % 100);
	r->share = (uint32_t)share;
	return 0;
}

static int open_rollout(struct server_api *api, const struct request *q,
			bool starting, struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "name", "share", NULL };
	char name[NAME_MAX_LEN + 1];
	struct audit_by by;
	struct rollout r;
	struct json *j;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if (api_get_name(j, "name", name, e) ||
	    store_rollout_find(api->store, name, &r, e) || get_share(j, &r, e))
		goto out;
	if (starting ? r.state == ROLLOUT_PAUSED : r.state != ROLLOUT_PAUSED) {
		(void)err_set(e, ERR_CONFLICT, "rollout %s is %s: %s", r.name,
			      rollout_state_name(r.state),
			      starting ? "resume it"
				       : "only a paused one "
					 "is resumed");
		goto out;
	}
	if (check_release(api, &r, e) || api_by(api, q, &by, e) ||
	    store_rollout_open(api->store, &r, r.state, &by, e))
		goto out;
	log_event(LOG_INFO, starting ? "rollout-started" : "rollout-resumed",
		  "by=%s name=%s share=%u population=%llu", q->peer->id, r.name,
		  r.share, (unsigned long long)r.population);
	rc = show(api, name, a, e);
out:
	json_free(j);
	return rc;
}

int api_rollout_start(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	return open_rollout(api, q, true, a, e);
}

int api_rollout_resume(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	return open_rollout(api, q, false, a, e);
}

static int get_reason(const struct json *j, char out[WIRE_REASON_MAX],
		      struct err *e)
{
	const char *text;

	if (json_get_text(j, "reason", &text, e))
		return -1;
	if (!text[0] || strlen(text) >= WIRE_REASON_MAX)
		return err_set(e, ERR_USAGE,
			       "a reason has 1 to %d bytes: --reason TEXT",
			       WIRE_REASON_MAX - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int api_rollout_pause(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "name", "reason", NULL };
	char name[NAME_MAX_LEN + 1], reason[WIRE_REASON_MAX];
	struct audit_by by;
	struct json *j;
	struct rollout r;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if (api_get_name(j, "name", name, e) || get_reason(j, reason, e) ||
	    store_rollout_find(api->store, name, &r, e) ||
	    api_by(api, q, &by, e) ||
	    store_rollout_pause(api->store, name, reason, &by, e))
		goto out;
	log_event(LOG_WARNING, "rollout-paused", "by=%s name=%s why=%s",
		  q->peer->id, name, reason);
	rc = show(api, name, a, e);
out:
	json_free(j);
	return rc;
}
