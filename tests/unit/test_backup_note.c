/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/backup_note.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/unit/check.h"

static char folder[] = "/tmp/pawl-note.XXXXXX";
static int dirfd_of = -1;

static int start(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	dirfd_of = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_of < 0 ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	(void)unlinkat(dirfd_of, "run/last-backup", 0);
	(void)unlinkat(dirfd_of, "run", AT_REMOVEDIR);
	(void)close(dirfd_of);
	return rmdir(folder);
}

static void write_note(const char *text)
{
	struct err e = { 0 };

	assert_ok(fs_mkdirs(dirfd_of, "run", 0700, &e));
	assert_ok(fs_replace_file(dirfd_of, "run/last-backup", slice_of(text),
				  0600, &e));
}

static void the_last_one_is_remembered(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(backup_noted(dirfd_of), 0);
	assert_ok(backup_note(folder, 1000000000, &e));
	assert_int_equal(backup_noted(dirfd_of), 1000000000);
	assert_ok(backup_note(folder, 1700000000, &e));
	assert_int_equal(backup_noted(dirfd_of), 1700000000);
}

static void what_cannot_be_read_is_none(void **state)
{
	(void)state;
	write_note("");
	assert_int_equal(backup_noted(dirfd_of), 0);
	write_note("2026-11-27");
	assert_int_equal(backup_noted(dirfd_of), 0);
	write_note("2026-11-27T10:00:00Z and more than fits there");
	assert_int_equal(backup_noted(dirfd_of), 0);
}

static void where_nothing_can_be_written_it_is_said(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_refused(backup_note("/nonexistent", 1, &e), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one_is_remembered),
		cmocka_unit_test(what_cannot_be_read_is_none),
		cmocka_unit_test(where_nothing_can_be_written_it_is_said),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
