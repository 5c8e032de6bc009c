/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_set.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xattr.h"

static int set_xattrs(const struct tree_entry *entry, const struct xattr_at *at,
		      struct err *e)
{
	struct slice rest = entry->xattrs;
	struct tree_xattr x;

	while (tree_xattr_next(&rest, &x))
		if (xattr_set(at, &x, e))
			return -1;
	return 0;
}

static void times_of(const struct tree_entry *entry, struct timespec out[2])
{
	out[0] = (struct timespec){ .tv_sec = entry->mtime_sec,
				    .tv_nsec = (long)entry->mtime_nsec };
	out[1] = out[0];
}

/*
 * The order matters: a change of owner clears setuid and capabilities, and
 * everything else changes the time.
 */
int tree_set(const struct tree_entry *entry, int fd, struct err *e)
{
	const struct xattr_at at = { fd, -1, "" };
	struct timespec times[2];

	if (fchown(fd, entry->uid, entry->gid))
		return err_sys(e, "set the owner");
	if (set_xattrs(entry, &at, e))
		return -1;
	if (fchmod(fd, entry->mode))
		return err_sys(e, "set the mode");
	times_of(entry, times);
	return futimens(fd, times) ? err_sys(e, "set the time") : 0;
}

int tree_set_at(const struct tree_entry *entry, int dirfd, const char *name,
		struct err *e)
{
	const struct xattr_at at = { -1, dirfd, name };
	struct timespec times[2];

	if (fchownat(dirfd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "set the owner");
	if (set_xattrs(entry, &at, e))
		return -1;
	/* We made it a moment ago in a folder of ours: it is no link. */
	if (entry->type != TREE_SYMLINK &&
	    fchmodat(dirfd, name, entry->mode, 0))
		return err_sys(e, "set the mode");
	times_of(entry, times);
	return utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW)
		       ? err_sys(e, "set the time")
		       : 0;
}
