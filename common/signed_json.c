/* SPDX-License-Identifier: Apache-2.0 */
#include "common/signed_json.h"

#include <string.h>

#include "common/text.h"

int signed_json_make(struct json *body, const char *sig,
		     const struct ec_private *key, size_t max,
		     struct json **out, struct err *e)
{
	struct buf message = BUF_INIT(max);
	struct buf signature = BUF_INIT(EC_SIG_MAX_LEN);
	int rc = -1;

	if (json_canonical(body, &message, e) == 0 &&
	    ec_sign(key, buf_slice(&message), &signature, e) == 0) {
		*out = json_new_object();
		json_set_hex(*out, sig, buf_slice(&signature));
		json_set(*out, "signed", body);
		rc = 0;
	} else {
		json_free(body);
	}
	buf_done(&signature);
	buf_done(&message);
	return rc;
}

int signed_json_verify(const struct json *whole, const char *sig,
		       const struct ec_public *key, size_t max, struct err *e)
{
	struct buf message = BUF_INIT(max);
	uint8_t signature[EC_SIG_MAX_LEN];
	const struct json *body;
	const char *hex;
	size_t len;
	int rc = -1;

	if (json_get_text(whole, sig, &hex, e) ||
	    json_get_object(whole, "signed", &body, e))
		return -1;
	len = strlen(hex) / 2;
	if (len == 0 || len > sizeof(signature))
		return err_set(e, ERR_FORMAT, "%s: not a signature", sig);
	if (hex_parse(slice_of(hex), signature, len, e) == 0 &&
	    json_canonical(body, &message, e) == 0)
		rc = ec_verify(key, buf_slice(&message),
			       (struct slice){ signature, len }, e);
	buf_done(&message);
	return rc;
}
