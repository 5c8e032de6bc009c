/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/log_mark.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/fs.h"

#include "tests/unit/check.h"
#include "update-server/store.h"

static char folder[] = "/tmp/pawl-mark.XXXXXX";
static int dirfd = -1;

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	return !mkdtemp(folder) || fs_open_dir(folder, &dirfd, &e) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	fs_close(&dirfd);
	return rmdir(folder);
}

static void what_was_put_is_read_until_it_is_dropped(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(log_mark_read(dirfd), 0);
	assert_ok(log_mark_drop(dirfd, &e));
	assert_ok(log_mark_put(dirfd, STORE_BEHIND_UNKNOWN, &e));
	assert_true(log_mark_read(dirfd) == STORE_BEHIND_UNKNOWN);
	assert_ok(log_mark_put(dirfd, 41, &e));
	assert_int_equal(log_mark_read(dirfd), 41);
	assert_ok(log_mark_drop(dirfd, &e));
	assert_int_equal(log_mark_read(dirfd), 0);
}

static void one_that_cannot_be_read_is_one(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{\"signed\":0}", "{\"signed\":\"9\"}", "null"
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_ok(fs_replace_file(dirfd, "log-behind",
					  slice_of(texts[i]), 0600, &e));
		assert_true(log_mark_read(dirfd) == STORE_BEHIND_UNKNOWN);
	}
	assert_ok(fs_remove(dirfd, "log-behind", &e));
	assert_ok(fs_mkdir(dirfd, "log-behind", 0700, &e));
	assert_true(log_mark_read(dirfd) == STORE_BEHIND_UNKNOWN);
	assert_ok(fs_remove_tree(dirfd, "log-behind", &e));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_read_until_it_is_dropped),
		TEST(one_that_cannot_be_read_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
