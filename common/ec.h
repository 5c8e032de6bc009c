/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ec - ECDSA on P-256 with SHA-256: the only signature that a device accepts;
 * and key agreement on the same curve, with keys that are used for it alone.
 *
 * Public keys travel as PEM SubjectPublicKeyInfo (RFC 5480: named curve,
 * uncompressed point), private ones never leave this module but through
 * ec_private_scalar(), for the encrypted key file. Signatures are strict DER
 * (RFC 3279): of the encodings of (r, s) only the shortest one verifies. As
 * ECDSA itself has it, (r, n - s) verifies too; so signatures are never used
 * as names, and are counted by public key.
 */
#ifndef COMMON_EC_H
#define COMMON_EC_H

#include "common/buf.h"
#include "common/digest.h"

#define EC_POINT_LEN   65 /* 0x04, x, y */
#define EC_SPKI_LEN    91 /* its SubjectPublicKeyInfo in DER */
#define EC_SCALAR_LEN  32
#define EC_SIG_MAX_LEN 72
#define EC_RS_LEN      64 /* both halves of a signature, 32 bytes each */
#define EC_SHARED_LEN  32
#define EC_PEM_MAX_LEN 512

struct ec_public {
	uint8_t point[EC_POINT_LEN];
};

struct ec_private; /* heap, wiped when freed */

int ec_generate(struct ec_private **out, struct err *e) NODISCARD;
void ec_free(struct ec_private *key);

int ec_private_from_scalar(const uint8_t scalar[EC_SCALAR_LEN],
			   struct ec_private **out, struct err *e) NODISCARD;
/* The caller wipes what it was given. Never of a key that others hold. */
void ec_private_scalar(const struct ec_private *key,
		       uint8_t scalar[EC_SCALAR_LEN]);

/*
 * Who holds a key that is not in our memory, in a token for one. Its signatures
 * are verified as ours are, so a wrong one is a failure, never a signature;
 * what it agrees on cannot be checked, and opens nothing if it is wrong.
 */
struct ec_holder {
	void *ctx;
	/* ECDSA: r and s, each of EC_SCALAR_LEN bytes, big-endian. */
	int (*sign)(void *ctx, const struct sha256 *digest,
		    uint8_t rs[EC_RS_LEN], struct err *e);
	/* As ec_agree(); the point was checked. */
	int (*agree)(void *ctx, const struct ec_public *with,
		     uint8_t shared[EC_SHARED_LEN], struct err *e);
	void (*free)(void *ctx);
};

/* ERR_FORMAT unless the public key is a point; then ctx stays the caller's. */
int ec_private_held(const struct ec_public *public_key,
		    const struct ec_holder *holder, struct ec_private **out,
		    struct err *e) NODISCARD;
bool ec_is_held(const struct ec_private *key);

void ec_public_of(const struct ec_private *key, struct ec_public *out);
bool ec_public_equal(const struct ec_public *a, const struct ec_public *b);

/*
 * PEM with \n line ends, parsed strictly: one block, P-256 by name, a valid
 * point, nothing before or after but white space. ERR_FORMAT.
 */
int ec_public_from_pem(struct slice pem, struct ec_public *out,
		       struct err *e) NODISCARD;
int ec_public_to_pem(const struct ec_public *key, struct buf *out,
		     struct err *e) NODISCARD;

/* The same as bare DER: exactly EC_SPKI_LEN bytes. */
int ec_public_from_spki(struct slice der, struct ec_public *out,
			struct err *e) NODISCARD;
void ec_public_to_spki(const struct ec_public *key, uint8_t out[EC_SPKI_LEN]);

/* ERR_FORMAT unless the point is one on the curve. */
int ec_public_check(const struct ec_public *key, struct err *e) NODISCARD;

/* SHA-256 of the DER SubjectPublicKeyInfo: how registries name a key. */
void ec_public_fingerprint(const struct ec_public *key, struct sha256 *out);

/* Sign and verify what was signed before returning it. Appends DER to sig. */
int ec_sign(const struct ec_private *key, struct slice message, struct buf *sig,
	    struct err *e) NODISCARD;

/* The same for one who has hashed already. */
int ec_sign_digest(const struct ec_private *key, const struct sha256 *digest,
		   struct buf *sig, struct err *e) NODISCARD;

/* ERR_UNTRUSTED unless sig is key's signature over SHA-256(message). */
int ec_verify(const struct ec_public *key, struct slice message,
	      struct slice sig, struct err *e) NODISCARD;

/*
 * ECDH (SP 800-56A, 5.7.1.2): the x coordinate of key times the other's point,
 * after checking that it is one. ERR_FORMAT. The caller wipes what it was
 * given.
 */
int ec_agree(const struct ec_private *key, const struct ec_public *with,
	     uint8_t shared[EC_SHARED_LEN], struct err *e) NODISCARD;

#endif
