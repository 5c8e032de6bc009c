/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbkdf2 - a key from a passphrase: PBKDF2 with HMAC-SHA-512 (RFC 8018, 5.2).
 *
 * Over the library's hash, not by its PBKDF2: that hashes the key's two blocks
 * anew in each round, twice the work for the same bytes. Rounds buy safety by
 * what they cost an attacker, who does not do that work either.
 */
#ifndef COMMON_PBKDF2_H
#define COMMON_PBKDF2_H

#include "common/rd.h"

/* ERR_LIMIT for no rounds or no bytes. */
int pbkdf2_sha512(struct slice passphrase, struct slice salt, uint32_t rounds,
		  uint8_t *out, size_t len, struct err *e) NODISCARD;

#endif
