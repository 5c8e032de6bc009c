/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/xattr.h"

#define READ_LEN     65536
#define SHOWN_LEN    160
#define LINK_MAX_LEN 4096

/* A folder on the way down to the entry that is being checked. */
struct frame {
	int fd;
	struct slice path;
	uint32_t present; /* names that the folder really holds */
	uint32_t listed;  /* of them those that the manifest lists */
};

struct check {
	const struct tree *tree;
	const struct tree_watch *watch;
	bool from_medium;
	uint64_t done;
	uint32_t *names; /* system trees: by file, its names in the tree */
	struct digest digest;
	uint8_t *bytes; /* READ_LEN of them */
	struct buf xattrs;
	size_t depth;
	struct frame frames[TREE_DEPTH_MAX + 2];
};

/* The entry under the eye, with its name as a C string. */
struct spot {
	const struct tree_entry *entry;
	uint32_t index;
	int dirfd;
	char name[256];
	struct stat st;
};

static int differs(struct err *e, struct slice path, const char *how)
{
	char shown[SHOWN_LEN];

	text_escape(path.len > 0 ? path : slice_of("."), shown, sizeof(shown));
	return err_set(e, ERR_UNTRUSTED, "%s: %s", shown, how);
}

static int about(struct err *e, struct slice path)
{
	char shown[SHOWN_LEN];

	text_escape(path.len > 0 ? path : slice_of("."), shown, sizeof(shown));
	return err_in(e, "%s", shown);
}

/* ---- attributes ---------------------------------------------------------- */

static mode_t type_bits(enum tree_type type)
{
	switch (type) {
	case TREE_FOLDER:
		return S_IFDIR;
	case TREE_FILE:
	case TREE_HARDLINK:
		return S_IFREG;
	case TREE_SYMLINK:
		return S_IFLNK;
	case TREE_CHAR:
		return S_IFCHR;
	case TREE_BLOCK:
		return S_IFBLK;
	case TREE_FIFO:
		return S_IFIFO;
	}
	return 0;
}

static bool same_xattr(const struct tree_xattr *a, const struct tree_xattr *b)
{
	return slice_equal(a->name, b->name) && slice_equal(a->value, b->value);
}

static bool xattrs_equal(struct slice got, struct slice want)
{
	struct tree_xattr g, w = { 0 };
	bool more = tree_xattr_next(&want, &w);

	while (tree_xattr_next(&got, &g)) {
		if (more && same_xattr(&g, &w)) {
			more = tree_xattr_next(&want, &w);
			continue;
		}
		if (!slice_equal(g.name, slice_of("security.selinux")))
			return false;
	}
	return !more;
}

static int check_xattrs(struct check *c, const struct spot *s, int fd,
			struct err *e)
{
	const struct xattr_at at = { fd, s->dirfd, s->name };
	uint16_t count;

	buf_done(&c->xattrs);
	if (xattr_list(&at, &c->xattrs, &count, e))
		return about(e, s->entry->path);
	if (!xattrs_equal(buf_slice(&c->xattrs), s->entry->xattrs))
		return differs(e, s->entry->path, "extended attributes differ");
	return 0;
}

static int check_system(struct check *c, const struct spot *s, int fd,
			struct err *e)
{
	const struct tree_entry *entry = s->entry;
	const struct stat *st = &s->st;

	if (st->st_uid != entry->uid || st->st_gid != entry->gid)
		return differs(e, entry->path, "owner differs");
	if (st->st_mtim.tv_sec != entry->mtime_sec ||
	    st->st_mtim.tv_nsec != (long)entry->mtime_nsec)
		return differs(e, entry->path, "modification time differs");
	if ((entry->type == TREE_CHAR || entry->type == TREE_BLOCK) &&
	    (major(st->st_rdev) != entry->major ||
	     minor(st->st_rdev) != entry->minor))
		return differs(e, entry->path, "device number differs");
	if (entry->type == TREE_FILE && st->st_nlink != c->names[s->index])
		return differs(e, entry->path, "number of names differs");
	return check_xattrs(c, s, fd, e);
}

/* fd is the entry itself, or -1 for what is not opened. */
static int check_attributes(struct check *c, const struct spot *s, int fd,
			    struct err *e)
{
	const struct tree_entry *entry = s->entry;

	if ((s->st.st_mode & S_IFMT) != type_bits(entry->type))
		return differs(e, entry->path, "type differs");
	if (entry->type != TREE_SYMLINK &&
	    (s->st.st_mode & ALLPERMS) != entry->mode)
		return differs(e, entry->path, "mode differs");
	if (c->tree->attributes == TREE_SYSTEM)
		return check_system(c, s, fd, e);
	return 0;
}

/* ---- content ------------------------------------------------------------- */

static int advance(struct check *c, size_t len, struct err *e)
{
	c->done += len;
	return tree_watch_tell(c->watch, c->done, e);
}

/*
 * The file's pages, all clean since the whole file system was synced, leave
 * the cache, so that the reads which follow come from the medium.
 */
static int drop_cache(int fd, struct err *e)
{
	int rc = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);

	if (rc == 0 || rc == EINVAL || rc == ENOSYS)
		return 0;
	errno = rc;
	return err_sys(e, "drop from cache");
}

static int check_content(struct check *c, const struct spot *s, int fd,
			 struct err *e)
{
	uint64_t left = s->entry->len;
	struct sha256 got;
	size_t len = 0;

	if (c->from_medium && drop_cache(fd, e))
		return about(e, s->entry->path);
	digest_start(&c->digest);
	do {
		if (fs_read(fd, c->bytes, READ_LEN, &len, e))
			return about(e, s->entry->path);
		if (len > left)
			break;
		left -= len;
		digest_add(&c->digest, (struct slice){ c->bytes, len });
		if (advance(c, len, e))
			return -1;
	} while (len > 0);
	digest_finish(&c->digest, &got);
	if (left > 0 || len > 0 || !sha256_equal(&got, &s->entry->digest))
		return differs(e, s->entry->path, "content differs");
	return 0;
}

static int check_file(struct check *c, struct spot *s, struct err *e)
{
	int fd = -1;
	int rc = -1;

	/* Not to hang should it have become a fifo just now. */
	if (fs_open(s->dirfd, s->name, O_RDONLY | O_NONBLOCK, &fd, e))
		return about(e, s->entry->path);
	if (fstat(fd, &s->st))
		err_sys(e, "look at a file");
	else if (!check_attributes(c, s, fd, e))
		rc = check_content(c, s, fd, e);
	fs_close(&fd);
	return rc;
}

static int check_symlink(struct check *c, const struct spot *s, struct err *e)
{
	char target[LINK_MAX_LEN];

	if (check_attributes(c, s, -1, e))
		return -1;
	if (fs_readlink(s->dirfd, s->name, target, sizeof(target), e))
		return about(e, s->entry->path);
	if (!slice_equal(slice_of(target), s->entry->target))
		return differs(e, s->entry->path, "link differs");
	return 0;
}

static int check_hardlink(struct check *c, const struct spot *s, int root,
			  struct err *e)
{
	char path[PATH_MAX_LEN + 1];
	struct tree_entry to;
	struct stat st;

	tree_entry(c->tree, s->entry->link_to, &to);
	if (text_format(path, sizeof(path), e, "%.*s", (int)to.path.len,
			(const char *)to.path.ptr) ||
	    fs_stat(root, path, &st, e))
		return about(e, s->entry->path);
	if (st.st_dev != s->st.st_dev || st.st_ino != s->st.st_ino)
		return differs(e, s->entry->path, "hard link differs");
	return 0;
}

/* ---- the walk ------------------------------------------------------------ */

/* How many names a folder holds; "." and ".." do not count. */
static int count_names(int dirfd, uint32_t *count, struct err *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *d;
	uint32_t n = 0;

	if (!dir) {
		err_sys(e, "open a folder");
		fs_close(&fd);
		return -1;
	}
	errno = 0;
	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			n++;
	if (errno != 0) {
		err_sys(e, "read a folder");
		closedir(dir);
		return -1;
	}
	closedir(dir);
	*count = n;
	return 0;
}

/* Takes fd over, also when it fails. */
static int push(struct check *c, int fd, struct slice path, struct err *e)
{
	struct frame *f = &c->frames[c->depth];

	if (count_names(fd, &f->present, e)) {
		fs_close(&fd);
		return about(e, path);
	}
	f->fd = fd;
	f->path = path;
	f->listed = 0;
	c->depth++;
	return 0;
}

static int pop(struct check *c, struct err *e)
{
	struct frame *f = &c->frames[--c->depth];
	uint32_t present = f->present, listed = f->listed;

	fs_close(&f->fd);
	if (present != listed)
		return differs(e, f->path, "holds what is not in the manifest");
	return 0;
}

static int check_folder(struct check *c, struct spot *s, struct err *e)
{
	int fd = -1;

	if (fs_open(s->dirfd, s->name, O_RDONLY | O_DIRECTORY, &fd, e))
		return about(e, s->entry->path);
	if (fstat(fd, &s->st)) {
		err_sys(e, "look at a folder");
		fs_close(&fd);
		return -1;
	}
	if (check_attributes(c, s, fd, e)) {
		fs_close(&fd);
		return -1;
	}
	return push(c, fd, s->entry->path, e);
}

static int check_root(struct check *c, const struct tree_entry *entry,
		      struct err *e)
{
	struct spot s = { .entry = entry, .dirfd = -1 };

	if (fstat(c->frames[0].fd, &s.st))
		return err_sys(e, "look at the folder");
	return check_attributes(c, &s, c->frames[0].fd, e);
}

static int look(struct check *c, struct spot *s, struct err *e)
{
	struct slice name = tree_name(s->entry->path);
	struct frame *f;

	while (c->depth > 1 && !slice_equal(c->frames[c->depth - 1].path,
					    tree_parent(s->entry->path)))
		if (pop(c, e))
			return -1;
	f = &c->frames[c->depth - 1];
	f->listed++;
	s->dirfd = f->fd;
	memcpy(s->name, name.ptr, name.len);
	s->name[name.len] = 0;
	if (fstatat(s->dirfd, s->name, &s->st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return differs(e, s->entry->path, "is missing");
	err_sys(e, "look at it");
	return about(e, s->entry->path);
}

static int check_entry(struct check *c, uint32_t index, struct err *e)
{
	struct tree_entry entry;
	struct spot s = { .entry = &entry, .index = index };

	tree_entry(c->tree, index, &entry);
	if (entry.path.len == 0)
		return check_root(c, &entry, e);
	if (look(c, &s, e))
		return -1;
	if ((s.st.st_mode & S_IFMT) != type_bits(entry.type))
		return differs(e, entry.path, "type differs");
	switch (entry.type) {
	case TREE_FOLDER:
		return check_folder(c, &s, e);
	case TREE_FILE:
		return check_file(c, &s, e);
	case TREE_SYMLINK:
		return check_symlink(c, &s, e);
	case TREE_HARDLINK:
		return check_hardlink(c, &s, c->frames[0].fd, e);
	default:
		return check_attributes(c, &s, -1, e);
	}
}

/* By file, how many names it has; other entries' numbers mean nothing. */
static void count_links(struct check *c)
{
	c->names = mem_alloc(c->tree->count, sizeof(*c->names));
	for (uint32_t i = 0; i < c->tree->count; i++) {
		struct tree_entry entry;

		tree_entry(c->tree, i, &entry);
		if (entry.type == TREE_HARDLINK)
			c->names[entry.link_to]++;
		else
			c->names[i]++;
	}
}

static int walk(struct check *c, int dirfd, struct err *e)
{
	int root = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);

	if (root < 0)
		return err_sys(e, "open a folder");
	/* Only clean pages can be dropped; see drop_cache(). */
	if (c->from_medium && syncfs(root)) {
		err_sys(e, "sync");
		fs_close(&root);
		return -1;
	}
	if (push(c, root, (struct slice){ 0 }, e))
		return -1;
	for (uint32_t i = 0; i < c->tree->count; i++)
		if (check_entry(c, i, e) || advance(c, 0, e))
			return -1;
	while (c->depth > 0)
		if (pop(c, e))
			return -1;
	return 0;
}

int tree_check(int dirfd, const struct tree *t, bool from_medium,
	       const struct tree_watch *watch, struct err *e)
{
	struct check c = {
		.tree = t,
		.watch = watch,
		.from_medium = from_medium,
		.bytes = mem_alloc(READ_LEN, 1),
		.xattrs = BUF_INIT(TREE_XATTRS_MAX * (TREE_XATTR_MAX + 260)),
	};
	int rc;

	if (t->attributes == TREE_SYSTEM)
		count_links(&c);
	rc = walk(&c, dirfd, e);
	while (c.depth > 0)
		fs_close(&c.frames[--c.depth].fd);
	buf_done(&c.xattrs);
	free(c.bytes);
	free(c.names);
	return rc;
}
