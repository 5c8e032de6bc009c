/* SPDX-License-Identifier: Apache-2.0 */
#include "common/passphrase.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define WAIT_MS 20000

/* ---- descriptors --------------------------------------------------------- */

static int holding(const void *bytes, size_t len)
{
	int fd = memfd_create("passphrase", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void reads_lines_one_after_the_other(void **state)
{
	int fd = holding("first one\nsecond\n\nlast", 22);
	struct buf out = BUF_INIT(64);
	struct err e = { 0 };

	(void)state;
	assert_ok(passphrase_read(fd, "", false, &out, &e));
	assert_string_equal(buf_text(&out), "first one");
	assert_ok(passphrase_read(fd, "", false, &out, &e));
	assert_string_equal(buf_text(&out), "first onesecond");
	assert_refused(passphrase_read(fd, "", false, &out, &e), ERR_FORMAT);
	buf_wipe(&out);
	assert_ok(passphrase_read(fd, "", false, &out, &e));
	assert_string_equal(buf_text(&out), "last");
	assert_refused(passphrase_read(fd, "", false, &out, &e), ERR_FORMAT);
	buf_wipe(&out);
	close(fd);
}

static void refuses_what_is_too_long_or_holds_a_nul(void **state)
{
	char line[PASSPHRASE_MAX_LEN + 1];
	struct buf out = BUF_INIT(sizeof(line));
	struct err e = { 0 };
	int fd;

	(void)state;
	memset(line, 'x', sizeof(line));
	fd = holding(line, PASSPHRASE_MAX_LEN);
	assert_ok(passphrase_read(fd, "", false, &out, &e));
	assert_int_equal(out.len, PASSPHRASE_MAX_LEN);
	buf_wipe(&out);
	close(fd);
	fd = holding(line, sizeof(line));
	assert_refused(passphrase_read(fd, "", false, &out, &e), ERR_LIMIT);
	close(fd);
	fd = holding("nul\0here\n", 9);
	assert_refused(passphrase_read(fd, "", false, &out, &e), ERR_FORMAT);
	close(fd);
	assert_refused(passphrase_read(fd, "", false, &out, &e), ERR_SYSTEM);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

/* ---- a terminal ---------------------------------------------------------- */

struct asked {
	int terminal; /* our end */
	pid_t child;
	char seen[4096]; /* what the terminal showed */
	size_t seen_len;
};

/* In the child: exit status 0 for the right one, else the error's code. */
static int ask(bool confirm)
{
	struct buf out = BUF_INIT(64);
	struct err e = { 0 };

	if (passphrase_read(-1, "secret", confirm, &out, &e))
		return (int)e.code;
	return strcmp(buf_text(&out), "hidden words") == 0 ? 0 : 99;
}

static void start(struct asked *a, bool confirm)
{
	char name[64];

	*a = (struct asked){ .terminal = posix_openpt(O_RDWR | O_NOCTTY) };
	if (a->terminal < 0) {
		print_message("skipped: this machine gives no terminals\n");
		skip();
	}
	assert_int_equal(grantpt(a->terminal), 0);
	assert_int_equal(unlockpt(a->terminal), 0);
	assert_int_equal(ptsname_r(a->terminal, name, sizeof(name)), 0);
	a->child = fork();
	assert_true(a->child >= 0);
	if (a->child > 0)
		return;
	(void)signal(SIGINT, SIG_DFL);
	if (setsid() < 0 || open(name, O_RDWR) < 0)
		_exit(98);
	_exit(ask(confirm));
}

static void wait_until_seen(struct asked *a, const char *text)
{
	struct pollfd fd = { .fd = a->terminal, .events = POLLIN };

	while (!memmem(a->seen, a->seen_len, text, strlen(text))) {
		ssize_t got;

		if (poll(&fd, 1, WAIT_MS) != 1)
			fail_msg("the terminal never showed \"%s\"", text);
		got = read(a->terminal, a->seen + a->seen_len,
			   sizeof(a->seen) - a->seen_len);
		assert_true(got > 0);
		a->seen_len += (size_t)got;
	}
}

static bool echoes(const struct asked *a)
{
	struct termios now;

	assert_int_equal(tcgetattr(a->terminal, &now), 0);
	return (now.c_lflag & ECHO) != 0;
}

static void type(const struct asked *a, const char *text)
{
	assert_int_equal(write(a->terminal, text, strlen(text)), strlen(text));
}

static int status_of(struct asked *a)
{
	int status;

	assert_int_equal(waitpid(a->child, &status, 0), a->child);
	return status;
}

static void done(struct asked *a)
{
	close(a->terminal);
}

static void asks_on_the_terminal_without_echo(void **state)
{
	struct asked a;

	(void)state;
	start(&a, false);
	wait_until_seen(&a, "secret: ");
	assert_false(echoes(&a));
	type(&a, "hidden words\n");
	assert_int_equal(status_of(&a), 0);
	assert_true(echoes(&a));
	assert_null(memmem(a.seen, a.seen_len, "hidden", 6));
	done(&a);
}

static void asks_twice_for_a_new_one(void **state)
{
	struct asked a;

	(void)state;
	start(&a, true);
	wait_until_seen(&a, "secret: ");
	type(&a, "hidden words\n");
	wait_until_seen(&a, "the same again: ");
	type(&a, "hidden words\n");
	assert_int_equal(status_of(&a), 0);
	done(&a);
}

static void refuses_two_that_differ(void **state)
{
	struct asked a;

	(void)state;
	start(&a, true);
	wait_until_seen(&a, "secret: ");
	type(&a, "hidden words\n");
	wait_until_seen(&a, "the same again: ");
	type(&a, "hidden word\n");
	assert_int_equal(WEXITSTATUS(status_of(&a)), ERR_REFUSED);
	assert_true(echoes(&a));
	done(&a);
}

static void an_interrupt_gives_the_echo_back(void **state)
{
	struct asked a;
	int status;

	(void)state;
	start(&a, false);
	wait_until_seen(&a, "secret: ");
	assert_false(echoes(&a));
	type(&a, "hid\003");
	status = status_of(&a);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	assert_true(echoes(&a));
	done(&a);
}

static void so_does_a_termination_from_elsewhere(void **state)
{
	struct asked a;
	int status;

	(void)state;
	start(&a, false);
	wait_until_seen(&a, "secret: ");
	assert_int_equal(kill(a.child, SIGTERM), 0);
	status = status_of(&a);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_true(echoes(&a));
	done(&a);
}

static void without_a_terminal_it_names_the_way_out(void **state)
{
	pid_t child;
	int status;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(setsid() < 0 ? 98 : ask(false));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), ERR_USAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines_one_after_the_other),
		cmocka_unit_test(refuses_what_is_too_long_or_holds_a_nul),
		cmocka_unit_test(asks_on_the_terminal_without_echo),
		cmocka_unit_test(asks_twice_for_a_new_one),
		cmocka_unit_test(refuses_two_that_differ),
		cmocka_unit_test(an_interrupt_gives_the_echo_back),
		cmocka_unit_test(so_does_a_termination_from_elsewhere),
		cmocka_unit_test(without_a_terminal_it_names_the_way_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
