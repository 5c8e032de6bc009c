/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader of foreign bytes that was taken over may still do: tried, in a
 * child each. */
#include "signer/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/landlock.h"
#include "tests/unit/check.h"

static char dir[] = "/tmp/pawl-sandbox.XXXXXX";
static char inside[64], beside[64];

typedef bool attempt(void);

static void succeeds(attempt *what)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(what() ? 0 : 1);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool refused(int rc)
{
	return rc < 0 && errno == EPERM;
}

static bool denied(int rc)
{
	return rc < 0 && errno == EACCES;
}

static bool enters(void)
{
	struct err e;

	return sandbox_enter(&e) == 0 &&
	       prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) == 1;
}

static bool starts_no_program(void)
{
	static char program[] = "/bin/true";
	char *const argv[] = { program, NULL };

	return enters() && refused(execv(program, argv)) &&
	       refused(fexecve(open(program, O_RDONLY | O_CLOEXEC), argv,
			       environ));
}

static bool has_no_network(void)
{
	int pair[2];

	return enters() &&
	       refused(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) &&
	       refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) &&
	       refused(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				  pair));
}

static bool reaches_no_other_process(void)
{
	return enters() && refused((int)ptrace(PTRACE_ATTACH, getppid(), 0, 0));
}

static void *nothing(void *ctx)
{
	return ctx;
}

/* What packing and searching need. */
static bool still_works(void)
{
	pthread_t thread;

	return enters() && pthread_create(&thread, NULL, nothing, NULL) == 0 &&
	       pthread_join(thread, NULL) == 0 &&
	       open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static int create(const char *folder)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/new", folder);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static bool writes_inside_alone(void)
{
	struct err e;

	return sandbox_writes(inside, NULL, &e) == 0 && create(inside) >= 0 &&
	       denied(create(beside)) && denied(create(dir)) &&
	       open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool writes_in_both_alone(void)
{
	struct err e;

	return sandbox_writes(inside, beside, &e) == 0 && create(inside) >= 0 &&
	       create(beside) >= 0 && denied(create(dir));
}

static bool writes_nothing(void)
{
	struct err e;

	return sandbox_writes(NULL, NULL, &e) == 0 && denied(create(inside)) &&
	       open("/dev/null", O_WRONLY | O_CLOEXEC) >= 0 &&
	       open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static void nothing_is_started_or_called(void **state)
{
	(void)state;
	if (prctl(PR_GET_SECCOMP) < 0)
		skip();
	succeeds(starts_no_program);
	succeeds(has_no_network);
	succeeds(reaches_no_other_process);
	succeeds(still_works);
}

static void only_its_folder_is_written(void **state)
{
	(void)state;
	if (!landlock_is_there())
		skip();
	succeeds(writes_inside_alone);
	succeeds(writes_in_both_alone);
	succeeds(writes_nothing);
}

static int make(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(inside, sizeof(inside), "%s/inside", dir);
	(void)snprintf(beside, sizeof(beside), "%s/beside", dir);
	return mkdir(inside, 0700) || mkdir(beside, 0700) ? -1 : 0;
}

static int clear(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/new", inside);
	(void)unlink(path); /* not made without Landlock */
	(void)snprintf(path, sizeof(path), "%s/new", beside);
	(void)unlink(path);
	return rmdir(inside) || rmdir(beside) || rmdir(dir) ? -1 : 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_started_or_called),
		cmocka_unit_test(only_its_folder_is_written),
	};

	return cmocka_run_group_tests(tests, make, clear);
}
