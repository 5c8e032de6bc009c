/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_checkpoint.h"

#include <string.h>

#include "common/mem.h"
#include "common/signed_json.h"
#include "common/text.h"
#include "common/utc.h"

#define TYPE "audit-checkpoint"
#define SIG  "sig"

static struct json *body_json(const struct audit_checkpoint *c,
			      const struct ec_public *key)
{
	struct json *j = json_new_document();
	char time[UTC_TEXT_LEN];
	struct sha256 log;

	ec_public_fingerprint(key, &log);
	utc_format(c->time, time);
	json_set_text(j, "type", TYPE);
	json_set_hex(j, "log", (struct slice){ log.bytes, SHA256_LEN });
	json_set_hex(j, "root",
		     (struct slice){ c->head.root.bytes, SHA256_LEN });
	json_set_int(j, "size", (int64_t)c->head.size);
	json_set_text(j, "time", time);
	if (c->ledger.size > 0) {
		json_set_int(j, "ledger_size", (int64_t)c->ledger.size);
		json_set_hex(
			j, "ledger_root",
			(struct slice){ c->ledger.root.bytes, SHA256_LEN });
	}
	return j;
}

int audit_checkpoint_sign(const struct audit_checkpoint *c,
			  const struct ec_private *key, struct buf *out,
			  struct err *e)
{
	struct ec_public public_key;
	struct json *j = NULL;
	int rc;

	ec_public_of(key, &public_key);
	rc = signed_json_make(body_json(c, &public_key), SIG, key,
			      AUDIT_CHECKPOINT_MAX, &j, e) ||
			     json_canonical(j, out, e)
		     ? -1
		     : 0;
	json_free(j);
	return rc;
}

/* Both members, or neither. */
static int read_ledger(const struct json *j, struct audit_checkpoint *c,
		       struct err *e)
{
	int64_t size;

	if (!json_get(j, "ledger_size") && !json_get(j, "ledger_root"))
		return 0;
	if (json_get_int(j, "ledger_size", 1, JSON_INT_MAX, &size, e) ||
	    json_get_hex(j, "ledger_root", c->ledger.root.bytes, SHA256_LEN, e))
		return -1;
	c->ledger.size = (uint64_t)size;
	return 0;
}

static int read_body(const struct json *j, const struct ec_public *key,
		     struct audit_checkpoint *c, struct err *e)
{
	static const char *const known[] = {
		"v",    "type",        "log",         "root", "size",
		"time", "ledger_size", "ledger_root", NULL
	};
	const char *type, *time;
	struct sha256 log, ours;
	int64_t version, size;

	if (json_get_int(j, "v", 1, 1, &version, e) ||
	    json_get_text(j, "type", &type, e) ||
	    json_get_hex(j, "log", log.bytes, SHA256_LEN, e) ||
	    json_get_hex(j, "root", c->head.root.bytes, SHA256_LEN, e) ||
	    json_get_int(j, "size", 0, JSON_INT_MAX, &size, e) ||
	    json_get_text(j, "time", &time, e) ||
	    utc_parse(slice_of(time), &c->time, e) || json_only(j, known, e))
		return -1;
	if (strcmp(type, TYPE) != 0)
		return err_set(e, ERR_FORMAT, "not a checkpoint");
	ec_public_fingerprint(key, &ours);
	if (!sha256_equal(&log, &ours))
		return err_set(e, ERR_UNTRUSTED,
			       "it was signed by another log's key");
	c->head.size = (uint64_t)size;
	return read_ledger(j, c, e);
}

static int parse(struct slice in, struct json **out, struct err *e)
{
	if (in.len > 0 && in.ptr[in.len - 1] == '\n')
		in.len--;
	if (in.len > AUDIT_CHECKPOINT_MAX)
		return err_set(e, ERR_LIMIT, "too long");
	return json_parse(in, out, e);
}

int audit_checkpoint_log(struct slice in, struct sha256 *out, struct err *e)
{
	const struct json *body;
	struct json *j = NULL;
	int rc = parse(in, &j, e) || json_get_object(j, "signed", &body, e) ||
				 json_get_hex(body, "log", out->bytes,
					      SHA256_LEN, e)
			 ? err_in(e, "checkpoint")
			 : 0;

	json_free(j);
	return rc;
}

int audit_checkpoint_open(struct slice in, const struct ec_public *key,
			  struct audit_checkpoint *out, struct err *e)
{
	static const char *const known[] = { "sig", "signed", NULL };
	struct audit_checkpoint got = { 0 };
	const struct json *body;
	struct json *j = NULL;
	int rc = -1;

	if (parse(in, &j, e) || json_get_object(j, "signed", &body, e) ||
	    json_only(j, known, e) || read_body(body, key, &got, e) ||
	    signed_json_verify(j, SIG, key, AUDIT_CHECKPOINT_MAX, e)) {
		err_in(e, "checkpoint");
		goto out;
	}
	*out = got;
	rc = 0;
out:
	json_free(j);
	return rc;
}
