/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/counter.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

static char program[64];
static char *command[] = { program, NULL };

static void write_program(const char *body)
{
	FILE *f = fopen(program, "w");

	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", body) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(program, 0700), 0);
}

static int make_program(void **state)
{
	int fd;

	(void)state;
	strcpy(program, "/tmp/pawl-counter.XXXXXX");
	fd = mkstemp(program);
	return fd < 0 ? -1 : close(fd);
}

static int remove_program(void **state)
{
	(void)state;
	return unlink(program);
}

static void a_number_is_read(void **state)
{
	struct err e = { 0 };
	uint64_t value;

	(void)state;
	write_program("test \"$1\" = read -a $# -eq 1 && echo 42");
	assert_ok(counter_read(command, &value, &e));
	assert_int_equal(value, 42);
}

static void anything_else_is_an_error(void **state)
{
	static const char *const wrong[] = {
		"echo",           "echo -1",   "echo 1 2",
		"echo 5; exit 1", "echo 0x10", "echo 99999999999999999999999"
	};
	struct err e = { 0 };
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		write_program(wrong[i]);
		assert_refused(counter_read(command, &value, &e), ERR_SYSTEM);
	}
	assert_int_equal(value, 7);
}

static void an_advance_is_read_back(void **state)
{
	struct err e = { 0 };

	(void)state;
	write_program("test \"$1\" = read && echo 9 || test \"$2\" -le 9");
	assert_ok(counter_advance(command, 9, &e));
	assert_refused(counter_advance(command, 10, &e), ERR_SYSTEM);
	/* It says yes and does nothing. */
	write_program("test \"$1\" = read && echo 9; exit 0");
	assert_refused(counter_advance(command, 10, &e), ERR_SYSTEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_number_is_read, make_program,
						remove_program),
		cmocka_unit_test_setup_teardown(anything_else_is_an_error,
						make_program, remove_program),
		cmocka_unit_test_setup_teardown(an_advance_is_read_back,
						make_program, remove_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
