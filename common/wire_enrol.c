/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire_enrol.h"

#include <string.h>

#include "common/wire_body.h"

#define ENROL_LABEL "pawl/enrol/v2"
#define RENEW_LABEL "pawl/renew/v1"
#define RETRY_MAX   3600

/* ---- enrolment ----------------------------------------------------------- */

int wire_format_nonce(const struct wire_nonce *m, struct buf *out,
		      struct err *e)
{
	struct json *j = wire_body_new();

	json_set_hex(j, "nonce", (struct slice){ m->nonce, WIRE_NONCE_LEN });
	return wire_body_end(j, out, e);
}

int wire_parse_nonce(struct slice in, struct wire_nonce *m, struct err *e)
{
	struct wire_nonce got = { 0 };
	struct json *j;
	int rc;

	if (wire_body_open(in, NULL, &j, e))
		return -1;
	rc = json_get_hex(j, "nonce", got.nonce, WIRE_NONCE_LEN, e);
	json_free(j);
	if (rc == 0)
		*m = got;
	return rc;
}

int wire_format_enrol(const struct wire_enrol *m, struct buf *out,
		      struct err *e)
{
	struct json *j = wire_body_new();

	if (m->asks)
		json_set_hex(j, "root",
			     (struct slice){ m->root.bytes, SHA256_LEN });
	else
		json_set_hex(j, "claim",
			     (struct slice){ m->claim, WIRE_CLAIM_LEN });
	json_set_hex(j, "nonce", (struct slice){ m->nonce, WIRE_NONCE_LEN });
	json_set_text(j, "product", m->product);
	json_set_text(j, "model", m->model);
	json_set_text(j, "csr", m->csr);
	json_set_hex(j, "proof", (struct slice){ m->proof, m->proof_len });
	decrypt_key_set(j, &m->decrypt);
	return wire_body_end(j, out, e);
}

/* A signature in hex, up to the longest one. */
static int get_proof(const struct json *j, uint8_t proof[EC_SIG_MAX_LEN],
		     size_t *proof_len, struct err *e)
{
	const char *text;
	size_t len;

	if (json_get_text(j, "proof", &text, e))
		return -1;
	len = strlen(text);
	if (len == 0 || len / 2 > EC_SIG_MAX_LEN)
		return err_set(e, ERR_FORMAT, "proof: not a signature");
	*proof_len = len / 2;
	if (hex_parse(slice_of(text), proof, *proof_len, e))
		return err_in(e, "proof");
	return 0;
}

int wire_parse_enrol(struct slice in, struct wire_enrol *m, struct err *e)
{
	static const char *const known[] = {
		"v",   "claim", "nonce",       "product",       "model",
		"csr", "proof", "decrypt_key", "decrypt_proof", "root",
		NULL
	};
	struct wire_enrol got = { 0 };
	struct json *j;
	int rc = -1;

	if (wire_body_open(in, known, &j, e))
		return -1;
	got.asks = !json_get(j, "claim");
	if ((got.asks ? json_get_hex(j, "root", got.root.bytes, SHA256_LEN, e)
		      : json_get_hex(j, "claim", got.claim, WIRE_CLAIM_LEN,
				     e)) ||
	    json_get_hex(j, "nonce", got.nonce, WIRE_NONCE_LEN, e) ||
	    wire_get_text(j, "product", wire_is_name, got.product,
			  sizeof(got.product), e) ||
	    wire_get_text(j, "model", wire_is_name, got.model,
			  sizeof(got.model), e) ||
	    wire_get_text(j, "csr", wire_is_any, got.csr, sizeof(got.csr), e) ||
	    get_proof(j, got.proof, &got.proof_len, e) ||
	    decrypt_key_get(j, &got.decrypt, e))
		goto out;
	*m = got;
	rc = 0;
out:
	json_free(j);
	return rc;
}

int wire_format_identity(const struct wire_identity *m, struct buf *out,
			 struct err *e)
{
	struct json *j = wire_body_new();

	json_set_hex(j, "device",
		     (struct slice){ m->device.bytes, DEVICE_ID_LEN });
	json_set_text(j, "cohort", m->cohort);
	json_set_text(j, "certificate", m->certificate);
	return wire_body_end(j, out, e);
}

static int get_identity(const struct json *j, struct wire_identity *m,
			struct err *e)
{
	struct wire_identity got = { 0 };

	if (json_get_hex(j, "device", got.device.bytes, DEVICE_ID_LEN, e) ||
	    wire_get_text(j, "cohort", wire_is_name, got.cohort,
			  sizeof(got.cohort), e) ||
	    wire_get_text(j, "certificate", wire_is_any, got.certificate,
			  sizeof(got.certificate), e))
		return -1;
	*m = got;
	return 0;
}

int wire_parse_identity(struct slice in, struct wire_identity *m, struct err *e)
{
	struct json *j;
	int rc;

	if (wire_body_open(in, NULL, &j, e))
		return -1;
	rc = get_identity(j, m, e);
	json_free(j);
	return rc;
}

int wire_format_joined(const struct wire_joined *m, struct buf *out,
		       struct err *e)
{
	struct json *j;

	if (m->admitted)
		return wire_format_identity(&m->identity, out, e);
	j = wire_body_new();
	json_set_hex(j, "waiting", (struct slice){ m->nonce, WIRE_NONCE_LEN });
	json_set_int(j, "retry", m->retry_sec);
	return wire_body_end(j, out, e);
}

int wire_parse_joined(struct slice in, struct wire_joined *m, struct err *e)
{
	struct wire_joined got = { 0 };
	struct json *j;
	int rc;

	if (wire_body_open(in, NULL, &j, e))
		return -1;
	got.admitted = !json_get(j, "waiting");
	if (got.admitted)
		rc = get_identity(j, &got.identity, e);
	else
		rc = json_get_hex(j, "waiting", got.nonce, WIRE_NONCE_LEN, e) ||
				     wire_get_u32(j, "retry", RETRY_MAX,
						  &got.retry_sec, e)
			     ? -1
			     : 0;
	json_free(j);
	if (rc == 0)
		*m = got;
	return rc;
}

int wire_format_renew(const struct wire_renew *m, struct buf *out,
		      struct err *e)
{
	struct json *j = wire_body_new();

	json_set_text(j, "csr", m->csr);
	json_set_hex(j, "proof", (struct slice){ m->proof, m->proof_len });
	decrypt_key_set(j, &m->decrypt);
	return wire_body_end(j, out, e);
}

int wire_parse_renew(struct slice in, struct wire_renew *m, struct err *e)
{
	static const char *const known[] = {
		"v", "csr", "proof", "decrypt_key", "decrypt_proof", NULL
	};
	struct wire_renew got = { 0 };
	struct json *j;
	int rc = -1;

	if (wire_body_open(in, known, &j, e))
		return -1;
	if (wire_get_text(j, "csr", wire_is_any, got.csr, sizeof(got.csr), e) ==
		    0 &&
	    get_proof(j, got.proof, &got.proof_len, e) == 0 &&
	    decrypt_key_get(j, &got.decrypt, e) == 0) {
		*m = got;
		rc = 0;
	}
	json_free(j);
	return rc;
}

int wire_renew_message(const struct sha256 *certificate,
		       const struct ec_public *new_key, struct buf *out,
		       struct err *e)
{
	uint8_t spki[EC_SPKI_LEN];

	ec_public_to_spki(new_key, spki);
	if (buf_add(out, slice_of(RENEW_LABEL), e) ||
	    buf_add(out, (struct slice){ certificate->bytes, SHA256_LEN }, e))
		return -1;
	return buf_add(out, (struct slice){ spki, sizeof(spki) }, e);
}

/* ---- readopt ------------------------------------------------------------- */

int wire_format_readopt(const struct wire_readopt *m, struct buf *out,
			struct err *e)
{
	struct json *j = wire_body_new(), *chain = json_new_array();

	for (size_t i = 0; i < m->count; i++) {
		const struct wire_link *link = &m->links[i];
		struct json *one = json_new_object();

		wire_set_digest(one, "certificate", &link->certificate);
		json_set_hex(one, "key",
			     (struct slice){ link->key.point, EC_POINT_LEN });
		json_set_hex(one, "proof",
			     (struct slice){ link->proof, link->proof_len });
		json_add(chain, one);
	}
	json_set(j, "chain", chain);
	if (m->has_decrypt)
		decrypt_key_set(j, &m->decrypt);
	return wire_body_end(j, out, e);
}

static int get_link(const struct json *j, struct wire_link *link, struct err *e)
{
	static const char *const known[] = { "certificate", "key", "proof",
					     NULL };

	if (json_get_hex(j, "certificate", link->certificate.bytes, SHA256_LEN,
			 e) ||
	    json_get_hex(j, "key", link->key.point, EC_POINT_LEN, e) ||
	    ec_public_check(&link->key, e) ||
	    get_proof(j, link->proof, &link->proof_len, e))
		return -1;
	return json_only(j, known, e);
}

static int get_chain(const struct json *j, struct wire_readopt *m,
		     struct err *e)
{
	const struct json *chain;

	if (json_get_array(j, "chain", &chain, e))
		return -1;
	m->count = json_count(chain);
	if (m->count > WIRE_LINKS_MAX)
		return err_set(e, ERR_LIMIT, "chain: more than %d renewals",
			       WIRE_LINKS_MAX);
	for (size_t i = 0; i < m->count; i++)
		if (get_link(json_at(chain, i), &m->links[i], e))
			return err_in(e, "chain");
	return 0;
}

int wire_parse_readopt(struct slice in, struct wire_readopt *m, struct err *e)
{
	static const char *const known[] = { "v", "chain", "decrypt_key",
					     "decrypt_proof", NULL };
	struct json *j;
	int rc;

	*m = (struct wire_readopt){ .count = 0 };
	if (wire_body_open(in, known, &j, e))
		return -1;
	m->has_decrypt =
		json_get(j, "decrypt_key") || json_get(j, "decrypt_proof");
	rc = get_chain(j, m, e) || (m->has_decrypt &&
				    decrypt_key_get(j, &m->decrypt, e))
		     ? -1
		     : 0;
	json_free(j);
	if (rc)
		m->count = 0;
	return rc;
}

int wire_format_readopted(const struct wire_readopted *m, struct buf *out,
			  struct err *e)
{
	struct json *j = wire_body_new();

	if (!m->known)
		json_set_hex(j, "waiting",
			     (struct slice){ m->nonce, WIRE_NONCE_LEN });
	return wire_body_end(j, out, e);
}

int wire_parse_readopted(struct slice in, struct wire_readopted *m,
			 struct err *e)
{
	struct wire_readopted got = { 0 };
	struct json *j;
	int rc = 0;

	if (wire_body_open(in, NULL, &j, e))
		return -1;
	got.known = !json_get(j, "waiting");
	if (!got.known)
		rc = json_get_hex(j, "waiting", got.nonce, WIRE_NONCE_LEN, e);
	json_free(j);
	if (rc == 0)
		*m = got;
	return rc;
}

/* ---- proofs -------------------------------------------------------------- */

int wire_enrol_message(const struct wire_enrol *m, const struct ec_public *key,
		       struct buf *out, struct err *e)
{
	uint8_t spki[2][EC_SPKI_LEN];

	ec_public_to_spki(key, spki[0]);
	ec_public_to_spki(&m->decrypt.key, spki[1]);
	if (buf_add(out, slice_of(ENROL_LABEL), e) ||
	    buf_add(out, (struct slice){ m->nonce, WIRE_NONCE_LEN }, e))
		return -1;
	if (buf_add(out, (struct slice){ m->claim, WIRE_CLAIM_LEN }, e))
		return -1;
	return buf_add(out, (struct slice){ spki[0], sizeof(spki) }, e);
}

int wire_enrol_check(const struct wire_enrol *m, struct ec_public *key,
		     struct err *e)
{
	const struct slice proof = { m->proof, m->proof_len };
	struct buf message = BUF_INIT(512);
	struct ec_public got;
	int rc = -1;

	if (x509_request_key(slice_of(m->csr), &got, e)) {
		err_in(e, "certificate request");
		goto out;
	}
	if (wire_enrol_message(m, &got, &message, e) ||
	    ec_verify(&got, buf_slice(&message), proof, e)) {
		err_in(e, "proof of possession");
		goto out;
	}
	if (decrypt_key_check(&m->decrypt, &got, e))
		goto out;
	*key = got;
	rc = 0;
out:
	buf_wipe(&message);
	return rc;
}
