/* SPDX-License-Identifier: Apache-2.0 */
#include "common/letter.h"

#include <string.h>

#include "common/json.h"
#include "common/random.h"

static const char label[] =
	"pawl/letter/v1: an identity, for a request that came in a file";

#define HALF (WIRE_NONCE_LEN / 2)

static void second_half(const struct wire_enrol *m, uint8_t out[HALF])
{
	static const char of_nonce[] = "pawl/letter/nonce/v1";
	struct digest d;
	struct sha256 sum;

	digest_start(&d);
	digest_add(&d, (struct slice){ (const uint8_t *)of_nonce,
				       sizeof(of_nonce) });
	digest_add(&d, (struct slice){ m->nonce, HALF });
	/* Names end with the zero that none of them holds. */
	digest_add(&d, (struct slice){ (const uint8_t *)m->product,
				       strlen(m->product) + 1 });
	digest_add(&d, (struct slice){ (const uint8_t *)m->model,
				       strlen(m->model) + 1 });
	digest_finish(&d, &sum);
	memcpy(out, sum.bytes, HALF);
}

void letter_draw_nonce(struct wire_enrol *m)
{
	random_bytes(m->nonce, HALF);
	second_half(m, m->nonce + HALF);
}

int letter_check_nonce(const struct wire_enrol *m, struct err *e)
{
	uint8_t is[HALF];

	second_half(m, is);
	return memcmp(is, m->nonce + HALF, HALF) == 0
		       ? 0
		       : err_set(e, ERR_UNTRUSTED,
				 "its product or model is not the one that the "
				 "device wrote");
}

static int message_of(struct slice identity, struct buf *out, struct err *e)
{
	return buf_add(out,
		       (struct slice){ (const uint8_t *)label, sizeof(label) },
		       e) || buf_add(out, identity, e)
		       ? -1
		       : 0;
}

int letter_seal(const struct wire_identity *id, const struct ec_private *key,
		struct slice certificate, struct buf *out, struct err *e)
{
	struct buf identity = BUF_INIT(LETTER_MAX);
	struct buf message = BUF_INIT(LETTER_MAX);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	struct buf signature = BUF_INIT(EC_SIG_MAX_LEN);
	struct json *j = json_new_document();
	int rc = -1;

	if (wire_format_identity(id, &identity, e) ||
	    message_of(buf_slice(&identity), &message, e) ||
	    buf_add(&pem, certificate, e) ||
	    ec_sign(key, buf_slice(&message), &signature, e))
		goto out;
	json_set_text(j, "certificate", buf_text(&pem));
	json_set_text(j, "identity", buf_text(&identity));
	json_set_hex(j, "signature", buf_slice(&signature));
	rc = json_print(j, false, out, e);
out:
	json_free(j);
	buf_done(&signature);
	buf_done(&pem);
	buf_done(&message);
	buf_done(&identity);
	return rc;
}

static int check(const struct json *j, struct slice identity, struct slice cas,
		 int64_t now, struct err *e)
{
	struct buf message = BUF_INIT(LETTER_MAX);
	struct buf signature = BUF_INIT(EC_SIG_MAX_LEN);
	const char *pem, *hex;
	struct x509_info server;
	uint8_t *room;
	int rc = -1;

	if (json_get_text(j, "certificate", &pem, e) ||
	    json_get_text(j, "signature", &hex, e))
		goto out;
	if (strlen(hex) % 2 != 0 || strlen(hex) > 2 * EC_SIG_MAX_LEN) {
		(void)err_set(e, ERR_FORMAT, "signature: not hex");
		goto out;
	}
	room = buf_reserve(&signature, strlen(hex) / 2, e);
	if (!room || hex_parse(slice_of(hex), room, strlen(hex) / 2, e))
		goto out;
	signature.len += strlen(hex) / 2;
	if (x509_verify_by_any(slice_of(pem), cas, X509_SERVER, now, false,
			       e) ||
	    x509_inspect(slice_of(pem), &server, e) ||
	    message_of(identity, &message, e))
		goto out;
	rc = ec_verify(&server.public_key, buf_slice(&message),
		       buf_slice(&signature), e);
out:
	buf_done(&message);
	buf_done(&signature);
	return rc;
}

int letter_open(struct slice in, struct slice cas, int64_t now,
		struct wire_identity *out, struct err *e)
{
	static const char *const known[] = { "v", "certificate", "identity",
					     "signature", NULL };
	const char *identity;
	struct json *j = NULL;
	int64_t version;
	int rc = -1;

	if (in.len > LETTER_MAX)
		return err_set(e, ERR_LIMIT, "too long for an answer");
	if (json_parse(in, &j, e))
		return -1;
	if (json_get_int(j, "v", 1, 1, &version, e) == 0 &&
	    json_only(j, known, e) == 0 &&
	    json_get_text(j, "identity", &identity, e) == 0 &&
	    check(j, slice_of(identity), cas, now, e) == 0)
		rc = wire_parse_identity(slice_of(identity), out, e);
	json_free(j);
	return rc;
}
