/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/cmdline.h"

#include "tests/unit/check.h"

static void the_command_line_names_one_slot_once(void **state)
{
	static const char *const bad[] = {
		"",
		"root=/dev/sda1",
		"pawl.slot=",
		"pawl.slot=c",
		"pawl.slot=ab",
		"xpawl.slot=a",
		"pawl.slot=a pawl.slot=b",
		"pawl.slot=a pawl.slot=a",
	};
	enum slot s = SLOT_NONE;
	struct err e = { 0 };

	(void)state;
	assert_ok(cmdline_slot(slice_of("quiet pawl.slot=b\n"), &s, &e));
	assert_int_equal(s, SLOT_B);
	assert_ok(cmdline_slot(slice_of("pawl.slot=a ro"), &s, &e));
	assert_int_equal(s, SLOT_A);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(cmdline_slot(slice_of(bad[i]), &s, &e),
			       ERR_CONFIG);
}

static enum cmdline_left left_by(const char *line)
{
	return cmdline_left(slice_of(line));
}

static void a_boot_on_trial_has_its_own_word(void **state)
{
	(void)state;
	assert_int_equal(left_by("ro pawl.slot=b pawl.left=2\n"), LEFT_COUNTED);
	assert_int_equal(left_by("pawl.left=0 quiet"), LEFT_COUNTED);
	/* As a loader says it that has nothing to count. */
	assert_int_equal(left_by("pawl.slot=b pawl.left= ro"), LEFT_NOTHING);
	assert_int_equal(left_by("pawl.slot=b pawl.left=\n"), LEFT_NOTHING);
	assert_int_equal(left_by("pawl.slot=b"), LEFT_UNSAID);
	assert_int_equal(left_by("xpawl.left=2"), LEFT_UNSAID);
	assert_int_equal(left_by("pawl.left"), LEFT_UNSAID);
	assert_int_equal(left_by(""), LEFT_UNSAID);
	/* Who says both counts. */
	assert_int_equal(left_by("pawl.left= pawl.left=1"), LEFT_COUNTED);
	assert_int_equal(left_by("pawl.left=1 pawl.left="), LEFT_COUNTED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_names_one_slot_once),
		cmocka_unit_test(a_boot_on_trial_has_its_own_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
