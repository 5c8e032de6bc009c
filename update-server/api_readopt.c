/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are ours by their certificate and that the registry does not
 * know: seen, listed, and taken back one by one. */
#include <stdlib.h>

#include "common/claim.h"
#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"
#include "update-server/store_return.h"

#define REASON_MAX 200

/* Whoever the registry knows is no unknown, but revoked or replaced. */
static bool is_known(struct server_api *api, const struct device_id *id)
{
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct err why = { 0 };
	int rc = store_device_find(api->store, id, d, &why);

	free(d);
	return rc == 0 || why.code != ERR_NOT_FOUND;
}

void api_note_unknown(struct server_api *api, const struct peer *peer)
{
	char text[2 * DEVICE_ID_LEN + 1];
	struct x509_info info;
	struct device_id id;
	struct err ignored; /* it is refused anyway */
	bool is_new = false;

	if (x509_inspect(peer->certificate, &info, &ignored) ||
	    hex_parse(slice_of(info.common_name), id.bytes, DEVICE_ID_LEN,
		      &ignored) ||
	    is_known(api, &id) ||
	    unknowns_note(api->unknowns, peer->certificate, utc_now(), &is_new,
			  &ignored) ||
	    !is_new)
		return;
	hex_format((struct slice){ id.bytes, DEVICE_ID_LEN }, text);
	log_event(LOG_WARNING, "device-unknown",
		  "id=%s hint=\"was a backup restored? device unknown\"", text);
}

static void list_one(void *ctx, const struct unknown *one)
{
	struct json *j = json_new_object();

	json_set_text(j, "code", one->code);
	json_set_hex(j, "id", (struct slice){ one->id.bytes, DEVICE_ID_LEN });
	api_set_digest(j, "certificate", &one->fingerprint);
	api_set_time(j, "first", one->first);
	api_set_time(j, "last", one->last);
	json_add(ctx, j);
}

int api_unknown_list(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct json *j, *list;
	int64_t since;

	(void)q;
	if (store_readopt_since(api->store, &since, e))
		return -1;
	j = api_answer();
	list = json_new_array();
	api_set_time(j, "open_since", since);
	unknowns_each(api->unknowns, list_one, list);
	json_set(j, "unknown", list);
	return response_json(a, 200, j, e);
}

struct ask {
	char code[CLAIM_JOIN_LEN + 1];
	struct store_readopt d;
	char reason[REASON_MAX + 1];
};

static int read_ask(const struct request *q, struct ask *ask, struct err *e)
{
	static const char *const known[] = { "v",     "code",   "product",
					     "model", "cohort", "reason",
					     NULL };
	const char *reason;
	struct json *j;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if (api_get_code(j, ask->code, e) ||
	    api_get_name(j, "product", ask->d.product, e) ||
	    api_get_name(j, "model", ask->d.model, e) ||
	    api_get_name(j, "cohort", ask->d.cohort, e) ||
	    json_get_text(j, "reason", &reason, e) ||
	    text_format(ask->reason, sizeof(ask->reason), e, "%s", reason))
		goto out;
	rc = reason[0] ? 0 : err_set(e, ERR_FORMAT, "reason: say why");
out:
	json_free(j);
	return rc;
}

static int check_open(struct server_api *api, struct err *e)
{
	int64_t since;

	if (store_readopt_since(api->store, &since, e))
		return -1;
	return since ? 0
		     : err_set(e, ERR_REFUSED,
			       "devices come back after a restore alone, until "
			       "an admin has closed that: this one enrolls "
			       "anew");
}

int api_device_readopt(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	char text[2 * DEVICE_ID_LEN + 1];
	struct ask ask = { .reason = "" };
	struct unknown one;
	struct audit_by by;

	if (read_ask(q, &ask, e) || api_by(api, q, &by, e) ||
	    check_open(api, e) ||
	    unknowns_take(api->unknowns, ask.code, &one, e))
		return -1;
	ask.d.id = one.id;
	ask.d.fingerprint = one.fingerprint;
	ask.d.spki = one.spki;
	/* If that fails, the device asks again and is listed again. */
	if (store_readopt(api->store, &ask.d, &by, ask.reason, e))
		return -1;
	hex_format((struct slice){ ask.d.id.bytes, DEVICE_ID_LEN }, text);
	log_event(LOG_WARNING, "device-readopted", "by=%s id=%s", q->peer->id,
		  text);
	return response_json(a, 200, api_answer(), e);
}

int api_readopt_close(struct server_api *api, const struct request *q,
		      struct response *a, struct err *e)
{
	static const char *const known[] = { "v", "reason", NULL };
	char reason[STAGE_REASON_MAX];
	struct audit_by by;
	struct json *j;
	int rc;

	if (api_body(q, known, &j, e))
		return -1;
	rc = api_get_reason(j, reason, e);
	json_free(j);
	if (rc || api_by(api, q, &by, e))
		return -1;
	by.reason = reason;
	if (store_readopt_close(api->store, &by, e))
		return -1;
	log_event(LOG_WARNING, "readopt-closed", "by=%s why=%s", q->peer->id,
		  reason);
	return response_json(a, 200, api_answer(), e);
}
