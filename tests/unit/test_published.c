/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/published.h"

#include "tests/unit/check.h"

static void a_self_test_of_a_library_is_known(void **state)
{
	struct sha256 digest;
	struct err e = { 0 };

	(void)state;
	assert_ok(sha256_parse(slice_of("00dd0d9b34920b369a802a086a166aaf"
					"04f744ae4009369089295def6f80a4c5"),
			       &digest, &e));
	assert_string_equal(published_key(&digest), "Mbed TLS");
}

static void an_example_of_a_manual_page_is_known(void **state)
{
	struct sha256 digest;
	struct err e = { 0 };

	(void)state;
	assert_ok(sha256_parse(slice_of("46221ced944bffdd6c2cf65e791eb315"
					"7f71f7d2e06ba9097208003309a238c5"),
			       &digest, &e));
	assert_string_equal(published_key(&digest), "systemd.netdev(5)");
}

/* One other bit is another key, and nobody's. */
static void nothing_else_is(void **state)
{
	struct sha256 digest;
	struct err e = { 0 };

	(void)state;
	assert_ok(sha256_parse(slice_of("00dd0d9b34920b369a802a086a166aaf"
					"04f744ae4009369089295def6f80a4c5"),
			       &digest, &e));
	for (int bit = 0; bit < 8 * SHA256_LEN; bit++) {
		digest.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_null(published_key(&digest));
		digest.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	sha256_of((struct slice){ 0 }, &digest);
	assert_null(published_key(&digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_self_test_of_a_library_is_known),
		cmocka_unit_test(an_example_of_a_manual_page_is_known),
		cmocka_unit_test(nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
