/* SPDX-License-Identifier: Apache-2.0 */
/* When the process that writes says how far it is. */
#include "updater-client/teller.h"

#include "tests/unit/check.h"

static void each_megabyte_is_told(void **state)
{
	struct teller t = { 0, 5000 };

	(void)state;
	assert_false(teller_is_due(&t, TELLER_BYTES - 1, 5000));
	assert_true(teller_is_due(&t, TELLER_BYTES, 5000));
	assert_int_equal(t.told, TELLER_BYTES);
	assert_false(teller_is_due(&t, 2 * TELLER_BYTES - 1, 5001));
	assert_true(teller_is_due(&t, 2 * TELLER_BYTES, 5002));
}

/* A slow disk, or files without content. */
static void after_ten_seconds_any_sign_of_life_is_told(void **state)
{
	struct teller t = { 0, 5000 };

	(void)state;
	assert_false(teller_is_due(&t, 1, 5000 + TELLER_MS - 1));
	assert_true(teller_is_due(&t, 1, 5000 + TELLER_MS));
	assert_int_equal(t.told, 1);
	assert_false(teller_is_due(&t, 1, 5000 + 2 * TELLER_MS - 1));
	assert_true(teller_is_due(&t, 1, 5000 + 2 * TELLER_MS));
}

/* What is done at the end has no bytes, and takes none back. */
static void a_step_without_bytes_only_says_that_it_goes_on(void **state)
{
	struct teller t = { 7 * TELLER_BYTES, 5000 };

	(void)state;
	assert_false(teller_is_due(&t, 0, 5000));
	assert_true(teller_is_due(&t, 0, 5000 + TELLER_MS));
	assert_int_equal(t.told, 7 * TELLER_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_megabyte_is_told),
		cmocka_unit_test(after_ten_seconds_any_sign_of_life_is_told),
		cmocka_unit_test(
			a_step_without_bytes_only_says_that_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
