/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pbkdf2.h"

#include <openssl/evp.h>

#include "tests/unit/check.h"

/* The inputs of RFC 6070 with SHA-512; the outputs are also OpenSSL's. */
static void derives_the_known_keys(void **state)
{
	static const uint8_t once[20] = {
		0x86, 0x7f, 0x70, 0xcf, 0x1a, 0xde, 0x02, 0xcf, 0xf3, 0x75,
		0x25, 0x99, 0xa3, 0xa5, 0x3d, 0xc4, 0xaf, 0x34, 0xc7, 0xa6,
	};
	static const uint8_t often[64] = {
		0x8c, 0x05, 0x11, 0xf4, 0xc6, 0xe5, 0x97, 0xc6, 0xac, 0x63,
		0x15, 0xd8, 0xf0, 0x36, 0x2e, 0x22, 0x5f, 0x3c, 0x50, 0x14,
		0x95, 0xba, 0x23, 0xb8, 0x68, 0xc0, 0x05, 0x17, 0x4d, 0xc4,
		0xee, 0x71, 0x11, 0x5b, 0x59, 0xf9, 0xe6, 0x0c, 0xd9, 0x53,
		0x2f, 0xa3, 0x3e, 0x0f, 0x75, 0xae, 0xfe, 0x30, 0x22, 0x5c,
		0x58, 0x3a, 0x18, 0x6c, 0xd8, 0x2b, 0xd4, 0xda, 0xea, 0x97,
		0x24, 0xa3, 0xd3, 0xb8,
	};
	uint8_t out[64];
	struct err e = { 0 };

	(void)state;
	assert_ok(pbkdf2_sha512(slice_of("password"), slice_of("salt"), 1, out,
				sizeof(once), &e));
	assert_memory_equal(out, once, sizeof(once));
	assert_ok(
		pbkdf2_sha512(slice_of("passwordPASSWORDpassword"),
			      slice_of("saltSALTsaltSALTsaltSALTsaltSALTsalt"),
			      4096, out, sizeof(out), &e));
	assert_memory_equal(out, often, sizeof(often));
}

static void refuses_to_derive_in_no_rounds(void **state)
{
	uint8_t out[16];
	struct err e = { 0 };

	(void)state;
	assert_refused(pbkdf2_sha512(slice_of("p"), slice_of("s"), 0, out,
				     sizeof(out), &e),
		       ERR_LIMIT);
	assert_refused(
		pbkdf2_sha512(slice_of("p"), slice_of("s"), 1, out, 0, &e),
		ERR_LIMIT);
}

/* Below, at and above a block of the hash, in every part. */
static void openssl_derives_the_same(void **state)
{
	static const size_t lengths[] = { 0,   1,   8,   63,  64,  65,
					  111, 112, 127, 128, 129, 300 };
	uint8_t bytes[300], ours[300], theirs[300];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t k = 0; k < ARRAY_LEN(lengths); k++)
		for (size_t s = 0; s < ARRAY_LEN(lengths); s++)
			for (size_t n = 1; n < ARRAY_LEN(lengths); n++) {
				const uint32_t rounds =
					(uint32_t)(1 + (k + s + n) % 5);

				assert_ok(pbkdf2_sha512(
					(struct slice){ bytes, lengths[k] },
					(struct slice){ bytes, lengths[s] },
					rounds, ours, lengths[n], &e));
				assert_int_equal(
					PKCS5_PBKDF2_HMAC(
						(const char *)bytes,
						(int)lengths[k], bytes,
						(int)lengths[s], (int)rounds,
						EVP_sha512(), (int)lengths[n],
						theirs),
					1);
				assert_memory_equal(ours, theirs, lengths[n]);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_known_keys),
		cmocka_unit_test(refuses_to_derive_in_no_rounds),
		cmocka_unit_test(openssl_derives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
