/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hkdf.h"

#include <mbedtls/hkdf.h>

#include "common/mbed.h"

static const mbedtls_md_info_t *sha256(void)
{
	return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
}

/* mbedtls wants some address even for no bytes. */
static const uint8_t *address(struct slice s)
{
	static const uint8_t nothing;

	return s.len > 0 ? s.ptr : &nothing;
}

void hkdf_extract(struct slice salt, struct slice secret,
		  uint8_t key[HKDF_KEY_LEN])
{
	mbed_must(mbedtls_hkdf_extract(sha256(), address(salt), salt.len,
				       address(secret), secret.len, key));
}

int hkdf_expand(const uint8_t key[HKDF_KEY_LEN], struct slice info,
		uint8_t *out, size_t len, struct err *e)
{
	if (len == 0 || len > HKDF_OUT_MAX)
		return err_set(e, ERR_LIMIT, "no key of %zu bytes", len);
	mbed_must(mbedtls_hkdf_expand(sha256(), key, HKDF_KEY_LEN,
				      address(info), info.len, out, len));
	return 0;
}
