/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/steady.h"
#include "common/text.h"
#include "updater-client/notify.h"

#define POLL_MS         20 /* how soon a program's end is seen */
#define ENV_LEN         4200
#define EXIT_NO_PROGRAM 127
#define DRAIN_MAX       64
#define LINKS_MAX       40

/* ---- the child ----------------------------------------------------------- */

#define ENV_PATH                                                               \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct environment {
	char texts[4][ENV_LEN];
	char *at[5];
};

static void set_environment(const struct hook *h, struct environment *env)
{
	static const char *const names[] = { "SLOT", "RELEASE", "DATA" };
	const char *const values[] = { h->slot, h->release, h->data };
	size_t n = 0;

	(void)snprintf(env->texts[n], ENV_LEN, "%s", ENV_PATH);
	env->at[n] = env->texts[n];
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (!values[i])
			continue;
		n++;
		(void)snprintf(env->texts[n], ENV_LEN, "PAWL_%s=%s", names[i],
			       values[i]);
		env->at[n] = env->texts[n];
	}
}

static NORETURN void run_child(const struct hook *h, const char *program,
			       int out, pid_t parent)
{
	struct environment env = { .at = { NULL } };
	sigset_t none;
	int null;

	set_environment(h, &env);
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_NO_PROGRAM);
	if (h->dirfd >= 0 ? fchdir(h->dirfd) : chdir("/"))
		_exit(EXIT_NO_PROGRAM);
	null = open("/dev/null", O_RDWR);
	if (out < 0)
		out = null;
	if (dup2(h->input_fd > 0 ? h->input_fd : null, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(EXIT_NO_PROGRAM);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)execve(program, h->argv, env.at);
	dprintf(STDERR_FILENO, "%s: %s\n", h->argv[0], strerror(errno));
	_exit(EXIT_NO_PROGRAM);
}

/* ---- the parent ---------------------------------------------------------- */

/* Keep the last HOOK_OUTPUT_MAX bytes. */
static void keep_tail(struct hook_output *tail, const uint8_t *bytes,
		      size_t len)
{
	if (tail->len + len > HOOK_OUTPUT_MAX) {
		size_t drop = tail->len + len - HOOK_OUTPUT_MAX;

		memmove(tail->bytes, tail->bytes + drop, tail->len - drop);
		tail->len -= drop;
	}
	memcpy(tail->bytes + tail->len, bytes, len);
	tail->len += len;
}

/* Take what is there, without waiting. */
static void drain(int fd, struct hook_output *tail)
{
	uint8_t bytes[HOOK_OUTPUT_MAX / 2];

	/* Bounded, for a program that never stops writing. */
	for (int i = 0; fd >= 0 && i < DRAIN_MAX; i++) {
		ssize_t got = read(fd, bytes, sizeof(bytes));

		if (got <= 0)
			return;
		keep_tail(tail, bytes, (size_t)got);
	}
}

static bool is_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

static void pause_for_output(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	/* A pipe at its end is always ready: then only the time counts. */
	if (poll(&p, 1, POLL_MS) > 0 && !(p.revents & POLLIN))
		(void)poll(NULL, 0, POLL_MS);
}

static int how_it_ended(const struct hook *h, int status, struct err *e)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return err_set(e, ERR_HEALTH, "%s: exit status %d", h->argv[0],
			       WEXITSTATUS(status));
	return err_set(e, ERR_HEALTH, "%s: killed by signal %d", h->argv[0],
		       WTERMSIG(status));
}

/* Wait for the end; the group leader is left for the caller to reap. */
static int wait_end(const struct hook *h, pid_t pid, int fd,
		    struct hook_output *tail, struct err *e)
{
	int64_t end = steady_ms() + h->deadline_ms;
	siginfo_t info = { 0 };

	for (;;) {
		(void)notify_alive(POLL_MS);
		drain(fd, tail);
		if (waitid(P_PID, (id_t)pid, &info,
			   WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == pid)
			return 0;
		if (is_readable(h->stop_fd))
			return err_set(e, ERR_BUSY, "asked to stop");
		if (steady_ms() >= end)
			return err_set(e, ERR_NETWORK,
				       "%s: no answer by the deadline",
				       h->argv[0]);
		pause_for_output(fd);
	}
}

static int supervise(const struct hook *h, pid_t pid, int fd,
		     struct hook_output *tail, struct err *e)
{
	int status = 0;
	int rc = wait_end(h, pid, fd, tail, e);

	/* While the leader is not reaped its number names this group alone. */
	if (rc || !h->leaves_service)
		(void)kill(-pid, SIGKILL);
	if (rc) /* it may not have come to lead its group yet */
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	drain(fd, tail);
	return rc ? rc : how_it_ended(h, status, e);
}

/* ---- which program ------------------------------------------------------- */

/* A way to a program that leads over no link. */
struct way {
	int dirfd;             /* of a release's tree, or AT_FDCWD */
	char to[PATH_MAX_LEN]; /* so far; behind "", or a release's "." */
	size_t len, root_len;
	unsigned links;
};

/* What is local nobody changes but root and ourselves. */
static int look(const struct way *w, struct stat *st, struct err *e)
{
	mode_t others = S_IWGRP | S_IWOTH;

	if (fstatat(w->dirfd, w->to, st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "%s", w->to);
	/* Where the sticky bit is they may not touch what is ours. */
	if (S_ISLNK(st->st_mode) ||
	    (S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX))
		others = 0;
	if (w->dirfd >= 0 || (!(st->st_mode & others) &&
			      (st->st_uid == 0 || st->st_uid == geteuid())))
		return 0;
	return err_set(e, ERR_CONFIG,
		       "%s: others may write it; chown root, chmod go-w",
		       w->to);
}

/* Links are read as if the root of the way were the root of all. */
static int walk(struct way *w, const char *path, struct err *e)
{
	char target[PATH_MAX_LEN];
	struct stat st;
	ssize_t got;
	size_t len;

	for (; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && path[0] == '.'))
			continue;
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			while (w->len > w->root_len && w->to[--w->len] != '/')
				;
			w->to[w->len] = 0;
			continue;
		}
		if (text_format(w->to + w->len, sizeof(w->to) - w->len, e,
				"/%.*s", (int)len, path) ||
		    look(w, &st, e))
			return -1;
		if (!S_ISLNK(st.st_mode)) {
			w->len = strlen(w->to);
			continue;
		}
		got = readlinkat(w->dirfd, w->to, target, sizeof(target) - 1);
		if (got < 0 || w->links++ == LINKS_MAX)
			return err_set(e, ERR_CONFIG, "%s: too many links",
				       w->to);
		target[got] = 0;
		if (target[0] == '/')
			w->len = w->root_len;
		if (walk(w, target, e))
			return -1;
	}
	return 0;
}

static int find_way(int dirfd, const char *path, struct way *w, struct err *e)
{
	const bool local = dirfd == AT_FDCWD;
	char here[PATH_MAX_LEN] = "";
	struct stat st;

	memset(w, 0, sizeof(*w));
	w->dirfd = dirfd;
	w->to[0] = local ? '/' : '.';
	w->root_len = w->len = !local;
	/* The way from here begins where the one to here does. */
	if (local && path[0] != '/' && !getcwd(here, sizeof(here)))
		return err_sys(e, "the folder that this is");
	return look(w, &st, e) || walk(w, here, e) || walk(w, path, e) ? -1 : 0;
}

int hook_check(const char *path, struct err *e)
{
	struct way unused;

	return find_way(AT_FDCWD, path, &unused, e);
}

int hook_run(const struct hook *h, struct hook_output *output, struct err *e)
{
	int fds[2] = { -1, -1 };
	pid_t parent = getpid();
	struct way w;
	pid_t pid;
	int rc;

	output->len = 0;
	if (find_way(h->dirfd < 0 ? AT_FDCWD : h->dirfd, h->argv[0], &w, e)) {
		e->code = h->dirfd < 0 ? ERR_CONFIG : ERR_HEALTH;
		return -1;
	}
	/* A service that lives on must not die of a closed pipe. */
	if (!h->leaves_service &&
	    (pipe2(fds, O_CLOEXEC) || fcntl(fds[0], F_SETFL, O_NONBLOCK)))
		return err_sys(e, "pipe");
	pid = fork();
	if (pid == 0)
		/* What is local has the name that it was given: nobody else
		 * changes where that leads. */
		run_child(h, h->dirfd < 0 ? h->argv[0] : w.to, fds[1], parent);
	fs_close(&fds[1]);
	rc = pid < 0 ? err_sys(e, "fork")
		     : supervise(h, pid, fds[0], output, e);
	fs_close(&fds[0]);
	return rc;
}
