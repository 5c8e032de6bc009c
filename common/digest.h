/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - SHA-256 and SHA-512 (FIPS 180-4), whole or in pieces.
 *
 * A program is linked with one of two computations of the same: that of mbedtls
 * (digest_mbedtls.c; signer, server and tools) or that of libcrypto
 * (digest_libcrypto.c; the client, which hashes every byte that it takes in or
 * reads back, and whose TLS has that library loaded anyway: it uses a
 * processor's instructions for SHA-256, where mbedtls is C alone).
 */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rd.h"

#define SHA256_LEN     32
#define SHA512_LEN     64
#define SHA256_HEX_LEN (2 * SHA256_LEN + 1) /* with its NUL */

struct sha256 {
	uint8_t bytes[SHA256_LEN];
};

/* A SHA-256 under way: the caller's storage, nothing to release. What is in it
 * is the library's. */
#define DIGEST_ROOM 128
struct digest {
	uint64_t room[DIGEST_ROOM / sizeof(uint64_t)];
};

/* Whatever was in *d is forgotten. */
void digest_start(struct digest *d);
void digest_add(struct digest *d, struct slice bytes);
/* Wipes *d: only digest_start() is allowed afterwards. */
void digest_finish(struct digest *d, struct sha256 *out);

void sha256_of(struct slice bytes, struct sha256 *out);
void sha512_of(struct slice bytes, uint8_t out[SHA512_LEN]);

/* Of the len bytes of a file from offset on; ERR_FORMAT if there are fewer. */
int sha256_of_range(int fd, uint64_t offset, uint64_t len, struct sha256 *out,
		    struct err *e) NODISCARD;

bool sha256_equal(const struct sha256 *a, const struct sha256 *b);
void sha256_format(const struct sha256 *d, char out[SHA256_HEX_LEN]);
int sha256_parse(struct slice hex, struct sha256 *out, struct err *e) NODISCARD;

#endif
