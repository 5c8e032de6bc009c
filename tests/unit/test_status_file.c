/* SPDX-License-Identifier: Apache-2.0 */
/* The document for the programs of a device: what may be written how often. */
#include "updater-client/status_file.h"

#include <stdio.h>
#include <sys/vfs.h>

#include "common/mem.h"
#include "tests/unit/box.h"

#define TMPFS 0x01021994

/* In memory each three seconds; on what may be flash, once a minute. */
static void a_disk_is_spared(void **state)
{
	char disk[] = "/proc/self/status.json";
	char nowhere[] = "/nobody/made/this.json";
	char memory[] = "/dev/shm/status.json";
	struct settings c = { .status = disk };
	struct statfs fs;

	(void)state;
	assert_int_equal(status_file_every_ms(&c), 60000);
	c.status = nowhere;
	assert_int_equal(status_file_every_ms(&c), 60000);
	c.status = NULL;
	assert_int_equal(status_file_every_ms(&c), 60000);
	if (statfs("/dev/shm", &fs) || fs.f_type != TMPFS)
		skip();
	c.status = memory;
	assert_int_equal(status_file_every_ms(&c), 3000);
}

static void is_there(const struct box *box, const char *text, bool wanted)
{
	struct buf file = BUF_INIT(STATUS_MAX);
	struct err e = { 0 };

	assert_ok(fs_read_file(box->dir, "status.json", &file, &e));
	assert_int_equal(strstr(buf_text(&file), text) != NULL, wanted);
	buf_done(&file);
}

/* Who begins takes away what was told by who was killed, and nothing else. */
static void progress_is_told_and_taken_away(void **state)
{
	const struct progress p = { .what = "fetching", .done = 7, .total = 9 };
	struct settings c = { 0 };
	struct stat before, after;
	struct err e = { 0 };
	struct json *told;
	struct box box;
	char path[256];

	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/status.json", box.path);
	c.status = path;
	assert_ok(
		status_file_write(&c, slice_of("{\"state\":\"idle\"}\n"), &e));
	status_file_tell(&c, &p);
	is_there(&box, "\"fetching\"", true);
	told = status_file_progress(&c);
	assert_non_null(told);
	json_free(told);
	status_file_tell(&c, NULL);
	is_there(&box, "progress", false);
	is_there(&box, "\"idle\"", true);
	assert_null(status_file_progress(&c));
	/* Where there was none, nothing is written. */
	assert_ok(fs_stat(box.dir, "status.json", &before, &e));
	status_file_tell(&c, NULL);
	assert_ok(fs_stat(box.dir, "status.json", &after, &e));
	assert_int_equal(before.st_ino, after.st_ino);
	box_close(&box);
}

static unsigned mode_of(const struct box *box)
{
	struct err e = { 0 };
	struct stat st;

	assert_ok(fs_stat(box->dir, "status.json", &st, &e));
	return st.st_mode & 0777;
}

/* A code that an officer is waited for with is in it, and what failed checks
 * have printed. */
static void who_named_the_file_opened_it_to_everybody(void **state)
{
	struct settings c = { 0 };
	struct err e = { 0 };
	struct box box;
	char path[256];

	(void)state;
	box_open(&box);
	(void)snprintf(path, sizeof(path), "%s/status.json", box.path);
	c.status = path;
	assert_ok(status_file_write(&c, slice_of("{}\n"), &e));
	assert_int_equal(mode_of(&box), 0644);
	c.status_unasked = true;
	assert_ok(status_file_write(&c, slice_of("{}\n"), &e));
	assert_int_equal(mode_of(&box), 0640);
	box_close(&box);
}

/* Two configurations that name none would write over each other there. */
static void only_the_device_s_own_has_a_default(void **state)
{
	struct settings c = { 0 };

	(void)state;
	status_file_default(&c, "/etc/pawl/other.conf");
	assert_null(c.status);
	assert_false(c.status_unasked);
	c.status = mem_dup_str("none");
	status_file_default(&c, SETTINGS_DEFAULT);
	assert_null(c.status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_is_spared),
		cmocka_unit_test(progress_is_told_and_taken_away),
		cmocka_unit_test(who_named_the_file_opened_it_to_everybody),
		cmocka_unit_test(only_the_device_s_own_has_a_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
