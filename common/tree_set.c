/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_set.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/xattr.h"

#define PROC_LEN 32 /* "/proc/self/fd/" and a number */

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

/*
 * Whoever may write the folder can have put something else under the name: a
 * link to what others read, or one more name of it.
 */
static int check_ours(const struct tree_entry *entry, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "look at it");
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || st.st_nlink != 1 ||
	    S_ISLNK(st.st_mode) != (entry->type == TREE_SYMLINK))
		return err_set(e, ERR_CONFLICT, "changed meanwhile");
	return 0;
}

/* fd is opened with O_PATH: its entry in /proc leads to it, and no further. */
static int set_opened(const struct tree_entry *entry, int fd, struct err *e)
{
	const struct xattr_at at = { -1, fd, "" };
	struct timespec times[2];
	char path[PROC_LEN];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchownat(fd, "", entry->uid, entry->gid, AT_EMPTY_PATH))
		return err_sys(e, "set the owner");
	if (set_xattrs(entry, &at, e))
		return -1;
	if (entry->type != TREE_SYMLINK &&
	    fchmodat(AT_FDCWD, path, entry->mode, 0))
		return err_sys(e, "set the mode");
	times_of(entry, times);
	return utimensat(AT_FDCWD, path, times, 0) ? err_sys(e, "set the time")
						   : 0;
}

int tree_set_at(const struct tree_entry *entry, int dirfd, const char *name,
		struct err *e)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_sys(e, "open it");
	rc = check_ours(entry, fd, e) || set_opened(entry, fd, e) ? -1 : 0;
	fs_close(&fd);
	return rc;
}
