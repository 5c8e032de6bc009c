/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal: a device that is registered goes on with a new key. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/pem.h"
#include "common/x509.h"

#include "update-server/api.h"
#include "update-server/store_renew.h"

/* Devices ask from 2/3 of a life on; their clocks need not be ours. */
static int check_age(const struct x509_info *now_held, int64_t now,
		     struct err *e)
{
	int64_t life = now_held->not_after - now_held->not_before;

	if (now >= now_held->not_before + life / 2)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "this certificate is too new to be renewed");
}

static int new_key(const struct wire_renew *m, struct sha256 *spki,
		   struct err *e)
{
	struct ec_public key;

	if (x509_request_key(slice_of(m->csr), &key, e))
		return err_in(e, "certificate request");
	ec_public_fingerprint(&key, spki);
	return 0;
}

/* The old key has signed the new one. The keeper looks again; here it keeps
 * strangers from moving a device into quarantine. */
static int check_proof(const struct wire_renew *m, const struct x509_info *old,
		       struct err *e)
{
	struct buf message = BUF_INIT(256);
	struct ec_public key;
	int rc = -1;

	if (x509_request_key(slice_of(m->csr), &key, e) == 0 &&
	    wire_renew_message(&old->fingerprint, &key, &message, e) == 0)
		rc = ec_verify(&old->public_key, buf_slice(&message),
			       (struct slice){ m->proof, m->proof_len }, e);
	buf_done(&message);
	return rc ? err_in(e, "proof by the old key") : 0;
}

/* What is sealed to the device stays readable: only who vouches changes. That
 * it is the same key, the store looks at. */
static int check_decrypt(const struct wire_renew *m, struct err *e)
{
	struct ec_public key;

	if (x509_request_key(slice_of(m->csr), &key, e))
		return -1;
	return decrypt_key_check(&m->decrypt, &key, e);
}

static int have_made(struct server_api *api, const struct wire_renew *m,
		     const struct store_device *d, struct store_renewal *r,
		     struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	struct x509_info info;
	int rc = -1;

	q->op = KEEPER_RENEW;
	q->renew = *m;
	memcpy(q->certificate, d->certificate, sizeof(q->certificate));
	if (keeper_ask(api->keeper, q, a, e) == 0 &&
	    x509_inspect(slice_of(a->certificate), &info, e) == 0) {
		r->fingerprint = info.fingerprint;
		memcpy(r->certificate, a->certificate, sizeof(r->certificate));
		rc = 0;
	}
	free(q);
	free(a);
	return rc;
}

static int renew(struct server_api *api, const struct wire_renew *m,
		 const struct store_device *d, struct store_renewal *r,
		 struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_DEVICE,
				     .device = d->facts.id,
				     .now = utc_now() };
	struct x509_info old;
	bool again = false;

	r->device = d->facts.id;
	r->from = d->fingerprint;
	r->decrypt = m->decrypt;
	if (x509_inspect(slice_of(d->certificate), &old, e) ||
	    check_age(&old, by.now, e) || new_key(m, &r->spki, e) ||
	    check_proof(m, &old, e) || check_decrypt(m, e) ||
	    store_renew_check(api->store, r, &by, &again, e))
		return -1;
	/* The answer was lost on its way: the same one again. */
	if (again)
		return 0;
	if (have_made(api, m, d, r, e))
		return -1;
	return store_renew(api->store, r, &by, e);
}

static int answer_identity(const struct store_device *d,
			   const struct store_renewal *r, struct response *a,
			   struct err *e)
{
	struct wire_identity *m = mem_alloc(1, sizeof(*m));
	int rc;

	m->device = d->facts.id;
	memcpy(m->cohort, d->facts.cohort, sizeof(m->cohort));
	memcpy(m->certificate, r->certificate, sizeof(m->certificate));
	rc = wire_format_identity(m, &a->body, e);
	free(m);
	return rc;
}

/* Since a log was replayed, some are known by their fingerprint alone. */
static int learn_certificate(struct server_api *api, const struct peer *peer,
			     struct store_device *d, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN - 1);
	int rc = -1;

	if (d->certificate[0])
		return 0;
	if (pem_format("CERTIFICATE", peer->certificate, &pem, e) == 0 &&
	    store_device_certify(api->store, &peer->fingerprint, buf_text(&pem),
				 e) == 0)
		rc = store_device_find(api->store, &d->facts.id, d, e);
	buf_done(&pem);
	return rc;
}

int api_renew(struct server_api *api, const struct request *q,
	      struct response *a, struct err *e)
{
	struct wire_renew *m = mem_alloc(1, sizeof(*m));
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct store_renewal *r = mem_alloc(1, sizeof(*r));
	struct device_id id;
	int rc = -1;

	if (wire_parse_renew(q->body, m, e) || api_device_id(q, &id, e) ||
	    store_device_find(api->store, &id, d, e) ||
	    learn_certificate(api, q->peer, d, e))
		goto out;
	if (renew(api, m, d, r, e)) {
		log_event(LOG_WARNING, "renewal-refused", "id=%s why=%s",
			  q->peer->id, e->msg);
		goto out;
	}
	log_event(LOG_INFO, "device-renewed", "id=%s", q->peer->id);
	rc = answer_identity(d, r, a, e);
out:
	free(m);
	free(d);
	free(r);
	return rc;
}

/* That this request was let in is all that there is to say: with it the new
 * certificate has taken the old one's place. */
int api_renewed(struct server_api *api, const struct request *q,
		struct response *a, struct err *e)
{
	static const char *const known[] = { "v", NULL };
	struct json *j;

	(void)api;
	if (api_body(q, known, &j, e))
		return -1;
	json_free(j);
	return response_json(a, 200, api_answer(), e);
}
