/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hkdf - HKDF-SHA256 (RFC 5869): an even key out of uneven secrets, and any
 * number of independent ones out of that.
 */
#ifndef COMMON_HKDF_H
#define COMMON_HKDF_H

#include "common/digest.h"

#define HKDF_KEY_LEN SHA256_LEN
#define HKDF_OUT_MAX (255 * SHA256_LEN)

/* Section 2.2. An empty salt is so many zeroes, as the RFC has it. */
void hkdf_extract(struct slice salt, struct slice secret,
		  uint8_t key[HKDF_KEY_LEN]);

/* Section 2.3; ERR_LIMIT when len is 0 or above HKDF_OUT_MAX. */
int hkdf_expand(const uint8_t key[HKDF_KEY_LEN], struct slice info,
		uint8_t *out, size_t len, struct err *e) NODISCARD;

#endif
