/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper_office.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/example_keys.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/random.h"

#include "update-server/keeper_log.h"
#include "update-server/keeper_metadata.h"
#include "update-server/keeper_people.h"
#include "update-server/keeper_registry.h"

#define CLOCK_SLACK 3600 /* a device's clock may be behind ours */
#define LEDGER_FILE "keeper/ledger"

/* How many may come, in thousandths of one, and how many a minute. */
struct bucket {
	uint64_t tokens, rate;
	int64_t filled;
};

struct keeper_office {
	struct keeper_setup setup;
	char *ca_pem;
	struct slice issuer; /* of ca_pem the first: its key is ours */
	struct keeper_metadata metadata;
	struct keeper_log log;
	struct keeper_seal seal;
	struct keeper_people *people; /* as they were read last */
	struct keeper_registry *registry;
	struct ledger *ledger;
	struct bucket certificates, warrants;
};

/* ---- life ---------------------------------------------------------------- */

static int take_record(void *ctx, const struct json *record, struct err *e)
{
	struct keeper_office *o = ctx;

	return keeper_registry_take(o->registry, record, e);
}

static int open_memory(struct keeper_office *o, struct err *e)
{
	const struct ledger_reader reader = { take_record, o,
					      o->log.last.ledger };

	if (!o->setup.ledger)
		return 0;
	o->registry = keeper_registry_new();
	o->people = mem_alloc(1, sizeof(*o->people));
	return keeper_seal_of(o->setup.ledger, &o->seal, e) ||
			       keeper_people_load(o->setup.dirfd, &o->seal,
						  o->people, e) ||
			       ledger_open(o->setup.dirfd, LEDGER_FILE,
					   o->seal.ledger, &reader, &o->ledger,
					   e)
		       ? -1
		       : 0;
}

/* An office for the log alone has no CA. */
static int find_issuer(struct keeper_office *o, struct err *e)
{
	struct slice cas = slice_of(o->ca_pem);
	struct ec_public key;
	struct x509_info info;

	if (!o->setup.ca)
		return 0;
	if (!x509_next(&cas, &o->issuer))
		return err_set(e, ERR_CONFIG, "device CA: no certificate");
	if (x509_inspect(o->issuer, &info, e))
		return err_in(e, "device CA");
	ec_public_of(o->setup.ca, &key);
	return ec_public_equal(&key, &info.public_key)
		       ? 0
		       : err_set(e, ERR_CONFIG,
				 "the device CA's key is not that of the "
				 "first certificate in its file: bring both "
				 "back from one copy of keys/");
}

int keeper_office_open(const struct keeper_setup *setup,
		       struct keeper_office **out, struct err *e)
{
	struct keeper_office *o = mem_alloc(1, sizeof(*o));

	o->setup = *setup;
	o->ca_pem = mem_dup_str(setup->ca_pem);
	o->setup.ca_pem = o->ca_pem;
	o->certificates = (struct bucket){ .rate = setup->enrol_rate };
	o->warrants = (struct bucket){ .rate = KEEPER_WARRANT_RATE };
	o->metadata = (struct keeper_metadata){
		.dirfd = setup->dirfd,
		.environment = setup->environment,
		.online = setup->online,
	};
	o->log =
		(struct keeper_log){ .dirfd = setup->dirfd, .key = setup->log };
	if (find_issuer(o, e) || keeper_metadata_open(&o->metadata, e) ||
	    keeper_log_open(&o->log, e) || open_memory(o, e)) {
		keeper_office_close(o);
		return -1;
	}
	*out = o;
	return 0;
}

void keeper_office_close(struct keeper_office *o)
{
	if (!o)
		return;
	ec_free(o->setup.ca);
	ec_free(o->setup.online);
	ec_free(o->setup.log);
	ec_free(o->setup.ledger);
	ledger_close(o->ledger);
	keeper_registry_free(o->registry);
	free(o->people);
	mem_wipe(&o->seal, sizeof(o->seal));
	free(o->ca_pem);
	free(o);
}

/* ---- enrol --------------------------------------------------------------- */

static int take_token(struct bucket *b, int64_t now, const char *what,
		      struct err *e)
{
	const uint64_t full = b->rate * 1000;
	int64_t passed = now - b->filled;

	if (b->filled == 0 || passed > 60)
		passed = 60;
	if (passed > 0) {
		b->tokens += (uint64_t)passed * full / 60;
		b->filled = now;
	}
	if (b->tokens > full)
		b->tokens = full;
	if (b->tokens < 1000)
		return err_set(e, ERR_BUSY,
			       "too many %s just now: try again later", what);
	b->tokens -= 1000;
	return 0;
}

/* On the disk before anybody hears of it. */
static int write_down(struct keeper_office *o, struct json *record,
		      struct err *e)
{
	int rc = ledger_append(o->ledger, record, e);

	/* It was judged before it was written: it is what would be read. */
	if (rc == 0) {
		rc = keeper_registry_take(o->registry, record, e);
		assert(rc == 0);
	}
	json_free(record);
	return rc;
}

/* A certificate of our template, in the ledger. */
static int issue(struct keeper_office *o, const struct ec_public *key,
		 struct keeper_issue *i, struct keeper_answer *a, struct err *e)
{
	struct buf pem = BUF_INIT(sizeof(a->certificate) - 1);
	char name[2 * DEVICE_ID_LEN + 1];
	struct x509_template t = {
		.kind = X509_DEVICE,
		.common_name = name,
		.not_before = i->now - CLOCK_SLACK,
		.not_after = i->now + (int64_t)o->setup.device_days * UTC_DAY,
	};
	struct x509_info info;
	int rc = -1;

	hex_format((struct slice){ i->device.bytes, DEVICE_ID_LEN }, name);
	if (x509_issue(&t, key, o->issuer, o->setup.ca, &pem, e) ||
	    x509_inspect(buf_slice(&pem), &info, e))
		goto out;
	i->certificate = info.fingerprint;
	if (write_down(o, keeper_registry_issue(i), e))
		goto out;
	a->device = i->device;
	memcpy(a->certificate, buf_text(&pem), pem.len + 1);
	rc = 0;
out:
	buf_done(&pem);
	return rc;
}

static int admit(struct keeper_office *o, const struct keeper_request *q,
		 struct keeper_issue *i, struct err *e)
{
	struct keeper_ask ask = { .key = i->key,
				  .place = &q->place,
				  .product = q->enrol.product,
				  .model = q->enrol.model,
				  .four_eyes = o->setup.four_eyes,
				  .now = i->now };
	struct sha256 claim;
	bool again;

	if (!q->enrol.asks) {
		sha256_of((struct slice){ q->enrol.claim, WIRE_CLAIM_LEN },
			  &claim);
		ask.claim = &claim;
		i->place = &q->place;
	}
	if (keeper_registry_admit(o->registry, &ask, &again, &i->device, e))
		return -1;
	if (!again)
		random_bytes(i->device.bytes, DEVICE_ID_LEN);
	return 0;
}

static int enrol(struct keeper_office *o, const struct keeper_request *q,
		 int64_t now, struct keeper_answer *a, struct err *e)
{
	const struct wire_enrol *m = &q->enrol;
	struct keeper_issue i = { .now = now };
	struct ec_public key;

	if (take_token(&o->certificates, now, "enrolments", e) ||
	    wire_enrol_check(m, &key, e) ||
	    key_check_allowed(&key, o->setup.environment, e) ||
	    key_check_allowed(&m->decrypt.key, o->setup.environment, e))
		return -1;
	ec_public_fingerprint(&key, &i.key);
	return admit(o, q, &i, e) || issue(o, &key, &i, a, e) ? -1 : 0;
}

/* The list as the installer left it, unless it is older than what we knew. */
static int read_people(struct keeper_office *o, struct err *e)
{
	struct keeper_people *now = mem_alloc(1, sizeof(*now));
	int rc = keeper_people_load(o->setup.dirfd, &o->seal, now, e);

	if (rc == 0 && now->version < o->people->version)
		rc = err_set(e, ERR_ROLLBACK,
			     "keeper/people.json: an older one than before");
	if (rc == 0)
		*o->people = *now;
	free(now);
	return rc;
}

/* What an officer signed for a test server, or one that fell into other hands,
 * is nobody's word here. */
static int check_server(const struct keeper_office *o, const struct warrant *w,
			struct err *e)
{
	for (size_t i = 0; w->bound && i < o->setup.server_count; i++)
		if (sha256_equal(&o->setup.servers[i], &w->server))
			return 0;
	return err_set(e, ERR_REFUSED,
		       "what was signed (warrant) is for another server: "
		       "[server] ca of operator.conf begins with this server's "
		       "ca.pem");
}

static int take_warrant(struct keeper_office *o, const struct keeper_request *q,
			int64_t now, struct err *e)
{
	struct json *record;
	struct ec_public key;
	struct warrant w;
	bool known;

	if (warrant_parse(slice_of(q->warrant), &w, e) || read_people(o, e) ||
	    keeper_people_check(o->people, &w.by, "officer", now, &key, e) ||
	    warrant_verify(slice_of(q->warrant), &key, e) ||
	    check_server(o, &w, e) ||
	    keeper_registry_judge(o->registry, &w, now, &known, e))
		return -1;
	if (known)
		return 0;
	/* What is written down stays: nobody fills the disk. An end, of which
	 * each device has one, never waits. */
	if (w.act != WARRANT_END &&
	    take_token(&o->warrants, now, "warrants", e))
		return -1;
	return keeper_registry_warrant(slice_of(q->warrant), now, &record, e) ||
			       write_down(o, record, e)
		       ? -1
		       : 0;
}

/*
 * The device's own next key: asked for by itself, approved by the key of its
 * certificate, which must be one of ours, be it of a CA before that one has
 * ended. That this may have expired is the one thing forgiven: whether the
 * device was ended, not the calendar, decides.
 */
static int proven_next(const struct keeper_office *o,
		       const struct keeper_request *q, int64_t now,
		       struct x509_info *old, struct ec_public *key,
		       struct err *e)
{
	struct buf message = BUF_INIT(256);
	struct slice proof = { q->renew.proof, q->renew.proof_len };
	int rc = -1;

	if (x509_verify_by_any(slice_of(q->certificate), slice_of(o->ca_pem),
			       X509_DEVICE, now, true, e) ||
	    x509_inspect(slice_of(q->certificate), old, e)) {
		err_in(e, "the certificate to be renewed");
		goto out;
	}
	if (x509_request_key(slice_of(q->renew.csr), key, e)) {
		err_in(e, "certificate request");
		goto out;
	}
	if (wire_renew_message(&old->fingerprint, key, &message, e) ||
	    ec_verify(&old->public_key, buf_slice(&message), proof, e)) {
		err_in(e, "proof by the old key");
		goto out;
	}
	rc = 0;
out:
	buf_done(&message);
	return rc;
}

static int renew(struct keeper_office *o, const struct keeper_request *q,
		 int64_t now, struct keeper_answer *a, struct err *e)
{
	struct keeper_issue i = { .now = now };
	struct x509_info old;
	struct ec_public key;

	if (take_token(&o->certificates, now, "enrolments", e) ||
	    proven_next(o, q, now, &old, &key, e) ||
	    key_check_allowed(&key, o->setup.environment, e) ||
	    hex_parse(slice_of(old.common_name), i.device.bytes, DEVICE_ID_LEN,
		      e) ||
	    keeper_registry_check(o->registry, &i.device, e))
		return -1;
	ec_public_fingerprint(&key, &i.key);
	i.from = &old.fingerprint;
	return issue(o, &key, &i, a, e);
}

void keeper_office_do(struct keeper_office *o, const struct keeper_request *q,
		      int64_t now, struct keeper_answer *a)
{
	struct err e = { 0 };
	int rc;

	memset(a, 0, sizeof(*a));
	switch (q->op) {
	case KEEPER_ENROL:
		rc = enrol(o, q, now, a, &e);
		break;
	case KEEPER_RENEW:
		rc = renew(o, q, now, a, &e);
		break;
	case KEEPER_WARRANT:
		rc = take_warrant(o, q, now, &e);
		break;
	case KEEPER_HEAD:
		a->head = o->log.last.head;
		if (o->ledger)
			a->ledger_size = ledger_size(o->ledger);
		rc = 0;
		break;
	case KEEPER_CHECKPOINT:
		rc = keeper_log_sign(&o->log, q, o->ledger, now, a, &e);
		break;
	default:
		rc = keeper_metadata_sign(&o->metadata, q, now, a, &e);
		break;
	}
	if (rc)
		a->failure = e;
}
