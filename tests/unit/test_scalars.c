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

/* What a search found. */
struct seen {
	unsigned count;
	size_t at[32];
	const char *name;
	int answer;
};

static int found(void *ctx, const char *name, size_t at, struct err *e)
{
	struct seen *seen = ctx;

	seen->name = name;
	seen->at[seen->count++ % 32] = at;
	return seen->answer ? err_set(e, ERR_REFUSED, "no") : 0;
}

static int search(struct scalars *s, struct slice bytes, const uint8_t *places,
		  struct seen *seen)
{
	const struct scalars_search how = { bytes, places,
					    bytes.len - EC_SCALAR_LEN + 1,
					    found, seen };
	struct err e;

	memset(seen->at, 0, sizeof(seen->at));
	seen->count = 0;
	return scalars_search(s, &how, &e);
}

/* In noise of many strips, and in few places. */
static void each_place_is_tried_and_no_other(void **state)
{
	static const size_t sizes[] = { 32, 33, 64, 300, 9000, 60000 };
	static uint8_t file[60000], places[60000 / 8 + 1];
	uint8_t scalar[EC_SCALAR_LEN], kept[EC_SCALAR_LEN];
	struct scalars *s = knowing(scalar);
	struct seen seen = { 0 };

	(void)state;
	random_bytes(file, sizeof(file));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct slice all = { file, sizes[i] };
		const size_t last = sizes[i] - EC_SCALAR_LEN;

		for (size_t at = 0; at <= last; at += last / 5 + 1) {
			memcpy(kept, file + at, sizeof(kept));
			memcpy(file + at, scalar, sizeof(kept));
			memset(places, 0xff, sizeof(places));
			assert_int_equal(search(s, all, places, &seen), 0);
			assert_int_equal(seen.count, 1);
			assert_int_equal(seen.at[0], at);
			assert_string_equal(seen.name, "mine");
			places[at / 8] ^= (uint8_t)(1u << at % 8);
			assert_int_equal(search(s, all, places, &seen), 0);
			assert_int_equal(seen.count, 0);
			memset(places, 0, sizeof(places));
			places[at / 8] ^= (uint8_t)(1u << at % 8);
			assert_int_equal(search(s, all, places, &seen), 0);
			assert_int_equal(seen.count, 1);
			assert_int_equal(seen.at[0], at);
			memcpy(file + at, kept, sizeof(kept));
		}
	}
	scalars_free(s);
}

static void several_are_found_and_a_refusal_ends_it(void **state)
{
	static uint8_t file[20000], places[20000 / 8 + 1];
	uint8_t scalar[EC_SCALAR_LEN];
	struct scalars *s = knowing(scalar);
	struct seen seen = { 0 };

	(void)state;
	random_bytes(file, sizeof(file));
	memset(places, 0xff, sizeof(places));
	for (size_t at = 100; at < sizeof(file) - 100; at += 1000)
		memcpy(file + at, scalar, sizeof(scalar));
	assert_int_equal(
		search(s, (struct slice){ file, sizeof(file) }, places, &seen),
		0);
	assert_int_equal(seen.count, 20);
	seen.answer = -1;
	assert_int_equal(
		search(s, (struct slice){ file, sizeof(file) }, places, &seen),
		-1);
	assert_int_equal(seen.count, 1);
	scalars_free(s);
}

/* Digits that add nothing, points that double, sums that vanish. */
static void zeroes_and_small_numbers_are_no_trouble(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN], file[200] = { 0 }, places[25];
	struct scalars *s = knowing(scalar);
	struct ec_private *key = NULL;
	struct ec_public public_key;
	const struct slice all = { file, sizeof(file) };
	struct seen seen = { 0 };
	struct err e;

	(void)state;
	memset(places, 0xff, sizeof(places));
	assert_int_equal(search(s, all, places, &seen), 0);
	assert_int_equal(seen.count, 0);
	memset(scalar, 0, sizeof(scalar));
	assert_null(scalars_match(s, scalar));
	scalar[EC_SCALAR_LEN - 1] = 3;
	assert_int_equal(ec_private_from_scalar(scalar, &key, &e), 0);
	ec_public_of(key, &public_key);
	ec_free(key);
	assert_int_equal(scalars_add(s, public_key.point + 1, "three", &e), 0);
	assert_string_equal(scalars_match(s, scalar), "three");
	file[100] = 3;
	assert_int_equal(search(s, all, places, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.name, "three");
	assert_int_equal(seen.at[0], 100 - EC_SCALAR_LEN + 1);
	memset(file, 0xff, sizeof(file));
	assert_int_equal(search(s, all, places, &seen), 0);
	assert_int_equal(seen.count, 0);
	scalars_free(s);
}

/* The tables of those known before are made anew. */
static void a_key_that_comes_later_is_found(void **state)
{
	uint8_t scalar[EC_SCALAR_LEN], other[EC_SCALAR_LEN];
	struct scalars *s = knowing(scalar);
	struct ec_private *key = NULL;
	struct ec_public public_key;
	struct err e;

	(void)state;
	assert_non_null(scalars_match(s, scalar));
	assert_int_equal(ec_generate(&key, &e), 0);
	ec_private_scalar(key, other);
	ec_public_of(key, &public_key);
	ec_free(key);
	assert_null(scalars_match(s, other));
	assert_int_equal(scalars_add(s, public_key.point + 1, "other", &e), 0);
	assert_string_equal(scalars_match(s, other), "other");
	assert_string_equal(scalars_match(s, scalar), "mine");
	assert_int_equal(scalars_add(s, public_key.point + 1, "again", &e), 0);
	assert_int_equal(scalars_count(s), 2);
	scalars_free(s);
}

/* About every other x is of no point. */
static void what_is_no_point_is_refused(void **state)
{
	struct scalars *s = scalars_new();
	uint8_t x[EC_SCALAR_LEN] = { 0 };
	unsigned refused = 0;
	struct err e;

	(void)state;
	for (x[31] = 1; x[31] < 101; x[31]++)
		refused += scalars_add(s, x, "x", &e) != 0;
	assert_in_range(refused, 25, 75);
	assert_int_equal(scalars_count(s), 100 - refused);
	scalars_free(s);
}

static void without_keys_nothing_is_found(void **state)
{
	struct scalars *s = scalars_new();
	uint8_t file[64] = { 1 }, places[8];
	struct seen seen = { 0 };

	(void)state;
	memset(places, 0xff, sizeof(places));
	assert_int_equal(search(s, (struct slice){ file, 64 }, places, &seen),
			 0);
	assert_int_equal(seen.count, 0);
	assert_null(scalars_match(s, file));
	assert_int_equal(scalars_count(s), 0);
	assert_int_equal(scalars_count(NULL), 0);
	scalars_free(s);
	scalars_free(NULL);
}

/* Of small numbers about every other is the x of a point. */
static void no_more_keys_are_known_than_there_is_room_for(void **state)
{
	struct scalars *s = scalars_new();
	uint8_t x[EC_SCALAR_LEN] = { 0 };
	struct err e = { 0 };

	(void)state;
	for (unsigned n = 1; scalars_count(s) < SCALARS_MAX; n++) {
		x[30] = (uint8_t)(n >> 8);
		x[31] = (uint8_t)n;
		if (scalars_add(s, x, "one of many", &e))
			assert_int_equal(e.code, ERR_FORMAT);
	}
	/* Known already; and one more. */
	assert_ok(scalars_add(s, x, "one of many", &e));
	do {
		assert_true(++x[29] < 100);
		e.code = ERR_NONE;
		assert_int_equal(scalars_add(s, x, "too many", &e), -1);
	} while (e.code == ERR_FORMAT);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(scalars_count(s), SCALARS_MAX);
	scalars_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_keys_are_known_than_there_is_room_for),
		cmocka_unit_test(a_scalar_tells_its_own_key),
		cmocka_unit_test(the_negative_is_found_too),
		cmocka_unit_test(each_place_is_tried_and_no_other),
		cmocka_unit_test(several_are_found_and_a_refusal_ends_it),
		cmocka_unit_test(zeroes_and_small_numbers_are_no_trouble),
		cmocka_unit_test(a_key_that_comes_later_is_found),
		cmocka_unit_test(what_is_no_point_is_refused),
		cmocka_unit_test(without_keys_nothing_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
