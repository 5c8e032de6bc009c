/* SPDX-License-Identifier: Apache-2.0 */
#include "common/aead.h"

#include <assert.h>

#include <mbedtls/gcm.h>

#include "common/mbed.h"
#include "common/mem.h"

/* mbedtls wants some address even for no bytes. */
static const uint8_t *address(struct slice s)
{
	static const uint8_t nothing;

	return s.len > 0 ? s.ptr : &nothing;
}

static void start(mbedtls_gcm_context *c, const uint8_t key[AEAD_KEY_LEN])
{
	mbedtls_gcm_init(c);
	mbed_must(mbedtls_gcm_setkey(c, MBEDTLS_CIPHER_ID_AES, key,
				     AEAD_KEY_LEN * 8));
}

int aead_seal(const uint8_t key[AEAD_KEY_LEN],
	      const uint8_t nonce[AEAD_NONCE_LEN], struct slice associated,
	      struct slice plain, struct buf *out, struct err *e)
{
	mbedtls_gcm_context c;
	uint8_t *at;

	/* No object in memory comes near the size that would wrap around. */
	assert(plain.len <= SIZE_MAX - AEAD_TAG_LEN);
	at = buf_reserve(out, plain.len + AEAD_TAG_LEN, e);
	if (!at)
		return -1;
	start(&c, key);
	mbed_must(mbedtls_gcm_crypt_and_tag(
		&c, MBEDTLS_GCM_ENCRYPT, plain.len, nonce, AEAD_NONCE_LEN,
		address(associated), associated.len, address(plain), at,
		AEAD_TAG_LEN, at + plain.len));
	mbedtls_gcm_free(&c);
	out->len += plain.len + AEAD_TAG_LEN;
	out->ptr[out->len] = 0;
	return 0;
}

int aead_open(const uint8_t key[AEAD_KEY_LEN],
	      const uint8_t nonce[AEAD_NONCE_LEN], struct slice associated,
	      struct slice sealed, struct buf *out, struct err *e)
{
	mbedtls_gcm_context c;
	size_t len = sealed.len - AEAD_TAG_LEN;
	uint8_t *at;
	int rc;

	if (sealed.len < AEAD_TAG_LEN)
		return err_set(e, ERR_UNTRUSTED, "sealed text is too short");
	at = buf_reserve(out, len, e);
	if (!at)
		return -1;
	start(&c, key);
	rc = mbedtls_gcm_auth_decrypt(
		&c, len, nonce, AEAD_NONCE_LEN, address(associated),
		associated.len, sealed.ptr + len, AEAD_TAG_LEN, sealed.ptr, at);
	mbedtls_gcm_free(&c);
	if (rc) {
		mem_wipe(at, len);
		return err_set(e, ERR_UNTRUSTED,
			       "sealed text was changed, or "
			       "the key is another");
	}
	out->len += len;
	out->ptr[out->len] = 0;
	return 0;
}
