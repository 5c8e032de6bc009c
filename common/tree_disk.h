/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_disk - check a tree on a disk against its manifest.
 *
 * Walks with O_NOFOLLOW beneath an open folder, never through links.
 */
#ifndef COMMON_TREE_DISK_H
#define COMMON_TREE_DISK_H

#include "common/tree.h"
#include "common/tree_watch.h"

/*
 * Compare everything beneath dirfd with the manifest: each entry present with
 * its attributes and content, and nothing else there. `from_medium` drops the
 * page cache of each file first, so that the medium itself is read.
 * ERR_UNTRUSTED names the first path that differs; ERR_SYSTEM one that cannot
 * be read. A label that the kernel itself gave (security.selinux) and that the
 * manifest does not list is no difference.
 */
int tree_check(int dirfd, const struct tree *t, bool from_medium,
	       const struct tree_watch *watch, struct err *e) NODISCARD;

#endif
