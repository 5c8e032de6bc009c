/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_keys - who may sign a role, and whether enough of them did.
 *
 * One function, tuf_keyring_verify(), decides for every role of The Update
 * Framework 1.0.34 (sections 4.2.1 and 5): a signature counts once per public
 * key, however many key ids, entries or encodings name it. The scheme comes
 * from the trusted key object, never from the signature.
 */
#ifndef COMMON_TUF_KEYS_H
#define COMMON_TUF_KEYS_H

#include "common/digest.h"
#include "common/json.h"
#include "common/keyfile.h"

#define TUF_SIGNATURES_MAX   16 /* in one file */
#define TUF_KEYS_MAX         16 /* of one role, in a repository of ours */
#define TUF_KEYS_MAX_FOREIGN 64

/* One signature scheme. */
struct tuf_scheme {
	const char *name;
	const char *const *keytypes; /* that go with it; NULL-terminated */
	/* Digest of what makes this one key, whatever its encoding. */
	int (*identify)(struct slice public_text, struct sha256 *identity,
			struct err *e);
	/* ERR_UNTRUSTED unless sig is the key's over the message. */
	int (*verify)(struct slice public_text, struct slice message,
		      struct slice sig, struct err *e);
};

/* ECDSA on P-256 with SHA-256: all that a device accepts. */
extern const struct tuf_scheme tuf_scheme_ecdsa;
extern const struct tuf_scheme *const tuf_schemes_product[];

/* What the reader of a repository accepts. */
struct tuf_rules {
	/* NULL-terminated; the product's own list is tuf_schemes_product. */
	const struct tuf_scheme *const *schemes;
	/*
	 * A repository that is not ours: no pawl fields needed, members and
	 * names that we would not write are read, and keys that nobody here
	 * can use are skipped instead of refused.
	 */
	bool foreign;
};

/* A key; the text is borrowed from the metadata that lists it. */
struct tuf_key {
	const char *keyid;
	const char *public_text;
	const struct tuf_scheme *scheme;
	struct sha256 identity;
};

/* The keys of one role. */
struct tuf_keyring {
	struct tuf_key keys[TUF_KEYS_MAX_FOREIGN];
	size_t count;
	size_t distinct; /* public keys among them */
	unsigned threshold;
};

/*
 * Read one key object. ERR_FORMAT when it is none; ERR_REFUSED when its scheme
 * is not among the rules' or its key cannot be used.
 */
int tuf_key_read(const struct tuf_rules *rules, const char *keyid,
		 const struct json *object, struct tuf_key *out,
		 struct err *e) NODISCARD;

/*
 * Read a role's "keyids" and "threshold" with the key objects that they name.
 * ERR_FORMAT unless the ids are distinct, each names a key and the threshold
 * is an integer from 1 to the number of distinct public keys. In a foreign
 * repository unusable keys are left out and a threshold that the keys cannot
 * reach makes a ring that nothing satisfies, for TUF clients accept such roots.
 */
int tuf_keyring_read(const struct tuf_rules *rules, const struct json *keys,
		     const struct json *role, struct tuf_keyring *out,
		     struct err *e) NODISCARD;

/* Is one public key in both? */
bool tuf_keyring_shares(const struct tuf_keyring *a,
			const struct tuf_keyring *b);

/* Is each public key of one in the other? */
bool tuf_keyring_within(const struct tuf_keyring *one,
			const struct tuf_keyring *other);

/*
 * ERR_REFUSED if one of the keys is known to everybody, as the keys of
 * keys-example/ are outside a demo (see example_keys.h).
 */
int tuf_keyring_check_allowed(const struct tuf_keyring *ring,
			      enum environment env, struct err *e) NODISCARD;

/*
 * Check the shape of an envelope's "signatures": at most TUF_SIGNATURES_MAX
 * objects with a keyid and a sig, no keyid twice (ERR_LIMIT, ERR_FORMAT).
 */
int tuf_signatures_check(const struct tuf_rules *rules,
			 const struct json *signatures,
			 struct err *e) NODISCARD;

/* Whether this one signature object is the key's over the message. */
bool tuf_signature_valid(const struct tuf_key *key,
			 const struct json *signature, struct slice message);

/*
 * ERR_UNTRUSTED unless a threshold of the ring's distinct public keys signed
 * the message. Unknown key ids cost nothing. Signatures must be checked ones.
 */
int tuf_keyring_verify(const struct tuf_keyring *ring,
		       const struct json *signatures, struct slice message,
		       struct err *e) NODISCARD;

#endif
