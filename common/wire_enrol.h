/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_enrol - how a device becomes known to a server, stays it and becomes it
 * again: what both say of keys and certificates, parsed and formatted in this
 * one place for both ends (wire.h has the routes). docs/protocol.md is the
 * prose.
 */
#ifndef COMMON_WIRE_ENROL_H
#define COMMON_WIRE_ENROL_H

#include "common/decrypt_key.h"
#include "common/release.h"
#include "common/x509.h"

#define WIRE_NONCE_LEN 32
#define WIRE_CLAIM_LEN 16 /* 128 bits; 32 hex digits in four groups */

struct wire_nonce {
	uint8_t nonce[WIRE_NONCE_LEN]; /* good on this connection, once */
};

struct wire_enrol {
	bool asks; /* has no claim code (all zero then): an officer decides */
	uint8_t claim[WIRE_CLAIM_LEN];
	uint8_t nonce[WIRE_NONCE_LEN];
	char product[NAME_MAX_LEN + 1];
	char model[NAME_MAX_LEN + 1];
	char csr[X509_PEM_MAX_LEN];
	struct decrypt_key decrypt;
	/* Of the root.json that it goes by, from who asks: a part of the code
	 * that an officer compares, so nobody has to believe it. */
	struct sha256 root;
	/*
	 * ECDSA by the request's key of "pawl/enrol/v2" || nonce || claim ||
	 * its SubjectPublicKeyInfo || that of the decryption key
	 */
	uint8_t proof[EC_SIG_MAX_LEN];
	size_t proof_len;
};

struct wire_identity {
	struct device_id device;
	char cohort[NAME_MAX_LEN + 1];
	char certificate[X509_PEM_MAX_LEN]; /* the leaf */
};

/*
 * The answer to a device without a claim code: the identity, or that it waits
 * for an officer, who is to compare the code of claim_join_code().
 */
struct wire_joined {
	bool admitted;
	struct wire_identity identity;
	uint8_t nonce[WIRE_NONCE_LEN]; /* of the first time that it asked */
	uint32_t retry_sec;            /* when to ask again */
};

/* A new key for the same device, signed by the old one; the device and its old
 * certificate are those of the connection. */
struct wire_renew {
	char csr[X509_PEM_MAX_LEN]; /* by the new key */
	/* ECDSA of wire_renew_message() by the old key */
	uint8_t proof[EC_SIG_MAX_LEN];
	size_t proof_len;
	struct decrypt_key decrypt; /* the same key, signed by the new one */
};

/*
 * A renewal that is over, as its device remembers it: the certificate that was
 * renewed, its key, and that key's signature over wire_renew_message() with the
 * key that came next.
 */
struct wire_link {
	struct sha256 certificate;
	struct ec_public key;
	uint8_t proof[EC_SIG_MAX_LEN];
	size_t proof_len;
};

#define WIRE_LINKS_MAX 32 /* more than five years of 90 days each */

/*
 * What a device shows to a server that knows it no more (an old backup was
 * restored): its renewals, the oldest first. The last link's proof is over the
 * key of the certificate that the connection shows.
 */
struct wire_readopt {
	struct wire_link links[WIRE_LINKS_MAX];
	size_t count;
	bool has_decrypt; /* asking: signed by the certificate's key */
	struct decrypt_key decrypt;
};

/* It is known again; or a person has to compare the code of claim_join_code(),
 * made with this nonce and the certificate's key. */
struct wire_readopted {
	bool known;
	uint8_t nonce[WIRE_NONCE_LEN];
};

int wire_format_nonce(const struct wire_nonce *m, struct buf *out,
		      struct err *e) NODISCARD;
int wire_parse_nonce(struct slice in, struct wire_nonce *m,
		     struct err *e) NODISCARD;
int wire_format_enrol(const struct wire_enrol *m, struct buf *out,
		      struct err *e) NODISCARD;
int wire_parse_enrol(struct slice in, struct wire_enrol *m,
		     struct err *e) NODISCARD;
int wire_format_identity(const struct wire_identity *m, struct buf *out,
			 struct err *e) NODISCARD;
int wire_parse_identity(struct slice in, struct wire_identity *m,
			struct err *e) NODISCARD;
int wire_format_joined(const struct wire_joined *m, struct buf *out,
		       struct err *e) NODISCARD;
int wire_parse_joined(struct slice in, struct wire_joined *m,
		      struct err *e) NODISCARD;
int wire_format_renew(const struct wire_renew *m, struct buf *out,
		      struct err *e) NODISCARD;
int wire_parse_renew(struct slice in, struct wire_renew *m,
		     struct err *e) NODISCARD;
int wire_format_readopt(const struct wire_readopt *m, struct buf *out,
			struct err *e) NODISCARD;
int wire_parse_readopt(struct slice in, struct wire_readopt *m,
		       struct err *e) NODISCARD;
int wire_format_readopted(const struct wire_readopted *m, struct buf *out,
			  struct err *e) NODISCARD;
int wire_parse_readopted(struct slice in, struct wire_readopted *m,
			 struct err *e) NODISCARD;

/* What an enrolling device signs with its key; appends it. */
int wire_enrol_message(const struct wire_enrol *m, const struct ec_public *key,
		       struct buf *out, struct err *e) NODISCARD;

/*
 * The key of a request that proves itself whole: it signed the request, the
 * proof over this nonce, claim and both keys, and the decryption key.
 */
int wire_enrol_check(const struct wire_enrol *m, struct ec_public *key,
		     struct err *e) NODISCARD;

/*
 * What the old key signs at a renewal: "pawl/renew/v1", the old certificate's
 * fingerprint, the new key's SubjectPublicKeyInfo. Appends it.
 */
int wire_renew_message(const struct sha256 *certificate,
		       const struct ec_public *new_key, struct buf *out,
		       struct err *e) NODISCARD;

#endif
