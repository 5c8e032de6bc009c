/* SPDX-License-Identifier: Apache-2.0 */
#include "common/claim.h"

#include <string.h>

#include "tests/unit/check.h"

static struct slice text(const char *s)
{
	return slice_of(s);
}

/* The public key of a small number. */
static void a_point(uint8_t number, struct ec_public *out)
{
	uint8_t scalar[EC_SCALAR_LEN] = { 0 };
	struct ec_private *key = NULL;
	struct err e = { 0 };

	scalar[EC_SCALAR_LEN - 1] = number;
	assert_ok(ec_private_from_scalar(scalar, &key, &e));
	ec_public_of(key, out);
	ec_free(key);
}

static void a_claim_code_is_read_as_it_is_printed(void **state)
{
	static const char *const bad[] = {
		"",
		"0123",
		"01234567-01234567-01234567-0123456",
		"01234567-01234567-01234567-012345678",
		"01234567+01234567+01234567+01234567",
		"01234567-01234567-01234567-0123456g",
		"0123456701234567-01234567-01234567-",
	};
	uint8_t claim[WIRE_CLAIM_LEN], out[WIRE_CLAIM_LEN];
	char printed[36];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(claim); i++)
		claim[i] = (uint8_t)(i * 17);
	claim_format(claim, printed);
	assert_string_equal(printed, "00112233-44556677-8899aabb-ccddeeff");
	assert_ok(claim_parse(text(printed), out, &e));
	assert_memory_equal(claim, out, sizeof(claim));
	assert_ok(claim_parse(text(" 00112233-44556677-8899aabb-ccddeeff\n"),
			      out, &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(claim_parse(text(bad[i]), out, &e), ERR_FORMAT);
}

static void a_join_code_is_of_key_nonce_and_root_and_can_be_typed(void **state)
{
	static const char *const bad[] = {
		"",
		"ABCD",
		"ABCD-EFGH",
		"ABCD-EFGH-JKM",
		"ABCD-EFGH-JKMNP",
		"ABCD-EFGH-JKMN-",
		"ABCDE-FGH-JKMN",
		"ABCD-EFGI-JKMN",
		"ABCD--EFGH-JKMN",
		"-ABCD-EFGH-JKMN",
		"ABCD EFGH JKMN",
		"0123-4567-89AB\n",
		"ABCD-EFGHJKMNPQRSTVWXYZ0123456789"
	};
	char first[CLAIM_JOIN_LEN + 1], other[CLAIM_JOIN_LEN + 1];
	const struct sha256 root = { { 5 } }, exchanged = { { 5, [31] = 1 } };
	uint8_t nonce[WIRE_NONCE_LEN] = { 1 };
	struct ec_public key, another;
	struct err e = { 0 };

	(void)state;
	a_point(2, &key);
	a_point(3, &another);
	claim_join_code(&key, nonce, &root, first);
	assert_int_equal(strlen(first), CLAIM_JOIN_LEN);
	claim_join_code(&another, nonce, &root, other);
	assert_string_not_equal(first, other);
	claim_join_code(&key, nonce, &exchanged, other);
	assert_string_not_equal(first, other);
	claim_join_code(&key, nonce, NULL, other);
	assert_string_not_equal(first, other);
	nonce[31] = 1;
	claim_join_code(&key, nonce, &root, other);
	assert_string_not_equal(first, other);
	assert_ok(claim_parse_join_code(slice_of(first), other, &e));
	assert_string_equal(first, other);
	assert_ok(claim_parse_join_code(text("abcd-efghjkmn"), other, &e));
	assert_string_equal(other, "ABCD-EFGH-JKMN");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(claim_parse_join_code(text(bad[i]), other, &e),
			       ERR_FORMAT);
	/* A zero ends no code. */
	assert_refused(claim_parse_join_code(
			       (struct slice){
				       (const uint8_t *)"ABCD-EFGH-JKM\0", 14 },
			       other, &e),
		       ERR_FORMAT);
	assert_string_equal(other, "ABCD-EFGH-JKMN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_code_is_read_as_it_is_printed),
		cmocka_unit_test(
			a_join_code_is_of_key_nonce_and_root_and_can_be_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
