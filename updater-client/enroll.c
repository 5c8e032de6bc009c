/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/enroll.h"

#include <string.h>

#include "common/claim.h"
#include "common/fs.h"
#include "common/letter.h"
#include "common/mem.h"
#include "updater-client/confine.h"
#include "updater-client/identity.h"
#include "updater-client/source.h"

#define CAS_MAX 65536

static int get_nonce(struct channel *source, uint8_t nonce[WIRE_NONCE_LEN],
		     struct err *e)
{
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	struct wire_nonce m;
	int rc = -1;

	if (source_post(source, ROUTE_NONCE, slice_of("{}"), &got, e) == 0)
		rc = wire_parse_nonce(buf_slice(&got), &m, e);
	if (rc == 0)
		memcpy(nonce, m.nonce, WIRE_NONCE_LEN);
	buf_done(&got);
	return rc;
}

static int add_request(struct wire_enrol *m, const struct ec_private *key,
		       struct err *e)
{
	struct buf csr = BUF_INIT(sizeof(m->csr) - 1);
	int rc = -1;

	/* The CA takes nothing of it but the public key. */
	if (x509_request(key, "pawl device", &csr, e) == 0)
		rc = text_format(m->csr, sizeof(m->csr), e, "%s",
				 buf_text(&csr));
	buf_done(&csr);
	return rc;
}

/* Who has a code has asked, with both keys: a new one would not be that which
 * the answer is for. */
static int decrypt_key_to_ask_with(const struct device_keys *keys,
				   struct ec_private **out, struct err *e)
{
	char code[CLAIM_JOIN_LEN + 1];

	identity_load_code(keys->state_fd, code);
	return code[0] ? identity_open_decrypt_key(keys, out, e)
		       : identity_decrypt_key(keys, out, e);
}

static int add_decrypt_key(struct wire_enrol *m, const struct device_keys *keys,
			   const struct ec_private *key, struct err *e)
{
	struct ec_private *decrypt = NULL;
	struct ec_public public_key;
	int rc = -1;

	if (decrypt_key_to_ask_with(keys, &decrypt, e) == 0) {
		ec_public_of(decrypt, &public_key);
		rc = decrypt_key_prove(key, &public_key, &m->decrypt, e);
	}
	ec_free(decrypt);
	return rc;
}

static int add_proof(struct wire_enrol *m, const struct ec_private *key,
		     struct err *e)
{
	struct buf message = BUF_INIT(512);
	struct buf proof = BUF_INIT(sizeof(m->proof));
	struct ec_public own;
	int rc = -1;

	ec_public_of(key, &own);
	if (wire_enrol_message(m, &own, &message, e) == 0 &&
	    ec_sign(key, buf_slice(&message), &proof, e) == 0) {
		memcpy(m->proof, proof.ptr, proof.len);
		m->proof_len = proof.len;
		rc = 0;
	}
	buf_done(&message);
	buf_done(&proof);
	return rc;
}

/* Not yet: what we show is made with our key, our root and the nonce of the
 * first time that we asked, and written down for `status`. */
static int keep_waiting(int state_fd, const struct ec_private *key,
			const struct wire_enrol *m,
			const uint8_t nonce[WIRE_NONCE_LEN], struct err *e)
{
	char code[CLAIM_JOIN_LEN + 1];
	struct ec_public own;

	ec_public_of(key, &own);
	claim_join_code(&own, nonce, &m->root, code);
	if (identity_store_code(state_fd, code, e))
		return -1;
	return err_set(e, ERR_BUSY,
		       "this device waits for an officer, who is to be told "
		       "its code: %s",
		       code);
}

static int ask(const struct enroll_setup *setup, struct channel *source,
	       const struct wire_enrol *m, const struct ec_private *key,
	       struct wire_identity *out, struct err *e)
{
	struct buf body = BUF_INIT(WIRE_BODY_MAX);
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	struct wire_joined joined = { 0 };
	int rc = -1;

	if (wire_format_enrol(m, &body, e) ||
	    source_post(source, m->asks ? ROUTE_JOIN : ROUTE_ENROL,
			buf_slice(&body), &got, e))
		goto out;
	rc = m->asks ? wire_parse_joined(buf_slice(&got), &joined, e)
		     : wire_parse_identity(buf_slice(&got), out, e);
	if (rc || !m->asks)
		goto out;
	*out = joined.identity;
	if (!joined.admitted)
		rc = keep_waiting(setup->state_fd, key, m, joined.nonce, e);
out:
	buf_wipe(&body); /* holds the claim code */
	buf_done(&got);
	return rc;
}

/* What came must be a certificate for our key, in the name of our id. */
static int check_identity(const struct wire_identity *id,
			  const struct ec_private *key, struct err *e)
{
	char hex[2 * DEVICE_ID_LEN + 1];
	struct x509_info info;
	struct ec_public own;

	if (x509_inspect(slice_of(id->certificate), &info, e))
		return err_in(e, "the certificate");
	ec_public_of(key, &own);
	hex_format((struct slice){ id->device.bytes, DEVICE_ID_LEN }, hex);
	if (info.is_ca || !ec_public_equal(&info.public_key, &own) ||
	    strcmp(info.common_name, hex) != 0)
		return err_set(e, ERR_UNTRUSTED,
			       "the server's certificate is not for this "
			       "device's key");
	return 0;
}

static void fill_request(const struct message_enrol *m, struct wire_enrol *to)
{
	to->asks = m->asks;
	memcpy(to->claim, m->claim, sizeof(to->claim));
	memcpy(to->product, m->product, sizeof(to->product));
	memcpy(to->model, m->model, sizeof(to->model));
	to->root = m->root;
}

static int converse(const struct enroll_setup *setup,
		    const struct device_keys *keys, struct channel *source,
		    const struct message_enrol *m, struct wire_identity *id,
		    struct err *e)
{
	struct wire_enrol request = { 0 };
	struct ec_private *key = NULL;
	int rc = -1;

	fill_request(m, &request);
	if (identity_key(keys, &key, e) ||
	    get_nonce(source, request.nonce, e) ||
	    add_request(&request, key, e) ||
	    add_decrypt_key(&request, keys, key, e) ||
	    add_proof(&request, key, e) ||
	    ask(setup, source, &request, key, id, e) ||
	    check_identity(id, key, e))
		goto out;
	rc = identity_store(setup->state_fd, id, e);
out:
	mem_wipe(&request, sizeof(request));
	ec_free(key);
	return rc;
}

/* ---- by file ------------------------------------------------------------- */

/* Nobody gives us a nonce; the officer compares what is made of ours. */
static int write_request(const struct enroll_setup *setup,
			 const struct device_keys *keys,
			 const struct message_enrol *m, struct err *e)
{
	struct buf body = BUF_INIT(WIRE_BODY_MAX);
	struct wire_enrol request = { 0 };
	struct ec_private *key = NULL;
	struct err shown = { 0 };
	int rc = -1;

	fill_request(m, &request);
	letter_draw_nonce(&request);
	if (identity_key(keys, &key, e) == 0 &&
	    add_request(&request, key, e) == 0 &&
	    add_decrypt_key(&request, keys, key, e) == 0 &&
	    add_proof(&request, key, e) == 0 &&
	    wire_format_enrol(&request, &body, e) == 0 &&
	    fs_write(setup->request_fd, buf_slice(&body), e) == 0 &&
	    fs_sync(setup->request_fd, e) == 0)
		rc = 0;
	/* The code is kept; that it waits is said by who asked. */
	if (rc == 0 &&
	    keep_waiting(setup->state_fd, key, &request, request.nonce,
			 &shown) &&
	    shown.code != ERR_BUSY) {
		*e = shown;
		rc = -1;
	}
	ec_free(key);
	buf_done(&body);
	return rc;
}

static int read_all(int fd, size_t max, struct buf *out, struct err *e)
{
	uint8_t *room = buf_reserve(out, max, e);
	size_t got;

	if (!room || fs_read(fd, room, max, &got, e))
		return -1;
	out->len += got;
	return 0;
}

static int read_response(const struct enroll_setup *setup,
			 const struct device_keys *keys, int64_t now,
			 struct wire_identity *id, struct err *e)
{
	struct buf text = BUF_INIT(LETTER_MAX);
	struct buf cas = BUF_INIT(CAS_MAX);
	struct ec_private *key = NULL, *decrypt = NULL;
	int rc = -1;

	/* Let in is what it asked with: both keys. */
	if (read_all(setup->response_fd, LETTER_MAX, &text, e) == 0 &&
	    read_all(setup->ca_fd, CAS_MAX, &cas, e) == 0 &&
	    letter_open(buf_slice(&text), buf_slice(&cas), now, id, e) == 0 &&
	    identity_key(keys, &key, e) == 0 &&
	    check_identity(id, key, e) == 0 &&
	    identity_open_decrypt_key(keys, &decrypt, e) == 0)
		rc = identity_store(setup->state_fd, id, e);
	ec_free(decrypt);
	ec_free(key);
	buf_done(&text);
	buf_done(&cas);
	return rc;
}

static int handle(const struct enroll_setup *setup, struct channel *source,
		  const struct message *m, struct message *answer,
		  struct err *e)
{
	struct channel token = CHANNEL_INIT;
	const struct device_keys keys =
		device_keys_at(setup->state_fd, setup->token_fd, &token);
	struct wire_identity id = { 0 };
	int rc;

	if (m->kind != MESSAGE_ENROL)
		return err_set(e, ERR_REFUSED,
			       "message %d is not for enrolling", m->kind);
	if (setup->request_fd >= 0) {
		*answer = (struct message){ .kind = MESSAGE_DONE };
		rc = write_request(setup, &keys, &m->enrol, e);
	} else if (setup->response_fd >= 0) {
		rc = read_response(setup, &keys, m->enrol.clock, &id, e);
	} else {
		rc = converse(setup, &keys, source, &m->enrol, &id, e);
	}
	ipc_close(&token);
	if (rc || setup->request_fd >= 0)
		return rc;
	*answer = (struct message){ .kind = MESSAGE_IDENTITY };
	answer->identity.device = id.device;
	memcpy(answer->identity.cohort, id.cohort,
	       sizeof(answer->identity.cohort));
	return 0;
}

void enroll_run(void *ctx, struct channel *control)
{
	const struct enroll_setup *setup = ctx;
	const struct confine c = { .writes = { setup->state_fd } };
	struct channel source = CHANNEL_INIT;
	struct message m, answer = { 0 };
	struct err failure = { 0 };
	int rc;

	source.fd = setup->source_fd;
	if (ipc_receive(control, IPC_FOREVER, &m, &failure))
		return;
	rc = confine_enter(&c, &failure);
	if (rc == 0)
		rc = handle(setup, &source, &m, &answer, &failure);
	mem_wipe(&m, sizeof(m));
	/* If the other end is gone there is nobody left to tell. */
	if (rc ? ipc_answer(control, rc, 0, &failure, &failure)
	       : ipc_send(control, &answer, &failure))
		return;
	ipc_close(&source);
}
