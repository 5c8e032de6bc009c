/* SPDX-License-Identifier: Apache-2.0 */
/* Reports over an air gap: handing out our own, taking in those of others. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/store_report.h"

#define REPORTS_LAST 32   /* of our own are handed out: media get lost */
#define REPORTS_MAX  1000 /* that somebody may ask for */
#define ROLLOUTS_MAX 100

/* ---- our own ------------------------------------------------------------- */

static void count_attempts(void *ctx, const struct store_counter *c)
{
	uint64_t *n = ctx;

	n[c->state] += c->n;
}

static int rollout_told(struct server_api *api, const struct stage *r,
			struct json *list, struct err *e)
{
	struct json *j = json_new_object(), *counts = json_new_object();
	uint64_t n[STAGE_STATES] = { 0 };
	int rc = store_counter_each(api->store, r->what.id, count_attempts, n,
				    e);

	json_set_text(j, "name", r->what.name);
	json_set_text(j, "product", r->what.product);
	json_set_text(j, "release", r->what.release);
	json_set_text(j, "state", stage_status_name(r->status));
	json_set_int(j, "population", (int64_t)r->ladder.population);
	for (int i = 0; rc == 0 && i < STAGE_STATES; i++)
		if (n[i] > 0)
			json_set_int(counts,
				     stage_state_name((enum stage_state)i),
				     (int64_t)n[i]);
	json_set(j, "attempts", counts);
	json_add(list, j);
	return rc;
}

/* Those of the newest releases. */
static int set_rollouts(struct server_api *api, struct json *j, struct err *e)
{
	struct json *list = json_new_array();
	struct stage *all = NULL;
	size_t count = 0;
	int rc = store_rollout_all(api->store, &all, &count, e);

	for (size_t i = 0; rc == 0 && i < count && i < ROLLOUTS_MAX; i++)
		rc = rollout_told(api, &all[i], list, e);
	json_set(j, "rollouts", list);
	free(all);
	return rc;
}

static int set_facts(struct server_api *api, struct json *j, struct err *e)
{
	struct score_facts found;
	int64_t root, targets;
	unsigned points;

	if (store_metadata_versions(api->store, &root, &targets, e))
		return -1;
	json_set_text(j, "version", VERSION);
	json_set_text(j, "environment", environment_name(api->environment));
	json_set_int(j, "root", root);
	json_set_int(j, "targets", targets);
	if (api_found(api, &found, &points)) {
		struct score s;

		score_judge(&found, &s);
		json_set(j, "fleet", score_json(&found, &s));
	}
	return set_rollouts(api, j, e);
}

static int format_report(struct server_api *api, uint64_t number,
			 const struct sha256 *before, struct buf *out,
			 struct err *e)
{
	struct json *j = api_answer();
	int rc;

	json_set_text(j, "type", "outpost-report");
	json_set_int(j, "report", (int64_t)number);
	api_set_digest(j, "before", before);
	api_set_time(j, "time", utc_now());
	rc = set_facts(api, j, e);
	if (rc == 0)
		rc = json_canonical(j, out, e);
	json_free(j);
	return rc;
}

/* What was logged and not yet signed, also by a run that was cut short. */
static int sign_reports(struct server_api *api, struct err *e)
{
	char text[AUDIT_CHECKPOINT_MAX + 1];
	uint64_t size;

	if (api_checkpoint(api, e) ||
	    store_checkpoint_latest(api->store, &size, text, e))
		return -1;
	return store_report_sign(api->store, size, text, e);
}

static int make_report(struct server_api *api, const struct audit_by *by,
		       uint64_t since, uint64_t *number, struct err *e)
{
	struct buf text = BUF_INIT(OUTPOST_TEXT_MAX);
	struct sha256 before;
	int rc = -1;

	if (store_report_last(api->store, number, &before, e))
		return -1;
	++*number;
	if (since > *number)
		return err_set(e, ERR_NOT_FOUND,
			       "since: no report has this number, the next is "
			       "%llu",
			       (unsigned long long)*number);
	if (format_report(api, *number, &before, &text, e) == 0 &&
	    store_report_add(api->store, *number, buf_text(&text), by, e) == 0)
		rc = sign_reports(api, e);
	buf_done(&text);
	return rc;
}

static void list_number(void *ctx, uint64_t number)
{
	json_add(ctx, json_new_int((int64_t)number));
}

int api_report_export(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "since", NULL };
	struct json *j, *list;
	int64_t since = 0;
	struct audit_by by;
	uint64_t number;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = json_get(j, "since")
		     ? json_get_int(j, "since", 1, JSON_INT_MAX, &since, e)
		     : 0;
	json_free(j);
	if (rc || api_by(api, q, &by, e))
		return -1;
	(void)pthread_mutex_lock(&api->reporting);
	rc = make_report(api, &by, (uint64_t)since, &number, e);
	(void)pthread_mutex_unlock(&api->reporting);
	if (rc)
		return -1;
	log_event(LOG_INFO, "report-exported", "by=%s report=%llu", q->peer->id,
		  (unsigned long long)number);
	list = json_new_array();
	if (store_report_each(api->store, (uint64_t)since,
			      since > 0 ? REPORTS_MAX : REPORTS_LAST,
			      list_number, list, e)) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set_int(j, "report", (int64_t)number);
	json_set(j, "reports", list);
	return response_json(a, 200, j, e);
}

int api_report_get(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	struct store_report *r = mem_alloc(1, sizeof(*r));
	struct outpost_parts parts = { .report = r->text,
				       .record = r->record,
				       .checkpoint = r->checkpoint,
				       .grown = &r->proofs.grown,
				       .included = &r->proofs.included };
	int rc = -1;

	if (num_parse(slice_of(api_rest(q, "/v1/people/report/")), JSON_INT_MAX,
		      &r->number, e) ||
	    store_report_get(api->store, r, e))
		goto out;
	parts.from = r->from;
	rc = outpost_format(&parts, &a->body, e);
out:
	free(r);
	return rc;
}

/* ---- of others ----------------------------------------------------------- */

int api_outpost_add(struct server_api *api, const struct request *q,
		    struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "name", "key", NULL };
	struct store_outpost *o = mem_alloc(1, sizeof(*o));
	struct ec_public key;
	struct audit_by by;
	struct json *j = NULL;
	const char *pem;
	int rc = -1;

	if (api_body(q, known, &j, e) || api_get_name(j, "name", o->name, e) ||
	    json_get_text(j, "key", &pem, e) ||
	    ec_public_from_pem(slice_of(pem), &key, e) ||
	    text_format(o->key, sizeof(o->key), e, "%s", pem))
		goto out;
	ec_public_fingerprint(&key, &o->fingerprint);
	if (api_by(api, q, &by, e) || store_outpost_add(api->store, o, &by, e))
		goto out;
	log_event(LOG_INFO, "outpost-added", "by=%s name=%s", q->peer->id,
		  o->name);
	rc = response_json(a, 200, api_answer(), e);
out:
	json_free(j);
	free(o);
	return rc;
}

static int take_report(struct server_api *api, const struct request *q,
		       struct store_outpost *o, const struct audit_by *by,
		       struct err *e)
{
	struct outpost_known next;
	struct buf text = BUF_INIT(OUTPOST_TEXT_MAX);
	struct sha256 fingerprint;
	struct json *report = NULL;
	struct ec_public key;
	int rc = -1;

	if (outpost_peek(q->body, &fingerprint, e))
		return -1;
	if (store_outpost_of_key(api->store, &fingerprint, o, e))
		return e->code == ERR_NOT_FOUND
			       ? err_set(e, ERR_UNTRUSTED,
					 "the report is by no outpost that is "
					 "known here: outpost add")
			       : -1;
	if (ec_public_from_pem(slice_of(o->key), &key, e) ||
	    outpost_open(q->body, &key, &o->known, &next, &report, e) ||
	    json_canonical(report, &text, e) ||
	    text_format(o->report, sizeof(o->report), e, "%s", buf_text(&text)))
		goto out;
	rc = store_outpost_report(api->store, o, &next, by, e);
	o->known = next;
out:
	json_free(report);
	buf_done(&text);
	return rc;
}

int api_outpost_report(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	struct store_outpost *o = mem_alloc(1, sizeof(*o));
	struct audit_by by;
	struct json *j;
	int rc = -1;

	if (api_by(api, q, &by, e))
		goto out;
	if (take_report(api, q, o, &by, e)) {
		/* One that is known already comes with every later medium. */
		if (e->code != ERR_ROLLBACK)
			log_event(LOG_WARNING, "outpost-report-refused",
				  "by=%s outpost=%s why=%s", q->peer->id,
				  o->name, e->msg);
		goto out;
	}
	log_event(LOG_INFO, "outpost-reported", "by=%s outpost=%s report=%llu",
		  q->peer->id, o->name, (unsigned long long)o->known.number);
	j = api_answer();
	json_set_text(j, "outpost", o->name);
	json_set_int(j, "report", (int64_t)o->known.number);
	rc = response_json(a, 200, j, e);
out:
	free(o);
	return rc;
}

static struct json *outpost_json(const struct store_outpost *o)
{
	struct json *j = json_new_object();

	json_set_text(j, "name", o->name);
	api_set_digest(j, "key", &o->fingerprint);
	json_set_int(j, "report", (int64_t)o->known.number);
	json_set_int(j, "records", (int64_t)o->known.head.size);
	api_set_time(j, "added", o->added);
	api_set_time(j, "received", o->received);
	return j;
}

static void list_outpost(void *ctx, const struct store_outpost *o)
{
	json_add(ctx, outpost_json(o));
}

int api_outpost_list(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct json *j, *list = json_new_array();

	(void)q;
	if (store_outpost_each(api->store, list_outpost, list, e)) {
		json_free(list);
		return -1;
	}
	j = api_answer();
	json_set(j, "outposts", list);
	return response_json(a, 200, j, e);
}

int api_outpost_show(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct store_outpost *o = mem_alloc(1, sizeof(*o));
	struct json *j, *report = NULL;
	int rc = -1;

	if (store_outpost_find(api->store, api_rest(q, "/v1/people/outpost/"),
			       o, e) ||
	    (o->known.number > 0 &&
	     json_parse(slice_of(o->report), &report, e)))
		goto out;
	j = outpost_json(o);
	json_set_int(j, "v", 1);
	if (report)
		json_set(j, "said", report);
	rc = response_json(a, 200, j, e);
out:
	free(o);
	return rc;
}
