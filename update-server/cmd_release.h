/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_release - what `release import` does, for `bundle import` too. */
#ifndef UPDATE_SERVER_CMD_RELEASE_H
#define UPDATE_SERVER_CMD_RELEASE_H

#include "update-server/ui.h"

/* Upload what metadata/ and targets/ of a folder hold, have it verified and
 * taken in, and say what came. */
int release_import_folder(struct ui *u, int dirfd, struct err *e) NODISCARD;

#endif
