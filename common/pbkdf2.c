/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pbkdf2.h"

#include <string.h>

#include "common/digest.h"
#include "common/mbed.h"
#include "common/mem.h"

#define BLOCK_LEN 128 /* of SHA-512 */

/* HMAC (RFC 2104): both hashes after the key's block, and one to work with. */
struct hmac {
	mbedtls_sha512_context inner, outer, work;
};

static void start(mbedtls_sha512_context *c, const uint8_t key[BLOCK_LEN],
		  uint8_t pad)
{
	uint8_t block[BLOCK_LEN];

	for (size_t i = 0; i < BLOCK_LEN; i++)
		block[i] = key[i] ^ pad;
	mbedtls_sha512_init(c);
	mbed_must(mbed_sha512_starts(c, 0));
	mbed_must(mbed_sha512_update(c, block, BLOCK_LEN));
	mem_wipe(block, sizeof(block));
}

static void hmac_init(struct hmac *h, struct slice key)
{
	uint8_t block[BLOCK_LEN] = { 0 };

	if (key.len > BLOCK_LEN)
		sha512_of(key, block);
	else if (key.len > 0)
		memcpy(block, key.ptr, key.len);
	start(&h->inner, block, 0x36);
	start(&h->outer, block, 0x5c);
	mbedtls_sha512_init(&h->work);
	mem_wipe(block, sizeof(block));
}

static void hmac_done(struct hmac *h)
{
	mbedtls_sha512_free(&h->inner);
	mbedtls_sha512_free(&h->outer);
	mbedtls_sha512_free(&h->work);
}

static void hmac_begin(struct hmac *h)
{
	mbedtls_sha512_clone(&h->work, &h->inner);
}

static void hmac_add(struct hmac *h, const uint8_t *bytes, size_t len)
{
	if (len > 0)
		mbed_must(mbed_sha512_update(&h->work, bytes, len));
}

static void hmac_end(struct hmac *h, uint8_t out[SHA512_LEN])
{
	mbed_must(mbed_sha512_finish(&h->work, out));
	mbedtls_sha512_clone(&h->work, &h->outer);
	mbed_must(mbed_sha512_update(&h->work, out, SHA512_LEN));
	mbed_must(mbed_sha512_finish(&h->work, out));
}

/* T_i of RFC 8018: U_1 ^ U_2 ^ ... ^ U_rounds. */
static void derive_block(struct hmac *h, struct slice salt, uint32_t index,
			 uint32_t rounds, uint8_t out[SHA512_LEN])
{
	const uint8_t number[4] = { (uint8_t)(index >> 24),
				    (uint8_t)(index >> 16),
				    (uint8_t)(index >> 8), (uint8_t)index };
	uint8_t u[SHA512_LEN];

	hmac_begin(h);
	hmac_add(h, salt.ptr, salt.len);
	hmac_add(h, number, sizeof(number));
	hmac_end(h, u);
	memcpy(out, u, SHA512_LEN);
	for (uint32_t round = 1; round < rounds; round++) {
		hmac_begin(h);
		hmac_add(h, u, SHA512_LEN);
		hmac_end(h, u);
		for (size_t i = 0; i < SHA512_LEN; i++)
			out[i] ^= u[i];
	}
	mem_wipe(u, sizeof(u));
}

int pbkdf2_sha512(struct slice passphrase, struct slice salt, uint32_t rounds,
		  uint8_t *out, size_t len, struct err *e)
{
	uint8_t block[SHA512_LEN];
	struct hmac h;

	if (rounds == 0 || len == 0 || len > UINT32_MAX)
		return err_set(e, ERR_LIMIT, "no such derivation");
	hmac_init(&h, passphrase);
	for (uint32_t index = 1; len > 0; index++) {
		const size_t some = len < SHA512_LEN ? len : SHA512_LEN;

		derive_block(&h, salt, index, rounds, block);
		memcpy(out, block, some);
		out += some;
		len -= some;
	}
	mem_wipe(block, sizeof(block));
	hmac_done(&h);
	return 0;
}
