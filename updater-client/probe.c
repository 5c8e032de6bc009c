/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/steady.h"
#include "common/text.h"
#include "common/utc.h"
#include "updater-client/confine.h"
#include "updater-client/hook.h"
#include "updater-client/worker.h"

#define SYSTEMCTL   "/usr/bin/systemctl"
#define STATUS_LEN  12 /* "HTTP/1.1 200" */
#define REQUEST_LEN 1200

/* What the process that asks is told; it dies with the answer. */
struct question {
	const struct vital *vital;
	int64_t end_ms;
};

/* ---- in the process that talks ------------------------------------------- */

static int wait_for(int fd, short events, const struct question *q,
		    struct err *e)
{
	struct pollfd p = { fd, events, 0 };
	int64_t left = q->end_ms - steady_ms();
	int n;

	do
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	while (n < 0 && errno == EINTR);
	return n > 0 ? 0
		     : err_set(e, ERR_HEALTH, "port %u: no answer in time",
			       q->vital->port);
}

/* What became of the connection: 0, or an errno value. -1: no answer yet. */
static int begin_connection(int fd, const struct question *q, struct err *e)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(q->vital->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(int);
	int failure = 0;

	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) &&
	    errno != EINPROGRESS)
		return errno;
	if (wait_for(fd, POLLOUT, q, e))
		return -1;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) ? errno
								    : failure;
}

static int connect_to(const struct question *q, int *out, struct err *e)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int failure;

	if (fd < 0)
		return err_sys(e, "socket");
	failure = begin_connection(fd, q, e);
	if (failure > 0)
		(void)err_set(e, ERR_HEALTH, "port %u: %s", q->vital->port,
			      strerror(failure));
	if (failure) {
		fs_close(&fd);
		return -1;
	}
	*out = fd;
	return 0;
}

/* The first bytes of an answer, which are all that is looked at. */
static int read_status(int fd, const struct question *q, char out[STATUS_LEN],
		       struct err *e)
{
	size_t len = 0;

	while (len < STATUS_LEN) {
		ssize_t got;

		if (wait_for(fd, POLLIN, q, e))
			return -1;
		got = recv(fd, out + len, STATUS_LEN - len, 0);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return err_set(e, ERR_HEALTH,
				       "port %u: closed without an answer",
				       q->vital->port);
		len += (size_t)got;
	}
	return 0;
}

static int ask_http(const struct question *q, int fd, struct err *e)
{
	char request[REQUEST_LEN], status[STATUS_LEN];
	struct slice code = { (const uint8_t *)status + STATUS_LEN - 3, 3 };
	struct err why;
	uint64_t number = 0;
	size_t len;

	if (text_format(request, sizeof(request), e,
			"GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n",
			q->vital->text))
		return -1;
	len = strlen(request);
	if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		return err_set(e, ERR_HEALTH, "port %u: takes no request",
			       q->vital->port);
	if (read_status(fd, q, status, e))
		return -1;
	if (memcmp(status, "HTTP/1.", 7) != 0 || status[8] != ' ' ||
	    num_parse(code, 999, &number, &why))
		return err_set(e, ERR_HEALTH, "port %u: does not speak HTTP",
			       q->vital->port);
	if (number < 200 || number > 299)
		return err_set(e, ERR_HEALTH, "http %u %s: status %u",
			       q->vital->port, q->vital->text,
			       (unsigned)number);
	return 0;
}

static int talk(const struct question *q, struct err *e)
{
	const struct confine c = { .network = true };
	int fd = -1;
	int rc = -1;

	if (confine_enter(&c, e) == 0 && connect_to(q, &fd, e) == 0)
		rc = q->vital->kind == VITAL_HTTP ? ask_http(q, fd, e) : 0;
	fs_close(&fd);
	return rc;
}

static void talk_run(void *ctx, struct channel *channel)
{
	struct err failure = { 0 }, nobody;

	/* If the other end is gone there is nobody left to tell. */
	if (ipc_answer(channel, talk(ctx, &failure), 0, &failure, &nobody))
		return;
}

/* ---- in ours ------------------------------------------------------------- */

static int ask_port(const struct vital *v, int limit_ms, int stop_fd,
		    struct err *e)
{
	struct question q = { v, steady_ms() + limit_ms };
	const struct worker_task task = {
		.name = "probe",
		.run = talk_run,
		.ctx = &q,
	};
	struct worker w = { 0 };
	struct message m;
	int rc;

	if (worker_start(&task, stop_fd, &w, e))
		return -1;
	/* It ends by itself; if it does not, it is ended. */
	rc = ipc_expect(&w.channel, MESSAGE_DONE, limit_ms + 1000, &m, e);
	worker_stop(&w);
	if (rc && e->code != ERR_BUSY)
		e->code = ERR_HEALTH;
	return rc;
}

static int ask_unit(const struct vital *v, int limit_ms, int stop_fd,
		    struct err *e)
{
	char program[] = SYSTEMCTL, quiet[] = "--quiet", verb[] = "is-active";
	char unit[256];
	char *argv[] = { program, quiet, verb, unit, NULL };
	const struct hook h = {
		.argv = argv,
		.dirfd = -1,
		.deadline_ms = limit_ms,
		.stop_fd = stop_fd,
	};
	struct hook_output unused;

	if (text_format(unit, sizeof(unit), e, "%s", v->text))
		return -1;
	if (hook_run(&h, &unused, e) == 0)
		return 0;
	return e->code == ERR_BUSY
		       ? -1
		       : err_set(e, ERR_HEALTH, "unit %s: not active", unit);
}

static int ask_file(const struct vital *v, struct err *e)
{
	struct stat st;
	int64_t age;

	if (fstatat(AT_FDCWD, v->text, &st, 0))
		return err_set(e, ERR_HEALTH, "fresh %s: %s", v->text,
			       strerror(errno));
	/* Both by the same clock, whatever it says. */
	age = utc_now() - st.st_mtime;
	if (age < -(int64_t)v->sec)
		return err_set(e, ERR_HEALTH,
			       "fresh %s: written %lld seconds ahead of now",
			       v->text, (long long)-age);
	if (age > (int64_t)v->sec)
		return err_set(e, ERR_HEALTH,
			       "fresh %s: written %lld seconds ago", v->text,
			       (long long)age);
	return 0;
}

static int ask_daemon(const struct vital *v, struct err *e)
{
	int fd = -1;
	bool runs;

	if (fs_open_dir(v->text, &fd, e))
		return -1;
	runs = fs_is_locked(fd, PROBE_DAEMON_LOCK);
	fs_close(&fd);
	return runs ? 0 : err_set(e, ERR_HEALTH, "daemon: it does not run");
}

int probe_ask(const struct vital *v, int limit_ms, int stop_fd, struct err *e)
{
	switch (v->kind) {
	case VITAL_UNIT:
		return ask_unit(v, limit_ms, stop_fd, e);
	case VITAL_FRESH:
		return ask_file(v, e);
	case VITAL_DAEMON:
		return ask_daemon(v, e);
	default:
		return ask_port(v, limit_ms, stop_fd, e);
	}
}
