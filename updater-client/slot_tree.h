/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_tree - two folders: the slots of kind tree.
 *
 *	PATH/a/{tree/, manifest, release.json}    PATH/b/...
 *	PATH/a/parts/NAME/{tree/, manifest}       further components
 *	PATH/current -> "a/tree" or "b/tree"
 *
 * The link is slot_link.h's. Only the slot that is not current is ever written;
 * its release.json comes last, so a slot without one is an unfinished one. It
 * speaks for all components: so one link, or one record of a loader, switches
 * them together.
 *
 * `part` names a further component; NULL is the one that is started.
 */
#ifndef UPDATER_CLIENT_SLOT_TREE_H
#define UPDATER_CLIENT_SLOT_TREE_H

#include "updater-client/slot.h"

struct slot_tree {
	int dirfd;
	const char *path; /* borrowed; for messages and PAWL_SLOT */
};

/* Open PATH, made if missing (a, b are made when needed). */
int slot_tree_open(const char *path, struct slot_tree *t,
		   struct err *e) NODISCARD;
void slot_tree_close(struct slot_tree *t);

/*
 * What a slot holds. *found is false for an empty or unfinished slot, or one
 * that something else than us filled.
 */
int slot_tree_release(const struct slot_tree *t, enum slot s,
		      struct slot_release *out, bool *found,
		      struct err *e) NODISCARD;

/*
 * Empty a slot that is not current and make its folder anew, durably, before a
 * checkpoint speaks of it. What it holds is forgotten first, also what it holds
 * elsewhere (slot_image.h).
 */
int slot_tree_empty(const struct slot_tree *t, enum slot s,
		    struct err *e) NODISCARD;
/* The same where it has a folder at all. */
int slot_tree_sweep(const struct slot_tree *t, enum slot s,
		    struct err *e) NODISCARD;

/* The slot's own folder. */
int slot_tree_own(const struct slot_tree *t, enum slot s, int *dirfd,
		  struct err *e) NODISCARD;

/* Take away what a part has of an unfinished slot. */
int slot_tree_clear(const struct slot_tree *t, enum slot s, const char *part,
		    struct err *e) NODISCARD;

/* In a slot that was just emptied: the folder for a tree. */
int slot_tree_make(const struct slot_tree *t, enum slot s, const char *part,
		   struct err *e) NODISCARD;

/* The slot's tree as a folder, and its manifest as a file. */
int slot_tree_folder(const struct slot_tree *t, enum slot s, const char *part,
		     int *dirfd, struct err *e) NODISCARD;
int slot_tree_manifest(const struct slot_tree *t, enum slot s, const char *part,
		       int *fd, struct err *e) NODISCARD;
/* For writing: of a slot that was just emptied, or that is gone on with. */
int slot_tree_new_manifest(const struct slot_tree *t, enum slot s,
			   const char *part, int *fd, struct err *e) NODISCARD;

/* Say what the finished slot holds, durably. */
int slot_tree_seal(const struct slot_tree *t, enum slot s,
		   const struct slot_release *r, struct err *e) NODISCARD;

/* Absolute path of a slot's tree, for the health commands. */
int slot_tree_path(const struct slot_tree *t, enum slot s, char *out,
		   size_t size, struct err *e) NODISCARD;

#endif
