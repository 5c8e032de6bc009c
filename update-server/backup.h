/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup - a server's folder without its keys: the database as of one moment,
 * what is public, what the keeper has signed last, and the payloads. Made
 * beside the running server; put back where no server runs.
 *
 * No key is ever in it: keys are kept apart (docs/server-conf.md). What a
 * restored server lacks is noticed at its start, and all rollouts are paused.
 */
#ifndef UPDATE_SERVER_BACKUP_H
#define UPDATE_SERVER_BACKUP_H

#include "update-server/backup_list.h"

/* Into a new or empty folder; fills in a zeroed list. ERR_CONFLICT. On record
 * before it begins: by the server, or if none *runs by the next. */
int backup_make(const char *dir, const char *to, bool payloads,
		struct backup_list *l, bool *runs, struct err *e) NODISCARD;

/*
 * Everything is checked before anything is written: ERR_UNTRUSTED for a file
 * that is not the one that was saved. Into a folder without a database, else
 * ERR_CONFLICT; what is there stays (keys, a configuration, the keeper's newer
 * memory). Where the keeper's memory comes from the backup, its versions are
 * raised beyond what it may have signed since.
 */
int backup_restore(const char *from, const char *dir, const char *reason,
		   struct backup_list *l, struct err *e) NODISCARD;

/* How many of the files that hold a server's keys are missing; prints them. */
unsigned backup_missing_keys(const char *dir);

#endif
