/* SPDX-License-Identifier: Apache-2.0 */
#include "common/decrypt_key.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define LABEL       "pawl/decrypt-key/v1"
#define MESSAGE_MAX 256

/* label || SubjectPublicKeyInfo of the identity || that of the key */
static int add_message(const struct ec_public *identity,
		       const struct ec_public *key, struct buf *out,
		       struct err *e)
{
	uint8_t spki[2][EC_SPKI_LEN];

	ec_public_to_spki(identity, spki[0]);
	ec_public_to_spki(key, spki[1]);
	if (buf_add(out, slice_of(LABEL), e))
		return -1;
	return buf_add(out, (struct slice){ spki[0], sizeof(spki) }, e);
}

int decrypt_key_prove(const struct ec_private *identity,
		      const struct ec_public *key, struct decrypt_key *out,
		      struct err *e)
{
	struct buf message = BUF_INIT(MESSAGE_MAX);
	struct buf proof = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_public own;
	int rc = -1;

	ec_public_of(identity, &own);
	if (add_message(&own, key, &message, e) ||
	    ec_sign(identity, buf_slice(&message), &proof, e))
		goto out;
	*out = (struct decrypt_key){ .key = *key, .proof_len = proof.len };
	memcpy(out->proof, proof.ptr, proof.len);
	rc = 0;
out:
	buf_done(&message);
	buf_done(&proof);
	return rc;
}

int decrypt_key_check(const struct decrypt_key *k,
		      const struct ec_public *identity, struct err *e)
{
	const struct slice proof = { k->proof, k->proof_len };
	struct buf message = BUF_INIT(MESSAGE_MAX);
	int rc = -1;

	if (ec_public_equal(&k->key, identity))
		return err_set(e, ERR_REFUSED,
			       "the decryption key is the identity's key");
	if (ec_public_check(&k->key, e) == 0 &&
	    add_message(identity, &k->key, &message, e) == 0)
		rc = ec_verify(identity, buf_slice(&message), proof, e);
	buf_done(&message);
	return rc ? err_in(e, "decryption key") : 0;
}

void decrypt_key_set(struct json *j, const struct decrypt_key *k)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct err e;

	/* A key of ours always fits. */
	if (ec_public_to_pem(&k->key, &pem, &e))
		abort();
	json_set_text(j, "decrypt_key", buf_text(&pem));
	json_set_hex(j, "decrypt_proof",
		     (struct slice){ k->proof, k->proof_len });
	buf_done(&pem);
}

int decrypt_key_get(const struct json *j, struct decrypt_key *out,
		    struct err *e)
{
	struct decrypt_key k = { .proof_len = 0 };
	const char *pem, *proof;
	size_t len;

	if (json_get_text(j, "decrypt_key", &pem, e) ||
	    json_get_text(j, "decrypt_proof", &proof, e))
		return -1;
	if (ec_public_from_pem(slice_of(pem), &k.key, e))
		return err_in(e, "decrypt_key");
	len = strlen(proof);
	if (len == 0 || len % 2 != 0 || len / 2 > EC_SIG_MAX_LEN)
		return err_set(e, ERR_FORMAT, "decrypt_proof: not a signature");
	k.proof_len = len / 2;
	if (hex_parse(slice_of(proof), k.proof, k.proof_len, e))
		return err_in(e, "decrypt_proof");
	*out = k;
	return 0;
}
