/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_file - the document at [device] status, for the programs of this
 * device. It is replaced as a whole: they read the old one or the new one,
 * never half of it. All of it is nothing where no file is configured.
 */
#ifndef UPDATER_CLIENT_STATUS_FILE_H
#define UPDATER_CLIENT_STATUS_FILE_H

#include "common/json.h"
#include "common/progress.h"
#include "updater-client/settings.h"

#define STATUS_MAX (1u << 20)

/*
 * Nothing configured: in /run/pawl, where that can be written, and the
 * configuration is that of the device; two would write over each other there.
 * "none": nowhere.
 */
void status_file_default(struct settings *c, const char *config_path);

/* For everybody, if somebody named the file; else for its owner's group. */
int status_file_write(const struct settings *c, struct slice text,
		      struct err *e) NODISCARD;

/*
 * How often progress may be told: each time is a write that is synced, which
 * wears flash, but costs nothing in memory.
 */
unsigned status_file_every_ms(const struct settings *c);

/*
 * How far the update is that runs, as member "progress" of what is there
 * already: nothing else is looked at for it. A failure hinders nothing. NULL:
 * whoever told it last is at work no more.
 */
void status_file_tell(const struct settings *c, const struct progress *p);

/* What was told last, the caller's to free; NULL: nothing, or what this program
 * does not tell. */
struct json *status_file_progress(const struct settings *c);

#endif
