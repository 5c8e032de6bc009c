/* SPDX-License-Identifier: Apache-2.0 */
/* status - what runs, why, and what happened before: for people and JSON. */
#ifndef UPDATER_CLIENT_STATUS_H
#define UPDATER_CLIENT_STATUS_H

#include "updater-client/settings.h"

/* Append the text. Takes no lock and changes nothing. */
int status_print(const struct settings *c, bool as_json, struct buf *out,
		 struct err *e) NODISCARD;

#endif
