/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trouble - why the last look for an update brought nothing, in words: the file
 * trouble.json in the state folder, for `status`. It is for people; nothing is
 * decided by it. It is written only when the words change, and gone after a run
 * without trouble.
 */
#ifndef UPDATER_CLIENT_TROUBLE_H
#define UPDATER_CLIENT_TROUBLE_H

#include "common/json.h"

/* Failures that pass by themselves are not kept. */
int trouble_keep(int state_fd, const struct err *why, int64_t now,
		 struct err *e) NODISCARD;
int trouble_forget(int state_fd, struct err *e) NODISCARD;

/* {"error","message","since"}, or NULL; the caller frees it. */
struct json *trouble_load(int state_fd);

#endif
