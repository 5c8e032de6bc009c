/* SPDX-License-Identifier: Apache-2.0 */
/* backup_note - when the last backup of a server was made, as its folder says:
 * DIR/run/last-backup. */
#ifndef UPDATE_SERVER_BACKUP_NOTE_H
#define UPDATE_SERVER_BACKUP_NOTE_H

#include <stdint.h>

#include "common/err.h"

int backup_note(const char *dir, int64_t now, struct err *e) NODISCARD;
/* 0: never, or nobody can tell. */
int64_t backup_noted(int dirfd);

#endif
