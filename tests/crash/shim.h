/* SPDX-License-Identifier: Apache-2.0 */
/* shim - what shim.c and whoever preloads it have in common. */
#ifndef TESTS_CRASH_SHIM_H
#define TESTS_CRASH_SHIM_H

#include <stdbool.h>
#include <stdint.h>

/* What happens at the n-th operation. */
enum shim_how {
	SHIM_STOP,       /* every process of the client is killed before it */
	SHIM_FULL,       /* from there on the disk has no room */
	SHIM_DEAD,       /* from there on every change fails with EIO */
	SHIM_EIO,        /* this one change fails with EIO */
	SHIM_SHORT,      /* this write is short */
	SHIM_UNREADABLE, /* this look fails with EIO */
	/* Faults of the client, seeded to see that a proof can fail: */
	SHIM_SKIP_FILES,   /* no file is ever synced */
	SHIM_SKIP_FOLDERS, /* no folder is */
	SHIM_LATE_MARK,    /* a trial is marked after the slot is current */
	SHIM_HOWS
};

static const char *const shim_how_names[SHIM_HOWS] = {
	"stop",       "full",       "dead",         "eio",       "short",
	"unreadable", "skip-files", "skip-folders", "late-mark",
};

struct shim_notes {
	uint64_t count; /* of operations so far */
	char what[256]; /* the one at which it happened; "" before */
};

#endif
