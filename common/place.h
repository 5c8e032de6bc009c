/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place - where a path beneath an open folder leads, walked by fs.
 *
 * A path is one or more names with single slashes between them; "..", ".",
 * empty names and a leading or trailing slash are ERR_FORMAT. The walk takes
 * one openat() for each step and follows no link, so that nobody who swaps a
 * folder for a link underway leads us elsewhere.
 */
#ifndef COMMON_PLACE_H
#define COMMON_PLACE_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>

#include "common/err.h"

/* Flags that open a folder and nothing else. */
#define PLACE_FOLDER (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A folder (opened with O_PATH) and the name of an entry in it. */
struct place {
	int fd;
	char name[NAME_MAX + 1];
};

/* The form alone: ERR_FORMAT, or ERR_LIMIT for a name that is too long. */
int place_check(const char *path, struct err *e) NODISCARD;

/* Find the folder of a path's last name. The entry itself need not exist. */
int place_open(int dirfd, const char *path, struct place *p,
	       struct err *e) NODISCARD;

/* The same for removers: a folder that is missing sets *missing and is fine. */
int place_open_if_any(int dirfd, const char *path, struct place *p,
		      bool *missing, struct err *e) NODISCARD;

void place_close(struct place *p);

/*
 * Record why openat(dirfd, name) has just failed: ERR_REFUSED if a symbolic
 * link is in the way, else what errno says. Always returns -1.
 */
int place_refused(int dirfd, const char *name, const char *path, struct err *e);

#endif
