/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/audit_checkpoint.h"

#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "common/utc.h"

#define TYPE "audit-checkpoint"

static struct json *body_json(const struct audit_checkpoint *c,
			      const struct ec_public *key)
{
	struct json *j = json_new_object();
	char time[UTC_TEXT_LEN];
	struct sha256 log;

	ec_public_fingerprint(key, &log);
	utc_format(c->time, time);
	json_set_int(j, "v", 1);
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
	struct buf message = BUF_INIT(AUDIT_CHECKPOINT_MAX);
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct json *j = json_new_object();
	struct ec_public public_key;
	struct json *body;
	int rc = -1;

	ec_public_of(key, &public_key);
	body = body_json(c, &public_key);
	if (json_canonical(body, &message, e) ||
	    ec_sign(key, buf_slice(&message), &sig, e)) {
		json_free(body);
		goto out;
	}
	json_set(j, "signed", body);
	json_set_hex(j, "sig", buf_slice(&sig));
	rc = json_canonical(j, out, e);
out:
	json_free(j);
	buf_done(&message);
	buf_done(&sig);
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

static int verify(const struct json *j, const struct ec_public *key,
		  struct err *e)
{
	struct buf message = BUF_INIT(AUDIT_CHECKPOINT_MAX);
	uint8_t sig[EC_SIG_MAX_LEN];
	const char *hex;
	size_t len;
	int rc = -1;

	if (json_get_text(j, "sig", &hex, e))
		return -1;
	len = strlen(hex) / 2;
	if (len == 0 || len > sizeof(sig))
		return err_set(e, ERR_FORMAT, "sig: not a signature");
	if (hex_parse(slice_of(hex), sig, len, e) == 0 &&
	    json_canonical(json_get(j, "signed"), &message, e) == 0)
		rc = ec_verify(key, buf_slice(&message),
			       (struct slice){ sig, len }, e);
	buf_done(&message);
	return rc;
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
	    verify(j, key, e)) {
		err_in(e, "checkpoint");
		goto out;
	}
	*out = got;
	rc = 0;
out:
	json_free(j);
	return rc;
}
