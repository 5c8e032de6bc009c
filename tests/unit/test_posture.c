/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/posture.h"

#include "tests/unit/box.h"

static struct wire_posture read_variable(const char *bytes, size_t len)
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
	assert_int_equal(read_variable("\x06\0\0\0\x01", 5).known, bit);
	assert_int_equal(read_variable("\x06\0\0\0\x01", 5).yes, bit);
	assert_int_equal(read_variable("\x06\0\0\0\0", 5).known, bit);
	assert_int_equal(read_variable("\x06\0\0\0\0", 5).yes, 0);
}

static void anything_else_is_not_known(void **state)
{
	(void)state;
	assert_int_equal(read_variable("", 0).known, 0);
	assert_int_equal(read_variable("\x06\0\0\0", 4).known, 0);
	assert_int_equal(read_variable("\x06\0\0\0\x01\x01", 6).known, 0);
	assert_int_equal(read_variable("\x06\0\0\0\x02", 5).known, 0);
}

static void what_is_looked_up_is_known(void **state)
{
	const struct settings none = { .path = NULL };
	struct wire_posture p = posture_look(&none, false);

	(void)state;
	assert_int_equal(p.yes & ~p.known, 0);
	assert_true(p.known & 1U << POSTURE_SANDBOX);
	assert_true(p.known & 1U << POSTURE_ROOT_READ_ONLY);
	assert_true(p.known & 1U << POSTURE_HARDWARE_CLOCK);
	assert_true(p.known & 1U << POSTURE_HARDWARE_KEY);
	assert_false(p.yes & 1U << POSTURE_HARDWARE_KEY);
	p = posture_look(&none, true);
	assert_true(p.yes & 1U << POSTURE_HARDWARE_KEY);
}

static bool says_private(const struct settings *c)
{
	struct wire_posture p = posture_look(c, false);

	assert_true(p.known & 1U << POSTURE_CONFIG_PRIVATE);
	return p.yes & 1U << POSTURE_CONFIG_PRIVATE;
}

/* Each of them decides what this device takes, or how. */
static void a_configuration_that_others_write_is_told(void **state)
{
	static const char *const names[] = {
		"root.json", "ca.pem",    "health",
		"reboot",    "module.so", "handler"
	};
	char paths[ARRAY_LEN(names)][PATH_MAX_LEN], conf[PATH_MAX_LEN];
	struct settings c = { .path = conf };
	struct box b;

	(void)state;
	box_open(&b);
	(void)snprintf(conf, sizeof(conf), "%s/client.conf", b.path);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", b.path,
			       names[i]);
		put_file(b.dir, names[i], "", 0644);
	}
	c.root = paths[0];
	c.ca = paths[1];
	c.health.argv[0] = paths[2];
	c.reboot.argv[0] = paths[3];
	c.token.module = paths[4];
	c.slots[1].program.argv[0] = paths[5];
	c.slot_count = 2;
	assert_true(says_private(&c));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(chmod(paths[i], 0666), 0);
		assert_false(says_private(&c));
		assert_int_equal(chmod(paths[i], 0644), 0);
	}
	assert_int_equal(chmod(b.path, 0777), 0);
	assert_false(says_private(&c));
	assert_int_equal(chmod(b.path, 0755), 0);
	assert_true(says_private(&c));
	assert_int_equal(unlink(paths[0]), 0);
	assert_true(says_private(&c));
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secure_boot_is_one_byte_behind_four),
		cmocka_unit_test(anything_else_is_not_known),
		cmocka_unit_test(what_is_looked_up_is_known),
		cmocka_unit_test(a_configuration_that_others_write_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
