/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/posture.h"

#include "tests/unit/check.h"

static struct wire_posture read(const char *bytes, size_t len)
{
	struct wire_posture p = { 0, 0 };

	posture_read_secure_boot((struct slice){ (const uint8_t *)bytes, len },
				 &p);
	return p;
}

static void secure_boot_is_one_byte_behind_four(void **state)
{
	const uint32_t bit = 1U << POSTURE_SECURE_BOOT;

	(void)state;
	assert_int_equal(read("\x06\0\0\0\x01", 5).known, bit);
	assert_int_equal(read("\x06\0\0\0\x01", 5).yes, bit);
	assert_int_equal(read("\x06\0\0\0\0", 5).known, bit);
	assert_int_equal(read("\x06\0\0\0\0", 5).yes, 0);
}

static void anything_else_is_not_known(void **state)
{
	(void)state;
	assert_int_equal(read("", 0).known, 0);
	assert_int_equal(read("\x06\0\0\0", 4).known, 0);
	assert_int_equal(read("\x06\0\0\0\x01\x01", 6).known, 0);
	assert_int_equal(read("\x06\0\0\0\x02", 5).known, 0);
}

static void what_is_looked_up_is_known(void **state)
{
	struct wire_posture p = posture_look(false);

	(void)state;
	assert_int_equal(p.yes & ~p.known, 0);
	assert_true(p.known & 1U << POSTURE_SANDBOX);
	assert_true(p.known & 1U << POSTURE_ROOT_READ_ONLY);
	assert_true(p.known & 1U << POSTURE_HARDWARE_CLOCK);
	assert_true(p.known & 1U << POSTURE_HARDWARE_KEY);
	assert_false(p.yes & 1U << POSTURE_HARDWARE_KEY);
	p = posture_look(true);
	assert_true(p.yes & 1U << POSTURE_HARDWARE_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secure_boot_is_one_byte_behind_four),
		cmocka_unit_test(anything_else_is_not_known),
		cmocka_unit_test(what_is_looked_up_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
