/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"

#define START_MS  600000 /* it derives keys and reads its whole ledger first */
#define ANSWER_MS 30000

struct keeper {
	pid_t pid;
	int fd;
	pthread_mutex_t lock;
};

static int receive(struct keeper *k, enum keeper_op op, int timeout_ms,
		   struct keeper_answer *a, struct err *e)
{
	struct buf in = BUF_INIT(KEEPER_MESSAGE_MAX);
	int rc = keeper_receive(k->fd, timeout_ms, &in, e) ||
				 keeper_parse_answer(op, buf_slice(&in), a, e)
			 ? -1
			 : 0;

	buf_done(&in);
	/* Out of step once means out of step for good: end it. A process that
	 * is gone is not something that a client could help. */
	if (rc) {
		(void)shutdown(k->fd, SHUT_RDWR);
		e->code = ERR_SYSTEM;
	}
	return rc;
}

static int wait_ready(struct keeper *k, struct err *e)
{
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	int rc = receive(k, KEEPER_REFRESH, START_MS, a, e);

	if (rc == 0 && a->failure.code != ERR_NONE) {
		*e = a->failure;
		rc = -1;
	}
	free(a);
	return rc;
}

int keeper_start(const struct config *c, struct keeper **out, struct err *e)
{
	struct keeper *k;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(e, "keeper: socketpair");
	k = mem_alloc(1, sizeof(*k));
	(void)pthread_mutex_init(&k->lock, NULL);
	k->fd = pair[0];
	k->pid = fork();
	if (k->pid == 0) {
		(void)close(pair[0]);
		_exit(keeper_process(c, pair[1]));
	}
	(void)close(pair[1]);
	if (k->pid < 0)
		(void)err_sys(e, "keeper: fork");
	if (k->pid < 0 || wait_ready(k, e)) {
		keeper_stop(k);
		return -1;
	}
	*out = k;
	return 0;
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	fs_close(&k->fd);
	while (k->pid > 0 && waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}

static int ask(struct keeper *k, const struct keeper_request *q,
	       struct keeper_answer *a, struct err *e)
{
	struct buf out = BUF_INIT(KEEPER_MESSAGE_MAX);
	int rc = -1;

	if (keeper_format_request(q, &out, e) == 0 &&
	    keeper_send(k->fd, buf_slice(&out), e) == 0)
		rc = receive(k, q->op, ANSWER_MS, a, e);
	buf_wipe(&out);
	return rc;
}

int keeper_ask(struct keeper *k, const struct keeper_request *q,
	       struct keeper_answer *a, struct err *e)
{
	int rc;

	(void)pthread_mutex_lock(&k->lock);
	rc = ask(k, q, a, e);
	(void)pthread_mutex_unlock(&k->lock);
	if (rc == 0 && a->failure.code != ERR_NONE) {
		*e = a->failure;
		rc = -1;
	}
	return rc;
}
