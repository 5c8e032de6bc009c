/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restore: a device whose certificate the registry does not know shows
 * its renewals. Whom they lead back to what is known here is known again; the
 * others wait for a person.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/pem.h"

#include "update-server/api.h"
#include "update-server/lineage.h"
#include "update-server/store_return.h"

/* What the connection showed, and what was sent on it. */
struct shown {
	struct x509_info info;
	struct wire_readopt chain;
	char certificate[X509_PEM_MAX_LEN];
	struct store_return r;
};

static int check_open(struct server_api *api, struct err *e)
{
	int64_t since;

	if (api->behind)
		return err_set(e, ERR_REFUSED,
			       "this server was restored from a backup and "
			       "lacks a part of its log: ask again later");
	if (store_readopt_since(api->store, &since, e))
		return -1;
	return since ? 0
		     : err_set(e, ERR_REFUSED,
			       "this certificate is not (or no longer) "
			       "registered here");
}

static int read_shown(const struct request *q, struct shown *s, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN - 1);
	int rc = -1;

	if (wire_parse_readopt(q->body, &s->chain, e) ||
	    x509_inspect(q->peer->certificate, &s->info, e) ||
	    hex_parse(slice_of(s->info.common_name), s->r.id.bytes,
		      DEVICE_ID_LEN, e))
		goto out;
	if (s->chain.has_decrypt &&
	    decrypt_key_check(&s->chain.decrypt, &s->info.public_key, e))
		goto out;
	if (pem_format("CERTIFICATE", q->peer->certificate, &pem, e) == 0)
		rc = text_format(s->certificate, sizeof(s->certificate), e,
				 "%s", buf_text(&pem));
	s->r.chain = &s->chain;
	s->r.certificate = s->certificate;
	s->r.fingerprint = s->info.fingerprint;
	ec_public_fingerprint(&s->info.public_key, &s->r.spki);
out:
	buf_done(&pem);
	return rc;
}

static int wait_for_person(struct server_api *api, const struct request *q,
			   const struct shown *s, struct wire_readopted *out,
			   struct err *e)
{
	struct unknown one;
	bool first;

	if (unknowns_ask(api->unknowns, q->peer->certificate, utc_now(), &one,
			 &first, e))
		return -1;
	memcpy(out->nonce, one.nonce, sizeof(out->nonce));
	if (first)
		log_event(LOG_WARNING, "device-waits-for-readopt",
			  "id=%s code=%s hint=\"device unknown, device "
			  "readopt\"",
			  s->info.common_name, one.code);
	return 0;
}

static int judge(struct server_api *api, const struct request *q,
		 struct shown *s, struct wire_readopted *out, struct err *e)
{
	const struct audit_by by = { .kind = AUDIT_DEVICE,
				     .device = s->r.id,
				     .now = utc_now() };
	enum store_origin origin;

	if (store_return_find(api->store, &s->r, &origin, e))
		return -1;
	if (origin == ORIGIN_UNKNOWN)
		return wait_for_person(api, q, s, out, e);
	if (lineage_check(&s->chain, s->r.from, &s->info.public_key, e))
		return -1;
	if (origin == ORIGIN_FORKED) {
		if (store_return_fork(api->store, &s->r, &by, e))
			return -1;
		return err_set(e, ERR_REFUSED,
			       "another key was accepted for this device: it "
			       "is in quarantine now");
	}
	if (store_return(api->store, &s->r, &by, e))
		return -1;
	out->known = true;
	log_event(LOG_INFO, "device-returned", "id=%s renewals=%zu",
		  s->info.common_name, s->chain.count - s->r.from);
	return 0;
}

static int ask(struct server_api *api, const struct request *q,
	       struct wire_readopted *out, struct err *e)
{
	struct shown *s = mem_alloc(1, sizeof(*s));
	int rc = -1;

	if (read_shown(q, s, e) == 0)
		rc = judge(api, q, s, out, e);
	if (rc)
		log_event(LOG_WARNING, "return-refused", "id=%s why=%s",
			  s->info.common_name, e->msg);
	free(s);
	return rc;
}

int api_return(struct server_api *api, const struct request *q,
	       struct response *a, struct err *e)
{
	/* Whoever is registered is known. */
	struct wire_readopted m = { .known = q->peer->id[0] != 0 };

	if (!m.known && (check_open(api, e) || ask(api, q, &m, e)))
		return -1;
	return wire_format_readopted(&m, &a->body, e);
}
