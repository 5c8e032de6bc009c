/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet at a glance, over time, and the lists behind each number. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/tuf_due.h"

#include "update-server/api.h"
#include "update-server/store_overview.h"

#define LIST_PAGE      100
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

/* The next name of a path. */
static int path_name(const char **rest, char out[NAME_MAX_LEN + 1])
{
	size_t len = strcspn(*rest, "/");

	if (len == 0 || len > NAME_MAX_LEN)
		return -1;
	memcpy(out, *rest, len);
	out[len] = '\0';
	*rest += len + ((*rest)[len] == '/');
	return 0;
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

/* audit-of/rollout/<name>, audit-of/device/<id> */
int api_acts(struct server_api *api, const struct request *q,
	     struct response *a, struct err *e)
{
	const char *rest = api_rest(q, "/v1/people/audit-of/");
	char kind[NAME_MAX_LEN + 1], name[NAME_MAX_LEN + 1];
	struct overview_acts about = { .name = name, .max = LIST_PAGE };
	struct json *j, *list;

	if (path_name(&rest, kind) || path_name(&rest, name) || rest[0])
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
	if (path_name(&rest, product) ||
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

/* ---- lists --------------------------------------------------------------- */

/* What a path asks for; the names are kept here. */
struct list_asked {
	struct overview_list list;
	char kind[NAME_MAX_LEN + 1];
	char first[NAME_MAX_LEN + 1], second[NAME_MAX_LEN + 1];
};

static const struct kind {
	const char *word;
	enum overview_kind kind;
	int names; /* that follow the word */
} kinds[] = {
	{ "all", OVERVIEW_ALL, 0 },
	{ "release", OVERVIEW_RELEASE, 2 },
	{ "no-release", OVERVIEW_RELEASE, 1 },
	{ "cohort", OVERVIEW_COHORT, 1 },
	{ "silent", OVERVIEW_SILENT, 1 },
	{ "never-seen", OVERVIEW_NEVER, 0 },
	{ "quarantined", OVERVIEW_QUARANTINED, 0 },
	{ "revoked", OVERVIEW_REVOKED, 0 },
	{ "retired", OVERVIEW_RETIRED, 0 },
};

/* after-<id>, or after-<day>-<id> where the order is by day. */
static int parse_after(const char *text, struct overview_list *l, struct err *e)
{
	static const char word[] = "after-";
	uint64_t day = 0;
	size_t len;

	if (strncmp(text, word, sizeof(word) - 1) != 0)
		return -1;
	text += sizeof(word) - 1;
	if (l->kind == OVERVIEW_SILENT) {
		len = strcspn(text, "-");
		if (!text[len] ||
		    num_parse((struct slice){ (const uint8_t *)text, len },
			      INT32_MAX, &day, e))
			return -1;
		text += len + 1;
	}
	l->has_after = true;
	l->after_day = (int64_t)day;
	return hex_parse(slice_of(text), l->after.bytes, DEVICE_ID_LEN, e);
}

static int parse_kind(const char **rest, struct list_asked *asked)
{
	if (path_name(rest, asked->kind))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].word, asked->kind) != 0)
			continue;
		asked->list.kind = kinds[i].kind;
		if (kinds[i].names > 0 && path_name(rest, asked->first))
			return -1;
		return kinds[i].names > 1 ? path_name(rest, asked->second) : 0;
	}
	return -1;
}

static int parse_list(const char *rest, int64_t now, struct list_asked *asked,
		      struct err *e)
{
	struct overview_list *l = &asked->list;
	uint64_t days = 0;

	if (parse_kind(&rest, asked))
		return -1;
	l->product = l->cohort = asked->first;
	l->release = asked->second;
	l->max = LIST_PAGE;
	if (l->kind == OVERVIEW_SILENT &&
	    num_parse(slice_of(asked->first), HISTORY_DAYS, &days, e))
		return -1;
	l->day = now / UTC_DAY - (int64_t)days;
	return rest[0] ? parse_after(rest, l, e) : 0;
}

struct list_page {
	struct json *list;
	struct overview_device last;
	size_t count;
};

static void list_device(void *ctx, const struct overview_device *d)
{
	struct list_page *p = ctx;
	struct json *j = json_new_object();

	json_set_hex(j, "id", (struct slice){ d->id.bytes, DEVICE_ID_LEN });
	json_set_text(j, "product", d->product);
	json_set_text(j, "model", d->model);
	json_set_text(j, "hardware", d->hardware);
	json_set_text(j, "cohort", d->cohort);
	json_set_text(j, "release", d->release);
	json_set_bool(j, "confirmed", d->confirmed);
	api_set_time(j, "last_seen", d->last_seen);
	json_add(p->list, j);
	p->last = *d;
	p->count++;
}

/* The rest of a path that continues behind the last one shown. */
static void set_next(struct json *j, const struct list_asked *asked,
		     const struct list_page *p)
{
	char id[2 * DEVICE_ID_LEN + 1], text[2 * DEVICE_ID_LEN + 32];
	struct err never; /* it is long enough */

	if (p->count < asked->list.max)
		return;
	hex_format((struct slice){ p->last.id.bytes, DEVICE_ID_LEN }, id);
	if ((asked->list.kind == OVERVIEW_SILENT
		     ? text_format(text, sizeof(text), &never,
				   "after-%" PRId64 "-%s", p->last.day, id)
		     : text_format(text, sizeof(text), &never, "after-%s",
				   id)) == 0)
		json_set_text(j, "next", text);
}

/* list/<kind>[/<name>...][/after-...] */
int api_list(struct server_api *api, const struct request *q,
	     struct response *a, struct err *e)
{
	struct list_asked asked = { .kind = "" };
	struct list_page p = { .count = 0 };
	struct json *j;

	if (parse_list(api_rest(q, "/v1/people/list/"), utc_now(), &asked, e))
		return err_set(e, ERR_NOT_FOUND, "no such list");
	j = api_answer();
	p.list = json_new_array();
	json_set(j, "devices", p.list);
	if (store_overview_list(api->store, &asked.list, list_device, &p, e)) {
		json_free(j);
		return -1;
	}
	set_next(j, &asked, &p);
	return response_json(a, 200, j, e);
}

/* ---- attempts of a rollout ------------------------------------------------
 */

/* How pages sum states up; each is a range of them. */
static const struct group {
	const char *word;
	enum stage_state from, to;
} groups[] = {
	{ "flight", STAGE_OFFERED, STAGE_STALLED },
	{ "awaiting", STAGE_INSTALLED, STAGE_INSTALLED },
	{ "dark", STAGE_LOST, STAGE_LOST },
	{ "confirmed", STAGE_CONFIRMED, STAGE_CONFIRMED },
	{ "failed", STAGE_FAILED, STAGE_ROLLED_BACK },
	{ "skipped", STAGE_SKIPPED, STAGE_EXPIRED },
};

/* after-<state>-<id> */
static int parse_after_attempt(const char *text, struct overview_attempts *l,
			       struct err *e)
{
	static const char word[] = "after-";
	uint64_t state, id;
	size_t len;

	if (strncmp(text, word, sizeof(word) - 1) != 0)
		return -1;
	text += sizeof(word) - 1;
	len = strcspn(text, "-");
	if (!text[len] ||
	    num_parse((struct slice){ (const uint8_t *)text, len },
		      STAGE_STATES - 1, &state, e) ||
	    num_parse(slice_of(text + len + 1), JSON_INT_MAX, &id, e))
		return -1;
	l->has_after = true;
	l->after_state = (enum stage_state)state;
	l->after = (int64_t)id;
	return 0;
}

static int parse_attempts(const char *rest, char name[NAME_MAX_LEN + 1],
			  struct overview_attempts *l, struct err *e)
{
	char word[NAME_MAX_LEN + 1];

	if (path_name(&rest, name) || path_name(&rest, word))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (strcmp(groups[i].word, word) != 0)
			continue;
		l->from = groups[i].from;
		l->to = groups[i].to;
		return rest[0] ? parse_after_attempt(rest, l, e) : 0;
	}
	return -1;
}

struct attempts_page {
	struct json *list;
	struct overview_attempt last;
	size_t count;
};

static void list_attempt(void *ctx, const struct overview_attempt *a)
{
	struct attempts_page *p = ctx;
	struct json *j = json_new_object();

	json_set_hex(j, "device",
		     (struct slice){ a->device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "state", stage_state_name(a->state));
	json_set_text(j, "code", a->code);
	json_set_int(j, "phase", (int64_t)a->phase + 1);
	api_set_time(j, "changed", a->changed);
	json_add(p->list, j);
	p->last = *a;
	p->count++;
}

/* attempts/<rollout>/<group>[/after-...] */
int api_attempts(struct server_api *api, const struct request *q,
		 struct response *a, struct err *e)
{
	struct overview_attempts l = { .max = LIST_PAGE };
	struct attempts_page p = { .count = 0 };
	char name[NAME_MAX_LEN + 1], next[64];
	struct stage rollout;
	struct json *j;

	if (parse_attempts(api_rest(q, "/v1/people/attempts/"), name, &l, e))
		return err_set(e, ERR_NOT_FOUND, "no such list");
	if (store_rollout_find(api->store, name, &rollout, e))
		return -1;
	l.rollout = rollout.what.id;
	j = api_answer();
	p.list = json_new_array();
	json_set(j, "attempts", p.list);
	if (store_overview_attempts(api->store, &l, list_attempt, &p, e)) {
		json_free(j);
		return -1;
	}
	if (p.count == l.max &&
	    text_format(next, sizeof(next), e, "after-%d-%" PRId64,
			(int)p.last.state, p.last.id) == 0)
		json_set_text(j, "next", next);
	return response_json(a, 200, j, e);
}
