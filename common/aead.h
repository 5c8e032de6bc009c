/* SPDX-License-Identifier: Apache-2.0 */
/* aead - AES-256-GCM in one shot (NIST SP 800-38D). */
#ifndef COMMON_AEAD_H
#define COMMON_AEAD_H

#include "common/buf.h"

#define AEAD_KEY_LEN   32
#define AEAD_NONCE_LEN 12
#define AEAD_TAG_LEN   16

/* Append ciphertext and tag. A (key, nonce) pair must never be used twice. */
int aead_seal(const uint8_t key[AEAD_KEY_LEN],
	      const uint8_t nonce[AEAD_NONCE_LEN], struct slice associated,
	      struct slice plain, struct buf *out, struct err *e) NODISCARD;

/* Append the plaintext, or ERR_UNTRUSTED and nothing at all. */
int aead_open(const uint8_t key[AEAD_KEY_LEN],
	      const uint8_t nonce[AEAD_NONCE_LEN], struct slice associated,
	      struct slice sealed, struct buf *out, struct err *e) NODISCARD;

#endif
