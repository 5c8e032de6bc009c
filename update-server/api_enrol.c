/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment: a claim code, or an officer's word, and a proven key become a
 * device. */
#include <stdlib.h>
#include <string.h>

#include "common/claim.h"
#include "common/letter.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/x509.h"

#include "update-server/api.h"
#include "update-server/store_waiting.h"

#define JOIN_RETRY_SEC 10

int api_nonce(struct server_api *api, const struct request *q,
	      struct response *a, struct err *e)
{
	struct wire_nonce nonce;

	(void)api;
	if (!slice_equal(q->body, slice_of("{}")))
		return err_set(e, ERR_FORMAT, "want {}");
	random_bytes(nonce.nonce, sizeof(nonce.nonce));
	memcpy(q->nonce, nonce.nonce, WIRE_NONCE_LEN);
	*q->nonce_valid = true;
	return wire_format_nonce(&nonce, &a->body, e);
}

static int may_guess(struct server_api *api, const struct request *q,
		     struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&api->guessing);
	rc = guesses_may(&api->guesses, &q->peer->whence,
			 api->config->enrol_rate, utc_now(), e);
	(void)pthread_mutex_unlock(&api->guessing);
	return rc;
}

static void count_guess(struct server_api *api, const struct request *q)
{
	(void)pthread_mutex_lock(&api->guessing);
	guesses_count(&api->guesses, &q->peer->whence);
	(void)pthread_mutex_unlock(&api->guessing);
}

/* The nonce is this connection's, and is spent whatever comes of it. */
static int take_nonce(const struct request *q, const struct wire_enrol *m,
		      struct err *e)
{
	bool good = *q->nonce_valid &&
		    memcmp(q->nonce, m->nonce, WIRE_NONCE_LEN) == 0;

	*q->nonce_valid = false;
	if (good)
		return 0;
	return err_set(e, ERR_REFUSED,
		       "ask for a nonce on this connection first");
}

static int check_proof(const struct wire_enrol *m, struct sha256 *spki,
		       struct err *e)
{
	struct ec_public key;

	if (wire_enrol_check(m, &key, e))
		return -1;
	ec_public_fingerprint(&key, spki);
	return 0;
}

/* Have the keeper make a certificate, and register it with the claim, if the
 * device has one. */
static int register_device(struct server_api *api, const struct wire_enrol *m,
			   const struct sha256 *claim, struct store_device *d,
			   struct err *e)
{
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	struct audit_by by = { .kind = AUDIT_DEVICE, .now = utc_now() };
	struct x509_info info;
	int rc = -1;

	q->op = KEEPER_ENROL;
	q->enrol = *m;
	if (claim && store_claim_place(api->store, claim, &q->place, e))
		goto out;
	if (keeper_ask(api->keeper, q, a, e) ||
	    x509_inspect(slice_of(a->certificate), &info, e))
		goto out;
	d->facts.id = a->device;
	d->fingerprint = info.fingerprint;
	memcpy(d->facts.product, m->product, sizeof(m->product));
	memcpy(d->facts.model, m->model, sizeof(m->model));
	memcpy(d->certificate, a->certificate, sizeof(d->certificate));
	by.device = a->device;
	rc = store_enrol(api->store, claim, d, &by, e);
out:
	mem_wipe(q, sizeof(*q));
	free(q);
	free(a);
	return rc;
}

static int admit(struct server_api *api, const struct wire_enrol *m,
		 const struct store_ask *ask, struct store_device *d,
		 struct err *e)
{
	char id[2 * DEVICE_ID_LEN + 1];

	d->spki = ask->spki;
	d->decrypt = m->decrypt;
	if (register_device(api, m, m->asks ? NULL : &ask->claim, d, e))
		return -1;
	hex_format((struct slice){ d->facts.id.bytes, DEVICE_ID_LEN }, id);
	log_event(LOG_INFO, "device-enrolled",
		  "id=%s product=%s model=%s cohort=%s", id, d->facts.product,
		  d->facts.model, d->facts.cohort);
	return 0;
}

/* *again: the answer was lost on its way, and is d. */
static int look(struct server_api *api, const struct wire_enrol *m,
		struct store_ask *ask, bool *again, struct store_device *d,
		struct err *e)
{
	*ask = (struct store_ask){ .product = m->product,
				   .model = m->model,
				   .decrypt = &m->decrypt.key,
				   .claim = store_no_claim,
				   .now = utc_now() };
	if (!m->asks)
		sha256_of((struct slice){ m->claim, WIRE_CLAIM_LEN },
			  &ask->claim);
	return check_proof(m, &ask->spki, e) ||
			       store_enrol_check(api->store, ask, again, d, e)
		       ? -1
		       : 0;
}

static int enrol(struct server_api *api, const struct wire_enrol *m,
		 struct store_device *d, struct err *e)
{
	struct store_ask ask;
	bool again = false;

	if (m->asks)
		return err_set(e, ERR_REFUSED,
			       "a claim code is needed here: /v1/join is for "
			       "those without");
	if (look(api, m, &ask, &again, d, e))
		return -1;
	return again ? 0 : admit(api, m, &ask, d, e);
}

static void identity_of(const struct store_device *d, struct wire_identity *m)
{
	m->device = d->facts.id;
	memcpy(m->cohort, d->facts.cohort, sizeof(m->cohort));
	memcpy(m->certificate, d->certificate, sizeof(m->certificate));
}

static int answer_identity(const struct store_device *d, struct response *a,
			   struct err *e)
{
	struct wire_identity *m = mem_alloc(1, sizeof(*m));
	int rc;

	identity_of(d, m);
	rc = wire_format_identity(m, &a->body, e);
	free(m);
	return rc;
}

static int read_enrol(struct server_api *api, const struct request *q,
		      struct wire_enrol *m, struct err *e)
{
	/* Claim codes that were used since would be good again. */
	return store_check_whole(api->store, e) || may_guess(api, q, e) ||
			       wire_parse_enrol(q->body, m, e) ||
			       take_nonce(q, m, e)
		       ? -1
		       : 0;
}

int api_enrol(struct server_api *api, const struct request *q,
	      struct response *a, struct err *e)
{
	struct wire_enrol *m = mem_alloc(1, sizeof(*m));
	struct store_device *d = mem_alloc(1, sizeof(*d));
	int rc = -1;

	if (read_enrol(api, q, m, e))
		goto out;
	if (enrol(api, m, d, e)) {
		log_event(LOG_WARNING, "enrolment-refused", "why=%s", e->msg);
		count_guess(api, q);
		meter_count(api->meter, METER_ENROL_REFUSED);
		goto out;
	}
	meter_count(api->meter, METER_ENROLLED);
	rc = answer_identity(d, a, e);
out:
	mem_wipe(m, sizeof(*m));
	free(m);
	free(d);
	return rc;
}

/* ---- without a claim code ------------------------------------------------ */

/* A root that we never published was put there by somebody else. */
static int check_root(struct server_api *api, const struct sha256 *root,
		      struct err *e)
{
	bool may;

	if (store_metadata_root(api->store, root, &may, e))
		return -1;
	return may ? 0
		   : err_set(e, ERR_REFUSED,
			     "this device trusts a root that was not published "
			     "here: import what is published, or suspect the "
			     "device");
}

static int wait_for_officer(struct server_api *api, const struct wire_enrol *m,
			    const struct store_ask *ask, uint64_t max,
			    struct store_waiting *w, struct err *e)
{
	struct ec_public key;

	if (max == 0)
		return err_set(e, ERR_REFUSED,
			       "a device needs a claim code here");
	if (check_root(api, &m->root, e) || wire_enrol_check(m, &key, e))
		return -1;
	w->spki = ask->spki;
	w->key = key;
	memcpy(w->nonce, m->nonce, WIRE_NONCE_LEN);
	memcpy(w->product, m->product, sizeof(w->product));
	memcpy(w->model, m->model, sizeof(w->model));
	w->root = m->root;
	claim_join_code(&key, m->nonce, &m->root, w->code);
	return store_wait(api->store, w, max, ask->now, e);
}

static int join(struct server_api *api, const struct request *q,
		const struct wire_enrol *m, struct store_device *d,
		struct wire_joined *out, struct err *e)
{
	/* What a person carries here has somebody who stands for it. */
	const uint64_t max = q->listener == LISTENER_PEOPLE
				     ? UINT64_MAX
				     : api->config->waiting_max;
	struct store_waiting w = { .state = WAITING_OPEN };
	struct store_ask ask;

	if (!m->asks)
		return err_set(e, ERR_REFUSED,
			       "who has a claim code takes /v1/enrol");
	if (look(api, m, &ask, &out->admitted, d, e))
		return -1;
	if (out->admitted)
		return 0;
	if (wait_for_officer(api, m, &ask, max, &w, e))
		return -1;
	out->admitted = w.state == WAITING_APPROVED;
	out->retry_sec = JOIN_RETRY_SEC;
	memcpy(out->nonce, w.nonce, WIRE_NONCE_LEN);
	if (out->admitted)
		return admit(api, m, &ask, d, e);
	if (w.since == ask.now) {
		count_guess(api, q); /* so that nobody floods the list */
		log_event(LOG_INFO, "device-waits",
			  "code=%s product=%s model=%s", w.code, w.product,
			  w.model);
	}
	return 0;
}

int api_join(struct server_api *api, const struct request *q,
	     struct response *a, struct err *e)
{
	struct wire_enrol *m = mem_alloc(1, sizeof(*m));
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct wire_joined *out = mem_alloc(1, sizeof(*out));
	int rc = -1;

	if (read_enrol(api, q, m, e))
		goto out;
	if (join(api, q, m, d, out, e)) {
		log_event(LOG_WARNING, "join-refused", "why=%s", e->msg);
		count_guess(api, q);
		goto out;
	}
	rc = out->admitted ? answer_identity(d, a, e)
			   : wire_format_joined(out, &a->body, e);
out:
	free(m);
	free(d);
	free(out);
	return rc;
}

/* ---- carried here by an officer -------------------------------------------
 */

static int answer_letter(const struct server_api *api,
			 const struct store_device *d, struct response *a,
			 struct err *e)
{
	struct wire_identity *m = mem_alloc(1, sizeof(*m));
	int rc;

	identity_of(d, m);
	rc = letter_seal(m, api->tls_key, api->tls_certificate, &a->body, e);
	free(m);
	return rc;
}

/*
 * As /v1/join, for a device that has no connection: its nonce is its own, and
 * the proof of its key as old as the file. Who compared the code stands for it.
 */
int api_join_carried(struct server_api *api, const struct request *q,
		     struct response *a, struct err *e)
{
	struct wire_enrol *m = mem_alloc(1, sizeof(*m));
	struct store_device *d = mem_alloc(1, sizeof(*d));
	struct wire_joined *out = mem_alloc(1, sizeof(*out));
	int rc = -1;

	if (store_check_whole(api->store, e) ||
	    wire_parse_enrol(q->body, m, e) || letter_check_nonce(m, e) ||
	    join(api, q, m, d, out, e))
		goto out;
	rc = out->admitted ? answer_letter(api, d, a, e)
			   : wire_format_joined(out, &a->body, e);
out:
	free(m);
	free(d);
	free(out);
	return rc;
}
