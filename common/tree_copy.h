/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_copy - copy what stands beneath one folder to beneath another, with all
 * that belongs to it: owner, mode, times, extended attributes (ACLs and
 * capabilities are such), holes.
 *
 * A link is copied as a link and never followed, on the way neither
 * (ERR_REFUSED). Several names of one file become files of their own. Sockets
 * are left out: who listens makes them again. What is mounted there is refused,
 * as is what lies deeper than TREE_DEPTH_MAX or is more than TREE_ENTRIES_MAX.
 * What somebody changes meanwhile may be copied half changed, but for a file
 * that is replaced by a rename.
 */
#ifndef COMMON_TREE_COPY_H
#define COMMON_TREE_COPY_H

#include <stdint.h>

#include "common/err.h"

#define TREE_COPY_BLOCK 4096u /* what each entry is taken to need of a disk */

struct tree_copy_size {
	uint64_t bytes, inodes;
};

/*
 * Add what a copy of `path` takes at most; nothing, when it is not there. What
 * could not be copied for its attributes is refused here already.
 */
int tree_copy_measure(int dirfd, const char *path, struct tree_copy_size *sum,
		      struct err *e) NODISCARD;

/*
 * Copy `path`; folders on the way are made like those that they copy, and are
 * given away last. Nothing to copy is fine, something in the way is not.
 * Nothing is synced. Let nobody else into `to` before all paths are copied.
 */
int tree_copy(int from, int to, const char *path, struct err *e) NODISCARD;

#endif
