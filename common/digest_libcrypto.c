/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The computations of digest.h by libcrypto.
 *
 * Its direct functions, which OpenSSL 3 would rather see replaced by EVP: they
 * neither read a configuration nor look for a provider nor allocate, so they
 * work in a process that may open nothing more, and have no way to fail. What
 * they run was chosen for this processor when the library was loaded.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/digest.h"

#include <openssl/sha.h>

#include "common/mem.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest),
	       "DIGEST_ROOM holds what libcrypto keeps");

static SHA256_CTX *inside(struct digest *d)
{
	return (SHA256_CTX *)d->room;
}

void digest_start(struct digest *d)
{
	SHA256_Init(inside(d));
}

void digest_add(struct digest *d, struct slice bytes)
{
	SHA256_Update(inside(d), bytes.ptr, bytes.len);
}

void digest_finish(struct digest *d, struct sha256 *out)
{
	SHA256_Final(out->bytes, inside(d));
	mem_wipe(d, sizeof(*d));
}

void sha512_of(struct slice bytes, uint8_t out[SHA512_LEN])
{
	SHA512_CTX c;

	SHA512_Init(&c);
	SHA512_Update(&c, bytes.ptr, bytes.len);
	SHA512_Final(out, &c);
	mem_wipe(&c, sizeof(c));
}
