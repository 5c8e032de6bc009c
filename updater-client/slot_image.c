/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/slot_image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/image_disk.h"

/* By an ordinary path: links such as /dev/disk/by-partlabel are followed. */
static const char *path_of(const struct settings_slot *c, enum slot s)
{
	return s == SLOT_A ? c->a : c->b;
}

static int open_slot(const struct settings_slot *c, enum slot s, int flags,
		     int *fd, struct err *e)
{
	const char *path = path_of(c, s);
	uint64_t len;
	int to;

	if (s == SLOT_NONE)
		return err_set(e, ERR_CONFLICT, "no slot");
	to = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (to < 0 && errno == EBUSY)
		return err_set(e, ERR_CONFLICT,
			       "slot %s (%s) is in use: mounted, or part of "
			       "something that is",
			       slot_name(s), path);
	if (to < 0)
		return err_sys(e, "slot %s (%s)", slot_name(s), path);
	if (image_room(to, &len, e)) {
		fs_close(&to);
		return err_in(e, "slot %s (%s)", slot_name(s), path);
	}
	*fd = to;
	return 0;
}

int slot_image_open(const struct settings_slot *c, enum slot s, int *fd,
		    struct err *e)
{
	return open_slot(c, s, O_RDONLY, fd, e);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whatever the configuration says: never what the device lives from. */
static int check_apart(const struct settings_slot *c, enum slot s, int fd,
		       struct err *e)
{
	const char *other = path_of(c, slot_other(s));
	struct stat mine, theirs, root;

	if (fstat(fd, &mine) || fstatat(AT_FDCWD, "/", &root, 0))
		return err_sys(e, "slot %s (%s)", slot_name(s), path_of(c, s));
	if (fstatat(AT_FDCWD, other, &theirs, 0))
		return err_sys(e, "slot %s (%s)", slot_name(slot_other(s)),
			       other);
	if (is_same(&mine, &theirs))
		return err_set(e, ERR_CONFLICT,
			       "both slots are %s: it is not written", other);
	if (S_ISBLK(mine.st_mode) && mine.st_rdev == root.st_dev)
		return err_set(e, ERR_CONFLICT,
			       "slot %s (%s) holds the root file system: it is "
			       "not written",
			       slot_name(s), path_of(c, s));
	return 0;
}

int slot_image_open_new(const struct settings_slot *c, enum slot s, int *fd,
			struct err *e)
{
	int to = -1;

	/* Of a block device O_EXCL asks the kernel whether it is in use. */
	if (open_slot(c, s, O_RDWR | O_EXCL, &to, e))
		return -1;
	if (check_apart(c, s, to, e)) {
		fs_close(&to);
		return -1;
	}
	*fd = to;
	return 0;
}

int slot_image_room(int fd, uint64_t *out, struct err *e)
{
	uint64_t len, free_bytes, unused, most;
	struct stat st;

	if (image_room(fd, &len, e))
		return -1;
	if (fstat(fd, &st))
		return err_sys(e, "the slot");
	/* A file may be sparse: what it has not yet must be free. */
	if (S_ISREG(st.st_mode)) {
		if (fs_free_space(fd, &free_bytes, &unused, e))
			return -1;
		most = (uint64_t)st.st_blocks * STAT_BLOCK + free_bytes;
		len = most < len ? most : len;
	}
	*out = len;
	return 0;
}
