/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpke - Hybrid Public Key Encryption (RFC 9180), exactly: base mode, single
 * shot (section 6.1), DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 *
 * Who seals is not proved by anything here; the receiver learns that from
 * elsewhere (docs/encryption.md).
 */
#ifndef COMMON_HPKE_H
#define COMMON_HPKE_H

#include "common/aead.h"
#include "common/ec.h"

/* What sealing adds: the ephemeral public key in front, the tag behind. */
#define HPKE_OVERHEAD (EC_POINT_LEN + AEAD_TAG_LEN)

/* What both sides must know alike; borrowed. */
struct hpke_bound {
	struct slice info;
	struct slice associated;
};

/* Append enc || ciphertext || tag for the holder of `to`. */
int hpke_seal(const struct ec_public *to, const struct hpke_bound *bound,
	      struct slice plain, struct buf *out, struct err *e) NODISCARD;

/* Append the plaintext, or ERR_UNTRUSTED and nothing. The caller wipes out. */
int hpke_open(const struct ec_private *key, const struct hpke_bound *bound,
	      struct slice sealed, struct buf *out, struct err *e) NODISCARD;

/* ---- the steps, for the RFC's test vectors ------------------------------- */

/* Encap with a given ephemeral key, and Decap; section 4.1. */
int hpke_encap(const struct ec_private *ephemeral, const struct ec_public *to,
	       uint8_t shared[SHA256_LEN], struct err *e) NODISCARD;
int hpke_decap(const struct ec_private *key, const struct ec_public *ephemeral,
	       uint8_t shared[SHA256_LEN], struct err *e) NODISCARD;

#define HPKE_AES_256_GCM 2

struct hpke_context {
	uint8_t key[AEAD_KEY_LEN]; /* its first bytes for a shorter one */
	uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t exporter[SHA256_LEN];
};

/* KeySchedule in base mode; section 5.1. The caller wipes out. */
int hpke_schedule(uint16_t aead_id, size_t key_len,
		  const uint8_t shared[SHA256_LEN], struct slice info,
		  struct hpke_context *out, struct err *e) NODISCARD;

/* hpke_seal() with a given ephemeral key, which must never be used again. */
int hpke_seal_with(const struct ec_private *ephemeral,
		   const struct ec_public *to, const struct hpke_bound *bound,
		   struct slice plain, struct buf *out,
		   struct err *e) NODISCARD;

#endif
