/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc - one message at a time between two processes of one client, over a
 * socketpair that keeps message boundaries. Every wait is bounded.
 */
#ifndef UPDATER_CLIENT_IPC_H
#define UPDATER_CLIENT_IPC_H

#include <limits.h>

#include "common/progress.h"
#include "updater-client/message.h"

#define IPC_FOREVER INT_MAX /* as long as the other end lives */

struct channel {
	int fd;
	/* Readable when we are asked to stop; -1: nobody asks. */
	int stop_fd;
	struct buf in; /* the last message received */
};

#define CHANNEL_INIT                                                           \
	{                                                                      \
		.fd = -1, .stop_fd = -1, .in = BUF_INIT(MESSAGE_MAX)           \
	}

/* Two connected sockets, closed on exec. */
int ipc_pair(int fds[2], struct err *e) NODISCARD;

int ipc_send(struct channel *c, const struct message *m,
	     struct err *e) NODISCARD;

/*
 * Wait for a message. Slices in *m borrow from the channel until the next
 * receive. ERR_SYSTEM when the other end is gone, ERR_NETWORK after
 * timeout_ms, ERR_BUSY when asked to stop. A MESSAGE_FAIL is returned as the
 * failure that it carries.
 */
int ipc_receive(struct channel *c, int timeout_ms, struct message *m,
		struct err *e) NODISCARD;

/*
 * Wait until one of several channels has a message (or has ended): *which. As
 * ipc_receive() otherwise. A closed channel is skipped.
 */
#define IPC_WAIT_MAX 2
int ipc_wait(struct channel *const c[], size_t count, int timeout_ms,
	     size_t *which, struct err *e) NODISCARD;

/* Receive a message that must be of this kind. */
int ipc_expect(struct channel *c, enum message_kind kind, int timeout_ms,
	       struct message *m, struct err *e) NODISCARD;

/* Send, then expect. */
int ipc_ask(struct channel *c, const struct message *question,
	    enum message_kind kind, int timeout_ms, struct message *answer,
	    struct err *e) NODISCARD;

/* A worker's work, as people see it. */
struct ipc_work {
	const char *what;
	uint64_t total; /* of what it counts */
	enum progress_kind progress;
	struct progress_listener listener;
	int idle_ms;
	uint64_t count; /* what its DONE said */
};

/* Follow a worker's PROGRESS to its DONE. */
int ipc_follow(struct channel *c, struct ipc_work *work,
	       struct err *e) NODISCARD;

/* Answer with what a request's work returned: DONE with count, or FAIL. */
int ipc_answer(struct channel *c, int rc, uint64_t count,
	       const struct err *failure, struct err *e) NODISCARD;

void ipc_close(struct channel *c);

#endif
