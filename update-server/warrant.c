/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/warrant.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/signed_json.h"

#define TYPE "warrant"
#define SIG  "sig"

static const char *const names[WARRANT_ACTS] = {
	[WARRANT_CREATE] = "token-create",
	[WARRANT_ACTIVATE] = "token-activate",
	[WARRANT_WITHDRAW] = "token-revoke",
	[WARRANT_APPROVE] = "device-approve",
	[WARRANT_END] = "device-end",
};

const char *warrant_name(enum warrant_act act)
{
	return names[act];
}

/* ---- writing ------------------------------------------------------------- */

static void set_digest(struct json *j, const char *name, const struct sha256 *d)
{
	json_set_hex(j, name, (struct slice){ d->bytes, SHA256_LEN });
}

static void set_time(struct json *j, const char *name, int64_t when)
{
	char text[UTC_TEXT_LEN];

	utc_format(when, text);
	json_set_text(j, name, text);
}

static void set_number(struct json *j, const char *name, uint64_t n)
{
	if (n > 0)
		json_set_int(j, name, (int64_t)n);
}

static void set_device(struct json *j, const char *name,
		       const struct warrant *w)
{
	json_set_hex(j, name, (struct slice){ w->device.bytes, DEVICE_ID_LEN });
}

static void set_place(struct json *j, const struct warrant *w)
{
	json_set_text(j, "product", w->product);
	json_set_text(j, "model", w->model);
	json_set_text(j, "cohort", w->cohort);
	if (w->replaces)
		set_device(j, "replaces", w);
}

static void set_batch(struct json *j, const struct warrant *w)
{
	set_place(j, w);
	json_set_int(j, "count", (int64_t)w->count);
	set_number(j, "quota", w->quota);
	set_number(j, "per_hour", w->per_hour);
	set_number(j, "life", (uint64_t)w->life);
	if (w->until > 0)
		set_time(j, "until", w->until);
	if (w->inactive)
		json_set_bool(j, "inactive", true);
}

static struct json *body_json(const struct warrant *w)
{
	struct json *j = json_new_document();

	json_set_text(j, "type", TYPE);
	json_set_text(j, "act", names[w->act]);
	set_digest(j, "by", &w->by);
	set_time(j, "time", w->time);
	if (w->bound)
		set_digest(j, "server", &w->server);
	if (w->act == WARRANT_END)
		set_device(j, "device", w);
	else if (w->act == WARRANT_APPROVE)
		set_digest(j, "key", &w->key);
	else
		set_digest(j, "codes", &w->codes);
	if (w->act == WARRANT_CREATE)
		set_batch(j, w);
	if (w->act == WARRANT_APPROVE)
		set_place(j, w);
	if (w->act == WARRANT_WITHDRAW && w->one)
		json_set_int(j, "index", (int64_t)w->index);
	return j;
}

int warrant_sign(const struct warrant *w, const struct ec_private *key,
		 struct buf *out, struct err *e)
{
	struct json *j = NULL;
	int rc = signed_json_make(body_json(w), SIG, key, WARRANT_MAX, &j, e) ||
				 json_canonical(j, out, e)
			 ? -1
			 : 0;

	json_free(j);
	return rc;
}

/* ---- reading ------------------------------------------------------------- */

static int get_time(const struct json *j, const char *name, int64_t *out,
		    struct err *e)
{
	const char *text;

	if (json_get_text(j, name, &text, e) ||
	    utc_parse(slice_of(text), out, e))
		return err_in(e, "%s", name);
	return 0;
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

/* From 1 on, or left out. */
static int get_number(const struct json *j, const char *name, int64_t max,
		      uint64_t *out, struct err *e)
{
	int64_t n = 0;

	if (json_get(j, name) && json_get_int(j, name, 1, max, &n, e))
		return -1;
	*out = (uint64_t)n;
	return 0;
}

static int get_place(const struct json *j, struct warrant *w, struct err *e)
{
	w->replaces = json_get(j, "replaces") != NULL;
	if (w->replaces &&
	    json_get_hex(j, "replaces", w->device.bytes, DEVICE_ID_LEN, e))
		return -1;
	return get_name(j, "product", w->product, e) ||
			       get_name(j, "model", w->model, e) ||
			       get_name(j, "cohort", w->cohort, e)
		       ? -1
		       : 0;
}

static int get_life(const struct json *j, struct warrant *w, struct err *e)
{
	const int64_t most = WARRANT_DAYS_MAX * UTC_DAY;
	uint64_t life;

	if (get_number(j, "life", most, &life, e))
		return -1;
	w->life = (int64_t)life;
	if (w->life > 0)
		return 0;
	if (get_time(j, "until", &w->until, e))
		return -1;
	if (w->until <= w->time || w->until > w->time + most)
		return err_set(e, ERR_FORMAT,
			       "until: within the next %d days, please",
			       WARRANT_DAYS_MAX);
	return 0;
}

static int get_batch(const struct json *j, struct warrant *w, struct err *e)
{
	int64_t count;

	if (get_place(j, w, e) ||
	    json_get_int(j, "count", 1, CODES_MAX, &count, e) ||
	    get_number(j, "quota", CODES_MAX, &w->quota, e) ||
	    get_number(j, "per_hour", CODES_MAX, &w->per_hour, e) ||
	    (json_get(j, "inactive") &&
	     json_get_bool(j, "inactive", &w->inactive, e)) ||
	    get_life(j, w, e))
		return -1;
	w->count = (uint64_t)count;
	if (w->replaces && count != 1)
		return err_set(e, ERR_FORMAT,
			       "one device takes the place of another: "
			       "one code");
	return 0;
}

static int get_index(const struct json *j, struct warrant *w, struct err *e)
{
	int64_t index;

	w->one = json_get(j, "index") != NULL;
	if (!w->one)
		return 0;
	if (json_get_int(j, "index", 0, CODES_MAX - 1, &index, e))
		return -1;
	w->index = (uint64_t)index;
	return 0;
}

static int get_act(const struct json *j, struct warrant *w, struct err *e)
{
	const char *act;
	size_t i = 0;

	if (json_get_text(j, "act", &act, e))
		return -1;
	while (i < WARRANT_ACTS && strcmp(names[i], act) != 0)
		i++;
	if (i == WARRANT_ACTS)
		return err_set(e, ERR_FORMAT, "act: none that is known");
	w->act = (enum warrant_act)i;
	return 0;
}

static int get_members(const struct json *j, struct warrant *w, struct err *e)
{
	if (w->act == WARRANT_END)
		return json_get_hex(j, "device", w->device.bytes, DEVICE_ID_LEN,
				    e);
	if (w->act == WARRANT_APPROVE)
		return json_get_hex(j, "key", w->key.bytes, SHA256_LEN, e) ||
				       get_place(j, w, e)
			       ? -1
			       : 0;
	if (json_get_hex(j, "codes", w->codes.bytes, SHA256_LEN, e))
		return -1;
	if (w->act == WARRANT_CREATE)
		return get_batch(j, w, e);
	return w->act == WARRANT_WITHDRAW ? get_index(j, w, e) : 0;
}

static int get_server(const struct json *j, struct warrant *w, struct err *e)
{
	w->bound = json_get(j, "server") != NULL;
	return w->bound ? json_get_hex(j, "server", w->server.bytes, SHA256_LEN,
				       e)
			: 0;
}

static int get_body(const struct json *j, struct warrant *w, struct err *e)
{
	const char *type;
	int64_t version;

	if (json_get_int(j, "v", 1, 1, &version, e) ||
	    json_get_text(j, "type", &type, e) || get_act(j, w, e) ||
	    json_get_hex(j, "by", w->by.bytes, SHA256_LEN, e) ||
	    get_time(j, "time", &w->time, e) || get_server(j, w, e) ||
	    get_members(j, w, e))
		return -1;
	return strcmp(type, TYPE) == 0
		       ? 0
		       : err_set(e, ERR_FORMAT, "not a warrant");
}

/* What we would write of it, around its signature, is what was read. */
static int is_spelled(struct slice in, const struct json *whole,
		      const struct warrant *w, struct err *e)
{
	struct buf again = BUF_INIT(WARRANT_MAX);
	struct json *j = json_new_object();
	int rc;

	json_set(j, "sig", json_clone(json_get(whole, "sig")));
	json_set(j, "signed", body_json(w));
	rc = json_canonical(j, &again, e);
	if (rc == 0 && !slice_equal(buf_slice(&again), in))
		rc = err_set(e, ERR_FORMAT, "not as it is written");
	json_free(j);
	buf_done(&again);
	return rc;
}

int warrant_parse(struct slice in, struct warrant *out, struct err *e)
{
	struct warrant got = { .time = 0 };
	const struct json *body;
	struct json *j = NULL;
	const char *sig;
	int rc = -1;

	if (in.len > WARRANT_MAX) {
		(void)err_set(e, ERR_LIMIT, "too long");
		goto out;
	}
	if (json_parse(in, &j, e) || json_get_text(j, "sig", &sig, e) ||
	    json_get_object(j, "signed", &body, e) || get_body(body, &got, e) ||
	    is_spelled(in, j, &got, e))
		goto out;
	*out = got;
	rc = 0;
out:
	json_free(j);
	return rc ? err_in(e, "warrant") : 0;
}

int warrant_verify(struct slice in, const struct ec_public *key, struct err *e)
{
	struct json *j = NULL;
	int rc = json_parse(in, &j, e) ||
				 signed_json_verify(j, SIG, key, WARRANT_MAX, e)
			 ? -1
			 : 0;

	json_free(j);
	return rc ? err_in(e, "warrant") : 0;
}

int warrant_same(const struct warrant *a, const struct warrant *b,
		 struct err *e)
{
	struct warrant one = *a, other = *b;
	struct json *x, *y;
	bool same;

	one.by = other.by = (struct sha256){ { 0 } };
	one.time = other.time = 0;
	one.bound = other.bound = false;
	x = body_json(&one);
	y = body_json(&other);
	same = json_same(x, y);
	json_free(x);
	json_free(y);
	return same ? 0
		    : err_set(e, ERR_REFUSED,
			      "what was signed (warrant) is not what was "
			      "asked for");
}
