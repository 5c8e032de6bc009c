/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_envelope - what `envelope import` does, for `bundle import` too. */
#ifndef UPDATE_SERVER_CMD_ENVELOPE_H
#define UPDATE_SERVER_CMD_ENVELOPE_H

#include "update-server/ui.h"

/* Upload every *.keys of a folder. ERR_NOT_FOUND if it holds none. */
int envelope_import_folder(struct ui *u, const char *dir,
			   struct err *e) NODISCARD;

#endif
