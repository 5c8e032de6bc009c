/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/hook.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/steady.h"
#include "tests/unit/check.h"

#define SHELL_ARGS(script)                                                     \
	{                                                                      \
		(char[]){ "/bin/sh" }, (char[]){ "-c" }, (char[]){ script },   \
			NULL                                                   \
	}

static int run(char *const *argv, int64_t deadline_ms,
	       struct hook_output *output, struct err *e)
{
	const struct hook h = {
		.argv = argv,
		.dirfd = -1,
		.slot = "/slots/a/tree",
		.release = "7",
		.deadline_ms = deadline_ms,
		.stop_fd = -1,
	};

	return hook_run(&h, output, e);
}

static bool said(const struct hook_output *output, const char *text)
{
	return memmem(output->bytes, output->len, text, strlen(text)) != NULL;
}

static void success_is_exit_status_zero(void **state)
{
	char *argv[] = SHELL_ARGS("echo fine");
	struct hook_output output;
	struct err e = { 0 };

	(void)state;
	assert_ok(run(argv, 5000, &output, &e));
	assert_true(said(&output, "fine\n"));
}

static void anything_else_is_bad_health(void **state)
{
	char *status[] = SHELL_ARGS("echo broken >&2; exit 3");
	char *killed[] = SHELL_ARGS("kill -9 $$");
	char *missing[] = { (char[]){ "./no-such-program" }, NULL };
	struct hook_output output;
	struct err e = { 0 };

	(void)state;
	assert_refused(run(status, 5000, &output, &e), ERR_HEALTH);
	assert_true(said(&output, "broken"));
	assert_non_null(strstr(e.msg, "exit status 3"));
	assert_refused(run(killed, 5000, &output, &e), ERR_HEALTH);
	assert_non_null(strstr(e.msg, "signal 9"));
	assert_refused(run(missing, 5000, &output, &e), ERR_HEALTH);
	assert_true(said(&output, "No such file"));
}

static void the_deadline_kills_the_whole_group(void **state)
{
	char *argv[] = SHELL_ARGS("sleep 60 & echo $!; wait");
	struct hook_output output;
	struct err e = { 0 };
	int64_t start = steady_ms();
	pid_t sleeper;

	(void)state;
	assert_refused(run(argv, 300, &output, &e), ERR_NETWORK);
	assert_in_range(steady_ms() - start, 250, 5000);
	output.bytes[output.len < HOOK_OUTPUT_MAX ? output.len
						  : HOOK_OUTPUT_MAX - 1] = 0;
	sleeper = (pid_t)strtol((char *)output.bytes, NULL, 10);
	assert_true(sleeper > 1);
	for (int i = 0; i < 100 && kill(sleeper, 0) == 0; i++)
		(void)poll(NULL, 0, 20);
	/* Gone, or a zombie that nobody has reaped yet. */
	if (kill(sleeper, 0) == 0) {
		char path[64], stat[256] = "";
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat",
			       (int)sleeper);
		f = fopen(path, "r");
		assert_non_null(f);
		assert_true(fread(stat, 1, sizeof(stat) - 1, f) > 0);
		(void)fclose(f);
		assert_non_null(strstr(stat, ") Z "));
	}
}

static void what_was_left_behind_dies_with_the_command(void **state)
{
	char *argv[] = SHELL_ARGS("sleep 60 & exit 0");
	struct hook_output output;
	struct err e = { 0 };
	int64_t start = steady_ms();

	(void)state;
	assert_ok(run(argv, 30000, &output, &e));
	assert_in_range(steady_ms() - start, 0, 10000);
}

static void endless_output_is_bounded_and_its_end_kept(void **state)
{
	char *endless[] = SHELL_ARGS("yes");
	char *much[] = SHELL_ARGS("yes | head -c 100000; echo the end");
	struct hook_output output;
	struct err e = { 0 };

	(void)state;
	assert_refused(run(endless, 300, &output, &e), ERR_NETWORK);
	assert_ok(run(much, 20000, &output, &e));
	assert_int_equal(output.len, HOOK_OUTPUT_MAX);
	assert_memory_equal(output.bytes + output.len - 8, "the end\n", 8);
}

static void environment_input_and_descriptors_are_bare(void **state)
{
	char *argv[] = SHELL_ARGS("env | sort; read x || echo no input; "
				  "ls /proc/self/fd | wc -l; "
				  "test -t 0 || echo no terminal");
	struct hook_output output;
	struct err e = { 0 };
	int extra = open("/dev/null", O_RDONLY); /* not closed on exec */

	(void)state;
	assert_int_equal(setenv("LD_PRELOAD_LIKE", "secret", 1), 0);
	assert_ok(run(argv, 5000, &output, &e));
	assert_true(said(&output, "PAWL_SLOT=/slots/a/tree\n"));
	assert_true(said(&output, "PAWL_RELEASE=7\n"));
	assert_true(said(&output, "no input\n"));
	assert_true(said(&output, "no terminal\n"));
	assert_false(said(&output, "secret"));
	assert_true(said(&output, "\n4\n")); /* 0, 1, 2 and ls's own */
	assert_int_equal(unsetenv("LD_PRELOAD_LIKE"), 0);
	close(extra);
}

static void it_may_be_given_one_file_to_read(void **state)
{
	char *argv[] = SHELL_ARGS("head -c 7; echo x >&0 || echo read only");
	struct hook h = { .argv = argv, .dirfd = -1, .deadline_ms = 5000 };
	struct hook_output output;
	struct err e = { 0 };

	(void)state;
	h.input_fd = open("/proc/self/exe", O_RDONLY);
	assert_true(h.input_fd > 0);
	h.stop_fd = -1;
	assert_ok(hook_run(&h, &output, &e));
	assert_memory_equal(output.bytes, "\177ELF", 4);
	assert_true(said(&output, "read only\n"));
	close(h.input_fd);
}

static void being_asked_to_stop_ends_it(void **state)
{
	char *argv[] = SHELL_ARGS("sleep 60");
	struct hook h = { .argv = argv, .dirfd = -1, .deadline_ms = 60000 };
	struct hook_output output;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	h.stop_fd = fds[0];
	assert_refused(hook_run(&h, &output, &e), ERR_BUSY);
	close(fds[0]);
	close(fds[1]);
}

static void a_program_that_others_may_write_is_not_run(void **state)
{
	char path[] = "/tmp/pawl-hook.XXXXXX";
	char *argv[] = { path, NULL };
	struct hook_output output;
	struct err e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "#!/bin/sh\nexit 0\n"), 17);
	assert_int_equal(fchmod(fd, 0777), 0);
	close(fd);
	assert_refused(run(argv, 5000, &output, &e), ERR_CONFIG);
	assert_int_equal(chmod(path, 0755), 0);
	assert_ok(run(argv, 5000, &output, &e));
	assert_int_equal(unlink(path), 0);
	assert_refused(run(argv, 5000, &output, &e), ERR_CONFIG);
}

static void a_restarted_service_lives_on(void **state)
{
	char path[] = "/tmp/pawl-hook.XXXXXX";
	char script[128];
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, script,
			 NULL };
	struct hook h = { .argv = argv,
			  .dirfd = -1,
			  .deadline_ms = 5000,
			  .stop_fd = -1,
			  .leaves_service = true };
	struct hook_output output;
	struct err e = { 0 };
	struct stat st = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)snprintf(script, sizeof(script),
		       "(sleep 0.3; echo alive; echo alive >%s) & exit 0",
		       path);
	assert_ok(hook_run(&h, &output, &e));
	for (int i = 0; i < 200 && st.st_size == 0; i++) {
		(void)poll(NULL, 0, 20);
		assert_int_equal(fstat(fd, &st), 0);
	}
	assert_int_equal(st.st_size, 6);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_is_exit_status_zero),
		cmocka_unit_test(anything_else_is_bad_health),
		cmocka_unit_test(the_deadline_kills_the_whole_group),
		cmocka_unit_test(what_was_left_behind_dies_with_the_command),
		cmocka_unit_test(endless_output_is_bounded_and_its_end_kept),
		cmocka_unit_test(environment_input_and_descriptors_are_bare),
		cmocka_unit_test(it_may_be_given_one_file_to_read),
		cmocka_unit_test(being_asked_to_stop_ends_it),
		cmocka_unit_test(a_program_that_others_may_write_is_not_run),
		cmocka_unit_test(a_restarted_service_lives_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
