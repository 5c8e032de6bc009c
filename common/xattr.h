/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xattr - extended attributes of files, folders and what cannot be opened.
 */
#ifndef COMMON_XATTR_H
#define COMMON_XATTR_H

#include "common/tree.h"

/*
 * What has the attributes: an open file or folder; or, with fd -1, the name in
 * a folder (a symbolic link, a device), which needs /proc; to set one, dirfd
 * may be what O_PATH | O_NOFOLLOW opened, and the name "".
 */
struct xattr_at {
	int fd;
	int dirfd;
	const char *name;
};

/*
 * Append all attributes as a manifest lists them. A file system that has none
 * gives none. ERR_LIMIT beyond TREE_XATTRS_MAX and TREE_XATTR_MAX.
 */
int xattr_list(const struct xattr_at *at, struct buf *out, uint16_t *count,
	       struct err *e) NODISCARD;

/* What is made in the folder from now on has no ACL from it. */
int xattr_drop_default(int fd, struct err *e) NODISCARD;

int xattr_set(const struct xattr_at *at, const struct tree_xattr *x,
	      struct err *e) NODISCARD;

#endif
