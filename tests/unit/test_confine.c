/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that was taken over may still do: tried, in a child each. */
#include "updater-client/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"

static char words[CONFINE_TEXT_MAX];
static char dir[] = "/tmp/pawl-confine.XXXXXX";
static int inside = -1, beside = -1;

static bool has(const char *what)
{
	return strstr(words, what) != NULL;
}

/* What a child sees; its exit status is 0 if that is as it should be. */
typedef bool attempt(void);

static int try(const struct confine *c, attempt *what)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct err e = { 0 };

		if (confine_enter(c, &e))
			_exit(100);
		_exit(what() ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void succeeds(const struct confine *c, attempt *what)
{
	assert_int_equal(try(c, what), 0);
}

static bool denied(int rc)
{
	return rc < 0 && errno == EACCES;
}

static bool absent(int rc)
{
	return rc < 0 && errno == ENOSYS;
}

/* What the client asks of its devices and pipes, and nothing else of them. */
static bool asks_a_pipe_what_is_in_it(void)
{
	int pipes[2], n = 0;

	return pipe(pipes) == 0 && write(pipes[1], "abc", 3) == 3 &&
	       ioctl(pipes[0], FIONREAD, &n) == 0 && n == 3 &&
	       absent(ioctl(pipes[0], FIOCLEX));
}

static int create(int dirfd, const char *name)
{
	return openat(dirfd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static bool reads_a_password_file(void)
{
	return denied(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static bool writes_inside(void)
{
	return create(inside, "new") >= 0 &&
	       mkdirat(inside, "folder", 0700) == 0 &&
	       renameat(inside, "new", inside, "folder/new") == 0 &&
	       linkat(inside, "folder/new", inside, "again", 0) == 0 &&
	       symlinkat("again", inside, "link") == 0 &&
	       unlinkat(inside, "link", 0) == 0 &&
	       unlinkat(inside, "again", 0) == 0 &&
	       unlinkat(inside, "folder/new", 0) == 0 &&
	       unlinkat(inside, "folder", AT_REMOVEDIR) == 0;
}

static bool writes_where_it_may_read(void)
{
	return openat(inside, "kept", O_RDONLY | O_CLOEXEC) >= 0 &&
	       denied(create(inside, "new")) &&
	       denied(unlinkat(inside, "kept", 0)) &&
	       denied(openat(inside, "kept", O_RDWR | O_CLOEXEC)) &&
	       denied(mkdirat(inside, "folder", 0700));
}

static bool truncates_where_it_may_read(void)
{
	return denied(openat(inside, "kept", O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static bool uses_a_folder_it_has_no_right_to(void)
{
	return denied(create(beside, "new")) &&
	       denied(openat(beside, "kept", O_RDONLY | O_CLOEXEC)) &&
	       denied(openat(inside, "../beside/kept", O_RDONLY | O_CLOEXEC));
}

static bool still_reads(void)
{
	char c;

	return pread(beside, &c, 1, 0) == 1;
}

static bool opens_a_socket(void)
{
	return absent(socket(AF_INET, SOCK_STREAM, 0)) &&
	       absent(socket(AF_UNIX, SOCK_STREAM, 0));
}

static bool has_a_socket_of_these_kinds(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 &&
	       absent(socket(AF_PACKET, SOCK_RAW, 0)) &&
	       absent(socket(AF_VSOCK, SOCK_STREAM, 0));
}

/* A foreign library has all its ways, and starts nothing. */
static bool does_all_but_start_programs(void)
{
	static char program[] = "/bin/true";
	char *const argv[] = { program, NULL };

	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 &&
	       create(beside, "made") >= 0 &&
	       unlinkat(beside, "made", 0) == 0 &&
	       socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 &&
	       execv(argv[0], argv) < 0 && errno == EPERM &&
	       ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM &&
	       mount("none", "/tmp", "tmpfs", 0, NULL) < 0 && errno == EPERM;
}

static void *nothing(void *unused)
{
	return unused;
}

static bool has_threads_and_no_process(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, nothing, NULL) == 0 &&
	       pthread_join(thread, NULL) == 0 && absent(fork());
}

static bool forks(void)
{
	return absent(fork());
}

static bool executes(void)
{
	char *const args[] = { (char[]){ "true" }, NULL };

	return execve("/bin/true", args, NULL);
}

static bool traces(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool mounts(void)
{
	return mount("none", "/tmp", "tmpfs", 0, NULL) == 0;
}

static bool gains_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) == 1;
}

static void only_its_folders_are_left(void **state)
{
	const struct confine writes = { .writes = { -1, inside } };
	const struct confine reads = { .reads = { inside } };
	const struct confine file = { .file = "/etc/passwd" };

	(void)state;
	if (!has("files by Landlock"))
		skip();
	succeeds(&writes, reads_a_password_file);
	succeeds(&writes, writes_inside);
	succeeds(&reads, writes_where_it_may_read);
	succeeds(&writes, uses_a_folder_it_has_no_right_to);
	succeeds(&reads, uses_a_folder_it_has_no_right_to);
	assert_int_not_equal(try(&file, reads_a_password_file), 0);
}

static void truncating_is_writing(void **state)
{
	const struct confine reads = { .reads = { inside } };

	(void)state;
	if (!has("files by Landlock"))
		skip();
	/* Linux 6.2 and newer; the file shows which this is. */
	if (try(&reads, truncates_where_it_may_read) != 0) {
		struct stat st;

		assert_int_equal(fstatat(inside, "kept", &st, 0), 0);
		assert_int_equal(st.st_size, 0);
		skip();
	}
}

static void what_is_open_stays_usable(void **state)
{
	const struct confine c = { .network = false };
	int folder = beside;

	(void)state;
	beside = openat(folder, "kept", O_RDONLY | O_CLOEXEC);
	assert_true(beside >= 0);
	succeeds(&c, still_reads);
	close(beside);
	beside = folder;
}

static void only_the_network_has_sockets(void **state)
{
	const struct confine without = { .network = false };
	const struct confine with = { .network = true };

	(void)state;
	if (!has("system calls by seccomp"))
		skip();
	succeeds(&without, opens_a_socket);
	succeeds(&with, has_a_socket_of_these_kinds);
}

static void no_program_starts(void **state)
{
	const struct confine without = { .network = false };
	const struct confine with = { .network = true };

	(void)state;
	if (!has("system calls by seccomp"))
		skip();
	succeeds(&without, forks);
	succeeds(&with, has_threads_and_no_process);
	assert_true(WIFSIGNALED(try(&without, executes)));
	assert_int_equal(WTERMSIG(try(&with, executes)), SIGSYS);
	assert_int_equal(WTERMSIG(try(&with, traces)), SIGSYS);
	assert_int_equal(WTERMSIG(try(&with, mounts)), SIGSYS);
}

static void a_foreign_library_may_all_but_take_over(void **state)
{
	const struct confine c = { .module = true };

	(void)state;
	if (!has("system calls by seccomp"))
		skip();
	succeeds(&c, does_all_but_start_programs);
}

static void it_gains_nothing_by_a_program_of_another(void **state)
{
	const struct confine c = { .network = false };

	succeeds(&c, asks_a_pipe_what_is_in_it);
	(void)state;
	succeeds(&c, gains_privileges);
}

static void a_folder_that_is_closed_is_refused(void **state)
{
	const struct confine c = { .reads = { 1000000 } };

	(void)state;
	if (!has("files by Landlock"))
		skip();
	assert_int_equal(WEXITSTATUS(try(&c, forks)), 100);
}

static int begin(void **state)
{
	int fd;

	(void)state;
	confine_describe(words);
	if (!mkdtemp(dir))
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "inside", 0700) ||
	    mkdirat(fd, "beside", 0700))
		return -1;
	inside = openat(fd, "inside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	beside = openat(fd, "beside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(fd);
	for (int i = 0; i < 2; i++) {
		fd = create(i ? inside : beside, "kept");
		if (fd < 0 || write(fd, "kept", 4) != 4)
			return -1;
		close(fd);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	(void)unlinkat(inside, "kept", 0);
	(void)unlinkat(beside, "kept", 0);
	(void)unlinkat(inside, "../beside", AT_REMOVEDIR);
	(void)unlinkat(beside, "../inside", AT_REMOVEDIR);
	close(inside);
	close(beside);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_its_folders_are_left),
		cmocka_unit_test(truncating_is_writing),
		cmocka_unit_test(what_is_open_stays_usable),
		cmocka_unit_test(only_the_network_has_sockets),
		cmocka_unit_test(no_program_starts),
		cmocka_unit_test(a_foreign_library_may_all_but_take_over),
		cmocka_unit_test(it_gains_nothing_by_a_program_of_another),
		cmocka_unit_test(a_folder_that_is_closed_is_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
