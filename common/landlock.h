/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock - a process gives up all files but those that it names, for good
 * (Linux: Documentation/userspace-api/landlock.rst). Descriptors that are open
 * already stay good. It is for the calling thread and what it starts later, so
 * a process calls it before it has threads, with no new privileges set. What a
 * kernel lacks is done without.
 */
#ifndef COMMON_LANDLOCK_H
#define COMMON_LANDLOCK_H

#include <stdbool.h>

#include "common/err.h"

struct landlock {
	int rules; /* -1: this kernel has none */
	int abi;
	struct err failure; /* the first, until landlock_enter() says it */
};

/* Does this kernel have as much of it as is needed? */
bool landlock_is_there(void);

void landlock_begin(struct landlock *l);
/* A file, or a folder with everything beneath it; one that is not there is
 * nothing. To execute is never allowed. */
void landlock_fd(struct landlock *l, int fd, bool writes);
void landlock_path(struct landlock *l, const char *path, bool writes);
/* A folder's names alone, and those beneath it. */
void landlock_names(struct landlock *l, int fd);
/* From here on. ERR_SYSTEM if the kernel has the means and they fail: then the
 * caller must not go on. */
int landlock_enter(struct landlock *l, struct err *e) NODISCARD;

#endif
