/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stolen-server - what somebody can have the keeper do who owns the server
 * process: all its files and memory, the socket to the keeper, and no person's
 * key. It starts the keeper as the server does and tries, in this order:
 *
 *	stolen-server DIR TRY...
 *
 *	code=CODE[:MODEL]  a certificate for a key of his own, by this code
 *	guess=CODE         by a guess in the place of this one, as the store has
 *it ask                by no code at all approve            after an approval
 *in the first officer's name batch              by a code of a batch in the
 *first officer's name people             after having put himself into the list
 *of officers renew=STATE        the next one, with this device's folder
 *	steal=STATE        the same for somebody who has the certificate alone
 *
 * Prints a line for each: "TRY: made <certificate>" or "TRY: <why not>".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/claim.h"
#include "common/fs.h"
#include "common/mem.h"

#include "update-server/keeper.h"
#include "update-server/keeper_people.h"
#include "update-server/store.h"

#define THIEF 1234567

struct thief {
	struct config config;
	int dirfd;
	struct store *store;
	struct keeper *keeper;
	struct ec_private *key; /* fresh for each try */
	struct sha256 officer;
	struct keeper_request q;
	struct keeper_answer a;
};

/* ---- what he makes ------------------------------------------------------- */

static int sign_proof(struct thief *t, struct err *e)
{
	struct buf message = BUF_INIT(512), sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct ec_public own;
	int rc = -1;

	ec_public_of(t->key, &own);
	if (wire_enrol_message(&t->q.enrol, &own, &message, e) == 0 &&
	    ec_sign(t->key, buf_slice(&message), &sig, e) == 0) {
		memcpy(t->q.enrol.proof, sig.ptr, sig.len);
		t->q.enrol.proof_len = sig.len;
		rc = 0;
	}
	buf_done(&message);
	buf_done(&sig);
	return rc;
}

static int request_for(const struct ec_private *key, char *out, struct err *e)
{
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN - 1);
	int rc = x509_request(key, "device", &pem, e);

	if (rc == 0)
		memcpy(out, buf_text(&pem), pem.len + 1);
	buf_done(&pem);
	return rc;
}

/* A whole request for the certificate of a new key; claim NULL: without. */
static int enrol(struct thief *t, const uint8_t *claim, const char *model,
		 struct err *e)
{
	struct ec_private *decrypt = NULL;
	struct ec_public key;
	int rc = -1;

	t->q.op = KEEPER_ENROL;
	t->q.enrol.asks = claim == NULL;
	if (claim)
		memcpy(t->q.enrol.claim, claim, WIRE_CLAIM_LEN);
	if (text_format(t->q.enrol.product, NAME_MAX_LEN + 1, e, "kiosk") ||
	    text_format(t->q.enrol.model, NAME_MAX_LEN + 1, e, "%s", model) ||
	    ec_generate(&decrypt, e) || request_for(t->key, t->q.enrol.csr, e))
		goto out;
	ec_public_of(decrypt, &key);
	if (decrypt_key_prove(t->key, &key, &t->q.enrol.decrypt, e) ||
	    sign_proof(t, e))
		goto out;
	rc = keeper_ask(t->keeper, &t->q, &t->a, e);
out:
	ec_free(decrypt);
	return rc;
}

static int tell(struct thief *t, struct warrant *w, struct err *e)
{
	struct buf text = BUF_INIT(WARRANT_MAX);
	int rc = -1;

	w->by = t->officer;
	w->time = utc_now();
	memset(&t->q, 0, sizeof(t->q));
	t->q.op = KEEPER_WARRANT;
	if (warrant_sign(w, t->key, &text, e) == 0) {
		memcpy(t->q.warrant, buf_text(&text), text.len + 1);
		rc = keeper_ask(t->keeper, &t->q, &t->a, e);
	}
	buf_done(&text);
	memset(&t->q, 0, sizeof(t->q));
	return rc;
}

static struct warrant word(enum warrant_act act)
{
	return (struct warrant){ .act = act,
				 .count = 1,
				 .life = UTC_DAY,
				 .product = "kiosk",
				 .model = "k1",
				 .cohort = "default" };
}

/* ---- what he tries ------------------------------------------------------- */

static int try_code(struct thief *t, const char *text, struct err *e)
{
	const char *model = strchr(text, ':');
	size_t len = model ? (size_t)(model - text) : strlen(text);
	uint8_t claim[WIRE_CLAIM_LEN];
	struct sha256 hash;

	if (claim_parse((struct slice){ (const uint8_t *)text, len }, claim, e))
		return -1;
	sha256_of((struct slice){ claim, sizeof(claim) }, &hash);
	return store_claim_place(t->store, &hash, &t->q.place, e) ||
			       enrol(t, claim, model ? model + 1 : "k1", e)
		       ? -1
		       : 0;
}

/* Places and digests of codes are all that the store has. */
static int try_guess(struct thief *t, const char *text, struct err *e)
{
	uint8_t claim[WIRE_CLAIM_LEN];
	struct sha256 hash;

	if (claim_parse(slice_of(text), claim, e))
		return -1;
	sha256_of((struct slice){ claim, sizeof(claim) }, &hash);
	if (store_claim_place(t->store, &hash, &t->q.place, e))
		return -1;
	return enrol(t, hash.bytes, "k1", e);
}

static int try_asking(struct thief *t, const char *ignored, struct err *e)
{
	(void)ignored;
	return enrol(t, NULL, "k1", e);
}

/* The keeper's word on the warrant is what is looked at; then he asks. */
static int try_approval(struct thief *t, const char *ignored, struct err *e)
{
	struct warrant w = word(WARRANT_APPROVE);
	struct ec_public own;
	struct err asked;

	(void)ignored;
	ec_public_of(t->key, &own);
	ec_public_fingerprint(&own, &w.key);
	if (tell(t, &w, e))
		return enrol(t, NULL, "k1", &asked);
	return enrol(t, NULL, "k1", e);
}

static int try_batch(struct thief *t, const char *ignored, struct err *e)
{
	const uint8_t claim[WIRE_CLAIM_LEN] = { 7 };
	struct warrant w = word(WARRANT_CREATE);
	struct sha256 hash;
	struct err asked;
	int told;

	(void)ignored;
	sha256_of((struct slice){ claim, sizeof(claim) }, &hash);
	codes_root(&hash, 1, &w.codes);
	told = tell(t, &w, e);
	if (codes_prove(&hash, 1, 0, &t->q.place, &asked))
		return -1;
	return enrol(t, claim, "k1", told ? &asked : e);
}

static int write_people(struct thief *t, struct err *e)
{
	struct keeper_people *people = mem_alloc(1, sizeof(*people));
	struct keeper_seal seal;
	int rc = -1;

	people->version = THIEF;
	people->count = 1;
	people->at[0].certificate = t->officer;
	people->at[0].not_after = utc_now() + UTC_DAY;
	ec_public_of(t->key, &people->at[0].key);
	if (text_format(people->at[0].roles, RIGHTS_ROLES_MAX, e, "officer") ==
		    0 &&
	    keeper_seal_of(t->key, &seal, e) == 0)
		rc = keeper_people_save(t->dirfd, &seal, people, e);
	free(people);
	return rc;
}

static int try_people(struct thief *t, const char *ignored, struct err *e)
{
	struct buf before = BUF_INIT(131072);
	int rc = -1;

	if (fs_read_file(t->dirfd, "keeper/people.json", &before, e) == 0 &&
	    write_people(t, e) == 0)
		rc = try_approval(t, ignored, e);
	if (before.len > 0 && fs_replace_file(t->dirfd, "keeper/people.json",
					      buf_slice(&before), 0600, e))
		rc = -1;
	buf_done(&before);
	return rc;
}

static int read_file(const char *state, const char *name, struct buf *out,
		     struct err *e)
{
	char path[PATH_MAX_LEN];

	return text_format(path, sizeof(path), e, "%s/%s", state, name) ||
			       fs_read_path(path, out, e)
		       ? -1
		       : 0;
}

/* The old key's word for a key of his own; by: who signs it. */
static int renew(struct thief *t, const char *state,
		 const struct ec_private *by, struct err *e)
{
	struct buf message = BUF_INIT(256), sig = BUF_INIT(EC_SIG_MAX_LEN);
	struct buf pem = BUF_INIT(X509_PEM_MAX_LEN - 1);
	struct x509_info old;
	struct ec_public own;
	int rc = -1;

	t->q.op = KEEPER_RENEW;
	ec_public_of(t->key, &own);
	if (read_file(state, "identity.crt", &pem, e) ||
	    x509_inspect(buf_slice(&pem), &old, e) ||
	    request_for(t->key, t->q.renew.csr, e) ||
	    wire_renew_message(&old.fingerprint, &own, &message, e) ||
	    ec_sign(by, buf_slice(&message), &sig, e))
		goto out;
	memcpy(t->q.certificate, buf_text(&pem), pem.len + 1);
	memcpy(t->q.renew.proof, sig.ptr, sig.len);
	t->q.renew.proof_len = sig.len;
	rc = keeper_ask(t->keeper, &t->q, &t->a, e);
out:
	buf_done(&message);
	buf_done(&sig);
	buf_done(&pem);
	return rc;
}

static int try_renewal(struct thief *t, const char *state, struct err *e)
{
	struct buf hex = BUF_INIT(2 * EC_SCALAR_LEN + 2);
	uint8_t scalar[EC_SCALAR_LEN];
	struct ec_private *old = NULL;
	int rc = -1;

	if (read_file(state, "identity.key", &hex, e) == 0 &&
	    hex_parse(slice_sub(buf_slice(&hex), 0, 2 * sizeof(scalar)), scalar,
		      sizeof(scalar), e) == 0 &&
	    ec_private_from_scalar(scalar, &old, e) == 0)
		rc = renew(t, state, old, e);
	ec_free(old);
	buf_done(&hex);
	return rc;
}

static int try_theft(struct thief *t, const char *state, struct err *e)
{
	return renew(t, state, t->key, e);
}

/* What an officer signed, as it stands in some server's ledger. */
static int try_replay(struct thief *t, const char *file, struct err *e)
{
	struct buf text = BUF_INIT(WARRANT_MAX);
	int rc = fs_read_path(file, &text, e);

	t->q.op = KEEPER_WARRANT;
	if (rc == 0) {
		memcpy(t->q.warrant, buf_text(&text), text.len + 1);
		rc = keeper_ask(t->keeper, &t->q, &t->a, e);
	}
	buf_done(&text);
	/* Nothing was made, and the keeper has nothing against it. */
	return rc ? -1 : err_set(e, ERR_NONE, "taken");
}

/* ---- all of it ----------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(struct thief *t, const char *what, struct err *e);
} tries[] = {
	{ "code=", try_code },     { "guess=", try_guess },
	{ "ask", try_asking },     { "approve", try_approval },
	{ "batch", try_batch },    { "people", try_people },
	{ "renew=", try_renewal }, { "steal=", try_theft },
	{ "replay=", try_replay },
};

static int report(struct thief *t, const char *name, int rc,
		  const struct err *why, struct err *e)
{
	struct x509_info info;
	char hex[SHA256_HEX_LEN];

	if (rc) {
		printf("%s: %s\n", name, why->msg);
		return 0;
	}
	if (x509_inspect(slice_of(t->a.certificate), &info, e))
		return -1;
	sha256_format(&info.fingerprint, hex);
	printf("%s: made %s\n", name, hex);
	return 0;
}

static int try_one(struct thief *t, const char *what, struct err *e)
{
	struct err why = { 0 };
	size_t i = 0;
	int rc;

	while (i < ARRAY_LEN(tries) &&
	       strncmp(what, tries[i].name, strlen(tries[i].name)) != 0)
		i++;
	if (i == ARRAY_LEN(tries))
		return err_set(e, ERR_USAGE, "%s: what is that?", what);
	memset(&t->q, 0, sizeof(t->q));
	if (ec_generate(&t->key, e))
		return -1;
	rc = tries[i].run(t, what + strlen(tries[i].name), &why);
	ec_free(t->key);
	t->key = NULL;
	return report(t, what, rc, &why, e);
}

static void find_officer(void *ctx, const struct store_person *p)
{
	struct thief *t = ctx;

	if (!p->revoked && rights_holds(p->roles, "officer"))
		t->officer = p->fingerprint;
}

static int break_in(struct thief *t, const char *dir, struct err *e)
{
	char path[PATH_MAX_LEN];

	return config_load(dir, NULL, &t->config, e) ||
			       fs_open_dir(dir, &t->dirfd, e) ||
			       keeper_start(&t->config, &t->keeper, e) ||
			       text_format(path, sizeof(path), e,
					   "%s/store.sqlite", dir) ||
			       store_open(path, &t->store, e) ||
			       store_person_each(t->store, find_officer, t, e)
		       ? -1
		       : 0;
}

int main(int argc, char **argv)
{
	struct thief *t = mem_alloc(1, sizeof(*t));
	struct err e = { 0 };
	int rc = -1;

	t->dirfd = -1;
	if (argc > 2 && break_in(t, argv[1], &e) == 0)
		rc = 0;
	for (int i = 2; rc == 0 && i < argc; i++)
		rc = try_one(t, argv[i], &e);
	if (rc)
		fprintf(stderr, "stolen-server: %s\n", e.msg);
	keeper_stop(t->keeper);
	store_close(t->store);
	fs_close(&t->dirfd);
	config_done(&t->config);
	free(t);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
