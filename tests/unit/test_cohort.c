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

static void a_lab_device_stays_one_until_it_is_told(void **state)
{
	struct cohort c = { .device = own, .name = "canary", .lab = true };
	bool reset = false;
	struct err e = { 0 };

	(void)state;
	assert_false(loaded(&own, &reset).lab);
	assert_ok(cohort_pin(folder_fd, &c, &e));
	assert_true(loaded(&own, &reset).lab);
	assert_false(loaded(&other, &reset).lab);
	pin("canary", 1);
	assert_false(loaded(&own, &reset).lab);
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
	uint8_t bytes[8 + DEVICE_ID_LEN + NAME_MAX_LEN + 1 + 1] = { 1 };
	struct slice in = { bytes, sizeof(bytes) };
	struct cohort c = { .version = 99 };
	struct err e = { 0 };

	(void)state;
	assert_refused(cohort_parse(in, &c, &e), ERR_FORMAT);
	memset(bytes + 8 + DEVICE_ID_LEN, 'a', NAME_MAX_LEN + 1);
	assert_refused(cohort_parse(in, &c, &e), ERR_FORMAT);
	bytes[sizeof(bytes) - 2] = 0;
	assert_ok(cohort_parse(in, &c, &e));
	assert_false(c.lab);
	bytes[sizeof(bytes) - 1] = 1;
	assert_ok(cohort_parse(in, &c, &e));
	assert_true(c.lab);
	bytes[sizeof(bytes) - 1] = 2;
	assert_refused_saying(cohort_parse(in, &c, &e), ERR_FORMAT, "lab");
	in.len--;
	assert_refused_saying(cohort_parse(in, &c, &e), ERR_FORMAT,
			      "truncated");
	assert_int_equal(c.version, 1);
}

/* Checksums keep accidents out; what an odd program wrote is no name yet. */
static void a_record_without_a_name_counts_as_none(void **state)
{
	static const struct twin_kind kind = {
		.what = "cohort",
		.names = { "cohort.0", "cohort.1" },
		.magic = UINT64_C(0x31544f434c574150),
		.len = COHORT_RECORD_LEN,
	};
	uint8_t payload[8 + DEVICE_ID_LEN + NAME_MAX_LEN + 1] = { 1 };
	struct twin_file f = { .fd = { -1, -1 } };
	struct twin_found found;
	struct err e = { 0 };
	bool reset = false;
	struct cohort c;

	(void)state;
	assert_ok(twin_open(folder_fd, &kind, &f, &found, &e));
	assert_ok(
		twin_write(&f, (struct slice){ payload, sizeof(payload) }, &e));
	twin_close(&f);
	c = loaded(&own, &reset);
	assert_true(reset);
	assert_string_equal(c.name, "stable");
	/* What is pinned then counts again. */
	pin("lab", 3);
	c = loaded(&own, &reset);
	assert_false(reset);
	assert_string_equal(c.name, "lab");
}

static void a_cohort_of_the_enrolment_that_is_too_long_is_refused(void **state)
{
	char name[NAME_MAX_LEN + 2];
	struct cohort c = { .version = 99 };
	struct err e = { 0 };
	bool reset = true;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[NAME_MAX_LEN + 1] = 0;
	assert_refused(cohort_load(folder_fd, &own, name, &c, &reset, &e),
		       ERR_LIMIT);
	assert_int_equal(c.version, 99);
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
		cmocka_unit_test_setup_teardown(
			a_lab_device_stays_one_until_it_is_told, setup,
			teardown),
		cmocka_unit_test(only_a_name_is_a_cohort),
		cmocka_unit_test_setup_teardown(
			a_record_without_a_name_counts_as_none, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_cohort_of_the_enrolment_that_is_too_long_is_refused,
			setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
