/* SPDX-License-Identifier: Apache-2.0 */
/* digest - SHA-256 and SHA-512 (FIPS 180-4), whole or in pieces. */
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

enum digest_kind {
	DIGEST_SHA256,
	DIGEST_SHA512
};

struct digest; /* a computation under way */

/* Heap; end it with digest_free(). */
struct digest *digest_new(enum digest_kind kind);
void digest_add(struct digest *d, struct slice bytes);
/* Writes 32 or 64 bytes; afterwards only digest_free() is allowed. */
void digest_finish(struct digest *d, uint8_t *out);
/* Start again as if just made. */
void digest_reset(struct digest *d);
void digest_free(struct digest *d);

void sha256_of(struct slice bytes, struct sha256 *out);
void sha512_of(struct slice bytes, uint8_t out[SHA512_LEN]);

/* Of the len bytes of a file from offset on; ERR_FORMAT if there are fewer. */
int sha256_of_range(int fd, uint64_t offset, uint64_t len, struct sha256 *out,
		    struct err *e) NODISCARD;

bool sha256_equal(const struct sha256 *a, const struct sha256 *b);
void sha256_format(const struct sha256 *d, char out[SHA256_HEX_LEN]);
int sha256_parse(struct slice hex, struct sha256 *out, struct err *e) NODISCARD;

#endif
