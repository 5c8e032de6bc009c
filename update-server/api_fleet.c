/* SPDX-License-Identifier: Apache-2.0 */
/* What people see and do of releases and devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"

#define DEVICES_PAGE 2000 /* of one answer */

/* An answer that holds one array, which visitors fill. */
static struct json *answer_with(const char *name, struct json *array)
{
	struct json *j = api_answer();

	json_set(j, name, array);
	return j;
}

/* Answer if the walk went well, else let go of what was collected. */
static int answer_list(struct response *a, int rc, const char *name,
		       struct json *array, struct err *e)
{
	if (rc == 0)
		return response_json(a, 200, answer_with(name, array), e);
	json_free(array);
	return rc;
}

/* ---- releases ------------------------------------------------------------ */

static struct json *release_json(const struct store_release *r)
{
	struct json *j = json_new_object(), *detail;
	struct err ignored; /* then show says it */

	json_set_text(j, "product", r->product);
	json_set_text(j, "id", r->id);
	json_set_text(j, "version", r->version);
	json_set_int(j, "seq", (int64_t)r->seq);
	json_set_int(j, "requires_seq", (int64_t)r->requires_seq);
	json_set_text(j, "models", r->models);
	json_set_text(j, "hardware", r->hardware);
	api_set_digest(j, "digest", &r->digest);
	json_set_bool(j, "listed", r->listed);
	if (r->lab_only)
		json_set_bool(j, "lab_only", true);
	api_set_time(j, "imported", r->imported);
	if (json_parse(slice_of(r->detail), &detail, &ignored) == 0) {
		json_set_bool(j, "encrypted", api_is_encrypted(detail));
		json_free(detail);
	}
	return j;
}

static void list_release(void *ctx, const struct store_release *r)
{
	json_add(ctx, release_json(r));
}

int api_release_list(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct json *list = json_new_array();
	int rc = store_release_each(api->store, list_release, list, e);

	(void)q;
	return answer_list(a, rc, "releases", list, e);
}

int api_release_show(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	const char *id = api_rest(q, "/v1/people/release/");
	const char *slash = strchr(id, '/');
	char product[NAME_MAX_LEN + 1] = "";
	struct store_release r = { 0 };
	struct json *j, *keys = NULL, *detail = NULL;
	int rc = 0;

	if (slash && text_format(product, sizeof(product), e, "%.*s",
				 (int)(slash - id), id))
		return -1;
	if (store_release_find(api->store, product, slash ? slash + 1 : id, &r,
			       e))
		return -1;
	j = release_json(&r);
	json_set_int(j, "v", 1);
	if (json_parse(slice_of(r.detail), &detail, e) == 0)
		json_set(j, "detail", detail);
	if (api_is_encrypted(detail))
		rc = api_keys_json(api, &r, detail, &keys, e);
	if (keys)
		json_set(j, "keys", keys);
	store_release_done(&r);
	if (rc == 0)
		return response_json(a, 200, j, e);
	json_free(j);
	return -1;
}

/* ---- devices ------------------------------------------------------------- */

/* "yes" and "no" of what it says of itself. */
static void set_posture(struct json *j, const struct wire_posture *p)
{
	for (int i = 0; i < POSTURE_BITS; i++)
		if (p->known >> i & 1)
			json_set_text(
				j, wire_posture_name((enum wire_posture_bit)i),
				p->yes >> i & 1 ? "yes" : "no");
}

/* It was seen, and neither slot holds what the factory put there. */
static bool is_active(const struct store_device *d)
{
	return d->last_seen != 0 && d->first_use != WIRE_FIRST_USE_PENDING;
}

static struct json *device_json(const struct store_device *d)
{
	const struct rollout_device *f = &d->facts;
	struct json *j = json_new_object();

	json_set_hex(j, "id", (struct slice){ f->id.bytes, DEVICE_ID_LEN });
	json_set_text(j, "state",
		      d->retired       ? "retired"
		      : d->revoked     ? "revoked"
		      : d->quarantined ? "quarantined"
		      : f->blocked     ? "blocked"
		      : is_active(d)   ? "active"
				       : "enrolled");
	json_set_text(j, "product", f->product);
	json_set_text(j, "model", f->model);
	json_set_text(j, "hardware", f->hardware);
	json_set_text(j, "cohort", f->cohort);
	json_set_bool(j, "lab", f->lab);
	json_set_text(j, "pin", d->pin_release);
	json_set_text(j, "release", f->release);
	json_set_int(j, "seq", (int64_t)f->seq);
	json_set_bool(j, "confirmed", f->confirmed);
	if (f->has_release)
		api_set_digest(j, "digest", &f->digest);
	json_set_int(j, "activation", (int64_t)d->activation);
	json_set_text(j, "updater", d->facts.updater);
	set_posture(j, &d->facts.posture);
	if (d->first_use != WIRE_FIRST_USE_UNSAID)
		json_set_text(j, "first_use",
			      d->first_use == WIRE_FIRST_USE_DONE ? "done"
								  : "pending");
	api_set_time(j, "enrolled", d->enrolled);
	api_set_day(j, "last_seen", d->last_seen);
	return j;
}

/* How it is led on; "stranded: ..." if nothing leads it. */
static void set_way(struct server_api *api, struct json *j,
		    const struct store_device *d)
{
	char why[WIRE_REASON_MAX];

	api_explain_way(api, &d->facts, why);
	json_set_text(j, "way", why);
}

/* One page of devices, and where the next begins. */
struct page {
	struct server_api *api;
	struct json *list;
	struct device_id last;
	size_t count;
};

struct json *api_device_row(struct server_api *api,
			    const struct store_device *d)
{
	struct json *j = device_json(d);
	char words[WIRE_CODE_MAX + 32] = "";

	if (d->has_attempt)
		(void)snprintf(words, sizeof(words), "%s%s%s",
			       stage_state_name(d->attempt),
			       d->attempt_code[0] ? " " : "", d->attempt_code);
	json_set_text(j, "last_attempt", words);
	set_way(api, j, d);
	return j;
}

static void list_device(void *ctx, const struct store_device *d)
{
	struct page *p = ctx;

	json_add(p->list, api_device_row(p->api, d));
	p->last = d->facts.id;
	p->count++;
}

static int list_page(struct server_api *api, const struct device_id *after,
		     struct response *a, struct err *e)
{
	struct page p = { .api = api, .list = json_new_array() };
	struct json *j;

	if (store_device_each(api->store, after, DEVICES_PAGE, list_device, &p,
			      e)) {
		json_free(p.list);
		return -1;
	}
	j = answer_with("devices", p.list);
	if (p.count == DEVICES_PAGE)
		json_set_hex(j, "next",
			     (struct slice){ p.last.bytes, DEVICE_ID_LEN });
	return response_json(a, 200, j, e);
}

int api_device_list(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	(void)q;
	return list_page(api, NULL, a, e);
}

int api_device_more(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	struct device_id after;

	if (hex_parse(slice_of(api_rest(q, "/v1/people/devices/")), after.bytes,
		      DEVICE_ID_LEN, e))
		return err_set(e, ERR_NOT_FOUND,
			       "not a device id: see `device list`");
	return list_page(api, &after, a, e);
}

static void list_attempt(void *ctx, const struct attempt *a,
			 const char *rollout, const char *release,
			 const char *evidence)
{
	struct json *j = json_new_object();

	json_set_int(j, "id", a->id);
	json_set_int(j, "n", a->n);
	json_set_text(j, "rollout", rollout);
	json_set_text(j, "release", release);
	json_set_text(j, "state",
		      stage_state_name((enum stage_state)a->at.state));
	json_set_text(j, "code", a->at.code);
	api_set_time(j, "offered", a->at.offered);
	api_set_time(j, "changed", a->at.changed);
	if (a->at.until > 0)
		api_set_time(j, "until", a->at.until);
	json_set_text(j, "evidence", evidence);
	json_add(ctx, j);
}

static int show_device(struct server_api *api, const struct store_device *d,
		       struct response *a, struct err *e)
{
	struct json *j = device_json(d);
	struct json *attempts = json_new_array();
	struct json *rollouts = NULL;
	int rc = -1;

	json_set_int(j, "v", 1);
	set_way(api, j, d);
	if (store_attempt_each(api->store, &d->facts.id, list_attempt, attempts,
			       e) == 0)
		rc = api_why_json(api, d, &rollouts, e);
	json_set(j, "attempts", attempts);
	if (rollouts)
		json_set(j, "rollouts", rollouts);
	if (rc == 0)
		return response_json(a, 200, j, e);
	json_free(j);
	return -1;
}

int api_device_show(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct device_id id;
	int rc = -1;

	if (hex_parse(slice_of(api_rest(q, "/v1/people/device/")), id.bytes,
		      DEVICE_ID_LEN, e)) {
		(void)err_set(e, ERR_NOT_FOUND,
			      "not a device id: see `device list`");
		goto out;
	}
	if (store_flush(api->store, e) == 0 &&
	    store_device_find(api->store, &id, d, e) == 0)
		rc = show_device(api, d, a, e);
out:
	free(d);
	return rc;
}

typedef int end_of_device(struct store *s, const struct device_id *id,
			  const struct audit_by *by, struct sha256 *fingerprint,
			  struct err *e);

/* Of a device that there is, so that nobody ends another by a slip. */
static int tell_keeper(struct server_api *api, const struct request *q,
		       const struct json *body, const struct device_id *id,
		       struct err *e)
{
	const struct warrant want = { .act = WARRANT_END, .device = *id };
	struct store_device *d = mem_alloc(1, sizeof(*d));
	int rc = store_device_find(api->store, id, d, e);

	free(d);
	return rc ? -1 : api_warrant(api, q, body, &want, e);
}

static int end_device(struct server_api *api, const struct request *q,
		      end_of_device *end, const char *what, struct response *a,
		      struct err *e)
{
	static const char *const known[] = { "v", "id", "reason", "warrant",
					     NULL };
	char text[2 * DEVICE_ID_LEN + 1], reason[STAGE_REASON_MAX];
	struct device_id id = { { 0 } };
	struct audit_by by;
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = api_get_device(j, &id, e) || api_get_reason(j, reason, e) ||
			     api_by(api, q, &by, e) ||
			     tell_keeper(api, q, j, &id, e)
		     ? -1
		     : 0;
	json_free(j);
	by.reason = reason;
	if (rc || end(api->store, &id, &by, &a->cut_fingerprint, e))
		return -1;
	/* Refused at the next request, and open connections end now. */
	a->cut = true;
	/* A backup of yesterday must not bring it back unnoticed. */
	if (api_checkpoint(api, e))
		return err_in(e,
			      "it is %s, but the audit log could not "
			      "be signed: repeat this",
			      what);
	hex_format((struct slice){ id.bytes, DEVICE_ID_LEN }, text);
	log_event(LOG_WARNING, "device-ended", "by=%s id=%s how=%s why=%s",
		  q->peer->id, text, what, reason);
	return response_json(a, 200, api_answer(), e);
}

int api_device_revoke(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	return end_device(api, q, store_device_revoke, "revoked", a, e);
}

int api_device_retire(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	return end_device(api, q, store_device_retire, "retired", a, e);
}

/* A device and why, of an act that the keeper is not told of. */
static int read_act(struct server_api *api, const struct request *q,
		    struct device_id *id, char reason[STAGE_REASON_MAX],
		    struct audit_by *by, struct err *e)
{
	static const char *const known[] = { "v", "id", "reason", NULL };
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = api_get_device(j, id, e) || api_get_reason(j, reason, e) ||
			     api_by(api, q, by, e)
		     ? -1
		     : 0;
	json_free(j);
	by->reason = reason;
	return rc;
}

int api_device_forget(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	char reason[STAGE_REASON_MAX];
	struct device_id id;
	struct audit_by by;

	if (read_act(api, q, &id, reason, &by, e) ||
	    store_device_forget(api->store, &id, &by, e))
		return -1;
	/* A backup of yesterday must not bring it back unnoticed. */
	if (api_checkpoint(api, e))
		return err_in(e, "it is forgotten, but the audit log could "
				 "not be signed");
	/* What was said of it may say which one it was. */
	log_event(LOG_INFO, "device-forgotten", "by=%s", q->peer->id);
	return response_json(a, 200, api_answer(), e);
}

int api_device_release(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	char text[2 * DEVICE_ID_LEN + 1], reason[STAGE_REASON_MAX];
	struct device_id id;
	struct audit_by by;

	if (read_act(api, q, &id, reason, &by, e) ||
	    store_device_release(api->store, &id, &by, e))
		return -1;
	hex_format((struct slice){ id.bytes, DEVICE_ID_LEN }, text);
	log_event(LOG_INFO, "device-released", "by=%s id=%s why=%s",
		  q->peer->id, text, reason);
	return response_json(a, 200, api_answer(), e);
}
