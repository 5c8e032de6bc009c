/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "common/random.h"
#include "signer/scalars.h"

/* A key that we know, and its private scalar. */
static struct scalars *knowing(uint8_t scalar[EC_SCALAR_LEN])
{
	struct scalars *s = scalars_new();
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct err e;

	assert_int_equal(ec_generate(&key, &e), 0);
	ec_private_scalar(key, scalar);
	ec_public_of(key, &public_key);
	ec_free(key);
	assert_int_equal(scalars_add(s, public_key.point + 1, "mine", &e), 0);
	return s;
}

static void a_scalar_tells_its_own_key(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN];

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct scalars *s = knowing(scalar);

		assert_string_equal(scalars_match(s, scalar), "mine");
		scalar[round] ^= 1;
		assert_null(scalars_match(s, scalar));
		scalars_free(s);
	}
}

/* (r, n - s) aside, n - d signs for the mirrored key with the same x. */
static void the_negative_is_found_too(void **state)
{
	static const uint8_t order[EC_SCALAR_LEN] = {
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
		0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
	};
	uint8_t scalar[EC_SCALAR_LEN];
	struct scalars *s = knowing(scalar);
	int borrow = 0;

	(void)state;
	for (int i = EC_SCALAR_LEN - 1; i >= 0; i--) {
		int d = order[i] - scalar[i] - borrow;

		scalar[i] = (uint8_t)d;
		borrow = d < 0;
	}
	assert_string_equal(scalars_match(s, scalar), "mine");
	scalars_free(s);
}

static void every_offset_is_searched(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN], file[1000];
	struct scalars *s = knowing(scalar);
	struct slice all = { file, sizeof(file) };
	size_t at = 0;

	(void)state;
	random_bytes(file, sizeof(file));
	assert_null(scalars_search(s, all, &at));
	for (size_t i = 0; i <= sizeof(file) - EC_SCALAR_LEN; i += 121) {
		uint8_t kept[EC_SCALAR_LEN];

		memcpy(kept, file + i, sizeof(kept));
		memcpy(file + i, scalar, sizeof(scalar));
		assert_non_null(scalars_search(s, all, &at));
		assert_int_equal(at, i);
		memcpy(file + i, kept, sizeof(kept));
	}
	memcpy(file + sizeof(file) - EC_SCALAR_LEN, scalar, sizeof(scalar));
	assert_non_null(scalars_search(s, all, &at));
	assert_int_equal(at, sizeof(file) - EC_SCALAR_LEN);
	all.len--;
	assert_null(scalars_search(s, all, &at));
	scalars_free(s);
}

/* Digits that add nothing, points that double, sums that vanish. */
static void zeroes_and_small_numbers_are_no_trouble(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN], file[200] = { 0 };
	struct scalars *s = knowing(scalar);
	struct ec_private *key = NULL;
	struct ec_public public_key;
	size_t at = 0;
	struct err e;

	(void)state;
	assert_null(scalars_search(s, (struct slice){ file, 200 }, &at));
	memset(scalar, 0, sizeof(scalar));
	scalar[EC_SCALAR_LEN - 1] = 3;
	assert_int_equal(ec_private_from_scalar(scalar, &key, &e), 0);
	ec_public_of(key, &public_key);
	ec_free(key);
	assert_int_equal(scalars_add(s, public_key.point + 1, "three", &e), 0);
	file[100] = 3;
	assert_string_equal(scalars_search(s, (struct slice){ file, 200 }, &at),
			    "three");
	assert_int_equal(at, 100 - EC_SCALAR_LEN + 1);
	memset(file, 0xff, sizeof(file));
	assert_null(scalars_search(s, (struct slice){ file, 200 }, &at));
	scalars_free(s);
}

static void without_keys_nothing_is_found(void **state)
{
	struct scalars *s = scalars_new();
	uint8_t file[64] = { 1 };
	size_t at;

	(void)state;
	assert_null(scalars_search(s, (struct slice){ file, 64 }, &at));
	assert_int_equal(scalars_count(s), 0);
	assert_int_equal(scalars_count(NULL), 0);
	scalars_free(s);
	scalars_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scalar_tells_its_own_key),
		cmocka_unit_test(the_negative_is_found_too),
		cmocka_unit_test(every_offset_is_searched),
		cmocka_unit_test(zeroes_and_small_numbers_are_no_trouble),
		cmocka_unit_test(without_keys_nothing_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
