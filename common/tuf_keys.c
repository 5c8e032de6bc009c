/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_keys.h"

#include <string.h>

#include "common/base.h"
#include "common/ec.h"
#include "common/example_keys.h"
#include "common/text.h"

#define SIGNATURE_BYTES_MAX 1024 /* RSA with 8192 bits */

/* ---- ecdsa-sha2-nistp256 ------------------------------------------------- */

static int ecdsa_identify(struct slice public_text, struct sha256 *identity,
			  struct err *e)
{
	struct ec_public key;

	if (ec_public_from_pem(public_text, &key, e))
		return -1;
	sha256_of((struct slice){ key.point, sizeof(key.point) }, identity);
	return 0;
}

static int ecdsa_verify(struct slice public_text, struct slice message,
			struct slice sig, struct err *e)
{
	struct ec_public key;

	if (ec_public_from_pem(public_text, &key, e))
		return -1;
	return ec_verify(&key, message, sig, e);
}

/* The second spelling is what TUF implementations wrote for years. */
static const char *const ecdsa_keytypes[] = { "ecdsa", "ecdsa-sha2-nistp256",
					      NULL };

const struct tuf_scheme tuf_scheme_ecdsa = {
	.name = "ecdsa-sha2-nistp256",
	.keytypes = ecdsa_keytypes,
	.identify = ecdsa_identify,
	.verify = ecdsa_verify,
};

const struct tuf_scheme *const tuf_schemes_product[] = { &tuf_scheme_ecdsa,
							 NULL };

/* ---- keys ---------------------------------------------------------------- */

static const struct tuf_scheme *find_scheme(const struct tuf_rules *rules,
					    const char *name,
					    const char *keytype)
{
	for (size_t i = 0; rules->schemes[i]; i++) {
		const struct tuf_scheme *scheme = rules->schemes[i];

		if (strcmp(scheme->name, name) != 0)
			continue;
		for (size_t k = 0; scheme->keytypes[k]; k++)
			if (strcmp(scheme->keytypes[k], keytype) == 0)
				return scheme;
	}
	return NULL;
}

int tuf_key_read(const struct tuf_rules *rules, const char *keyid,
		 const struct json *object, struct tuf_key *out, struct err *e)
{
	struct tuf_key key = { .keyid = keyid };
	const char *keytype, *scheme;
	const struct json *keyval;

	if (json_get_text(object, "keytype", &keytype, e) ||
	    json_get_text(object, "scheme", &scheme, e) ||
	    json_get_object(object, "keyval", &keyval, e) ||
	    json_get_text(keyval, "public", &key.public_text, e))
		return err_in(e, "key %.16s", keyid);
	key.scheme = find_scheme(rules, scheme, keytype);
	if (!key.scheme)
		return err_set(e, ERR_REFUSED,
			       "key %.16s: scheme %.32s is not accepted", keyid,
			       scheme);
	if (key.scheme->identify(slice_of(key.public_text), &key.identity, e)) {
		e->code = ERR_REFUSED;
		return err_in(e, "key %.16s", keyid);
	}
	*out = key;
	return 0;
}

/* ---- the keys of a role -------------------------------------------------- */

static bool ring_has_identity(const struct tuf_keyring *ring,
			      const struct sha256 *identity)
{
	for (size_t i = 0; i < ring->count; i++)
		if (sha256_equal(&ring->keys[i].identity, identity))
			return true;
	return false;
}

/* A key id may be listed once only, so that no list looks longer than it is. */
static int check_distinct(const struct json *keyids, size_t index,
			  struct err *e)
{
	const struct json *keyid = json_at(keyids, index);

	if (!json_is_string(keyid))
		return err_set(e, ERR_FORMAT, "a key id is not a string");
	for (size_t i = 0; i < index; i++)
		if (strcmp(json_text(json_at(keyids, i)), json_text(keyid)) ==
		    0)
			return err_set(e, ERR_FORMAT,
				       "key id %.16s is listed twice",
				       json_text(keyid));
	return 0;
}

static int ring_add(const struct tuf_rules *rules, const struct json *keys,
		    const char *keyid, struct tuf_keyring *ring, struct err *e)
{
	const struct json *object = json_get(keys, keyid);
	struct err unusable = { 0 };
	struct tuf_key key;

	if (!object && rules->foreign)
		return 0;
	if (!object)
		return err_set(e, ERR_FORMAT, "key id %.16s names no key",
			       keyid);
	if (tuf_key_read(rules, keyid, object, &key, &unusable)) {
		if (rules->foreign && unusable.code == ERR_REFUSED)
			return 0;
		*e = unusable;
		return -1;
	}
	if (!ring_has_identity(ring, &key.identity))
		ring->distinct++;
	ring->keys[ring->count++] = key;
	return 0;
}

int tuf_keyring_read(const struct tuf_rules *rules, const struct json *keys,
		     const struct json *role, struct tuf_keyring *out,
		     struct err *e)
{
	size_t max = rules->foreign ? TUF_KEYS_MAX_FOREIGN : TUF_KEYS_MAX;
	struct tuf_keyring ring = { 0 };
	const struct json *keyids;
	int64_t threshold;

	if (json_get_array(role, "keyids", &keyids, e) ||
	    json_get_int(role, "threshold", 1, JSON_INT_MAX, &threshold, e))
		return -1;
	if (json_count(keyids) > max)
		return err_set(e, ERR_LIMIT, "more than %zu keys", max);
	for (size_t i = 0; i < json_count(keyids); i++)
		if (check_distinct(keyids, i, e) ||
		    ring_add(rules, keys, json_text(json_at(keyids, i)), &ring,
			     e))
			return -1;
	if (threshold > (int64_t)ring.distinct && !rules->foreign)
		return err_set(e, ERR_FORMAT, "threshold %lld of %zu keys",
			       (long long)threshold, ring.distinct);
	/* Past every possible count; what nobody reaches needs no number. */
	ring.threshold = threshold > TUF_KEYS_MAX_FOREIGN
				 ? TUF_KEYS_MAX_FOREIGN + 1
				 : (unsigned)threshold;
	*out = ring;
	return 0;
}

bool tuf_keyring_shares(const struct tuf_keyring *a,
			const struct tuf_keyring *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (ring_has_identity(b, &a->keys[i].identity))
			return true;
	return false;
}

bool tuf_keyring_within(const struct tuf_keyring *one,
			const struct tuf_keyring *other)
{
	for (size_t i = 0; i < one->count; i++)
		if (!ring_has_identity(other, &one->keys[i].identity))
			return false;
	return true;
}

int tuf_keyring_check_allowed(const struct tuf_keyring *ring,
			      enum environment env, struct err *e)
{
	struct ec_public key;

	for (size_t i = 0; i < ring->count; i++) {
		if (ring->keys[i].scheme != &tuf_scheme_ecdsa)
			continue;
		if (ec_public_from_pem(slice_of(ring->keys[i].public_text),
				       &key, e) ||
		    key_check_allowed(&key, env, e))
			return -1;
	}
	return 0;
}

/* ---- signatures ---------------------------------------------------------- */

static int check_signature(const struct tuf_rules *rules,
			   const struct json *signature, struct err *e)
{
	static const char *const members[] = { "keyid", "sig", NULL };
	const char *text;

	if (json_get_text(signature, "keyid", &text, e) ||
	    json_get_text(signature, "sig", &text, e))
		return -1;
	return rules->foreign ? 0 : json_only(signature, members, e);
}

int tuf_signatures_check(const struct tuf_rules *rules,
			 const struct json *signatures, struct err *e)
{
	size_t count = json_count(signatures);

	if (count > TUF_SIGNATURES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d signatures",
			       TUF_SIGNATURES_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct json *signature = json_at(signatures, i);
		const char *keyid;

		if (check_signature(rules, signature, e))
			return err_in(e, "signatures");
		keyid = json_text(json_get(signature, "keyid"));
		for (size_t k = 0; k < i; k++)
			if (strcmp(json_text(json_get(json_at(signatures, k),
						      "keyid")),
				   keyid) == 0)
				return err_set(e, ERR_FORMAT,
					       "two signatures of key %.16s",
					       keyid);
	}
	return 0;
}

bool tuf_signature_valid(const struct tuf_key *key,
			 const struct json *signature, struct slice message)
{
	struct slice hex = slice_of(json_text(json_get(signature, "sig")));
	uint8_t sig[SIGNATURE_BYTES_MAX];
	struct err ignored = { 0 };

	/* A signature that is none is simply not counted. */
	if (hex.len > 2 * sizeof(sig) ||
	    hex_parse(hex, sig, hex.len / 2, &ignored))
		return false;
	return key->scheme->verify(slice_of(key->public_text), message,
				   (struct slice){ sig, hex.len / 2 },
				   &ignored) == 0;
}

static const struct tuf_key *ring_find(const struct tuf_keyring *ring,
				       const char *keyid)
{
	for (size_t i = 0; i < ring->count; i++)
		if (strcmp(ring->keys[i].keyid, keyid) == 0)
			return &ring->keys[i];
	return NULL;
}

int tuf_keyring_verify(const struct tuf_keyring *ring,
		       const struct json *signatures, struct slice message,
		       struct err *e)
{
	struct tuf_keyring signers = { 0 };

	for (size_t i = 0; i < json_count(signatures); i++) {
		const struct json *signature = json_at(signatures, i);
		const struct tuf_key *key = ring_find(
			ring, json_text(json_get(signature, "keyid")));

		if (!key || ring_has_identity(&signers, &key->identity))
			continue;
		if (tuf_signature_valid(key, signature, message))
			signers.keys[signers.count++] = *key;
	}
	/* The only way out with 0; a ring of zeroes satisfies nobody. */
	if (ring->threshold >= 1 && signers.count >= ring->threshold)
		return 0;
	return err_set(e, ERR_UNTRUSTED, "%zu of %u needed signatures",
		       signers.count, ring->threshold);
}
