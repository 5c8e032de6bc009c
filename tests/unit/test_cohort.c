/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/cohort.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "tests/unit/check.h"

static char folder[] = "/tmp/pawl-cohort.XXXXXX";
static int folder_fd = -1;

static const struct device_id own = { { 1, 2, 3 } }, other = { { 9 } };

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	memcpy(strrchr(folder, '.'), ".XXXXXX", 8);
	return mkdtemp(folder) ? fs_open_dir(folder, &folder_fd, &e) : -1;
}

static int teardown(void **state)
{
	struct err e = { 0 };
	int top = -1, rc;

	(void)state;
	fs_close(&folder_fd);
	rc = fs_open_dir("/tmp", &top, &e) ||
	     fs_remove_tree(top, folder + strlen("/tmp/"), &e);
	fs_close(&top);
	return rc;
}

static struct cohort loaded(const struct device_id *device, bool *reset)
{
	struct cohort c = { .version = 99 };
	struct err e = { 0 };

	assert_ok(cohort_load(folder_fd, device, "stable", &c, reset, &e));
	return c;
}

static void pin(const char *name, uint64_t version)
{
	struct cohort c = { .device = own, .version = version };
	struct err e = { 0 };

	strcpy(c.name, name);
	assert_ok(cohort_pin(folder_fd, &c, &e));
}

static void without_a_record_it_is_that_of_the_enrolment(void **state)
{
	bool reset = true;
	struct cohort c = loaded(&own, &reset);

	(void)state;
	assert_string_equal(c.name, "stable");
	assert_int_equal(c.version, 0);
	assert_false(reset);
}

static void what_was_pinned_last_counts(void **state)
{
	bool reset = false;
	struct cohort c;

	(void)state;
	pin("canary", 0);
	pin("lab", 7);
	c = loaded(&own, &reset);
	assert_string_equal(c.name, "lab");
	assert_int_equal(c.version, 7);
	/* of this identity alone */
	c = loaded(&other, &reset);
	assert_string_equal(c.name, "stable");
	assert_int_equal(c.version, 0);
}

static void damage(const char *name)
{
	struct err e = { 0 };
	int fd = -1;

	assert_ok(fs_open(folder_fd, name, O_RDWR, &fd, &e));
	assert_ok(fs_write_at(fd, 20, slice_of("xyzzy"), &e));
	fs_close(&fd);
}

static void one_damaged_copy_costs_a_step_and_two_are_said(void **state)
{
	bool reset = false;
	struct cohort c;

	(void)state;
	pin("canary", 1);
	pin("lab", 2);
	damage("cohort.0");
	c = loaded(&own, &reset);
	assert_int_equal(c.version, strcmp(c.name, "lab") == 0 ? 2 : 1);
	assert_false(reset);
	damage("cohort.1");
	c = loaded(&own, &reset);
	assert_true(reset);
	assert_string_equal(c.name, "stable");
	assert_int_equal(c.version, 0);
}

static void only_a_name_is_a_cohort(void **state)
{
	uint8_t bytes[8 + DEVICE_ID_LEN + NAME_MAX_LEN + 1] = { 1 };
	struct slice in = { bytes, sizeof(bytes) };
	struct cohort c = { .version = 99 };
	struct err e = { 0 };

	(void)state;
	assert_refused(cohort_parse(in, &c, &e), ERR_FORMAT);
	memset(bytes + 8 + DEVICE_ID_LEN, 'a', NAME_MAX_LEN + 1);
	assert_refused(cohort_parse(in, &c, &e), ERR_FORMAT);
	bytes[sizeof(bytes) - 1] = 0;
	assert_ok(cohort_parse(in, &c, &e));
	in.len--;
	assert_refused(cohort_parse(in, &c, &e), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			without_a_record_it_is_that_of_the_enrolment, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_was_pinned_last_counts,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_damaged_copy_costs_a_step_and_two_are_said, setup,
			teardown),
		cmocka_unit_test(only_a_name_is_a_cohort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
