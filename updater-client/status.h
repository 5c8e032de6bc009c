/* SPDX-License-Identifier: Apache-2.0 */
/* status - what runs, why, and what happened before: for people and JSON. */
#ifndef UPDATER_CLIENT_STATUS_H
#define UPDATER_CLIENT_STATUS_H

#include "common/json.h"
#include "updater-client/settings.h"

/*
 * Append the text. Takes no lock and changes nothing. `damage` is what is wrong
 * with the configuration, of which *c is an earlier one; or NULL.
 */
int status_print(const struct settings *c, const struct err *damage,
		 bool as_json, struct buf *out, struct err *e) NODISCARD;

/* In an object that a command prints although it fails: as program_main() says
 * it of the others (common/opt.h). */
void status_add_failure(struct json *j, const struct err *failure);

/*
 * The JSON to [device] status, for the programs of this device; nothing without
 * it. They read the old document or the new one, never half of it. A failure is
 * logged, and hinders nothing.
 */
void status_publish(const struct settings *c);

#endif
