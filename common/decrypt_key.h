/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decrypt_key - the public key to which a device's content keys are sealed,
 * and the device's own signature over it (docs/encryption.md).
 *
 * A server keeps the list of these keys; it must not be able to put its own
 * in their place. So the key that stands in the device's certificate signs
 * this one, and whoever seals to it verifies that.
 */
#ifndef COMMON_DECRYPT_KEY_H
#define COMMON_DECRYPT_KEY_H

#include "common/ec.h"
#include "common/json.h"

struct decrypt_key {
	struct ec_public key;
	uint8_t proof[EC_SIG_MAX_LEN];
	size_t proof_len;
};

/* Sign it with the device's identity. */
int decrypt_key_prove(const struct ec_private *identity,
		      const struct ec_public *key, struct decrypt_key *out,
		      struct err *e) NODISCARD;

/*
 * ERR_UNTRUSTED unless identity signed it; ERR_REFUSED if they are the same
 * key: one that signs is never one that agrees.
 */
int decrypt_key_check(const struct decrypt_key *k,
		      const struct ec_public *identity,
		      struct err *e) NODISCARD;

/* Members "decrypt_key" (PEM) and "decrypt_proof" (hex) of an object. */
void decrypt_key_set(struct json *j, const struct decrypt_key *k);
int decrypt_key_get(const struct json *j, struct decrypt_key *out,
		    struct err *e) NODISCARD;

#endif
