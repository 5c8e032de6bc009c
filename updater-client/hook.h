/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook - run one foreign program safely: a health command of a release, or a
 * program that the configuration names.
 *
 * It gets a session and process group of its own, /dev/null as input (or one
 * file), no other descriptor, a cleared environment, and a deadline after which
 * the whole group is killed. The last of its output is kept as evidence.
 */
#ifndef UPDATER_CLIENT_HOOK_H
#define UPDATER_CLIENT_HOOK_H

#include "common/buf.h"

#define HOOK_OUTPUT_MAX 4096

struct hook_output {
	uint8_t bytes[HOOK_OUTPUT_MAX];
	size_t len;
};

struct hook {
	char *const *argv;   /* argv[0]: absolute, or beneath dirfd */
	int dirfd;           /* a release's tree, to work in; -1: "/" */
	const char *slot;    /* PAWL_SLOT, or NULL */
	const char *release; /* PAWL_RELEASE, or NULL */
	const char *data;    /* PAWL_DATA, or NULL */
	int input_fd;        /* its input; 0: none, /dev/null */
	int64_t deadline_ms; /* from now */
	int stop_fd;         /* as in struct channel */
	/* What it started may live on when it succeeded: restart commands. */
	bool leaves_service;
};

/*
 * 0 when it exited with status 0. ERR_HEALTH otherwise, and the message says
 * how it ended; ERR_NETWORK past the deadline; ERR_BUSY when asked to stop;
 * ERR_CONFIG when hook_check() says no. *output is the tail of what it said,
 * foreign bytes as they came.
 */
int hook_run(const struct hook *h, struct hook_output *output,
	     struct err *e) NODISCARD;

/*
 * Is this local program, or another file, ours? ERR_CONFIG when others may put
 * another one in its place: it, or any folder or link on the way to it, belongs
 * to somebody else or may be written by others. (In a folder with the sticky
 * bit they may not touch what is ours.) ERR_NOT_FOUND.
 */
int hook_check(const char *path, struct err *e) NODISCARD;

#endif
