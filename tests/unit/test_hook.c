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

#include "common/fs.h"
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
	struct hook_output output;
	struct err e = { 0 };

	(void)state;
	assert_refused(run(status, 5000, &output, &e), ERR_HEALTH);
	assert_true(said(&output, "broken"));
	assert_non_null(strstr(e.msg, "exit status 3"));
	assert_refused(run(killed, 5000, &output, &e), ERR_HEALTH);
	assert_non_null(strstr(e.msg, "signal 9"));
}

/* The process whose number the output is ends: gone, or a zombie that nobody
 * has reaped yet. */
static void assert_dies(struct hook_output *output)
{
	char path[64], stat[256] = "";
	pid_t pid;
	FILE *f;

	output->bytes[output->len < HOOK_OUTPUT_MAX ? output->len
						    : HOOK_OUTPUT_MAX - 1] = 0;
	pid = (pid_t)strtol((char *)output->bytes, NULL, 10);
	assert_true(pid > 1);
	for (int i = 0; i < 3000 && kill(pid, 0) == 0; i++)
		(void)poll(NULL, 0, 20);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return;
	(void)fread(stat, 1, sizeof(stat) - 1, f);
	(void)fclose(f);
	assert_true(!stat[0] || strstr(stat, ") Z "));
}

static void the_deadline_kills_the_whole_group(void **state)
{
	char *argv[] = SHELL_ARGS("sleep 60 & echo $!; wait");
	struct hook_output output;
	struct err e = { 0 };
	int64_t start = steady_ms();

	(void)state;
	/* Time enough for the number to be said on a machine that is busy. */
	assert_refused(run(argv, 3000, &output, &e), ERR_NETWORK);
	assert_in_range(steady_ms() - start, 2900, 30000);
	assert_dies(&output);
}

static void what_was_left_behind_dies_with_the_command(void **state)
{
	char *well[] = SHELL_ARGS("sleep 60 & echo $!");
	char *badly[] = SHELL_ARGS("sleep 60 & echo $!; exit 1");
	struct hook_output output;
	struct err e = { 0 };

	(void)state;
	assert_ok(run(well, 30000, &output, &e));
	assert_dies(&output);
	assert_refused(run(badly, 30000, &output, &e), ERR_HEALTH);
	assert_dies(&output);
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

/* A folder of root's with bin/tool, which says that it ran. */
struct place {
	char path[64], tool[96];
	int dirfd;
};

static void make_tool(int dirfd, const char *path, const char *word)
{
	const int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL, 0755);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "#!/bin/sh\necho %s\n", word) > 0);
	close(fd);
}

static void make_place(struct place *p)
{
	struct err e = { 0 };

	(void)snprintf(p->path, sizeof(p->path), "/tmp/pawl-hook.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	(void)snprintf(p->tool, sizeof(p->tool), "%s/bin/tool", p->path);
	assert_ok(fs_open_dir(p->path, &p->dirfd, &e));
	assert_ok(fs_mkdir(p->dirfd, "bin", 0755, &e));
	make_tool(p->dirfd, "bin/tool", "the tool");
}

static void remove_place(struct place *p)
{
	struct err e = { 0 };

	assert_int_equal(fchmodat(p->dirfd, "bin", 0755, 0), 0);
	assert_ok(fs_remove_tree(p->dirfd, "bin", &e));
	assert_ok(fs_remove_tree(p->dirfd, "usr", &e));
	assert_ok(fs_remove_tree(p->dirfd, "others", &e));
	fs_close(&p->dirfd);
	assert_int_equal(rmdir(p->path), 0);
}

static void a_program_that_others_may_write_is_not_run(void **state)
{
	struct hook_output output;
	struct err e = { 0 };
	struct place p;
	char *argv[] = { p.tool, NULL };

	(void)state;
	make_place(&p);
	assert_int_equal(fchmodat(p.dirfd, "bin/tool", 0777, 0), 0);
	assert_refused(run(argv, 5000, &output, &e), ERR_CONFIG);
	assert_int_equal(fchmodat(p.dirfd, "bin/tool", 0755, 0), 0);
	assert_ok(run(argv, 5000, &output, &e));
	assert_int_equal(unlinkat(p.dirfd, "bin/tool", 0), 0);
	assert_refused(run(argv, 5000, &output, &e), ERR_CONFIG);
	remove_place(&p);
}

/* Who may write a folder on the way puts another program there. */
static void nor_one_on_a_way_that_others_may_change(void **state)
{
	struct hook_output output;
	struct err e = { 0 };
	struct place p;
	char link[96], over[96];
	char *argv[] = { p.tool, NULL };
	char *linked[] = { link, NULL };
	char *back[] = { over, NULL };

	(void)state;
	make_place(&p);
	assert_int_equal(fchmodat(p.dirfd, "bin", 0775, 0), 0);
	assert_refused(run(argv, 5000, &output, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "others may write it"));
	/* As in /tmp: they may add there, and not exchange what is ours. */
	assert_int_equal(fchmodat(p.dirfd, "bin", 01777, 0), 0);
	assert_ok(run(argv, 5000, &output, &e));
	assert_int_equal(fchmodat(p.dirfd, "bin", 0755, 0), 0);
	/* A link is no way around it, wherever it stands. */
	assert_ok(fs_mkdir(p.dirfd, "others", 0777, &e));
	assert_int_equal(fchmodat(p.dirfd, "others", 0777, 0), 0);
	assert_ok(fs_symlink(p.dirfd, "../bin", "others/way", &e));
	assert_ok(fs_symlink(p.dirfd, "others/way", "usr", &e));
	(void)snprintf(link, sizeof(link), "%s/usr/tool", p.path);
	(void)snprintf(over, sizeof(over), "%s/others/./../bin//tool", p.path);
	assert_refused(run(linked, 5000, &output, &e), ERR_CONFIG);
	assert_refused(run(back, 5000, &output, &e), ERR_CONFIG);
	assert_int_equal(fchmodat(p.dirfd, "others", 0755, 0), 0);
	assert_ok(run(linked, 5000, &output, &e));
	assert_ok(run(back, 5000, &output, &e));
	if (geteuid() == 0) {
		assert_int_equal(fchownat(p.dirfd, "others", 7, 7, 0), 0);
		assert_refused(run(linked, 5000, &output, &e), ERR_CONFIG);
	}
	remove_place(&p);
}

/* A name of its own begins in the folder that this is, wherever it leads. */
static void from_here_on_the_way_is_the_same(void **state)
{
	static const char *const names[] = { "usr/tool", "../bin/tool",
					     "./tool" };
	const int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };
	struct place p;
	char bin[96];

	(void)state;
	make_place(&p);
	(void)snprintf(bin, sizeof(bin), "%s/bin", p.path);
	assert_int_equal(symlinkat(bin, p.dirfd, "bin/usr"), 0);
	assert_int_equal(chdir(bin), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_ok(hook_check(names[i], &e));
		assert_int_equal(fchmodat(p.dirfd, "bin", 0775, 0), 0);
		assert_refused(hook_check(names[i], &e), ERR_CONFIG);
		assert_int_equal(fchmodat(p.dirfd, "bin", 0755, 0), 0);
	}
	assert_int_equal(fchdir(before), 0);
	close(before);
	remove_place(&p);
}

static void links_that_lead_in_a_circle_end(void **state)
{
	struct hook_output output;
	struct err e = { 0 };
	struct place p;
	char *argv[] = { p.tool, NULL };

	(void)state;
	make_place(&p);
	assert_int_equal(unlinkat(p.dirfd, "bin/tool", 0), 0);
	assert_ok(fs_symlink(p.dirfd, "../bin/tool", "bin/tool", &e));
	assert_refused(run(argv, 5000, &output, &e), ERR_CONFIG);
	remove_place(&p);
}

/* What was signed is in the tree; what its links name on the host was not. */
static void a_release_runs_what_is_in_its_tree(void **state)
{
	static const char *const links[] = { "/bin/tool", "bin/tool",
					     "../../../bin/tool", "usr/tool",
					     "bin/over" };
	char *argv[] = { (char[]){ "start" }, NULL };
	char *sh[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "true" },
		       NULL };
	struct hook_output output;
	struct err e = { 0 };
	struct place p;
	struct hook h = { .argv = argv, .deadline_ms = 5000, .stop_fd = -1 };

	(void)state;
	make_place(&p);
	h.dirfd = p.dirfd;
	/* As most systems have it. */
	assert_ok(fs_symlink(p.dirfd, "/bin", "usr", &e));
	assert_ok(fs_symlink(p.dirfd, "/bin/tool", "bin/over", &e));
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		assert_ok(fs_symlink(p.dirfd, links[i], "start", &e));
		assert_ok(hook_run(&h, &output, &e));
		assert_true(said(&output, "the tool\n"));
		assert_ok(fs_remove(p.dirfd, "start", &e));
	}
	assert_refused(hook_run(&h, &output, &e), ERR_HEALTH);
	/* There is one on the host, and none in the tree. */
	h.argv = sh;
	assert_ok(fs_symlink(p.dirfd, "/bin/sh", "sh", &e));
	assert_refused(hook_run(&h, &output, &e), ERR_HEALTH);
	assert_ok(fs_remove(p.dirfd, "sh", &e));
	remove_place(&p);
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
		cmocka_unit_test(nor_one_on_a_way_that_others_may_change),
		cmocka_unit_test(from_here_on_the_way_is_the_same),
		cmocka_unit_test(links_that_lead_in_a_circle_end),
		cmocka_unit_test(a_release_runs_what_is_in_its_tree),
		cmocka_unit_test(a_restarted_service_lives_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
