/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_list - what is in a backup: every file with length and digest, and of
 * what moment it is. Pure. It is written last, so a backup without one was
 * never finished, and read first, so nothing of a damaged one is used.
 *
 * Paths are of a server's folder, plain names below it, and only those that a
 * backup may hold: never a key, whoever wrote the list.
 */
#ifndef UPDATE_SERVER_BACKUP_LIST_H
#define UPDATE_SERVER_BACKUP_LIST_H

#include "common/buf.h"
#include "common/digest.h"

#define BACKUP_PATH_MAX  192
#define BACKUP_FILES_MAX 200000
#define BACKUP_LIST_MAX  ((size_t)64 << 20)

struct backup_file {
	char path[BACKUP_PATH_MAX];
	uint64_t len;
	struct sha256 digest;
};

struct backup_list {
	int64_t time;
	uint64_t records; /* of the audit log */
	struct backup_file *files;
	size_t count, room;
};

void backup_list_done(struct backup_list *l);

/* May a backup hold a file of this name? */
bool backup_path_is_ours(struct slice path);
/* ERR_REFUSED for a path that is not ours; ERR_LIMIT. */
int backup_list_add(struct backup_list *l, const struct backup_file *file,
		    struct err *e) NODISCARD;
int backup_list_format(const struct backup_list *l, struct buf *out,
		       struct err *e) NODISCARD;
/* Into a zeroed list. ERR_FORMAT, ERR_REFUSED, ERR_LIMIT. */
int backup_list_parse(struct slice in, struct backup_list *l,
		      struct err *e) NODISCARD;

#endif
