/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline - what a boot loader says of the slots by the kernel's command line:
 *
 *	pawl.slot=b    the slot that this boot started
 *	pawl.left=2    it is on trial; so many starts are left. Optional
 *	pawl.left=     nothing is counted. Optional
 *
 * docs/boot-control.md
 */
#ifndef UPDATER_CLIENT_CMDLINE_H
#define UPDATER_CLIENT_CMDLINE_H

#include "common/buf.h"
#include "updater-client/slot.h"

#define CMDLINE_MAX 8192

/* The next word of *rest, which then is what follows; empty at the end. */
struct slice cmdline_word(struct slice *rest);

/* The slot that the line names, exactly once. ERR_CONFIG. */
int cmdline_slot(struct slice line, enum slot *out, struct err *e) NODISCARD;

/* What the loader says of a trial. */
enum cmdline_left {
	LEFT_UNSAID,  /* no word of it */
	LEFT_NOTHING, /* it counts nothing */
	LEFT_COUNTED  /* this boot is one on trial */
};

enum cmdline_left cmdline_left(struct slice line);

/* A file of /proc, up to out's ceiling: it has no length, so it is read as a
 * stream. ERR_SYSTEM, ERR_NOT_FOUND. */
int cmdline_read(const char *path, struct buf *out, struct err *e) NODISCARD;

#endif
