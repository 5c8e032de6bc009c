/* SPDX-License-Identifier: Apache-2.0 */
/* A rollout by kinds of devices, and what flows, as people see them. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/utc.h"

#include "update-server/api.h"
#include "update-server/kinds.h"
#include "update-server/store_egress.h"

/* ---- by kind ------------------------------------------------------------- */

struct all_kinds {
	struct kinds cohort, model, hardware, runs;
};

static void take_kind(void *ctx, const struct store_kind *k)
{
	struct all_kinds *all = ctx;
	const struct device_id *sample = k->has_sample ? &k->sample : NULL;

	kinds_add(&all->cohort, k->cohort, &k->n, sample);
	kinds_add(&all->model, k->model, &k->n, sample);
	kinds_add(&all->hardware, k->hardware, &k->n, sample);
	kinds_add(&all->runs, k->runs, &k->n, sample);
}

static struct json *group_json(const struct kinds_group *g)
{
	struct json *j = json_new_object(), *samples = json_new_array();
	char id[2 * DEVICE_ID_LEN + 1];

	json_set_text(j, "name", g->name);
	json_set_int(j, "offered", (int64_t)g->n.offered);
	json_set_int(j, "confirmed", (int64_t)g->n.confirmed);
	json_set_int(j, "bad", (int64_t)g->n.bad);
	json_set_int(j, "other", (int64_t)g->n.other);
	json_set_int(j, "dark", (int64_t)g->n.dark);
	json_set_int(j, "lower", g->lower);
	json_set_int(j, "upper", g->upper);
	json_set_bool(j, "apart", g->fails_more || g->dark_more);
	json_set_text(j, "words", g->words);
	for (size_t i = 0; i < g->sample_count; i++) {
		hex_format((struct slice){ g->samples[i].bytes, DEVICE_ID_LEN },
			   id);
		json_add(samples, json_new_text(id));
	}
	json_set(j, "samples", samples);
	return j;
}

static void set_groups(struct json *j, const char *name, struct kinds *k)
{
	struct json *list = json_new_array();

	kinds_judge(k);
	for (size_t i = 0; i < k->count; i++)
		json_add(list, group_json(&k->groups[i]));
	json_set(j, name, list);
}

int api_set_kinds(struct server_api *api, struct json *j, const struct stage *s,
		  struct err *e)
{
	struct all_kinds *all = mem_alloc(1, sizeof(*all));
	struct json *groups = json_new_object();
	int rc = store_kind_each(api->store, s->what.id, take_kind, all, e);

	set_groups(groups, "cohort", &all->cohort);
	set_groups(groups, "model", &all->model);
	set_groups(groups, "hardware", &all->hardware);
	set_groups(groups, "from", &all->runs);
	json_set(j, "groups", groups);
	free(all);
	return rc;
}

/* ---- what flows ---------------------------------------------------------- */

struct offers {
	uint64_t made, begun;
};

static void take_counter(void *ctx, const struct store_counter *c)
{
	struct offers *o = ctx;

	o->made += c->n;
	if (c->state != STAGE_OFFERED && c->state != STAGE_DEFERRED &&
	    c->state < STAGE_SKIPPED)
		o->begun += c->n;
}

void api_keep_egress(struct server_api *api)
{
	struct egress *g = meter_egress(api->meter);
	struct egress_count *counts = mem_alloc(EGRESS_MAX, sizeof(*counts));
	size_t count = egress_take(g, counts);
	struct err e = { 0 };

	if (count > 0 &&
	    store_egress_add(api->store, counts, count, utc_now(), &e)) {
		log_event(LOG_ERROR, "egress-not-written", "why=%s", e.msg);
		egress_return(g, counts, count);
	}
	free(counts);
}

/* Of all packages of the release; since the first of them went out. */
static int add_egress(struct server_api *api, const struct json *packages,
		      struct store_egress *sum, struct err *e)
{
	for (size_t i = 0; i < json_count(packages); i++) {
		struct store_egress kept;
		struct egress_count new;
		struct sha256 package;

		if (json_get_hex(json_at(packages, i), "sha256", package.bytes,
				 SHA256_LEN, e) ||
		    store_egress_get(api->store, &package, &kept, e))
			return -1;
		new = egress_waiting(meter_egress(api->meter), &package);
		sum->sent += kept.sent + new.sent;
		sum->busy += kept.busy + new.busy;
		if (kept.since > 0 &&
		    (sum->since == 0 || kept.since < sum->since))
			sum->since = kept.since;
	}
	return 0;
}

/* Of a release that is not listed any more nothing goes out. */
static int sum_egress(struct server_api *api, const struct stage *s,
		      struct store_egress *sum, struct err *e)
{
	struct store_release r = { 0 };
	struct json *detail = NULL;
	struct err why = { 0 };
	int rc = -1;

	if (store_release_find(api->store, s->what.product, s->what.release, &r,
			       &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	if (json_parse(slice_of(r.detail), &detail, e) == 0)
		rc = add_egress(api, json_get(detail, "packages"), sum, e);
	json_free(detail);
	store_release_done(&r);
	return rc;
}

static int set_egress(struct server_api *api, struct json *flow,
		      const struct stage *s, struct err *e)
{
	struct store_egress sum = { .since = 0 };
	struct json *j;

	if (sum_egress(api, s, &sum, e))
		return -1;
	j = json_new_object();
	api_set_time(j, "since", sum.since);
	json_set_int(j, "sent_bytes", (int64_t)sum.sent);
	json_set_int(j, "busy", (int64_t)sum.busy);
	json_set(flow, "of_release", j);
	return 0;
}

int api_set_flow(struct server_api *api, struct json *j, const struct stage *s,
		 struct err *e)
{
	struct json *flow = json_new_object();
	struct offers o = { 0, 0 };
	int rc =
		store_counter_each(api->store, s->what.id, take_counter, &o, e);

	json_set_int(flow, "offers", (int64_t)o.made);
	json_set_int(flow, "begun", (int64_t)o.begun);
	json_set_int(flow, "package_bytes", (int64_t)s->size);
	api_set_time(flow, "since", api->started);
	json_set_int(flow, "sent_bytes",
		     (int64_t)meter_sent_to(api->meter, LISTENER_DEVICE));
	json_set_int(flow, "busy",
		     (int64_t)meter_busy(api->meter, LISTENER_DEVICE));
	if (rc == 0)
		rc = set_egress(api, flow, s, e);
	json_set(j, "flow", flow);
	return rc;
}
