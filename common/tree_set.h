/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_set - give what was just made all the attributes of a system tree:
 * owner, extended attributes, mode, times.
 */
#ifndef COMMON_TREE_SET_H
#define COMMON_TREE_SET_H

#include "common/tree.h"

/* An open file or folder. */
int tree_set(const struct tree_entry *entry, int fd, struct err *e) NODISCARD;

/*
 * A link, device or fifo, which cannot be opened, by its name in a folder;
 * needs /proc. ERR_CONFLICT when something else stands there: no link is
 * followed.
 */
int tree_set_at(const struct tree_entry *entry, int dirfd, const char *name,
		struct err *e) NODISCARD;

#endif
