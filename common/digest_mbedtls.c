/* SPDX-License-Identifier: Apache-2.0 */
/* The computations of digest.h by mbedtls. */
#include "common/digest.h"
#include "common/mbed.h"

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(struct digest),
	       "DIGEST_ROOM holds what mbedtls keeps");

static mbedtls_sha256_context *inside(struct digest *d)
{
	return (mbedtls_sha256_context *)d->room;
}

void digest_start(struct digest *d)
{
	mbedtls_sha256_init(inside(d));
	mbed_must(mbed_sha256_starts(inside(d), 0));
}

void digest_add(struct digest *d, struct slice bytes)
{
	if (bytes.len > 0)
		mbed_must(mbed_sha256_update(inside(d), bytes.ptr, bytes.len));
}

void digest_finish(struct digest *d, struct sha256 *out)
{
	mbed_must(mbed_sha256_finish(inside(d), out->bytes));
	mbedtls_sha256_free(inside(d)); /* wipes */
}

void sha512_of(struct slice bytes, uint8_t out[SHA512_LEN])
{
	mbedtls_sha512_context c;

	mbedtls_sha512_init(&c);
	mbed_must(mbed_sha512_starts(&c, 0));
	if (bytes.len > 0)
		mbed_must(mbed_sha512_update(&c, bytes.ptr, bytes.len));
	mbed_must(mbed_sha512_finish(&c, out));
	mbedtls_sha512_free(&c);
}
