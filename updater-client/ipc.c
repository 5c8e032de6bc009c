/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/ipc.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/fs.h"
#include "common/progress.h"
#include "common/steady.h"
#include "updater-client/notify.h"

int ipc_pair(int fds[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return err_sys(e, "socketpair");
	return 0;
}

int ipc_send(struct channel *c, const struct message *m, struct err *e)
{
	struct buf out = BUF_INIT(MESSAGE_MAX);
	ssize_t sent = -1;
	int rc = -1;

	/* Room at once: a buffer that grows leaves its old bytes behind. */
	if (!buf_reserve(&out, out.max, e) || message_format(m, &out, e))
		goto out;
	do {
		sent = send(c->fd, out.ptr, out.len, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent != (ssize_t)out.len) {
		err_sys(e, "to another process of the client");
		goto out;
	}
	rc = 0;
out:
	buf_wipe(&out); /* a message may hold a content key or a claim code */
	return rc;
}

/* Of those that are ready, the first. */
static size_t first_ready(const struct pollfd *p, size_t count)
{
	size_t i = 0;

	while (i < count && p[i].revents == 0)
		i++;
	return i;
}

int ipc_wait(struct channel *const c[], size_t count, int timeout_ms,
	     size_t *which, struct err *e)
{
	int64_t end = steady_ms() + timeout_ms;
	struct pollfd p[IPC_WAIT_MAX + 1];

	for (;;) {
		int64_t left = end - steady_ms();
		int n;

		for (size_t i = 0; i < count; i++)
			p[i] = (struct pollfd){ c[i]->fd, POLLIN, 0 };
		p[count] = (struct pollfd){ c[0]->stop_fd, POLLIN, 0 };
		n = poll(p, count + 1, notify_alive(left > 0 ? (int)left : 0));
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (n > 0 && p[count].revents)
			return err_set(e, ERR_BUSY, "asked to stop");
		if (n > 0) {
			*which = first_ready(p, count);
			return 0;
		}
		if (n == 0 && steady_ms() >= end)
			return err_set(e, ERR_NETWORK,
				       "no answer within %d seconds",
				       timeout_ms / 1000);
	}
}

int ipc_receive(struct channel *c, int timeout_ms, struct message *m,
		struct err *e)
{
	struct channel *const alone[] = { c };
	unsigned reset = 0;
	uint8_t *room;
	size_t which;
	ssize_t got;

	c->in.len = 0;
	room = buf_reserve(&c->in, MESSAGE_MAX, e);
	if (!room || ipc_wait(alone, 1, timeout_ms, &which, e))
		return -1;
	/* One that ended with something unread is told of first, and once: what
	 * it said before that comes next. */
	do {
		got = recv(c->fd, room, MESSAGE_MAX, MSG_TRUNC);
	} while (got < 0 &&
		 (errno == EINTR || (errno == ECONNRESET && !reset++)));
	if (got < 0)
		return err_sys(e, "from another process of the client");
	if (got == 0)
		return err_set(e, ERR_SYSTEM,
			       "a process of the client ended early");
	if (got > MESSAGE_MAX)
		return err_set(e, ERR_FORMAT, "a message is too long");
	c->in.len = (size_t)got;
	if (message_parse(buf_slice(&c->in), m, e))
		return -1;
	/* Other kinds are borrowed from. */
	if (m->kind == MESSAGE_KEY || m->kind == MESSAGE_APPLY ||
	    m->kind == MESSAGE_TOKEN)
		buf_wipe(&c->in);
	if (m->kind != MESSAGE_FAIL)
		return 0;
	*e = m->failure;
	return -1;
}

int ipc_expect(struct channel *c, enum message_kind kind, int timeout_ms,
	       struct message *m, struct err *e)
{
	if (ipc_receive(c, timeout_ms, m, e))
		return -1;
	if (m->kind != kind)
		return err_set(e, ERR_FORMAT,
			       "message %d where %d was expected", m->kind,
			       kind);
	return 0;
}

int ipc_ask(struct channel *c, const struct message *question,
	    enum message_kind kind, int timeout_ms, struct message *answer,
	    struct err *e)
{
	if (ipc_send(c, question, e))
		return -1;
	return ipc_expect(c, kind, timeout_ms, answer, e);
}

int ipc_follow(struct channel *c, struct ipc_work *work, struct err *e)
{
	struct progress progress;
	struct message m;
	int rc;

	progress_start(&progress, work->what, work->total, work->progress);
	progress.listener = work->listener;
	do {
		rc = ipc_receive(c, work->idle_ms, &m, e);
		if (rc == 0 && m.kind == MESSAGE_PROGRESS)
			progress_set(&progress, m.count);
	} while (rc == 0 && m.kind == MESSAGE_PROGRESS);
	if (rc == 0 && m.kind != MESSAGE_DONE)
		rc = err_set(e, ERR_FORMAT, "message %d is no answer", m.kind);
	if (rc == 0) {
		work->count = m.count;
		progress_set(&progress, work->total);
	}
	progress_end(&progress, rc == 0);
	return rc;
}

int ipc_answer(struct channel *c, int rc, uint64_t count,
	       const struct err *failure, struct err *e)
{
	struct message m = { .kind = rc == 0 ? MESSAGE_DONE : MESSAGE_FAIL };

	if (rc == 0)
		m.count = count;
	else
		m.failure = *failure;
	return ipc_send(c, &m, e);
}

void ipc_close(struct channel *c)
{
	fs_close(&c->fd);
	buf_wipe(&c->in);
}
