/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/tree_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/xattr.h"

#define READ_LEN    65536
#define SHOWN_LEN   160
#define TARGET_SIZE 4096
#define PERMISSIONS 07777

/* A file with several names: the path under which it was taken. */
struct inode {
	dev_t dev;
	ino_t ino;
	size_t path_len;
	uint8_t path[];
};

struct scan {
	enum tree_attributes attributes;
	struct spool *to;
	const struct tree_watch *watch;
	void *inodes; /* tsearch(3) of struct inode */
	uint8_t *bytes;
	struct buf xattrs;
	struct buf path; /* of what is being looked at */
};

/* One name in a folder. */
struct spot {
	int dirfd;
	const char *name;
	struct stat st;
};

static int about(struct err *e, struct slice path)
{
	char shown[SHOWN_LEN];

	text_escape(path.len > 0 ? path : slice_of("."), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

/* ---- hard links ---------------------------------------------------------- */

static int compare_inodes(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

/* The inode as seen before, or NULL: then it is remembered. */
static const struct inode *seen_before(struct scan *s, const struct stat *st)
{
	struct inode *fresh = mem_alloc(1, sizeof(*fresh) + s->path.len);
	struct inode *const *found;

	fresh->dev = st->st_dev;
	fresh->ino = st->st_ino;
	fresh->path_len = s->path.len;
	memcpy(fresh->path, s->path.ptr, s->path.len);
	found = tsearch(fresh, &s->inodes, compare_inodes);
	if (found && *found == fresh)
		return NULL;
	free(fresh);
	return found ? *found : NULL;
}

/* ---- one entry ----------------------------------------------------------- */

static int fill_attributes(struct scan *s, const struct spot *at, int fd,
			   struct tree_entry *entry, struct err *e)
{
	const struct xattr_at x = { fd, at->dirfd, at->name };

	entry->path = buf_slice(&s->path);
	entry->mode = at->st.st_mode & PERMISSIONS;
	if (s->attributes != TREE_SYSTEM)
		return 0;
	entry->uid = at->st.st_uid;
	entry->gid = at->st.st_gid;
	entry->mtime_sec = at->st.st_mtim.tv_sec;
	entry->mtime_nsec = (uint32_t)at->st.st_mtim.tv_nsec;
	entry->major = major(at->st.st_rdev);
	entry->minor = minor(at->st.st_rdev);
	buf_done(&s->xattrs);
	if (xattr_list(&x, &s->xattrs, &entry->xattr_count, e))
		return about(e, entry->path);
	entry->xattrs = buf_slice(&s->xattrs);
	return 0;
}

static int too_large(const struct scan *s, struct err *e)
{
	err_set(e, ERR_LIMIT, "content of more than %llu GiB",
		(unsigned long long)(SPOOL_CONTENT_MAX >> 30));
	return about(e, buf_slice(&s->path));
}

static int take_content(struct scan *s, int fd, struct err *e)
{
	size_t len;

	do {
		if (fs_read(fd, s->bytes, READ_LEN, &len, e))
			return about(e, buf_slice(&s->path));
		/* It may have grown meanwhile. */
		if (len > SPOOL_CONTENT_MAX - spool_len(s->to))
			return too_large(s, e);
		if (spool_data(s->to, (struct slice){ s->bytes, len }, e))
			return -1;
		if (s->watch &&
		    s->watch->advance(s->watch->ctx, spool_len(s->to), e))
			return -1;
	} while (len > 0);
	return 0;
}

static int take_file(struct scan *s, struct spot *at, struct err *e)
{
	struct tree_entry entry = { .type = TREE_FILE };
	int fd = -1;
	int rc = -1;

	if (fs_open(at->dirfd, at->name, O_RDONLY | O_NONBLOCK, &fd, e))
		return about(e, buf_slice(&s->path));
	if (fstat(fd, &at->st) || !S_ISREG(at->st.st_mode))
		err_set(e, ERR_CONFLICT, "folder changed while it was read");
	else if ((uint64_t)at->st.st_size >
		 SPOOL_CONTENT_MAX - spool_len(s->to))
		rc = too_large(s, e);
	else if (!fill_attributes(s, at, fd, &entry, e) &&
		 !spool_add(s->to, &entry, e))
		rc = take_content(s, fd, e);
	fs_close(&fd);
	return rc;
}

static int take_regular(struct scan *s, struct spot *at, struct err *e)
{
	const struct inode *other = NULL;

	if (s->attributes == TREE_SYSTEM && at->st.st_nlink > 1)
		other = seen_before(s, &at->st);
	if (other)
		return spool_add_link(
			s->to, buf_slice(&s->path),
			(struct slice){ other->path, other->path_len }, e);
	return take_file(s, at, e);
}

static int take_symlink(struct scan *s, const struct spot *at, struct err *e)
{
	struct tree_entry entry = { .type = TREE_SYMLINK };
	char target[TARGET_SIZE];

	if (fs_readlink(at->dirfd, at->name, target, sizeof(target), e))
		return about(e, buf_slice(&s->path));
	entry.target = slice_of(target);
	if (fill_attributes(s, at, -1, &entry, e))
		return -1;
	return spool_add(s->to, &entry, e);
}

static int take_node(struct scan *s, const struct spot *at, struct err *e)
{
	struct tree_entry entry = { 0 };

	entry.type = S_ISCHR(at->st.st_mode)    ? TREE_CHAR
		     : S_ISBLK(at->st.st_mode)  ? TREE_BLOCK
		     : S_ISFIFO(at->st.st_mode) ? TREE_FIFO
						: 0;
	if (entry.type == 0 || s->attributes == TREE_APP) {
		err_set(e, ERR_REFUSED, "%s has no place in a release",
			entry.type == 0 ? "a socket" : "a device or fifo");
		return about(e, buf_slice(&s->path));
	}
	if (fill_attributes(s, at, -1, &entry, e))
		return -1;
	return spool_add(s->to, &entry, e);
}

/* ---- folders ------------------------------------------------------------- */

static int take_folder(struct scan *s, int fd, struct spot *at, struct err *e);

static int take(struct scan *s, struct spot *at, struct err *e)
{
	int fd = -1;
	int rc;

	if (fstatat(at->dirfd, at->name, &at->st, AT_SYMLINK_NOFOLLOW)) {
		err_sys(e, "look at it");
		return about(e, buf_slice(&s->path));
	}
	if (S_ISREG(at->st.st_mode))
		return take_regular(s, at, e);
	if (S_ISLNK(at->st.st_mode))
		return take_symlink(s, at, e);
	if (!S_ISDIR(at->st.st_mode))
		return take_node(s, at, e);
	if (fs_open(at->dirfd, at->name, O_RDONLY | O_DIRECTORY, &fd, e))
		return about(e, buf_slice(&s->path));
	rc = take_folder(s, fd, at, e);
	fs_close(&fd);
	return rc;
}

static int take_name(struct scan *s, int dirfd, const char *name, struct err *e)
{
	struct spot at = { .dirfd = dirfd, .name = name };
	size_t len = s->path.len;
	int rc;

	if ((len > 0 && buf_add(&s->path, slice_of("/"), e)) ||
	    buf_add(&s->path, slice_of(name), e)) {
		err_set(e, ERR_LIMIT, "path is too long");
		return about(e, buf_slice(&s->path));
	}
	rc = take(s, &at, e);
	s->path.len = len;
	return rc;
}

static int take_names(struct scan *s, int dirfd, DIR *dir, struct err *e)
{
	const struct dirent *d;

	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (!d)
			return errno == 0 ? 0 : err_sys(e, "read a folder");
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (take_name(s, dirfd, d->d_name, e))
			return -1;
	}
}

static int take_folder(struct scan *s, int fd, struct spot *at, struct err *e)
{
	struct tree_entry entry = { .type = TREE_FOLDER };
	int again = -1;
	DIR *dir;
	int rc;

	/* The spool refuses what lies too deep, so this goes no deeper. */
	if (fill_attributes(s, at, fd, &entry, e) ||
	    spool_add(s->to, &entry, e))
		return -1;
	again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = again >= 0 ? fdopendir(again) : NULL;
	if (!dir) {
		err_sys(e, "open a folder");
		fs_close(&again);
		return about(e, buf_slice(&s->path));
	}
	rc = take_names(s, fd, dir, e);
	closedir(dir);
	return rc;
}

int tree_scan(int dirfd, enum tree_attributes attributes, struct spool *to,
	      const struct tree_watch *watch, struct err *e)
{
	struct scan s = {
		.attributes = attributes,
		.to = to,
		.watch = watch,
		.bytes = mem_alloc(READ_LEN, 1),
		.xattrs = BUF_INIT(TREE_XATTRS_MAX * (TREE_XATTR_MAX + 260)),
		.path = BUF_INIT(PATH_MAX_LEN + 256),
	};
	struct spot at = { .dirfd = -1, .name = "" };
	int rc = -1;

	if (fstat(dirfd, &at.st))
		err_sys(e, "look at the folder");
	else
		rc = take_folder(&s, dirfd, &at, e);
	tdestroy(s.inodes, free);
	buf_done(&s.path);
	buf_done(&s.xattrs);
	free(s.bytes);
	return rc;
}
