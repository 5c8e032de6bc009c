/* SPDX-License-Identifier: Apache-2.0 */
/* Claim codes as officers make, activate, list and withdraw them. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/store_product.h"

#define TOKENS_PAGE 2000 /* of one answer */

/* ---- making -------------------------------------------------------------- */

static struct json *ids_json(const struct store_batch *b)
{
	struct json *list = json_new_array();

	for (uint64_t i = 0; i < b->count; i++) {
		struct json *j = json_new_object();

		json_set_int(j, "id", b->id + (int64_t)i);
		json_add(list, j);
	}
	return list;
}

static int answer_batch(const struct store_batch *b, const char *note,
			struct response *a, struct err *e)
{
	struct json *j = api_answer();

	json_set_int(j, "batch", b->id);
	json_set_bool(j, "active", b->activated > 0);
	api_set_time(j, "expires", b->expires);
	json_set(j, "tokens", ids_json(b));
	if (note[0])
		json_set_text(j, "note", note);
	return response_json(a, 200, j, e);
}

/* What the officer must have signed of it. */
static struct warrant warrant_for(const struct store_batch *b)
{
	struct warrant w = { .act = WARRANT_CREATE,
			     .codes = b->codes,
			     .count = b->count,
			     .quota = b->quota,
			     .per_hour = b->per_hour,
			     .life = b->life,
			     .until = b->life > 0 ? 0 : b->expires,
			     .inactive = b->activated == 0,
			     .replaces = b->successor.replaces,
			     .device = b->successor.replaced };

	memcpy(w.product, b->product, sizeof(w.product));
	memcpy(w.model, b->model, sizeof(w.model));
	memcpy(w.cohort, b->cohort, sizeof(w.cohort));
	return w;
}

/* The codes stay with who made them; here come their digests. */
static int read_hashes(const struct json *j, uint64_t count, struct sha256 *out,
		       struct err *e)
{
	const struct json *list;

	if (json_get_array(j, "hashes", &list, e))
		return -1;
	if (json_count(list) != count)
		return err_set(e, ERR_FORMAT, "hashes: one for each code");
	for (uint64_t i = 0; i < count; i++)
		if (sha256_parse(slice_of(json_text(json_at(list, i))), &out[i],
				 e))
			return err_in(e, "hashes");
	return 0;
}

static int make_batch(struct server_api *api, const struct request *q,
		      const struct json *j, struct store_batch *b,
		      struct err *e)
{
	struct sha256 *hashes = mem_alloc(b->count, sizeof(*hashes));
	struct warrant w;
	struct audit_by by;
	int rc = -1;

	if (read_hashes(j, b->count, hashes, e) || api_by(api, q, &by, e))
		goto out;
	codes_root(hashes, b->count, &b->codes);
	w = warrant_for(b);
	if (api_warrant(api, q, j, &w, e) == 0)
		rc = store_batch_add(api->store, b, hashes, &by, e);
out:
	free(hashes);
	return rc;
}

static int read_number(const struct json *j, const char *name, uint64_t *out,
		       struct err *e)
{
	int64_t number = 0;

	if (json_get(j, name) &&
	    json_get_int(j, name, 1, CODES_MAX, &number, e))
		return -1;
	*out = (uint64_t)number;
	return 0;
}

/* So many days from its activation on, or until a time. */
static int read_life(const struct json *j, struct store_batch *b, struct err *e)
{
	const char *until;
	int64_t days;

	if (!json_get(j, "until")) {
		if (json_get_int(j, "days", 1, WARRANT_DAYS_MAX, &days, e))
			return -1;
		b->life = days * UTC_DAY;
		return 0;
	}
	if (json_get(j, "days"))
		return err_set(e, ERR_USAGE, "either days or until");
	if (json_get_text(j, "until", &until, e) ||
	    utc_parse(slice_of(until), &b->expires, e))
		return err_in(e, "until");
	if (b->expires <= b->created ||
	    b->expires > b->created + WARRANT_DAYS_MAX * UTC_DAY)
		return err_set(e, ERR_USAGE,
			       "until: within the next %d days, please",
			       WARRANT_DAYS_MAX);
	return 0;
}

static int read_batch(const struct json *j, struct store_batch *b,
		      struct err *e)
{
	int64_t count;
	bool inactive = false;

	if (api_get_name(j, "product", b->product, e) ||
	    api_get_name(j, "model", b->model, e) ||
	    api_get_name(j, "cohort", b->cohort, e) ||
	    json_get_int(j, "count", 1, CODES_MAX, &count, e) ||
	    read_number(j, "quota", &b->quota, e) ||
	    read_number(j, "per_hour", &b->per_hour, e) ||
	    (json_get(j, "inactive") &&
	     json_get_bool(j, "inactive", &inactive, e)) ||
	    api_get_successor(j, &b->successor, e) || read_life(j, b, e))
		return -1;
	if (b->successor.replaces && count != 1)
		return err_set(e, ERR_USAGE,
			       "one device takes the place of another: "
			       "one code");
	b->count = (uint64_t)count;
	b->activated = inactive ? 0 : b->created;
	return 0;
}

int api_token_create(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	static const char *const known[] = { "v",        "product",  "model",
					     "cohort",   "count",    "days",
					     "until",    "quota",    "per_hour",
					     "inactive", "replaces", "hashes",
					     "warrant",  NULL };
	struct store_batch b = { .created = utc_now() };
	char note[STORE_PRODUCT_NOTE_LEN];
	struct json *j;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if (read_batch(j, &b, e) == 0 &&
	    store_product_note(api->store, b.product, note, e) == 0)
		rc = make_batch(api, q, j, &b, e);
	json_free(j);
	if (rc)
		return -1;
	log_event(LOG_INFO, "tokens-created",
		  "by=%s batch=%lld count=%llu product=%s model=%s cohort=%s",
		  q->peer->id, (long long)b.id, (unsigned long long)b.count,
		  b.product, b.model, b.cohort);
	return answer_batch(&b, note, a, e);
}

/* ---- lists --------------------------------------------------------------- */

struct list {
	struct json *items;
	int64_t now;
	int64_t last; /* where the next page begins */
	size_t count;
};

static const char *claim_state(const struct store_claim *c, int64_t now)
{
	if (c->state == CLAIM_USED)
		return "used";
	if (c->state != CLAIM_OPEN)
		return "revoked";
	if (!c->active)
		return "inactive";
	return c->expires <= now ? "expired" : "open";
}

static void list_claim(void *ctx, const struct store_claim *c)
{
	struct list *l = ctx;
	struct json *j = json_new_object();

	json_set_int(j, "id", c->id);
	json_set_int(j, "batch", c->batch);
	json_set_text(j, "state", claim_state(c, l->now));
	json_set_text(j, "product", c->product);
	json_set_text(j, "model", c->model);
	json_set_text(j, "cohort", c->cohort);
	api_set_time(j, "created", c->created);
	api_set_time(j, "expires", c->expires);
	if (c->has_device)
		json_set_hex(j, "device",
			     (struct slice){ c->device.bytes, DEVICE_ID_LEN });
	json_add(l->items, j);
	l->last = c->id;
	l->count++;
}

static int list_page(struct server_api *api, int64_t after, struct response *a,
		     struct err *e)
{
	struct list l = { .items = json_new_array(), .now = utc_now() };
	struct json *j = api_answer();
	char next[24];
	int rc = store_claim_each(api->store, after, TOKENS_PAGE, list_claim,
				  &l, e);

	json_set(j, "tokens", l.items);
	if (rc == 0 && l.count == TOKENS_PAGE) {
		rc = text_format(next, sizeof(next), e, "%lld",
				 (long long)l.last);
		if (rc == 0)
			json_set_text(j, "next", next);
	}
	if (rc == 0)
		return response_json(a, 200, j, e);
	json_free(j);
	return -1;
}

int api_token_list(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	(void)q;
	return list_page(api, 0, a, e);
}

int api_token_more(struct server_api *api, const struct request *q,
		   struct response *a, struct err *e)
{
	uint64_t after;

	if (num_parse(slice_of(api_rest(q, "/v1/people/tokens/")), JSON_INT_MAX,
		      &after, e))
		return err_set(e, ERR_NOT_FOUND, "not a claim code's number");
	return list_page(api, (int64_t)after, a, e);
}

static const char *batch_state(const struct store_batch *b, int64_t now)
{
	if (b->used + b->revoked >= b->count)
		return b->used > 0 ? "used-up" : "revoked";
	if (b->activated == 0)
		return "inactive";
	return b->expires <= now ? "expired" : "active";
}

static struct json *refused_json(const struct store_batch *b)
{
	struct json *j = json_new_object();

	for (size_t i = 0; i < CLAIM_REFUSALS; i++)
		if (b->refused[i] > 0)
			json_set_int(j,
				     claim_refusal_name((enum claim_refusal)i),
				     (int64_t)b->refused[i]);
	return j;
}

/*
 * Of how many devices that could have come nobody heard. A factory that has its
 * units enrol elsewhere, with another root and other URLs, is seen by this
 * alone: so many were built, so few are here.
 */
static uint64_t silent(const struct store_batch *b)
{
	uint64_t good = b->count - b->revoked;

	if (b->activated == 0)
		return 0;
	if (b->quota > 0 && b->quota < good)
		good = b->quota;
	return good > b->used ? good - b->used : 0;
}

static void list_batch(void *ctx, const struct store_batch *b)
{
	struct list *l = ctx;
	struct json *j = json_new_object();
	uint64_t refused = 0;

	for (size_t i = 0; i < CLAIM_REFUSALS; i++)
		refused += b->refused[i];
	json_set_int(j, "batch", b->id);
	json_set_text(j, "state", batch_state(b, l->now));
	json_set_text(j, "product", b->product);
	json_set_text(j, "model", b->model);
	json_set_text(j, "cohort", b->cohort);
	json_set_int(j, "codes", (int64_t)b->count);
	json_set_int(j, "used", (int64_t)b->used);
	json_set_int(j, "silent", (int64_t)silent(b));
	json_set_int(j, "revoked", (int64_t)b->revoked);
	if (b->quota > 0)
		json_set_int(j, "quota", (int64_t)b->quota);
	if (b->per_hour > 0)
		json_set_int(j, "per_hour", (int64_t)b->per_hour);
	api_set_time(j, "created", b->created);
	api_set_time(j, "activated", b->activated);
	api_set_time(j, "expires", b->expires);
	api_set_digest(j, "codes_root", &b->codes);
	json_set_int(j, "refused", (int64_t)refused);
	json_set(j, "refusals", refused_json(b));
	json_add(l->items, j);
}

int api_token_batches(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	struct list l = { .items = json_new_array(), .now = utc_now() };
	struct json *j = api_answer();
	uint64_t strangers = 0;
	int rc = store_batch_each(api->store, list_batch, &l, e);

	(void)q;
	json_set(j, "batches", l.items);
	if (rc == 0)
		rc = store_claim_strangers(api->store, &strangers, e);
	json_set_int(j, "unknown", (int64_t)strangers);
	if (rc == 0)
		return response_json(a, 200, j, e);
	json_free(j);
	return -1;
}

/* ---- activation and revocation ------------------------------------------- */

static int activate(struct server_api *api, const struct request *q,
		    const struct json *body, int64_t *id, struct err *e)
{
	struct warrant want = { .act = WARRANT_ACTIVATE };
	struct audit_by by;

	return json_get_int(body, "batch", 1, JSON_INT_MAX, id, e) ||
			       api_by(api, q, &by, e) ||
			       store_batch_codes(api->store, *id, &want.codes,
						 e) ||
			       api_warrant(api, q, body, &want, e) ||
			       store_batch_activate(api->store, *id, &by, e)
		       ? -1
		       : 0;
}

int api_token_activate(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "batch", "warrant", NULL };
	struct json *j;
	int64_t id = 0;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = activate(api, q, j, &id, e);
	json_free(j);
	if (rc)
		return -1;
	log_event(LOG_INFO, "tokens-activated", "by=%s batch=%lld", q->peer->id,
		  (long long)id);
	return response_json(a, 200, api_answer(), e);
}

/* Codes that no officer signed open nothing; here they can be withdrawn. */
static int tell_keeper(struct server_api *api, const struct request *q,
		       const struct json *body, bool whole, int64_t id,
		       struct err *e)
{
	struct warrant want = { .act = WARRANT_WITHDRAW, .one = !whole };

	if (whole ? store_batch_codes(api->store, id, &want.codes, e)
		  : store_claim_codes(api->store, id, &want.codes, &want.index,
				      e))
		return e->code == ERR_CONFLICT ? 0 : -1;
	return api_warrant(api, q, body, &want, e);
}

static int revoke(struct server_api *api, const struct request *q,
		  const struct json *body, struct response *a, struct err *e)
{
	bool whole = json_get(body, "batch") != NULL;
	char reason[STAGE_REASON_MAX];
	struct json *j;
	struct audit_by by;
	uint64_t count = 1;
	int64_t id;

	if (whole && json_get(body, "id"))
		return err_set(e, ERR_USAGE, "either id or batch");
	if (json_get_int(body, whole ? "batch" : "id", 1, JSON_INT_MAX, &id,
			 e) ||
	    api_get_reason(body, reason, e) || api_by(api, q, &by, e) ||
	    tell_keeper(api, q, body, whole, id, e))
		return -1;
	by.reason = reason;
	if ((whole ? store_batch_revoke(api->store, id, &by, &count, e)
		   : store_claim_revoke(api->store, id, &by, e)))
		return -1;
	/* A backup of yesterday must not bring it back unnoticed. */
	if (api_checkpoint(api, e))
		return err_in(e, "it is revoked, but the audit log could not "
				 "be signed: repeat this");
	log_event(LOG_INFO, "token-revoked", "by=%s %s=%lld count=%llu why=%s",
		  q->peer->id, whole ? "batch" : "id", (long long)id,
		  (unsigned long long)count, reason);
	j = api_answer();
	json_set_int(j, "revoked", (int64_t)count);
	return response_json(a, 200, j, e);
}

int api_token_revoke(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	static const char *const known[] = { "v",      "id",      "batch",
					     "reason", "warrant", NULL };
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = revoke(api, q, j, a, e);
	json_free(j);
	return rc;
}
