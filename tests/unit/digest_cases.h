/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest_cases - what each computation of digest.h must do, whichever library
 * does it: a test for each of them is this file and no more.
 */
#ifndef TESTS_UNIT_DIGEST_CASES_H
#define TESTS_UNIT_DIGEST_CASES_H

#include "common/digest.h"
#include "common/text.h"
#include "tests/unit/check.h"

/* Longer than two blocks of either, so that each place in a block is an end. */
#define PATTERN_LEN 300

static void pattern(uint8_t out[PATTERN_LEN])
{
	for (size_t i = 0; i < PATTERN_LEN; i++)
		out[i] = (uint8_t)(i * 7 + 3);
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
	char text[2 * SHA512_LEN + 1];

	hex_format((struct slice){ bytes, len }, text);
	assert_string_equal(text, hex);
}

static void assert_sha256(struct slice bytes, const char *hex)
{
	struct sha256 d;

	sha256_of(bytes, &d);
	assert_hex(d.bytes, SHA256_LEN, hex);
}

static void assert_sha512(struct slice bytes, const char *hex)
{
	uint8_t d[SHA512_LEN];

	sha512_of(bytes, d);
	assert_hex(d, SHA512_LEN, hex);
}

/* FIPS 180-4's examples: one block, two; and NIST's digest of no bytes. */
static void agrees_with_the_standard(void **state)
{
	(void)state;
	assert_sha256(
		slice_of("abc"),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_sha256(
		slice_of("abcdbcdecdefdefgefghfghighijhijkijkl"
			 "jklmklmnlmnomnopnopq"),
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_sha256(
		(struct slice){ 0 },
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_sha512(
		slice_of("abc"),
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	assert_sha512(
		slice_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghij"
			 "klmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
			 "nopqrstu"),
		"8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
		"501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
	assert_sha512(
		(struct slice){ 0 },
		"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
		"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
}

/* Expected: by Python's hashlib, of the digests of all beginnings in a row. */
static void pads_every_length(void **state)
{
	uint8_t bytes[PATTERN_LEN], all[(PATTERN_LEN + 1) * SHA512_LEN];
	struct sha256 d;

	(void)state;
	pattern(bytes);
	for (size_t n = 0; n <= PATTERN_LEN; n++) {
		sha256_of((struct slice){ bytes, n }, &d);
		memcpy(all + n * SHA256_LEN, d.bytes, SHA256_LEN);
	}
	assert_sha256(
		(struct slice){ all, (PATTERN_LEN + 1) * SHA256_LEN },
		"7d917fbd2cf49ddff9ad0a8706bba32d204e92e71d2e369c5a03d6af29278c9f");
	for (size_t n = 0; n <= PATTERN_LEN; n++)
		sha512_of((struct slice){ bytes, n }, all + n * SHA512_LEN);
	assert_sha512(
		(struct slice){ all, (PATTERN_LEN + 1) * SHA512_LEN },
		"404431b1c0eac12729b20176c61b0e1c561b6b20d2ecbb7ee1126c361943d724"
		"d7c0814a8daf5c3a2a7d3e431a0aaf58c12f96d8c3370582b777fd375c3c972f");
}

static void pieces_make_the_same_digest_as_the_whole(void **state)
{
	uint8_t bytes[PATTERN_LEN];
	struct sha256 whole, got;
	struct digest d;

	(void)state;
	pattern(bytes);
	sha256_of((struct slice){ bytes, PATTERN_LEN }, &whole);
	for (size_t piece = 1; piece <= PATTERN_LEN; piece++) {
		digest_start(&d);
		for (size_t at = 0; at < PATTERN_LEN; at += piece) {
			const size_t left = PATTERN_LEN - at;

			digest_add(&d, (struct slice){ bytes + at,
						       left < piece ? left
								    : piece });
			digest_add(&d, (struct slice){ 0 });
		}
		digest_finish(&d, &got);
		assert_true(sha256_equal(&got, &whole));
	}
}

/* FIPS 180-2, B.3; in pieces that end nowhere near a block. */
static void a_million_times_a(void **state)
{
	uint8_t as[1000];
	struct digest d;
	struct sha256 got;

	(void)state;
	memset(as, 'a', sizeof(as));
	digest_start(&d);
	for (int i = 0; i < 1000; i++)
		digest_add(&d, (struct slice){ as, sizeof(as) });
	digest_finish(&d, &got);
	assert_hex(
		got.bytes, SHA256_LEN,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void a_start_forgets_everything(void **state)
{
	struct digest d, other;
	struct sha256 got, wanted;

	(void)state;
	memset(&d, 0xff, sizeof(d));
	digest_start(&d);
	digest_add(&d, slice_of("something else"));
	digest_start(&other);
	digest_start(&d);
	digest_add(&d, slice_of("a"));
	digest_add(&other, slice_of("what stands beside it"));
	digest_add(&d, slice_of("bc"));
	digest_finish(&d, &got);
	sha256_of(slice_of("abc"), &wanted);
	assert_true(sha256_equal(&got, &wanted));
}

static void nothing_of_it_is_left_behind(void **state)
{
	static const struct digest none;
	struct digest d;
	struct sha256 got;

	(void)state;
	memset(&d, 0, sizeof(d));
	digest_start(&d);
	digest_add(&d, slice_of("a secret"));
	digest_finish(&d, &got);
	assert_memory_equal(&d, &none, sizeof(d));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_standard),
		cmocka_unit_test(pads_every_length),
		cmocka_unit_test(pieces_make_the_same_digest_as_the_whole),
		cmocka_unit_test(a_million_times_a),
		cmocka_unit_test(a_start_forgets_everything),
		cmocka_unit_test(nothing_of_it_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
