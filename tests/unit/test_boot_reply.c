/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/boot_reply.h"

#include "tests/unit/check.h"

static void each_variable_comes_at_most_once(void **state)
{
	struct boot_values out;
	struct err e = { 0 };

	(void)state;
	assert_ok(boot_reply_parse(slice_of("pawl_slot=b\npawl_left=\n"), &out,
				   &e));
	assert_string_equal(out.of[BOOT_SLOT], "b");
	assert_string_equal(out.of[BOOT_LEFT], "");
	assert_ok(boot_reply_parse(slice_of(""), &out, &e));
	assert_string_equal(out.of[BOOT_SLOT], "");
}

static void whatever_else_is_said_is_refused(void **state)
{
	static const char *const bad[] = {
		"pawl_slot=a\npawl_slot=a\n",
		"pawl_slot=a",
		"pawl_slot\n",
		"hello=a\n",
		"\n",
		"pawl_slot =a\n",
	};
	struct boot_values out;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(boot_reply_parse(slice_of(bad[i]), &out, &e),
			       ERR_FORMAT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_variable_comes_at_most_once),
		cmocka_unit_test(whatever_else_is_said_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
