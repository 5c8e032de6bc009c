/* SPDX-License-Identifier: Apache-2.0 */
/* What starting a rollout would mean: whom, how many, by which packages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/as_device.h"
#include "update-server/stage_policy.h"
#include "update-server/store_audience.h"

#define PLAN_MAX 65536

/* ---- the plan ------------------------------------------------------------ */

/* All that was planned, in one spelling. */
static int digest_of(const struct stage *s, struct sha256 *out, struct err *e)
{
	struct buf text = BUF_INIT(PLAN_MAX);
	struct json *j = json_new_object();
	int rc;

	json_set_text(j, "name", s->what.name);
	api_set_digest(j, "digest", &s->what.digest);
	json_set_int(j, "population", (int64_t)s->ladder.population);
	json_set_text(j, "where", s->where);
	json_set_int(j, "revision", (int64_t)s->revision);
	json_set(j, "phases", api_phases_json(s));
	json_set(j, "policy", stage_policy_json(&s->policy));
	rc = json_canonical(j, &text, e);
	if (rc == 0)
		sha256_of(buf_slice(&text), out);
	json_free(j);
	buf_done(&text);
	return rc;
}

int api_plan(struct server_api *api, struct stage *s, struct sha256 *plan,
	     struct err *e)
{
	uint64_t *buckets = NULL;
	size_t count = 0;
	int rc = store_rollout_buckets(api->store, s, &buckets, &count, e);

	if (rc == 0)
		rc = stage_make_ladder(s, count, e);
	if (rc == 0)
		ladder_measure(&s->ladder, buckets, count);
	free(buckets);
	/* What is planned is the same when an order's time has come. */
	memset(s->not_before, 0, sizeof(s->not_before));
	return rc == 0 ? digest_of(s, plan, e) : -1;
}

/* ---- deltas -------------------------------------------------------------- */

struct way {
	const struct json *packages;
	struct json *list; /* may be NULL */
	uint64_t devices, covered, bytes;
};

static const struct json *package_from(const struct json *packages,
				       const char *release)
{
	const struct json *full = NULL;

	for (size_t i = 0; i < json_count(packages); i++) {
		const struct json *p = json_at(packages, i);

		if (strcmp(json_text(json_get(p, "kind")), "full") == 0)
			full = p;
		else if (strcmp(json_text(json_get(p, "from")), release) == 0)
			return p;
	}
	return full;
}

static void take_from(void *ctx, const char *release, uint64_t devices)
{
	struct way *w = ctx;
	const struct json *p = package_from(w->packages, release);
	bool delta = json_text(json_get(p, "from"))[0] != 0;
	uint64_t bytes = (uint64_t)json_int(json_get(p, "bytes"));
	struct json *j;

	w->devices += devices;
	w->covered += delta ? devices : 0;
	w->bytes += devices * bytes;
	if (!w->list)
		return;
	j = json_new_object();
	json_set_text(j, "release", release);
	json_set_int(j, "devices", (int64_t)devices);
	json_set_int(j, "bytes", (int64_t)bytes);
	json_set_bool(j, "delta", delta);
	json_add(w->list, j);
}

static uint32_t coverage(const struct way *w)
{
	return w->devices ? (uint32_t)(w->covered * GATE_ALL / w->devices)
			  : GATE_ALL;
}

static int read_detail(struct server_api *api, const struct stage *s,
		       struct json **out, struct err *e)
{
	struct store_release r = { 0 };
	int rc = store_release_find(api->store, s->what.product,
				    s->what.release, &r, e);

	if (rc == 0)
		rc = json_parse(slice_of(r.detail), out, e);
	store_release_done(&r);
	return rc;
}

/* Asked of what is served and of the disk, each time: what was good at the
 * import may have ended, or been lost. With no import in between. */
static void ask_as_device(struct server_api *api, const struct stage *s,
			  int64_t now, struct err *refused)
{
	const struct as_device device = { .store = api->store,
					  .dirfd = api->dirfd,
					  .folder = "incoming/as-device",
					  .what = &s->what,
					  .now = now };

	(void)pthread_mutex_lock(&api->publishing);
	if (as_device_check(&device, refused) == 0)
		*refused = (struct err){ .code = ERR_NONE };
	(void)pthread_mutex_unlock(&api->publishing);
}

int api_ready(struct server_api *api, struct stage *s, int64_t now,
	      struct stage_ready *out, struct err *e)
{
	struct json *detail = NULL;
	struct way w = { .list = NULL };
	int rc;

	if (read_detail(api, s, &detail, e))
		return -1;
	w.packages = json_get(detail, "packages");
	rc = store_rollout_from(api->store, s, take_from, &w, e);
	json_free(detail);
	if (rc)
		return -1;
	api_order_times(api, s, now);
	out->metadata_expires = s->metadata_ends;
	out->delta_coverage = coverage(&w);
	ask_as_device(api, s, now, &out->refused);
	return 0;
}

/* ---- for people ---------------------------------------------------------- */

static void add_left_out(struct json *list, const char *why, uint64_t devices)
{
	struct json *j;

	if (devices == 0)
		return;
	j = json_new_object();
	json_set_text(j, "why", why);
	json_set_int(j, "devices", (int64_t)devices);
	json_add(list, j);
}

static int set_left_out(struct server_api *api, const struct stage *s,
			int64_t now, struct json *j, struct err *e)
{
	struct store_audience a = { .enrolled_after =
					    now - s->policy.new_device_sec };
	struct json *list = json_new_array();

	if (store_rollout_audience(api->store, s, &a, e)) {
		json_free(list);
		return -1;
	}
	add_left_out(list, "in other cohorts", a.other_cohort);
	add_left_out(list, "of other models", a.other_model);
	add_left_out(list, "of other hardware revisions", a.other_hardware);
	add_left_out(list, "no lab devices", a.no_lab);
	add_left_out(list, "not selected", a.unselected);
	add_left_out(list, "excluded by name", a.excluded);
	add_left_out(list, "pinned to another release", a.pinned);
	add_left_out(list, "blocked", a.blocked);
	add_left_out(list, "do not run what it undoes", a.not_undone);
	add_left_out(list, "run it already, or something newer", a.there);
	add_left_out(list, "never came to the server yet", a.silent);
	add_left_out(list, "too new to count in gates", a.young);
	json_set(j, "left_out", list);
	json_set_int(j, "clockless", (int64_t)a.clockless);
	return 0;
}

static int set_egress(struct server_api *api, const struct stage *s,
		      struct json *j, struct err *e)
{
	struct json *detail = NULL, *delta;
	struct way w = { .devices = 0 };
	int rc;

	if (read_detail(api, s, &detail, e))
		return -1;
	w.packages = json_get(detail, "packages");
	w.list = json_new_array();
	rc = store_rollout_from(api->store, s, take_from, &w, e);
	delta = json_new_object();
	json_set_int(delta, "devices", (int64_t)w.covered);
	json_set_int(delta, "share", coverage(&w));
	json_set(delta, "from", w.list);
	json_set(j, "delta", delta);
	json_set_int(j, "egress_bytes", (int64_t)w.bytes);
	json_free(detail);
	return rc;
}

static int plan_json(struct server_api *api, struct stage *s, struct json *j,
		     struct err *e)
{
	int64_t now = utc_now();
	struct sha256 plan;

	if (s->status > STAGE_SCHEDULED)
		return err_set(e, ERR_CONFLICT,
			       "rollout %s is %s: it was "
			       "planned when it started",
			       s->what.name, stage_status_name(s->status));
	if (api_plan(api, s, &plan, e) || set_left_out(api, s, now, j, e) ||
	    set_egress(api, s, j, e))
		return -1;
	api_order_times(api, s, now);
	json_set_text(j, "name", s->what.name);
	json_set_text(j, "product", s->what.product);
	json_set_text(j, "release", s->what.release);
	json_set_text(j, "where", s->where);
	api_set_window(j, s, now);
	json_set_text(j, "state", stage_status_name(s->status));
	json_set_int(j, "revision", (int64_t)s->revision);
	api_set_digest(j, "plan", &plan);
	json_set_int(j, "population", (int64_t)s->ladder.population);
	json_set(j, "phases", api_phases_json(s));
	json_set(j, "order", api_order_json(api, s, now));
	return 0;
}

int api_rollout_plan(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct stage *s = mem_alloc(1, sizeof(*s));
	struct json *j = api_answer();
	int rc = -1;

	if (store_rollout_find(api->store,
			       api_rest(q, "/v1/people/rollout-plan/"), s, e) ||
	    plan_json(api, s, j, e))
		goto out;
	rc = response_json(a, 200, j, e);
	j = NULL;
out:
	json_free(j);
	free(s);
	return rc;
}
