/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet at a glance, and over time. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tuf_due.h"

#include "update-server/api.h"
#include "update-server/store_overview.h"
#include "update-server/store_return.h"
#include "update-server/store_waiting.h"

#define ACTS_SHOWN     100
#define HISTORY_VALUES 50000
#define HISTORY_DAYS   400

/* ---- what ends, and when ------------------------------------------------- */

/* due: how many days before the end somebody must act; -1: not yet. */
static void add_end(struct json *list, const char *what, int64_t when, int due)
{
	struct json *j = json_new_object();

	json_set_text(j, "what", what);
	api_set_time(j, "at", when);
	if (due >= 0)
		json_set_int(j, "due", due);
	json_add(list, j);
}

static void add_certificate_end(struct json *list, const char *what,
				int64_t when)
{
	add_end(list, what, when, tuf_due_certificate(when, utc_now()));
}

/* What the keeper renews concerns nobody before it fails to. */
static void add_role_end(struct json *list, const struct expiry_of *role)
{
	char what[NAME_MAX_LEN + 16];
	struct err never; /* it is long enough */

	if (text_format(what, sizeof(what), &never, "role %s", role->role) == 0)
		add_end(list, what, role->when,
			expiry_is_online(role)
				? -1
				: tuf_due(role->issued, role->when, utc_now()));
}

static void add_certificate(struct json *list, const char *what,
			    struct slice pem)
{
	int64_t when = expiry_of_pem(pem);

	if (when > 0)
		add_certificate_end(list, what, when);
}

static void add_device_cas(struct json *list, struct slice pem)
{
	int64_t ends[EXPIRY_CAS];
	size_t count = expiry_of_each(pem, ends);

	for (size_t i = 0; i < count; i++)
		if (ends[i] > 0)
			add_certificate_end(
				list, i == 0 ? "device CA" : "former device CA",
				ends[i]);
}

static int set_ends(struct server_api *api, struct json *j, struct err *e)
{
	struct expiry_of *roles = mem_alloc(EXPIRY_MAX, sizeof(*roles));
	struct json *list = json_new_array();
	struct log_listed log_key;
	size_t count = 0;
	int64_t end;
	int rc = expiry_read(&api->expiry, api->store, roles, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++)
		add_role_end(list, &roles[i]);
	add_certificate(list, "server certificate", api->tls_certificate);
	add_device_cas(list, buf_slice(&api->device_cas));
	api_log_key(api, &log_key, &end);
	add_certificate_end(list, "log key", end);
	json_set(j, "ends", list);
	free(roles);
	return rc;
}

/* Who asks to join and was not answered yet. */
static void count_waiting(void *ctx, const struct store_waiting *w)
{
	uint64_t *n = ctx;

	*n += w->state == WAITING_OPEN;
}

static int set_waiting(struct server_api *api, struct json *j, int64_t now,
		       struct err *e)
{
	uint64_t n = 0;

	if (store_waiting_each(api->store, now, count_waiting, &n, e))
		return -1;
	json_set_int(j, "waiting", (int64_t)n);
	return 0;
}

/* ---- the fleet now ------------------------------------------------------- */

static void list_release(void *ctx, const struct overview_release *r)
{
	struct json *j = json_new_object();

	json_set_text(j, "product", r->product);
	json_set_text(j, "release", r->release);
	json_set_int(j, "seq", (int64_t)r->seq);
	json_set_int(j, "devices", (int64_t)r->devices);
	json_add(ctx, j);
}

static void list_cohort(void *ctx, const char *name, uint64_t devices)
{
	struct json *j = json_new_object();

	json_set_text(j, "name", name);
	json_set_int(j, "devices", (int64_t)devices);
	json_add(ctx, j);
}

static int set_silent(struct server_api *api, struct json *j, int64_t now,
		      struct err *e)
{
	static const int days[] = { 1, 7, 30 };
	struct json *list = json_new_array();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(days); i++) {
		struct json *one = json_new_object();
		uint64_t n = 0;

		rc = store_overview_silent(api->store, now / UTC_DAY - days[i],
					   &n, e);
		json_set_int(one, "days", days[i]);
		json_set_int(one, "devices", (int64_t)n);
		json_add(list, one);
	}
	json_set(j, "silent", list);
	return rc;
}

static int set_totals(struct server_api *api, struct json *j, struct err *e)
{
	struct overview_totals t;

	if (store_overview_totals(api->store, &t, e))
		return -1;
	json_set_int(j, "devices", (int64_t)t.devices);
	json_set_int(j, "never_seen", (int64_t)t.never_seen);
	json_set_int(j, "quarantined", (int64_t)t.quarantined);
	json_set_int(j, "revoked", (int64_t)t.revoked);
	json_set_int(j, "retired", (int64_t)t.retired);
	return 0;
}

/* Whoever asks, so that a page can say what they may do. */
static int set_asker(struct server_api *api, const struct request *q,
		     struct json *j, struct err *e)
{
	struct store_person p;
	struct json *me = json_new_object();

	json_set(j, "you", me);
	if (store_person_find(api->store, &q->peer->fingerprint, &p, e))
		return -1;
	json_set_text(me, "name", p.name);
	json_set_text(me, "roles", p.roles);
	json_set_int(me, "share", p.scope.share);
	return 0;
}

/* Since when devices that a restore forgot come back; "": nobody does. */
static int set_readopt(struct server_api *api, struct json *j, struct err *e)
{
	int64_t opened;

	if (store_readopt_since(api->store, &opened, e))
		return -1;
	api_set_time(j, "readopt", opened);
	return 0;
}

static int fill_overview(struct server_api *api, const struct request *q,
			 struct json *j, struct err *e)
{
	struct json *releases = json_new_array(), *cohorts = json_new_array();
	int64_t now = utc_now();
	struct score_facts found;
	struct err why = { 0 };
	unsigned points;

	json_set_text(j, "version", VERSION);
	json_set_text(j, "environment", environment_name(api->environment));
	api_set_time(j, "now", now);
	json_set_text(j, "log",
		      store_check_whole(api->store, &why) ? why.msg : "whole");
	json_set(j, "releases", releases);
	json_set(j, "cohorts", cohorts);
	/* Only once there is one: the first survey takes a while. */
	if (api_found(api, &found, &points)) {
		json_set_int(j, "score", points);
		json_set_int(j, "clockless",
			     (int64_t)found.lacking[POSTURE_HARDWARE_CLOCK]);
	}
	if (set_asker(api, q, j, e) || set_readopt(api, j, e) ||
	    set_totals(api, j, e) || set_silent(api, j, now, e) ||
	    set_ends(api, j, e) || set_waiting(api, j, now, e) ||
	    store_overview_releases(api->store, list_release, releases, e))
		return -1;
	return store_overview_cohorts(api->store, list_cohort, cohorts, e);
}

int api_overview(struct server_api *api, const struct request *q,
		 struct response *a, struct err *e)
{
	struct json *j = api_answer();

	if (fill_overview(api, q, j, e) == 0)
		return response_json(a, 200, j, e);
	json_free(j);
	return -1;
}

/* {"people": {"<fingerprint>": "<name>", ...}}: who the audit log means. */
static void add_name(void *ctx, const struct store_person *p)
{
	char text[SHA256_HEX_LEN];

	sha256_format(&p->fingerprint, text);
	json_set_text(ctx, text, p->name);
}

int api_names(struct server_api *api, const struct request *q,
	      struct response *a, struct err *e)
{
	struct json *j = api_answer(), *people = json_new_object();

	(void)q;
	json_set(j, "people", people);
	if (store_person_each(api->store, add_name, people, e) == 0)
		return response_json(a, 200, j, e);
	json_free(j);
	return -1;
}

/* Records travel as text, as those of audit/ do. */
static int add_record(void *ctx, struct slice record, struct err *e)
{
	struct buf text = BUF_INIT(AUDIT_RECORD_MAX);
	int rc = buf_add(&text, record, e);

	if (rc == 0)
		json_add(ctx, json_new_text(buf_text(&text)));
	buf_done(&text);
	return rc;
}

/* "before-<n>", or nothing. */
static int parse_before(const char *text, uint64_t *out, struct err *e)
{
	static const char word[] = "before-";

	if (!text[0])
		return 0;
	return strncmp(text, word, sizeof(word) - 1) != 0
		       ? -1
		       : num_parse(slice_of(text + sizeof(word) - 1),
				   JSON_INT_MAX, out, e);
}

/* audit-of/rollout/<name>, audit-of/device/<id>; both [/before-<n>] */
int api_acts(struct server_api *api, const struct request *q,
	     struct response *a, struct err *e)
{
	const char *rest = api_rest(q, "/v1/people/audit-of/");
	char kind[NAME_MAX_LEN + 1], name[NAME_MAX_LEN + 1];
	struct overview_acts about = { .name = name, .max = ACTS_SHOWN };
	struct json *j, *list;

	if (api_path_name(&rest, kind, sizeof(kind)) ||
	    api_path_name(&rest, name, sizeof(name)) ||
	    parse_before(rest, &about.before, e))
		return err_set(e, ERR_NOT_FOUND, "no such records");
	about.of_device = strcmp(kind, "device") == 0;
	if (!about.of_device && strcmp(kind, "rollout") != 0)
		return err_set(e, ERR_NOT_FOUND, "no such records");
	list = json_new_array();
	if (store_overview_acts(api->store, &about, add_record, list, e)) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set(j, "records", list);
	return response_json(a, 200, j, e);
}

/* ---- over time ----------------------------------------------------------- */

struct samples {
	struct json *list, *now;
	int64_t at;
};

static void add_value(void *ctx, int64_t at, const char *release,
		      uint64_t devices)
{
	struct samples *s = ctx;
	struct json *sample;

	if (at != s->at || !s->now) {
		sample = json_new_object();
		s->now = json_new_object();
		api_set_time(sample, "at", at);
		json_set(sample, "releases", s->now);
		json_add(s->list, sample);
		s->at = at;
	}
	json_set_int(s->now, release, (int64_t)devices);
}

/* history/<product>/<days> */
int api_history(struct server_api *api, const struct request *q,
		struct response *a, struct err *e)
{
	const char *rest = api_rest(q, "/v1/people/history/");
	struct samples s = { .list = json_new_array() };
	char product[NAME_MAX_LEN + 1];
	struct overview_span span = { .product = product,
				      .max = HISTORY_VALUES };
	struct json *j = api_answer();
	uint64_t days;

	json_set(j, "samples", s.list);
	if (api_path_name(&rest, product, sizeof(product)) ||
	    num_parse(slice_of(rest), HISTORY_DAYS, &days, e)) {
		(void)err_set(e, ERR_NOT_FOUND, "history/PRODUCT/DAYS");
		goto bad;
	}
	json_set_text(j, "product", product);
	span.since = utc_now() - (int64_t)days * UTC_DAY;
	if (store_overview_history(api->store, &span, add_value, &s, e))
		goto bad;
	return response_json(a, 200, j, e);
bad:
	json_free(j);
	return -1;
}
