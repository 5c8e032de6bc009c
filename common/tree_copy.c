/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/tree_set.h"
#include "common/xattr.h"

#define STEP_LEN   65536
#define TARGET_LEN 4096
#define SHOWN_LEN  160

struct copy {
	struct tree_copy_size *sum; /* only measuring */
	dev_t dev;
	uint32_t entries, depth;
	uint8_t *bytes;
	struct buf xattrs;
};

/* One entry, and where it goes. */
struct item {
	int from, to; /* the folders */
	const char *name;
	struct stat st;
};

static int copy_entry(struct copy *c, int from, int to, const char *name,
		      struct err *e);

static int about(struct err *e, const char *name)
{
	char shown[SHOWN_LEN];

	text_escape(slice_of(name), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

/* ---- attributes ---------------------------------------------------------- */

/* fd is the entry itself, or -1 for what is not opened. */
static int describe(struct copy *c, const struct item *it, int fd,
		    struct tree_entry *out, struct err *e)
{
	const struct xattr_at at = { fd, it->from, it->name };

	*out = (struct tree_entry){
		.type = S_ISLNK(it->st.st_mode) ? TREE_SYMLINK : TREE_FILE,
		.mode = it->st.st_mode & ALLPERMS,
		.uid = it->st.st_uid,
		.gid = it->st.st_gid,
		.mtime_sec = it->st.st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)it->st.st_mtim.tv_nsec,
	};
	buf_done(&c->xattrs);
	if (xattr_list(&at, &c->xattrs, &out->xattr_count, e))
		return -1;
	out->xattrs = buf_slice(&c->xattrs);
	return 0;
}

static int set_like(struct copy *c, const struct item *it, int from, int to,
		    struct err *e)
{
	struct tree_entry entry;

	return describe(c, it, from, &entry, e) || tree_set(&entry, to, e) ? -1
									   : 0;
}

/* ---- kinds --------------------------------------------------------------- */

/* No more than it had when it was looked at: it may be growing. */
static int copy_bytes(struct copy *c, uint64_t len, int from, int to,
		      struct err *e)
{
	uint64_t at = 0;
	size_t got = 1;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while (at < len && got > 0) {
		size_t some =
			len - at < STEP_LEN ? (size_t)(len - at) : STEP_LEN;

		if (fs_read_at(from, at, c->bytes, some, &got, e) ||
		    fs_write_sparse(to, at, (struct slice){ c->bytes, got }, e))
			return -1;
		at += got;
	}
	return fs_truncate(to, at, e);
}

static int copy_file(struct copy *c, struct item *it, struct err *e)
{
	int from = -1, to = -1;
	int rc = -1;

	if (fs_open(it->from, it->name, O_RDONLY, &from, e))
		return -1;
	if (fstat(from, &it->st))
		err_sys(e, "look at it");
	else if (!S_ISREG(it->st.st_mode))
		err_set(e, ERR_CONFLICT, "changed meanwhile");
	else if (fs_create(it->to, it->name, 0600, &to, e) == 0 &&
		 copy_bytes(c, (uint64_t)it->st.st_size, from, to, e) == 0)
		rc = set_like(c, it, from, to, e);
	fs_close(&from);
	fs_close(&to);
	return rc;
}

static int copy_entries(struct copy *c, DIR *dir, int to, struct err *e)
{
	const struct dirent *d;

	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (!d)
			return errno ? err_sys(e, "read the folder") : 0;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (copy_entry(c, dirfd(dir), to, d->d_name, e))
			return -1;
	}
}

/* Takes fd over. */
static int copy_content(struct copy *c, int fd, int to, struct err *e)
{
	DIR *dir;
	int rc;

	if (c->depth == TREE_DEPTH_MAX) {
		fs_close(&fd);
		return err_set(e, ERR_REFUSED, "more than %d folders deep",
			       TREE_DEPTH_MAX);
	}
	dir = fdopendir(fd);
	if (!dir) {
		err_sys(e, "read the folder");
		fs_close(&fd);
		return -1;
	}
	c->depth++;
	rc = copy_entries(c, dir, to, e);
	c->depth--;
	closedir(dir);
	return rc;
}

/* A folder of ours for one of theirs, still without its attributes. */
static int make_folder(struct item *it, int *from, int *to, struct err *e)
{
	if (fs_open(it->from, it->name, O_RDONLY | O_DIRECTORY, from, e))
		return -1;
	if (fstat(*from, &it->st))
		return err_sys(e, "look at the folder");
	if (it->to < 0)
		return 0;
	return fs_mkdir(it->to, it->name, 0700, e) ||
			       fs_open(it->to, it->name, O_RDONLY | O_DIRECTORY,
				       to, e)
		       ? -1
		       : 0;
}

static int copy_folder(struct copy *c, struct item *it, struct err *e)
{
	int from = -1, to = -1, own;
	struct tree_entry unused;
	int rc = -1;

	if (make_folder(it, &from, &to, e))
		goto out;
	own = fcntl(from, F_DUPFD_CLOEXEC, 0);
	if (own < 0) {
		err_sys(e, "open the folder");
		goto out;
	}
	rc = copy_content(c, own, to, e);
	/* What is put into it changes its time: so this is last. */
	if (rc == 0 && to >= 0)
		rc = set_like(c, it, from, to, e);
	else if (rc == 0)
		rc = describe(c, it, from, &unused, e);
out:
	fs_close(&from);
	fs_close(&to);
	return rc;
}

/* A link, a device (overlayfs marks with one what was deleted), a fifo. */
static int copy_node(struct copy *c, const struct item *it, struct err *e)
{
	char target[TARGET_LEN];
	struct tree_entry entry;

	if (S_ISLNK(it->st.st_mode)) {
		if (fs_readlink(it->from, it->name, target, sizeof(target),
				e) ||
		    fs_symlink(it->to, target, it->name, e))
			return -1;
	} else if (mknodat(it->to, it->name, (it->st.st_mode & S_IFMT) | 0600,
			   it->st.st_rdev))
		return err_sys(e, "make a device or fifo");
	return describe(c, it, -1, &entry, e) ||
			       tree_set_at(&entry, it->to, it->name, e)
		       ? -1
		       : 0;
}

/* Are there attributes that no copy could be given? */
static int judge(struct copy *c, const struct item *it, struct err *e)
{
	struct tree_entry unused;
	struct err why = { 0 };

	if (describe(c, it, -1, &unused, &why) == 0 ||
	    why.code == ERR_NOT_FOUND)
		return 0; /* removed meanwhile */
	*e = why;
	return -1;
}

/* ---- the walk ------------------------------------------------------------ */

static int copy_kind(struct copy *c, struct item *it, struct err *e)
{
	/* Of files overlayfs says something else. */
	if (S_ISDIR(it->st.st_mode) && it->st.st_dev != c->dev)
		return err_set(e, ERR_REFUSED, "something is mounted there");
	if (++c->entries > TREE_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "too many files");
	if (c->sum) {
		c->sum->inodes++;
		c->sum->bytes +=
			TREE_COPY_BLOCK + (uint64_t)it->st.st_blocks * 512;
	}
	if (S_ISDIR(it->st.st_mode))
		return copy_folder(c, it, e);
	if (c->sum)
		return judge(c, it, e);
	return S_ISREG(it->st.st_mode) ? copy_file(c, it, e)
				       : copy_node(c, it, e);
}

static int copy_entry(struct copy *c, int from, int to, const char *name,
		      struct err *e)
{
	struct item it = { .from = from, .to = to, .name = name };

	if (fstatat(from, name, &it.st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT)
			return 0; /* removed meanwhile */
		err_sys(e, "look at it");
		return about(e, name);
	}
	if (S_ISSOCK(it.st.st_mode))
		return 0;
	return copy_kind(c, &it, e) ? about(e, name) : 0;
}

/* The folder on both sides. *made: it is new there, and without attributes. */
static int enter(struct item *it, int *from, int *to, bool *made, struct err *e)
{
	struct stat there;

	if (it->to < 0 ||
	    fstatat(it->to, it->name, &there, AT_SYMLINK_NOFOLLOW)) {
		*made = it->to >= 0;
		return make_folder(it, from, to, e);
	}
	/* An earlier path led through it. */
	return fs_open(it->to, it->name, O_RDONLY | O_DIRECTORY, to, e) ||
			       fs_open(it->from, it->name,
				       O_RDONLY | O_DIRECTORY, from, e)
		       ? -1
		       : 0;
}

/* `path` is cut up. */
static int walk(struct copy *c, int from, int to, char *path, struct err *e)
{
	struct item it = { .from = from, .to = to, .name = path };
	char *slash = strchr(path, '/');
	int from_next = -1, to_next = -1;
	struct tree_entry unused;
	bool made = false;
	int rc;

	if (!slash)
		return copy_entry(c, from, to, path, e);
	*slash = 0;
	rc = enter(&it, &from_next, &to_next, &made, e) ||
	     walk(c, from_next, to_next, slash + 1, e);
	/* It is its owner's when all is in it, and not before. */
	if (rc == 0 && made)
		rc = set_like(c, &it, from_next, to_next, e);
	else if (rc == 0 && c->sum)
		rc = describe(c, &it, from_next, &unused, e);
	fs_close(&from_next);
	fs_close(&to_next);
	return rc ? about(e, path) : 0;
}

static int run(struct copy *c, int from, int to, const char *path,
	       struct err *e)
{
	struct err why = { 0 };
	char *text;
	struct stat st;
	int rc = 0;

	if (fs_stat(from, path, &st, &why)) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	text = mem_dup_str(path);
	c->bytes = mem_alloc(STEP_LEN, 1);
	c->xattrs =
		(struct buf)BUF_INIT(TREE_XATTRS_MAX * (TREE_XATTR_MAX + 260));
	if (fstat(from, &st))
		rc = err_sys(e, "look at the folder");
	if (rc == 0) {
		c->dev = st.st_dev;
		rc = walk(c, from, to, text, e);
	}
	buf_done(&c->xattrs);
	free(c->bytes);
	free(text);
	return rc;
}

int tree_copy_measure(int dirfd, const char *path, struct tree_copy_size *sum,
		      struct err *e)
{
	struct tree_copy_size of = { 0 };
	struct copy c = { .sum = &of };

	if (run(&c, dirfd, -1, path, e))
		return -1;
	/* Folders on the way have no entry of their own in the walk. */
	for (const char *at = path;
	     of.inodes > 0 && (at = strchr(at, '/')) != NULL; at++) {
		of.inodes++;
		of.bytes += TREE_COPY_BLOCK;
	}
	sum->bytes += of.bytes;
	sum->inodes += of.inodes;
	return 0;
}

int tree_copy(int from, int to, const char *path, struct err *e)
{
	struct copy c = { 0 };

	return run(&c, from, to, path, e);
}
