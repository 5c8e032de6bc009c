/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/warrant_desk.h"

#include <stdlib.h>
#include <string.h>

#include "common/claim.h"
#include "common/mem.h"
#include "common/random.h"

/* ---- signing ------------------------------------------------------------- */

static int sign(const struct warrant_desk *d, struct warrant *w,
		struct json *body, struct err *e)
{
	struct buf text = BUF_INIT(WARRANT_MAX);
	struct x509_info info;
	int rc = -1;

	w->time = utc_now();
	w->bound = true;
	if (people_server(d->person, &w->server, e) ||
	    x509_inspect(people_certificate(d->person), &info, e))
		goto out;
	w->by = info.fingerprint;
	if (warrant_sign(w, people_identity(d->person), &text, e))
		goto out;
	json_set_text(body, "warrant", buf_text(&text));
	rc = 0;
out:
	buf_done(&text);
	return rc;
}

static int get_name(const struct json *j, const char *name,
		    char out[NAME_MAX_LEN + 1], struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e))
		return -1;
	if (!name_is_valid(slice_of(text)))
		return err_set(e, ERR_USAGE, "%s: not a name", name);
	return text_format(out, NAME_MAX_LEN + 1, e, "%s", text);
}

static int get_replaced(const struct json *body, struct warrant *w,
			struct err *e)
{
	w->replaces = json_get(body, "replaces") != NULL;
	if (!w->replaces)
		return 0;
	return json_get_hex(body, "replaces", w->device.bytes, DEVICE_ID_LEN, e)
		       ? err_set(e, ERR_USAGE,
				 "not a device id: see `device list`")
		       : 0;
}

/* ---- devices ------------------------------------------------------------- */

static int for_end(const struct json *body, struct warrant *w, struct err *e)
{
	return json_get_hex(body, "id", w->device.bytes, DEVICE_ID_LEN, e)
		       ? err_set(e, ERR_USAGE,
				 "not a device id: see `device list`")
		       : 0;
}

/* The officer compared the code with the device's: the key must be the one that
 * the code was made of, whatever else the server says. */
static int check_code(const struct json *one, const char *code,
		      struct warrant *w, struct err *e)
{
	uint8_t nonce[WIRE_NONCE_LEN];
	char is[CLAIM_JOIN_LEN + 1];
	struct ec_public key;
	struct sha256 root;

	if (json_get_hex(one, "point", key.point, EC_POINT_LEN, e) ||
	    json_get_hex(one, "nonce", nonce, sizeof(nonce), e) ||
	    json_get_hex(one, "root", root.bytes, SHA256_LEN, e) ||
	    ec_public_check(&key, e))
		return err_in(e, "the device has to ask once more");
	claim_join_code(&key, nonce, &root, is);
	if (strcmp(is, code) != 0)
		return err_set(e, ERR_UNTRUSTED,
			       "the server names another key than the one "
			       "that this code is of: nothing was signed");
	ec_public_fingerprint(&key, &w->key);
	return 0;
}

static int for_approval(const struct warrant_desk *d, const struct json *body,
			struct warrant *w, struct err *e)
{
	const char *code = json_text(json_get(body, "code"));
	const struct json *list, *one = NULL;
	struct json *answer = NULL;
	int rc = -1;

	if (get_name(body, "cohort", w->cohort, e) ||
	    get_replaced(body, w, e) ||
	    people_get(d->server, "/v1/people/waiting", &answer, e))
		return -1;
	list = json_get(answer, "waiting");
	for (size_t i = 0; i < json_count(list) && !one; i++)
		if (strcmp(json_text(json_get(json_at(list, i), "code")),
			   code) == 0)
			one = json_at(list, i);
	if (!one)
		(void)err_set(e, ERR_NOT_FOUND,
			      "no device of this code waits (any more): a code "
			      "is good for an hour");
	else
		rc = get_name(one, "product", w->product, e) ||
				     get_name(one, "model", w->model, e) ||
				     check_code(one, code, w, e)
			     ? -1
			     : 0;
	json_free(answer);
	return rc;
}

/* ---- codes --------------------------------------------------------------- */

/* The batch in which this number is, as the server numbers them. */
static const struct json *batch_of(const struct json *list, int64_t id)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *b = json_at(list, i);
		int64_t first = json_int(json_get(b, "batch"));

		if (id >= first && id < first + json_int(json_get(b, "codes")))
			return b;
	}
	return NULL;
}

/* The batch's number is the server's, and could lead to another batch; the root
 * is known to who made the codes. */
static int check_root(const char *want, const struct sha256 *is, struct err *e)
{
	char hex[SHA256_HEX_LEN];

	if (!want)
		return 0;
	sha256_format(is, hex);
	if (strlen(want) < WARRANT_ROOT_MIN)
		return err_set(e, ERR_USAGE,
			       "--root: the %d digits that `token create` "
			       "printed",
			       WARRANT_ROOT_MIN);
	return strncmp(hex, want, strlen(want)) == 0
		       ? 0
		       : err_set(e, ERR_UNTRUSTED,
				 "the server names other codes (root %.*s): "
				 "nothing was signed",
				 WARRANT_ROOT_MIN, hex);
}

static int for_codes(const struct warrant_desk *d, const struct json *body,
		     struct warrant *w, struct err *e)
{
	bool one = json_get(body, "id") != NULL;
	int64_t id = json_int(json_get(body, one ? "id" : "batch"));
	struct json *answer = NULL;
	const struct json *b;
	int rc = -1;

	if (people_get(d->server, "/v1/people/token-batches", &answer, e))
		return -1;
	b = batch_of(json_get(answer, "batches"), id);
	if (!b || (!one && json_int(json_get(b, "batch")) != id)) {
		(void)err_set(
			e, ERR_NOT_FOUND, "no such %s (token %s lists them)",
			one ? "token" : "batch", one ? "list" : "batches");
		goto out;
	}
	if (json_get_hex(b, "codes_root", w->codes.bytes, SHA256_LEN, e) ||
	    check_root(d->root, &w->codes, e))
		goto out;
	w->one = one;
	w->index = one ? (uint64_t)(id - json_int(json_get(b, "batch"))) : 0;
	rc = 0;
out:
	json_free(answer);
	return rc;
}

static const struct {
	const char *path;
	enum warrant_act act;
} taken[] = {
	{ "/v1/people/device-approve", WARRANT_APPROVE },
	{ "/v1/people/device-revoke", WARRANT_END },
	{ "/v1/people/device-retire", WARRANT_END },
	{ "/v1/people/token-activate", WARRANT_ACTIVATE },
	{ "/v1/people/token-revoke", WARRANT_WITHDRAW },
};

bool warrant_desk_takes(const char *path, enum warrant_act *act)
{
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (strcmp(taken[i].path, path) == 0) {
			*act = taken[i].act;
			return true;
		}
	return false;
}

int warrant_desk_add(const struct warrant_desk *d, const char *path,
		     struct json *body, struct err *e)
{
	struct warrant w = { .time = 0 };
	int rc;

	if (!warrant_desk_takes(path, &w.act))
		return 0;
	if (w.act == WARRANT_APPROVE)
		rc = for_approval(d, body, &w, e);
	else if (w.act == WARRANT_END)
		rc = for_end(body, &w, e);
	else
		rc = for_codes(d, body, &w, e);
	return rc || sign(d, &w, body, e) ? -1 : 0;
}

static int for_batch(const struct json *body, struct warrant *w, struct err *e)
{
	w->act = WARRANT_CREATE;
	w->quota = (uint64_t)json_int(json_get(body, "quota"));
	w->per_hour = (uint64_t)json_int(json_get(body, "per_hour"));
	w->inactive = json_get(body, "inactive") != NULL;
	w->life = json_int(json_get(body, "days")) * UTC_DAY;
	if (json_get(body, "until") &&
	    utc_parse(slice_of(json_text(json_get(body, "until"))), &w->until,
		      e))
		return -1;
	return get_name(body, "product", w->product, e) ||
			       get_name(body, "model", w->model, e) ||
			       get_name(body, "cohort", w->cohort, e) ||
			       get_replaced(body, w, e)
		       ? -1
		       : 0;
}

int warrant_desk_codes(const struct warrant_desk *d, struct json *body,
		       uint8_t (*codes)[WIRE_CLAIM_LEN], uint64_t count,
		       struct sha256 *root, struct err *e)
{
	struct sha256 *hashes = mem_alloc(count, sizeof(*hashes));
	struct json *list = json_new_array();
	struct warrant w = { .count = count };
	char hex[SHA256_HEX_LEN];
	int rc;

	for (uint64_t i = 0; i < count; i++) {
		random_bytes(codes[i], WIRE_CLAIM_LEN);
		sha256_of((struct slice){ codes[i], WIRE_CLAIM_LEN },
			  &hashes[i]);
		sha256_format(&hashes[i], hex);
		json_add(list, json_new_text(hex));
	}
	codes_root(hashes, count, &w.codes);
	*root = w.codes;
	json_set(body, "hashes", list);
	rc = for_batch(body, &w, e) || sign(d, &w, body, e) ? -1 : 0;
	free(hashes);
	return rc;
}
