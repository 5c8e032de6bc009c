/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/born.h"

#include "common/utc.h"
#include "tests/unit/check.h"

/* Were it ahead of the clock, it would expire what is valid. */
static void the_source_is_not_of_tomorrow(void **state)
{
	(void)state;
	assert_true(born_time() >= 0);
	assert_true(born_time() <= utc_now());
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_source_is_not_of_tomorrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
