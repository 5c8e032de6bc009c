/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuf_write - make and sign TUF metadata, as the signer and the keeper do.
 *
 * An envelope is {"signatures": [...], "signed": {...}} as a JSON tree;
 * signatures are made and verified over the canonical form of "signed". What
 * is written here is what other TUF clients read: keyid = SHA-256 of the
 * canonical key object, spec_version "1.0.34", PEM keys with \n, ASCII, no
 * integer above 2^53.
 */
#ifndef COMMON_TUF_WRITE_H
#define COMMON_TUF_WRITE_H

#include "common/ec.h"
#include "common/json.h"
#include "common/tuf_client.h"

#define TUF_KEYID_LEN 65 /* 64 hex digits and a NUL */

/* An unsigned envelope with _type, spec_version, version, issued, expires. */
struct json *tuf_envelope_new(enum tuf_role role, int64_t version,
			      int64_t issued, int64_t expires);

/* The "signed" part, to be filled in; borrowed, but may be changed. */
struct json *tuf_envelope_signed(struct json *envelope);

/* {"keytype":"ecdsa","keyval":{"public":PEM},"scheme":"ecdsa-sha2-nistp256"} */
int tuf_key_json(const struct ec_public *key, struct json **out,
		 struct err *e) NODISCARD;
int tuf_keyid(const struct ec_public *key, char out[TUF_KEYID_LEN],
	      struct err *e) NODISCARD;

/* {"length":..,"hashes":{"sha256":..},"version":..} for snapshot's meta */
struct json *tuf_meta_entry(struct slice file, int64_t version);

/* The targets entry of a signed document of ours, of this "type" and "v": 1. */
struct json *tuf_document_entry(const char *type, struct slice bytes);

/*
 * Sign the envelope: replaces an earlier signature of the same key. The
 * signature is verified before it is put in. Refuses (ERR_REFUSED) nothing of
 * the content; that is the caller's policy.
 */
int tuf_sign(struct json *envelope, const struct ec_private *key,
	     struct err *e) NODISCARD;

/* Who signs instead: a token behind a program, say. */
struct tuf_signer {
	const struct ec_public *public_key;
	/* Append a DER signature over the message. */
	int (*sign)(const void *ctx, struct slice message, struct buf *sig,
		    struct err *e);
	const void *ctx;
};

/* The same; ERR_UNTRUSTED unless the answer is this key's signature. */
int tuf_sign_by(struct json *envelope, const struct tuf_signer *signer,
		struct err *e) NODISCARD;

/*
 * Add every valid signature of `from` to `to`; both must sign the same bytes
 * (ERR_CONFLICT otherwise). Valid means: by a key that `by` lists for any role
 * (the signed part of a root, or of targets for whom they delegate to; NULL
 * before there is a root) or, when the envelope is a root, that it lists
 * itself; whatever else `from` holds is left behind, so that a bad signature
 * can never stand in the way of a good one. *added counts the new ones.
 */
int tuf_merge(struct json *to, const struct json *from, const struct json *by,
	      size_t *added, struct err *e) NODISCARD;

/*
 * The bytes that are published: compact JSON. (Only what is signed is in the
 * canonical form, which is not JSON as soon as a string holds a newline.)
 */
int tuf_envelope_bytes(const struct json *envelope, struct buf *out,
		       struct err *e) NODISCARD;

/*
 * How far a role's signatures are: which of the keys that `by` lists for
 * `role` have a valid signature on the envelope. `by` is the signed part of a
 * root, or of targets when they delegate to the role (else ERR_NOT_FOUND).
 */
struct tuf_progress {
	unsigned threshold, valid;
	size_t key_count;
	struct {
		char keyid[TUF_KEYID_LEN];
		bool valid;
	} keys[16];
};
int tuf_signatures(const struct json *envelope, const struct json *by,
		   const char *role, struct tuf_progress *out,
		   struct err *e) NODISCARD;

#endif
