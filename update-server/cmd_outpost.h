/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_outpost - the part of `bundle export` that carries reports out. */
#ifndef UPDATE_SERVER_CMD_OUTPOST_H
#define UPDATE_SERVER_CMD_OUTPOST_H

#include "update-server/ui.h"

/* A new report, and those before it that a lost medium may have held (since 0),
 * or all since that one, into reports/ of the folder. */
int outpost_export(struct ui *u, int dirfd, uint64_t since,
		   struct err *e) NODISCARD;

#endif
