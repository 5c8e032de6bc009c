/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/text.h"
#include "tests/unit/check.h"

/* A file with a secret, open as a descriptor of ours. */
static int open_secret(char *how, size_t size)
{
	char path[] = "/tmp/pawl-unlock-XXXXXX";
	int fd = mkstemp(path);
	struct err e = { 0 };

	assert_true(fd > STDERR_FILENO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, "one\ntwo\n", 8), 8);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ok(text_format(how, size, &e, "fd:%d", fd));
	return fd;
}

static void a_descriptor_gives_line_after_line_until_it_is_closed(void **state)
{
	struct buf out = BUF_INIT(64);
	struct err e = { 0 };
	char how[32], byte;
	int fd = open_secret(how, sizeof(how));

	(void)state;
	assert_ok(unlock_read(how, ".", &out, &e));
	assert_string_equal(buf_text(&out), "one");
	assert_ok(unlock_read(how, ".", &out, &e));
	assert_string_equal(buf_text(&out), "onetwo");
	unlock_close(how);
	assert_int_equal(pread(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EBADF);
	buf_wipe(&out);
}

static void standard_input_becomes_empty(void **state)
{
	int before = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
	char how[32], byte;
	int fd = open_secret(how, sizeof(how));

	(void)state;
	assert_true(before >= 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(close(fd), 0);
	unlock_close("fd:0");
	assert_int_equal(read(STDIN_FILENO, &byte, 1), 0);
	assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(close(before), 0);
}

static void other_kinds_have_nothing_to_close(void **state)
{
	static const char *const none[] = {
		"file:3", "command:/bin/true", "3", "fd:", "fd:x", "fd:99999999"
	};
	char how[32];
	int fd = open_secret(how, sizeof(how));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		unlock_close(none[i]);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_descriptor_gives_line_after_line_until_it_is_closed),
		cmocka_unit_test(standard_input_becomes_empty),
		cmocka_unit_test(other_kinds_have_nothing_to_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
