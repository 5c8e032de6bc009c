/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators sign with their own keys: planned, brought, signed by another,
 * taken back. The server is only the place where signatures meet: what has
 * enough of them is imported like everything that came by publishing.
 */
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/tuf_write.h"

#include "update-server/api.h"
#include "update-server/blobs.h"
#include "update-server/order_import.h"
#include "update-server/publish.h"
#include "update-server/store_audience.h"

#define STAGED "orders" /* beneath incoming/; not a person's fingerprint */

struct change {
	char role[NAME_MAX_LEN + 1];
	int64_t version;
	struct json *envelope; /* whose signatures are all of the role's keys */
	struct json *targets;  /* the file that lists those keys */
	struct tuf_progress progress;
};

/* ---- what came ----------------------------------------------------------- */

static int get_role(const struct json *j, char role[NAME_MAX_LEN + 1],
		    struct err *e)
{
	if (api_get_name(j, "role", role, e))
		return -1;
	if (order_import_is_role(role))
		return 0;
	return err_set(e, ERR_REFUSED, "%s: operators sign %s and %s", role,
		       ORDER_ROLE_ONE, ORDER_ROLE_WIDE);
}

/* Signatures of the role's keys alone, each of them valid. */
static int take_signatures(struct change *c, const struct json *from,
			   struct err *e)
{
	size_t added;

	return tuf_merge(c->envelope, from, json_get(c->targets, "signed"),
			 &added, e);
}

static int count_signatures(struct change *c, struct err *e)
{
	if (tuf_signatures(c->envelope, json_get(c->targets, "signed"), c->role,
			   &c->progress, e))
		return -1;
	if (c->progress.valid > 0)
		return 0;
	return err_set(e, ERR_UNTRUSTED, "no key of the role %s signed it",
		       c->role);
}

static int read_change(struct server_api *api, const struct json *j,
		       struct change *c, struct err *e)
{
	const struct json *given, *body;

	if (get_role(j, c->role, e) ||
	    json_get_object(j, "envelope", &given, e) ||
	    json_get_object(given, "signed", &body, e) ||
	    json_get_int(body, "version", 1, JSON_INT_MAX, &c->version, e) ||
	    order_import_file(api->store, "targets", &c->targets, e))
		return -1;
	if (!c->targets)
		return err_set(e, ERR_NOT_FOUND, "nothing was imported yet");
	c->envelope = json_new_object();
	json_set(c->envelope, "signatures", json_new_array());
	json_set(c->envelope, "signed", json_clone(body));
	return take_signatures(c, given, e) || count_signatures(c, e) ? -1 : 0;
}

static void change_done(struct change *c)
{
	json_free(c->envelope);
	json_free(c->targets);
}

/* ---- what is there ------------------------------------------------------- */

/* Whoever comes second makes the change again, from what is there now. */
static int check_version(struct server_api *api, const struct change *c,
			 struct err *e)
{
	int64_t now;

	if (order_import_version(api->store, c->role, &now, e))
		return -1;
	if (c->version == now + 1)
		return 0;
	return err_set(e, ERR_CONFLICT,
		       "version %lld of %s cannot follow version %lld, which "
		       "counts now: make the change again",
		       (long long)c->version, c->role, (long long)now);
}

/* Add the signatures of the same change that waits already. */
static int join_staged(struct server_api *api, struct change *c, struct err *e)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	struct json *staged = NULL;
	struct store_stage stage;
	struct err why = { 0 };
	int rc = -1;

	if (store_stage_get(api->store, c->role, &stage, &bytes, &why)) {
		*e = why;
		rc = why.code == ERR_NOT_FOUND ? 0 : -1;
	} else if (json_parse(buf_slice(&bytes), &staged, e) == 0) {
		if (json_same(json_get(staged, "signed"),
			      json_get(c->envelope, "signed")))
			rc = take_signatures(c, staged, e) ||
			     count_signatures(c, e);
		else
			err_set(e, ERR_CONFLICT,
				"another change of %s waits as version %lld: "
				"approve or discard it first",
				c->role, (long long)stage.version);
	}
	json_free(staged);
	buf_done(&bytes);
	return rc ? -1 : 0;
}

/* ---- staging, going live ------------------------------------------------- */

static int stage(struct server_api *api, const struct change *c,
		 const struct audit_by *by, struct err *e)
{
	struct store_stage s = { .version = c->version,
				 .since = by->now,
				 .signatures = c->progress.valid };
	struct buf signed_part = BUF_INIT(STORE_METADATA_MAX);
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	int rc = -1;

	memcpy(s.role, c->role, sizeof(s.role));
	if (json_canonical(json_get(c->envelope, "signed"), &signed_part, e) ||
	    tuf_envelope_bytes(c->envelope, &bytes, e))
		goto out;
	sha256_of(buf_slice(&signed_part), &s.digest);
	rc = store_stage_put(api->store, &s, buf_slice(&bytes), by, e);
out:
	buf_done(&signed_part);
	buf_done(&bytes);
	return rc;
}

static int write_file(struct server_api *api, const struct change *c,
		      struct err *e)
{
	struct buf bytes = BUF_INIT(STORE_METADATA_MAX);
	char path[TUF_NAME_MAX + 32], name[TUF_NAME_MAX];
	int rc =
		tuf_envelope_bytes(c->envelope, &bytes, e) ||
				tuf_remote_name(c->role, c->version, name, e) ||
				text_format(path, sizeof(path), e,
					    "incoming/" STAGED "/%s", name) ||
				fs_mkdirs(api->dirfd, "incoming/" STAGED, 0700,
					  e) ||
				fs_replace_file(api->dirfd, path,
						buf_slice(&bytes), 0600, e)
			? -1
			: 0;

	buf_done(&bytes);
	return rc;
}

static int publish(struct server_api *api, const struct change *c,
		   const struct audit_by *by, struct err *e)
{
	struct publish_order order = { .staged = STAGED,
				       .by = *by,
				       .role_count = 1 };
	struct publish_summary done;

	memcpy(order.roles[0].name, c->role, sizeof(order.roles[0].name));
	order.roles[0].version = c->version;
	return write_file(api, c, e) || publish_staged(api, &order, &done, e)
		       ? -1
		       : 0;
}

static int take_change(struct server_api *api, struct change *c,
		       const struct audit_by *by, bool *live, struct err *e)
{
	const struct order_import in = { .store = api->store,
					 .dirfd = api->dirfd };

	if (check_version(api, c, e) || join_staged(api, c, e) ||
	    order_import_check(&in, c->role, json_get(c->envelope, "signed"),
			       e))
		return -1;
	*live = c->progress.valid >= c->progress.threshold;
	return *live ? publish(api, c, by, e) : stage(api, c, by, e);
}

static int answer_change(const struct change *c, bool live, struct response *a,
			 struct err *e)
{
	struct json *j = api_answer();

	json_set_text(j, "role", c->role);
	json_set_int(j, "version", c->version);
	json_set_int(j, "signatures", c->progress.valid);
	json_set_int(j, "threshold", c->progress.threshold);
	json_set_bool(j, "live", live);
	return response_json(a, 200, j, e);
}

int api_order_sign(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "role", "envelope", "reason",
					     NULL };
	char reason[STAGE_REASON_MAX] = "";
	struct change c = { .version = 0 };
	struct audit_by by;
	struct json *j;
	bool live = false;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = read_change(api, j, &c, e) ||
			     (json_get(j, "reason") &&
			      api_get_reason(j, reason, e)) ||
			     api_by(api, q, &by, e)
		     ? -1
		     : 0;
	if (rc == 0) {
		by.reason = reason[0] ? reason : NULL;
		(void)pthread_mutex_lock(&api->ordering);
		rc = take_change(api, &c, &by, &live, e);
		(void)pthread_mutex_unlock(&api->ordering);
	}
	if (rc == 0) {
		log_event(LOG_INFO, live ? "orders-live" : "orders-staged",
			  "by=%s role=%s version=%lld signatures=%u why=%s",
			  q->peer->id, c.role, (long long)c.version,
			  c.progress.valid, reason);
		rc = answer_change(&c, live, a, e);
	} else {
		log_event(LOG_WARNING, "orders-refused", "by=%s why=%s",
			  q->peer->id, e->msg);
		/* About the version that the operator began with. */
		rc = api_conflict(a, e);
	}
	change_done(&c);
	json_free(j);
	return rc;
}

int api_order_discard(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "role", "version", "reason",
					     NULL };
	char role[NAME_MAX_LEN + 1], reason[STAGE_REASON_MAX];
	struct audit_by by;
	int64_t version;
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = get_role(j, role, e) ||
	     json_get_int(j, "version", 1, JSON_INT_MAX, &version, e) ||
	     api_get_reason(j, reason, e) || api_by(api, q, &by, e);
	json_free(j);
	by.reason = reason;
	if (rc || store_stage_drop(api->store, role, version, &by, e))
		return -1;
	log_event(LOG_INFO, "orders-discarded",
		  "by=%s role=%s version=%lld why=%s", q->peer->id, role,
		  (long long)version, reason);
	return response_json(a, 200, api_answer(), e);
}

/* ---- what waits ---------------------------------------------------------- */

static void list_stage(void *ctx, const struct store_stage *s,
		       struct slice bytes)
{
	struct json *j = json_new_object();
	struct json *file = NULL;
	struct err ignored;

	json_set_text(j, "role", s->role);
	json_set_int(j, "version", s->version);
	api_set_time(j, "since", s->since);
	if (json_parse(bytes, &file, &ignored) == 0)
		json_set_int(j, "signatures",
			     (int64_t)json_count(json_get(file, "signatures")));
	json_free(file);
	json_add(ctx, j);
}

int api_order_list(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	struct json *list = json_new_array();
	struct json *j;

	(void)q;
	if (store_stage_each(api->store, list_stage, list, e)) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set(j, "staged", list);
	return response_json(a, 200, j, e);
}

int api_order_get(struct server_api *api, const struct request *q,
		  struct response *a, struct err *e)
{
	struct store_stage s;

	return store_stage_get(api->store, api_rest(q, "/v1/people/order/"), &s,
			       &a->body, e);
}

/* A document that came by upload, before anything lists it. */
int api_document_get(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct buf bytes = BUF_INIT(TUF_DOCUMENT_MAX);
	struct sha256 digest;
	int rc;

	if (sha256_parse(slice_of(api_rest(q, "/v1/people/document/")), &digest,
			 e))
		return err_set(e, ERR_NOT_FOUND, "not a sha256 digest");
	rc = blobs_read(api->dirfd, &digest, &bytes, e) ||
			     buf_add(&a->body, buf_slice(&bytes), e)
		     ? -1
		     : 0;
	buf_done(&bytes);
	return rc;
}

/* ---- planning ------------------------------------------------------------ */

int api_order_plan(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	static const char *const known[] = { "v",       "product", "release",
					     "cohorts", "share",   NULL };
	struct store_opening open = { 0 };
	struct rollout r = { .id = 0 };
	int64_t share;
	char limit[BUCKET_TEXT_LEN];
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = api_rollout_read(api, j, &r, e) ||
	     json_get_int(j, "share", 1, ROLLOUT_SHARE_ALL, &share, e) ||
	     store_rollout_plan(api->store, &r, (uint32_t)share, &open, e);
	json_free(j);
	if (rc)
		return -1;
	bucket_format_limit(open.limit, limit);
	j = api_answer();
	json_set_text(j, "product", r.product);
	json_set_text(j, "release", r.release);
	api_set_digest(j, "digest", &r.digest);
	json_set_text(j, "limit", limit);
	json_set_int(j, "devices", (int64_t)open.population);
	json_set_int(j, "opens", (int64_t)open.opened);
	return response_json(a, 200, j, e);
}
