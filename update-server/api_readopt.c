/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are ours by their certificate and that the registry does not
 * know: seen, listed, and taken back one by one. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

#include "update-server/api.h"

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
		  "id=%s hint=\"device unknown, device readopt\"", text);
}

static void list_one(void *ctx, const struct unknown *one)
{
	struct json *j = json_new_object();

	json_set_hex(j, "id", (struct slice){ one->id.bytes, DEVICE_ID_LEN });
	api_set_digest(j, "certificate", &one->fingerprint);
	api_set_time(j, "first", one->first);
	api_set_time(j, "last", one->last);
	json_add(ctx, j);
}

int api_unknown_list(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct json *j = api_answer(), *list = json_new_array();

	(void)q;
	unknowns_each(api->unknowns, list_one, list);
	json_set(j, "unknown", list);
	return response_json(a, 200, j, e);
}

static int get_name(const struct json *j, const char *name,
		    char out[NAME_MAX_LEN + 1], struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_FORMAT, "%s: not a name", name);
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", text);
}

struct ask {
	struct store_readopt d;
	char reason[REASON_MAX + 1];
};

static int read_ask(const struct request *q, struct ask *ask, struct err *e)
{
	static const char *const known[] = { "v",     "id",     "product",
					     "model", "cohort", "reason",
					     NULL };
	const char *reason;
	struct json *j;
	int rc = -1;

	if (api_body(q, known, &j, e))
		return -1;
	if (json_get_hex(j, "id", ask->d.id.bytes, DEVICE_ID_LEN, e) ||
	    get_name(j, "product", ask->d.product, e) ||
	    get_name(j, "model", ask->d.model, e) ||
	    get_name(j, "cohort", ask->d.cohort, e) ||
	    json_get_text(j, "reason", &reason, e) ||
	    text_format(ask->reason, sizeof(ask->reason), e, "%s", reason))
		goto out;
	rc = reason[0] ? 0 : err_set(e, ERR_FORMAT, "reason: say why");
out:
	json_free(j);
	return rc;
}

int api_device_readopt(struct server_api *api, const struct request *q,
		       struct response *a, struct err *e)
{
	char text[2 * DEVICE_ID_LEN + 1];
	struct ask ask = { .reason = "" };
	struct unknown one;
	struct audit_by by;

	if (read_ask(q, &ask, e) || api_by(api, q, &by, e) ||
	    unknowns_take(api->unknowns, &ask.d.id, &one, e))
		return -1;
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
