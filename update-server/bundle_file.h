/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_file - a bundle in one file, for commands that work on a folder: it is
 * unpacked before they read it, or made of the folder that they filled. The
 * folder is a passing one, which is gone afterwards.
 */
#ifndef UPDATE_SERVER_BUNDLE_FILE_H
#define UPDATE_SERVER_BUNDLE_FILE_H

#include "common/text.h"

/* Where a bundle is worked on. */
struct bundle_place {
	char path[PATH_MAX_LEN]; /* of the folder */
	int dirfd;
	int above;        /* the folder in which a passing one lies; else -1 */
	const char *name; /* of the passing folder in there, in path */
	const char *file; /* the tar that it becomes, in there; NULL: none */
};

#define BUNDLE_PLACE_INIT                                                      \
	{                                                                      \
		.dirfd = -1, .above = -1                                       \
	}

/* A folder as it is, or what a tar holds, unpacked below TMPDIR (/var/tmp). */
int bundle_place_read(const char *path, struct bundle_place *p,
		      struct err *e) NODISCARD;

/* A folder, made if it is not there; if the name ends in .tar, one beside it
 * that bundle_place_end() makes the tar of. */
int bundle_place_write(const char *path, struct bundle_place *p,
		       struct err *e) NODISCARD;

/* End the work, which came to rc: what is returned. A tar replaces what had
 * its name once it is whole and on the disk. */
int bundle_place_end(struct bundle_place *p, int rc, struct err *e) NODISCARD;

/* Every file of such a folder, in the order of their names, as a tar. */
int bundle_pack(int dirfd, int fd, struct err *e) NODISCARD;
/* Every file of a tar. Nothing is written before all of it was looked at. */
int bundle_unpack(int fd, int dirfd, struct err *e) NODISCARD;

#endif
