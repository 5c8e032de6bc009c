/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_link - the two slots, and the symbolic link that says which is current:
 *
 *	PATH/current -> "a/tree" or "b/tree"
 *
 * The link is the one record of a switch: it is replaced by one rename, the
 * folder is synced and the link read back. Both links are made before the
 * first switch, so going back takes no free byte.
 *
 * dirfd is PATH, opened; path its name for messages.
 */
#ifndef UPDATER_CLIENT_SLOT_LINK_H
#define UPDATER_CLIENT_SLOT_LINK_H

#include "common/err.h"

enum slot {
	SLOT_NONE, /* nothing of ours is current yet */
	SLOT_A,
	SLOT_B
};

/* "a", "b" or "none". */
const char *slot_name(enum slot s);

/* The slot that is not s; SLOT_A where nothing is current. */
enum slot slot_other(enum slot s);

/*
 * Which slot is current; SLOT_NONE when there is no link. ERR_CONFLICT for a
 * link that is not ours.
 */
int slot_link_current(int dirfd, const char *path, enum slot *out,
		      struct err *e) NODISCARD;

/* Make both links, so that neither switch needs room later. */
int slot_link_prepare(int dirfd, struct err *e) NODISCARD;

/* Only the one that leads to s. */
int slot_link_keep(int dirfd, enum slot s, struct err *e) NODISCARD;

/* The switch: durable and read back. SLOT_NONE takes the link away. */
int slot_link_switch(int dirfd, const char *path, enum slot to,
		     struct err *e) NODISCARD;

#endif
