/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - a part of the client in a process of its own: forked, with no
 * descriptor but those it is given and so much memory, dying with its parent.
 *
 * What talks to the network, what parses and what writes are different
 * processes; each is handed what its work needs and nothing else.
 */
#ifndef UPDATER_CLIENT_WORKER_H
#define UPDATER_CLIENT_WORKER_H

#include <sys/types.h>

#include "updater-client/ipc.h"

#define WORKER_FDS_MAX 8

/*
 * Bytes of heap, to which come those of a task's own. Sanitizers take terabytes
 * for themselves.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WORKER_MEMORY_MAX (UINT64_MAX >> 1)
#else
#define WORKER_MEMORY_MAX (UINT64_C(128) << 20)
#endif

struct worker {
	pid_t pid; /* 0: not running */
	const char *name;
	struct channel channel;
};

struct worker_task {
	const char *name;
	/* The whole life of the process; its return ends it. */
	void (*run)(void *ctx, struct channel *channel);
	void *ctx;
	/* Descriptors to keep, beside standard error; -1 are skipped. */
	int keep[WORKER_FDS_MAX];
	size_t keep_count;
	uint64_t more_memory; /* than WORKER_MEMORY_MAX, for what is signed */
};

int worker_start(const struct worker_task *task, int stop_fd,
		 struct worker *out, struct err *e) NODISCARD;

/* End it, by force if need be, and wait for it. A zeroed one is fine. */
void worker_stop(struct worker *w);

/* At the start of the program: limits and environment as they should be. */
void worker_harden(void);

#endif
