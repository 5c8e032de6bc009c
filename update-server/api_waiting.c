/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that ask to join without a claim code, as officers see and judge
 * them. */
#include <string.h>

#include "common/claim.h"
#include "common/log.h"

#include "update-server/api.h"
#include "update-server/store_waiting.h"

static void list_waiting(void *ctx, const struct store_waiting *w)
{
	static const char *const states[] = {
		[WAITING_OPEN] = "waiting",
		[WAITING_APPROVED] = "approved",
		[WAITING_DENIED] = "denied",
	};
	struct json *j = json_new_object();

	json_set_text(j, "code", w->code);
	json_set_text(j, "state",
		      w->state == WAITING_OPEN && w->seconded
			      ? "second-officer"
			      : states[w->state]);
	json_set_text(j, "product", w->product);
	json_set_text(j, "model", w->model);
	json_set_text(j, "cohort", w->cohort);
	api_set_digest(j, "key", &w->spki);
	json_set_hex(j, "point", (struct slice){ w->key.point, EC_POINT_LEN });
	api_set_digest(j, "root", &w->root);
	json_set_hex(j, "nonce", (struct slice){ w->nonce, WIRE_NONCE_LEN });
	api_set_time(j, "since", w->since);
	api_set_time(j, "expires", w->expires);
	json_add(ctx, j);
}

int api_waiting_list(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct json *j = api_answer(), *list = json_new_array();
	int rc = store_waiting_each(api->store, utc_now(), list_waiting, list,
				    e);

	(void)q;
	json_set(j, "waiting", list);
	if (rc == 0)
		return response_json(a, 200, j, e);
	json_free(j);
	return -1;
}

int api_get_code(const struct json *j, char code[CLAIM_JOIN_LEN + 1],
		 struct err *e)
{
	const char *text;

	if (json_get_text(j, "code", &text, e))
		return -1;
	return claim_parse_join_code(slice_of(text), code, e)
		       ? err_in(e, "code")
		       : 0;
}

/* An approval of the very key that waits under this code. */
static int tell_keeper(struct server_api *api, const struct request *q,
		       const struct json *body, const char *code,
		       struct warrant *want, struct err *e)
{
	struct store_waiting w;

	if (store_waiting_find(api->store, code, utc_now(), &w, e))
		return -1;
	if (w.state != WAITING_OPEN) /* the store says it in its own words */
		return 0;
	want->act = WARRANT_APPROVE;
	want->key = w.spki;
	memcpy(want->product, w.product, sizeof(want->product));
	memcpy(want->model, w.model, sizeof(want->model));
	return api_warrant(api, q, body, want, e);
}

static int approve(struct server_api *api, const struct request *q,
		   const struct json *body, bool *first, struct err *e)
{
	char code[CLAIM_JOIN_LEN + 1];
	bool two = api_four_eyes(api);
	struct store_successor successor;
	struct warrant w = { .time = 0 };
	struct audit_by by;

	if (api_get_code(body, code, e) ||
	    api_get_name(body, "cohort", w.cohort, e) ||
	    api_get_successor(body, &successor, e) || api_by(api, q, &by, e))
		return -1;
	w.replaces = successor.replaces;
	w.device = successor.replaced;
	/*
	 * The keeper wants both words, counts them for itself, and hears each
	 * before it is noted: what it refused may be said again.
	 */
	if ((two &&
	     store_waiting_may_second(api->store, code, w.cohort, &by, e)) ||
	    tell_keeper(api, q, body, code, &w, e) ||
	    (two &&
	     store_waiting_second(api->store, code, w.cohort, &by, first, e)))
		return -1;
	if (*first) {
		log_event(LOG_INFO, "device-approved-once",
			  "by=%s code=%s cohort=%s", q->peer->id, code,
			  w.cohort);
		return 0;
	}
	if (store_waiting_approve(api->store, code, w.cohort, &successor, &by,
				  e))
		return -1;
	log_event(LOG_INFO, "device-approved", "by=%s code=%s cohort=%s",
		  q->peer->id, code, w.cohort);
	return 0;
}

int api_waiting_approve(struct server_api *api, const struct request *q,
			struct response *a, struct err *e)
{
	static const char *const known[] = { "v",        "code",    "cohort",
					     "replaces", "warrant", NULL };
	bool first = false;
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = approve(api, q, j, &first, e);
	json_free(j);
	if (rc)
		return -1;
	j = api_answer();
	if (first)
		json_set_bool(j, "second_person", true);
	return response_json(a, 200, j, e);
}

int api_waiting_deny(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "code", "reason", NULL };
	char code[CLAIM_JOIN_LEN + 1], reason[STAGE_REASON_MAX];
	struct audit_by by;
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = api_get_code(j, code, e) || api_get_reason(j, reason, e) ? -1 : 0;
	json_free(j);
	if (rc || api_by(api, q, &by, e))
		return -1;
	by.reason = reason;
	if (store_waiting_deny(api->store, code, &by, e))
		return -1;
	log_event(LOG_INFO, "device-denied", "by=%s code=%s why=%s",
		  q->peer->id, code, reason);
	return response_json(a, 200, api_answer(), e);
}
