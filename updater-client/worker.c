/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/secret.h"

#define SAFE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool is_kept(const struct worker_task *task, int own, int fd)
{
	if (fd == own || fd == STDERR_FILENO)
		return true;
	for (size_t i = 0; i < task->keep_count; i++)
		if (task->keep[i] == fd)
			return true;
	return false;
}

/* Close everything that the task was not given. */
static void close_others(const struct worker_task *task, int own)
{
	int highest = own > STDERR_FILENO ? own : STDERR_FILENO;

	for (size_t i = 0; i < task->keep_count; i++)
		if (task->keep[i] > highest)
			highest = task->keep[i];
	for (int fd = 0; fd <= highest; fd++)
		if (!is_kept(task, own, fd))
			close(fd);
	(void)close_range((unsigned)highest + 1, ~0U, 0);
	/* Libraries must not find 0 and 1 free and give them to a socket. */
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO ||
	    open("/dev/null", O_WRONLY) != STDOUT_FILENO)
		_exit(EXIT_FAILURE);
}

/* All memory that the system leaves us, up to that, and no more for good. */
static void limit_memory(rlim_t most)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_DATA, &r))
		return;
	if (r.rlim_max > most)
		r.rlim_max = most;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_DATA, &r);
}

static NORETURN void child(const struct worker_task *task, int fd, pid_t parent)
{
	struct channel channel = CHANNEL_INIT;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before that took effect. */
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	close_others(task, fd);
	secret_guard();
	/*
	 * What signed limits and our own let it need is a fraction of that, but
	 * for manifests, which are counted. It starts no process: confine.h;
	 * and who only computes is ended by who waits for a word of it.
	 */
	limit_memory(WORKER_MEMORY_MAX + task->more_memory);
	channel.fd = fd;
	task->run(task->ctx, &channel);
	_exit(EXIT_SUCCESS);
}

int worker_start(const struct worker_task *task, int stop_fd,
		 struct worker *out, struct err *e)
{
	struct channel channel = CHANNEL_INIT;
	pid_t parent = getpid();
	int fds[2];
	pid_t pid;

	if (ipc_pair(fds, e))
		return -1;
	pid = fork();
	if (pid < 0) {
		err_sys(e, "fork");
		fs_close(&fds[0]);
		fs_close(&fds[1]);
		return -1;
	}
	if (pid == 0)
		child(task, fds[1], parent);
	fs_close(&fds[1]);
	channel.fd = fds[0];
	channel.stop_fd = stop_fd;
	*out = (struct worker){ pid, task->name, channel };
	return 0;
}

void worker_stop(struct worker *w)
{
	if (w->pid <= 0)
		return;
	ipc_close(&w->channel);
	(void)kill(w->pid, SIGKILL);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	w->pid = 0;
}

static void scrub_environment(void)
{
	/*
	 * What a person's terminal and the service manager say stays; and what
	 * only libfaketime reads, through which tests turn the clock.
	 */
	static const char *const kept[] = {
		"TERM",
		"TZ",
		"NOTIFY_SOCKET",
		"WATCHDOG_USEC",
		"WATCHDOG_PID",
		"JOURNAL_STREAM",
		"FAKETIME",
		"FAKETIME_SHARED",
		"FAKETIME_NO_CACHE",
		"FAKETIME_TIMESTAMP_FILE",
		"FAKETIME_DONT_FAKE_MONOTONIC",
		"DONT_FAKE_MONOTONIC",
	};
	char *values[ARRAY_LEN(kept)];

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		const char *value = getenv(kept[i]);

		values[i] = value ? mem_dup_str(value) : NULL;
	}
	if (clearenv())
		abort();
	(void)setenv("PATH", SAFE_PATH, 1);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (values[i])
			(void)setenv(kept[i], values[i], 1);
		free(values[i]);
	}
}

static void reset_limits(void)
{
	struct rlimit size;

	/* A caller's soft file size limit must not cut an update short. */
	if (getrlimit(RLIMIT_FSIZE, &size) == 0) {
		size.rlim_cur = size.rlim_max;
		(void)setrlimit(RLIMIT_FSIZE, &size);
	}
}

void worker_harden(void)
{
	secret_guard();
	scrub_environment();
	reset_limits();
	umask(022);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit is an error, not a death */
	(void)signal(SIGCHLD, SIG_DFL);
}
