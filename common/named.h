/* SPDX-License-Identifier: Apache-2.0 */
/* named - a file that a person named by an ordinary path. */
#ifndef COMMON_NAMED_H
#define COMMON_NAMED_H

#include "common/err.h"

#define NAMED_MAX 256

/*
 * Open the folder that `path` lies in; name is its last component. ERR_USAGE
 * for a path without one ("/", "a/..").
 */
int named_open(const char *path, int *dirfd, char name[NAMED_MAX],
	       struct err *e) NODISCARD;

/* Nothing may stand at the path yet: ERR_CONFLICT. */
int named_is_free(int dirfd, const char *name, const char *path,
		  struct err *e) NODISCARD;

/* Put the path in front of a failure, unless it stands there. Returns -1. */
int named_in(struct err *e, const char *path);

/*
 * The open folder may hold files of these names (NULL-terminated list) and
 * nothing else: ERR_CONFLICT names what is there.
 */
int named_only(int dirfd, const char *const *names, struct err *e) NODISCARD;

#endif
