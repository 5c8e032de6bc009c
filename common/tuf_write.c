/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_write.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/utc.h"

#define SPEC_VERSION  "1.0.34"
#define KEY_MAX       1024
#define SIGNED_MAX    8000000 /* above every cap of a reader */
#define SIG_HEX_BYTES (2 * EC_SIG_MAX_LEN + 1)

/* Our own files, judged as their readers will judge them. */
static const struct tuf_rules ours = { .schemes = tuf_schemes_product };

/* ---- envelopes ----------------------------------------------------------- */

struct json *tuf_envelope_new(enum tuf_role role, int64_t version,
			      int64_t issued, int64_t expires)
{
	struct json *envelope = json_new_object();
	struct json *body = json_new_object();
	char date[UTC_TEXT_LEN];

	json_set_text(body, "_type", tuf_role_name(role));
	json_set_text(body, "spec_version", SPEC_VERSION);
	json_set_int(body, "version", version);
	utc_format(issued, date);
	json_set_text(body, "issued", date);
	utc_format(expires, date);
	json_set_text(body, "expires", date);
	json_set(envelope, "signatures", json_new_array());
	json_set(envelope, "signed", body);
	return envelope;
}

/* The one place where a borrowed part may be written to. */
static struct json *writable(const struct json *part)
{
	return (struct json *)(uintptr_t)part;
}

struct json *tuf_envelope_signed(struct json *envelope)
{
	return writable(json_get(envelope, "signed"));
}

int tuf_envelope_bytes(const struct json *envelope, struct buf *out,
		       struct err *e)
{
	/* Canonical JSON has bare newlines in PEM and is no JSON: not for
	 * files. */
	return json_print(envelope, false, out, e);
}

struct json *tuf_meta_entry(struct slice file, int64_t version)
{
	struct json *entry = json_new_object();
	struct json *hashes = json_new_object();
	struct sha256 digest;

	sha256_of(file, &digest);
	json_set_hex(hashes, "sha256",
		     (struct slice){ digest.bytes, SHA256_LEN });
	json_set(entry, "hashes", hashes);
	json_set_int(entry, "length", (int64_t)file.len);
	json_set_int(entry, "version", version);
	return entry;
}

struct json *tuf_document_entry(const char *type, struct slice bytes)
{
	struct json *entry = json_new_object(), *hashes = json_new_object();
	struct json *custom = json_new_object(), *pawl = json_new_object();
	struct sha256 digest;

	sha256_of(bytes, &digest);
	json_set_hex(hashes, "sha256",
		     (struct slice){ digest.bytes, SHA256_LEN });
	json_set_text(pawl, "type", type);
	json_set_int(pawl, "v", 1);
	json_set(custom, "pawl", pawl);
	json_set(entry, "custom", custom);
	json_set(entry, "hashes", hashes);
	json_set_int(entry, "length", (int64_t)bytes.len);
	return entry;
}

/* ---- keys ---------------------------------------------------------------- */

int tuf_key_json(const struct ec_public *key, struct json **out, struct err *e)
{
	struct buf pem = BUF_INIT(EC_PEM_MAX_LEN);
	struct json *object, *keyval;

	if (ec_public_to_pem(key, &pem, e)) {
		buf_done(&pem);
		return -1;
	}
	object = json_new_object();
	keyval = json_new_object();
	json_set_text(keyval, "public", buf_text(&pem));
	json_set_text(object, "keytype", "ecdsa");
	json_set(object, "keyval", keyval);
	json_set_text(object, "scheme", tuf_scheme_ecdsa.name);
	buf_done(&pem);
	*out = object;
	return 0;
}

int tuf_keyid(const struct ec_public *key, char out[TUF_KEYID_LEN],
	      struct err *e)
{
	struct buf canonical = BUF_INIT(KEY_MAX);
	struct json *object = NULL;
	struct sha256 digest;
	int rc = -1;

	if (tuf_key_json(key, &object, e) ||
	    json_canonical(object, &canonical, e))
		goto out;
	sha256_of(buf_slice(&canonical), &digest);
	sha256_format(&digest, out);
	rc = 0;
out:
	json_free(object);
	buf_done(&canonical);
	return rc;
}

/* ---- signing ------------------------------------------------------------- */

static const char *keyid_of(const struct json *signature)
{
	return json_text(json_get(signature, "keyid"));
}

/*
 * Put a signature where it belongs: in the order of key ids, so that merging
 * the same signatures in any order gives the same bytes.
 */
static void put_signature(struct json *envelope, const char *keyid,
			  const char *sig)
{
	const struct json *old = json_get(envelope, "signatures");
	struct json *all = json_new_array(), *added = json_new_object();

	json_set_text(added, "keyid", keyid);
	json_set_text(added, "sig", sig);
	for (size_t i = 0; i < json_count(old); i++) {
		const struct json *one = json_at(old, i);
		int order = strcmp(keyid_of(one), keyid);

		if (added && order > 0) {
			json_add(all, added);
			added = NULL;
		}
		if (order != 0)
			json_add(all, json_clone(one));
	}
	if (added)
		json_add(all, added);
	json_set(envelope, "signatures", all);
}

/* The bytes that are signed, of a well-formed envelope. */
static int signed_bytes(const struct json *envelope, struct buf *out,
			struct err *e)
{
	const struct json *signatures, *body;

	if (json_get_array(envelope, "signatures", &signatures, e) ||
	    tuf_signatures_check(&ours, signatures, e) ||
	    json_get_object(envelope, "signed", &body, e))
		return -1;
	return json_canonical(body, out, e);
}

int tuf_sign_by(struct json *envelope, const struct tuf_signer *signer,
		struct err *e)
{
	struct buf message = BUF_INIT(SIGNED_MAX);
	struct buf sig = BUF_INIT(EC_SIG_MAX_LEN);
	char keyid[TUF_KEYID_LEN], hex[SIG_HEX_BYTES];
	int rc = -1;

	if (tuf_keyid(signer->public_key, keyid, e) ||
	    signed_bytes(envelope, &message, e) ||
	    signer->sign(signer->ctx, buf_slice(&message), &sig, e) ||
	    ec_verify(signer->public_key, buf_slice(&message), buf_slice(&sig),
		      e))
		goto out;
	hex_format(buf_slice(&sig), hex);
	put_signature(envelope, keyid, hex);
	rc = 0;
out:
	buf_done(&message);
	buf_done(&sig);
	return rc;
}

static int sign_here(const void *ctx, struct slice message, struct buf *sig,
		     struct err *e)
{
	return ec_sign(ctx, message, sig, e);
}

int tuf_sign(struct json *envelope, const struct ec_private *key, struct err *e)
{
	struct ec_public public_key;
	const struct tuf_signer signer = { &public_key, sign_here, key };

	ec_public_of(key, &public_key);
	return tuf_sign_by(envelope, &signer, e);
}

/* ---- merging ------------------------------------------------------------- */

static bool is_root(const struct json *body)
{
	return strcmp(json_text(json_get(body, "_type")), "root") == 0;
}

/* A key that a root, or the delegations of targets, list under this id. */
static bool find_key(const struct json *body, const char *keyid,
		     struct tuf_key *out)
{
	const struct json *by =
		is_root(body) ? body : json_get(body, "delegations");
	const struct json *keys = json_get(by, "keys");
	const struct json *object = keys ? json_get(keys, keyid) : NULL;
	struct err unusable;

	return object &&
	       tuf_key_read(&ours, keyid, object, out, &unusable) == 0;
}

static const struct json *find_signature(const struct json *envelope,
					 const char *keyid)
{
	const struct json *all = json_get(envelope, "signatures");

	for (size_t i = 0; i < json_count(all); i++)
		if (strcmp(keyid_of(json_at(all, i)), keyid) == 0)
			return json_at(all, i);
	return NULL;
}

/* Whether `to` has a signature of this key that is any good. */
static bool already_signed(const struct json *to, const struct tuf_key *key,
			   struct slice message)
{
	const struct json *signature = find_signature(to, key->keyid);

	return signature && tuf_signature_valid(key, signature, message);
}

static size_t merge_valid(struct json *to, const struct json *from,
			  const struct json *by, struct slice message)
{
	const struct json *body = json_get(to, "signed");
	const struct json *all = json_get(from, "signatures");
	size_t added = 0;

	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *one = json_at(all, i);
		struct tuf_key key;

		if (!find_key(by, keyid_of(one), &key) &&
		    !(is_root(body) && find_key(body, keyid_of(one), &key)))
			continue;
		if (already_signed(to, &key, message) ||
		    !tuf_signature_valid(&key, one, message))
			continue;
		put_signature(to, keyid_of(one),
			      json_text(json_get(one, "sig")));
		added++;
	}
	return added;
}

int tuf_merge(struct json *to, const struct json *from, const struct json *by,
	      size_t *added, struct err *e)
{
	struct buf ours_signed = BUF_INIT(SIGNED_MAX);
	struct buf theirs_signed = BUF_INIT(SIGNED_MAX);
	int rc = -1;

	if (signed_bytes(to, &ours_signed, e) ||
	    signed_bytes(from, &theirs_signed, e))
		goto out;
	if (!slice_equal(buf_slice(&ours_signed), buf_slice(&theirs_signed))) {
		err_set(e, ERR_CONFLICT, "the two do not sign the same bytes");
		goto out;
	}
	*added = merge_valid(to, from, by, buf_slice(&ours_signed));
	rc = 0;
out:
	buf_done(&ours_signed);
	buf_done(&theirs_signed);
	return rc;
}

/* ---- progress ------------------------------------------------------------ */

/* Signers are counted as a reader counts them: once per public key. */
static void count_signers(const struct json *envelope,
			  const struct tuf_keyring *ring, struct slice message,
			  struct tuf_progress *out)
{
	for (size_t i = 0; i < ring->count; i++) {
		const struct tuf_key *key = &ring->keys[i];
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again = again || (out->keys[k].valid &&
					  sha256_equal(&ring->keys[k].identity,
						       &key->identity));
		snprintf(out->keys[i].keyid, TUF_KEYID_LEN, "%s", key->keyid);
		out->keys[i].valid = already_signed(envelope, key, message);
		if (out->keys[i].valid && !again)
			out->valid++;
	}
}

/* The keys of a delegated role. */
static int delegated_ring(const struct json *targets, const char *role,
			  struct tuf_keyring *out, struct err *e)
{
	const struct json *by = json_get(targets, "delegations");
	const struct json *list = json_get(by, "roles");
	const struct json *one;

	for (size_t i = 0; i < json_count(list); i++) {
		one = json_at(list, i);
		if (strcmp(json_text(json_get(one, "name")), role) == 0)
			return tuf_keyring_read(&ours, json_get(by, "keys"),
						one, out, e);
	}
	return err_set(e, ERR_NOT_FOUND, "targets delegate to no %s", role);
}

int tuf_signatures(const struct json *envelope, const struct json *by,
		   const char *role, struct tuf_progress *out, struct err *e)
{
	struct buf message = BUF_INIT(SIGNED_MAX);
	struct tuf_progress progress = { 0 };
	struct tuf_keyring ring;
	int rc = -1;

	if (signed_bytes(envelope, &message, e) ||
	    (is_root(by) ? tuf_root_keyring(&ours, by, role, &ring, e)
			 : delegated_ring(by, role, &ring, e)))
		goto out;
	assert(ring.count <= ARRAY_LEN(progress.keys));
	progress.threshold = ring.threshold;
	progress.key_count = ring.count;
	count_signers(envelope, &ring, buf_slice(&message), &progress);
	*out = progress;
	rc = 0;
out:
	buf_done(&message);
	return rc;
}
