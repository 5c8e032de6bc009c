/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mbed.h"

#include <stdio.h>
#include <stdlib.h>

void mbed_must(int rc)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "mbedtls failed: -0x%04x\n", (unsigned)-rc);
	abort();
}

#if MBEDTLS_VERSION_MAJOR < 3

int mbed_pbkdf2_sha512(struct slice passphrase, struct slice salt,
		       unsigned int rounds, uint32_t len, unsigned char *out)
{
	const mbedtls_md_info_t *kind =
		mbedtls_md_info_from_type(MBEDTLS_MD_SHA512);
	mbedtls_md_context_t c;
	int rc;

	mbedtls_md_init(&c);
	rc = mbedtls_md_setup(&c, kind, 1);
	if (rc == 0)
		rc = mbedtls_pkcs5_pbkdf2_hmac(&c, passphrase.ptr,
					       passphrase.len, salt.ptr,
					       salt.len, rounds, len, out);
	mbedtls_md_free(&c);
	return rc;
}

#else

int mbed_pbkdf2_sha512(struct slice passphrase, struct slice salt,
		       unsigned int rounds, uint32_t len, unsigned char *out)
{
	return mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA512, passphrase.ptr,
					     passphrase.len, salt.ptr, salt.len,
					     rounds, len, out);
}

#endif
