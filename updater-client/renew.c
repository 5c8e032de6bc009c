/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/renew.h"

#include <stdlib.h>
#include <string.h>

#include "common/claim.h"
#include "common/mem.h"
#include "updater-client/confine.h"
#include "updater-client/identity.h"
#include "updater-client/source.h"

struct keys {
	struct ec_private *present, *next;
	struct x509_info certificate; /* the present one */
};

static int load_keys(const struct device_keys *from, struct keys *k,
		     struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN);
	int rc = -1;

	if (identity_begin(from, &k->present, &pem, &k->next, e) == 0)
		rc = x509_inspect(buf_slice(&pem), &k->certificate, e);
	buf_done(&pem);
	return rc;
}

static int add_request(struct wire_renew *m, const struct ec_private *key,
		       struct err *e)
{
	struct buf csr = BUF_INIT(sizeof(m->csr) - 1);
	int rc = -1;

	if (x509_request(key, "pawl device", &csr, e) == 0)
		rc = text_format(m->csr, sizeof(m->csr), e, "%s",
				 buf_text(&csr));
	buf_done(&csr);
	return rc;
}

static int add_proof(struct wire_renew *m, const struct keys *k, struct err *e)
{
	struct buf proof = BUF_INIT(sizeof(m->proof));
	struct buf message = BUF_INIT(256);
	struct ec_public next;
	int rc = -1;

	ec_public_of(k->next, &next);
	if (wire_renew_message(&k->certificate.fingerprint, &next, &message,
			       e) == 0 &&
	    ec_sign(k->present, buf_slice(&message), &proof, e) == 0) {
		memcpy(m->proof, proof.ptr, proof.len);
		m->proof_len = proof.len;
		rc = 0;
	}
	buf_done(&message);
	buf_done(&proof);
	return rc;
}

/* Content keys stay sealed to the same key; the identity vouches for it. */
static int add_decrypt_key(struct decrypt_key *out,
			   const struct device_keys *keys,
			   const struct ec_private *by, struct err *e)
{
	struct ec_private *decrypt = NULL;
	struct ec_public public_key;
	int rc = -1;

	if (identity_open_decrypt_key(keys, &decrypt, e) == 0) {
		ec_public_of(decrypt, &public_key);
		rc = decrypt_key_prove(by, &public_key, out, e);
	}
	ec_free(decrypt);
	return rc;
}

static int ask(struct channel *source, const struct wire_renew *m,
	       struct wire_identity *out, struct err *e)
{
	struct buf body = BUF_INIT(WIRE_BODY_MAX);
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	int rc = -1;

	if (wire_format_renew(m, &body, e) == 0 &&
	    source_post(source, ROUTE_RENEW, buf_slice(&body), &got, e) == 0)
		rc = wire_parse_identity(buf_slice(&got), out, e);
	buf_done(&body);
	buf_done(&got);
	return rc;
}

/* A certificate for the next key, in the name that this device has. */
static int check_identity(const struct wire_identity *id, const struct keys *k,
			  struct err *e)
{
	struct x509_info info;
	struct ec_public next;

	if (x509_inspect(slice_of(id->certificate), &info, e))
		return err_in(e, "the next certificate");
	ec_public_of(k->next, &next);
	if (info.is_ca || !ec_public_equal(&info.public_key, &next) ||
	    strcmp(info.common_name, k->certificate.common_name) != 0)
		return err_set(e, ERR_UNTRUSTED,
			       "the server's certificate is not for this "
			       "device's next key");
	return 0;
}

static int renew(const struct device_keys *keys, struct channel *source,
		 struct err *e)
{
	struct wire_identity id = { 0 };
	struct wire_renew m = { 0 };
	struct keys k = { 0 };
	int rc = -1;

	if (load_keys(keys, &k, e) == 0 && add_request(&m, k.next, e) == 0 &&
	    add_proof(&m, &k, e) == 0 &&
	    add_decrypt_key(&m.decrypt, keys, k.next, e) == 0 &&
	    ask(source, &m, &id, e) == 0 && check_identity(&id, &k, e) == 0)
		rc = identity_store_next(keys->state_fd, id.certificate, e);
	ec_free(k.present);
	ec_free(k.next);
	return rc;
}

/* ---- the chain of renewals ----------------------------------------------- */

/* Whatever lies there and is no chain proves nothing: one begins anew. */
static int load_chain(int state_fd, struct wire_readopt *out, struct err *e)
{
	if (identity_load_chain(state_fd, out, e) == 0)
		return 0;
	return e->code == ERR_NOT_FOUND || e->code == ERR_FORMAT ||
			       e->code == ERR_LIMIT
		       ? 0
		       : -1;
}

static struct wire_link *new_link(struct wire_readopt *chain)
{
	if (chain->count == WIRE_LINKS_MAX) {
		chain->count--;
		memmove(&chain->links[0], &chain->links[1],
			chain->count * sizeof(chain->links[0]));
	}
	return &chain->links[chain->count++];
}

/* A server that has lost this renewal can follow it by what the old key signs
 * here, which is about to be deleted. */
static int extend_chain(const struct device_keys *keys, struct err *e)
{
	struct wire_readopt *chain = mem_alloc(1, sizeof(*chain));
	struct wire_renew m = { 0 };
	struct wire_link *link;
	struct keys k = { 0 };
	int rc = -1;

	if (load_keys(keys, &k, e) || add_proof(&m, &k, e) ||
	    load_chain(keys->state_fd, chain, e))
		goto out;
	link = new_link(chain);
	link->certificate = k.certificate.fingerprint;
	link->key = k.certificate.public_key;
	memcpy(link->proof, m.proof, sizeof(link->proof));
	link->proof_len = m.proof_len;
	rc = identity_store_chain(keys->state_fd, chain, e);
out:
	ec_free(k.present);
	ec_free(k.next);
	free(chain);
	return rc;
}

/* What an officer compares is made with the key that this connection proves. */
static int take_answer(int state_fd, const struct keys *k,
		       const struct wire_readopted *m, struct err *e)
{
	char code[CLAIM_JOIN_LEN + 1];

	if (m->known)
		return identity_drop_code(state_fd, e);
	claim_join_code(&k->certificate.public_key, m->nonce, NULL, code);
	return identity_store_code(state_fd, code, e);
}

static int readopt(const struct device_keys *keys, struct channel *source,
		   uint64_t *waits, struct err *e)
{
	struct wire_readopt *chain = mem_alloc(1, sizeof(*chain));
	struct buf body = BUF_INIT(WIRE_BODY_MAX);
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	struct wire_readopted m = { 0 };
	struct keys k = { 0 };
	int rc = -1;

	if (load_keys(keys, &k, e) || load_chain(keys->state_fd, chain, e) ||
	    add_decrypt_key(&chain->decrypt, keys, k.present, e))
		goto out;
	chain->has_decrypt = true;
	if (wire_format_readopt(chain, &body, e) == 0 &&
	    source_post(source, ROUTE_READOPT, buf_slice(&body), &got, e) ==
		    0 &&
	    wire_parse_readopted(buf_slice(&got), &m, e) == 0)
		rc = take_answer(keys->state_fd, &k, &m, e);
	*waits = m.known ? 0 : 1;
out:
	ec_free(k.present);
	ec_free(k.next);
	free(chain);
	buf_done(&body);
	buf_done(&got);
	return rc;
}

/* ---- the process --------------------------------------------------------- */

/* Any answer but a refusal shows that the server takes the next one. */
static int confirm(const struct device_keys *keys, struct channel *source,
		   struct err *e)
{
	struct buf got = BUF_INIT(WIRE_BODY_MAX);
	int rc = -1;

	if (source_post(source, ROUTE_RENEWED, slice_of("{\"v\":1}"), &got,
			e) == 0 &&
	    extend_chain(keys, e) == 0)
		rc = identity_promote(keys, e);
	buf_done(&got);
	return rc;
}

struct peers {
	struct channel present, next;
};

static int handle(const struct device_keys *keys, struct peers *to,
		  const struct message *m, uint64_t *count, struct err *e)
{
	if (m->kind == MESSAGE_RENEW)
		return renew(keys, &to->present, e);
	if (m->kind == MESSAGE_RENEWED)
		return confirm(keys, &to->next, e);
	if (m->kind == MESSAGE_READOPT)
		return readopt(keys, &to->present, count, e);
	return err_set(e, ERR_REFUSED, "message %d is not for renewal",
		       m->kind);
}

void renew_run(void *ctx, struct channel *control)
{
	const struct renew_setup *setup = ctx;
	const struct confine c = { .writes = { setup->state_fd } };
	struct peers to = { CHANNEL_INIT, CHANNEL_INIT };
	struct channel token = CHANNEL_INIT;
	const struct device_keys keys =
		device_keys_at(setup->state_fd, setup->token_fd, &token);
	struct err failure = { 0 };
	uint64_t count = 0;
	struct message m;
	int rc;

	to.present.fd = setup->present_fd;
	to.next.fd = setup->next_fd;
	for (bool confined = false;
	     ipc_receive(control, IPC_FOREVER, &m, &failure) == 0;) {
		rc = confined ? 0 : confine_enter(&c, &failure);
		confined = rc == 0;
		if (rc == 0)
			rc = handle(&keys, &to, &m, &count, &failure);
		if (ipc_answer(control, rc, count, &failure, &failure))
			break;
	}
	ipc_close(&to.present);
	ipc_close(&to.next);
	ipc_close(&token);
}
