/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of fs.h that changes something; reading is in fs_read.c, locks are
 * in fs_lock.c.
 */
#include "common/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/place.h"
#include "common/text.h"

#define COPY_STEP    65536
#define BLOCK_LEN    4096 /* what a hole has at least */
#define TEMP_TRIES   16
#define REMOVE_DEPTH 32 /* open folders while a tree is removed */

/* A folder's entries reach the disk only when the folder itself is synced. */
static int sync_folder(int dirfd, const char *path, struct err *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | PLACE_FOLDER);
	int rc = 0;

	if (fd < 0)
		return err_sys(e, "%s: folder", path);
	/* EINVAL: a file system that has nothing to sync. */
	if (fsync(fd) && errno != EINVAL)
		rc = err_sys(e, "%s: sync folder", path);
	close(fd);
	return rc;
}

/* ---- folders by an ordinary path ----------------------------------------- */

/* Open one folder beneath fd, made if it is missing. Links are followed. */
static int enter_or_make(int fd, const char *name, mode_t mode, int *next,
			 struct err *e)
{
	*next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*next >= 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(e, "%s", name);
	if (mkdirat(fd, name, mode) && errno != EEXIST)
		return err_sys(e, "%s", name);
	if (sync_folder(fd, name, e))
		return -1;
	*next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *next < 0 ? err_sys(e, "%s", name) : 0;
}

int fs_make_dir(const char *path, mode_t mode, int *dirfd, struct err *e)
{
	int fd = open(*path == '/' ? "/" : ".",
		      O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *rest = path;
	int next = -1;

	if (fd < 0 || !*path) {
		fs_close(&fd);
		return err_set(e, ERR_NOT_FOUND, "\"%s\": no such folder",
			       path);
	}
	while (*(rest += strspn(rest, "/"))) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(rest, "/");

		if (len > NAME_MAX) {
			err_set(e, ERR_LIMIT, "%s: name too long", path);
			goto fail;
		}
		memcpy(name, rest, len);
		name[len] = 0;
		rest += len;
		if (enter_or_make(fd, name, mode, &next, e)) {
			err_in(e, "%s", path);
			goto fail;
		}
		close(fd);
		fd = next;
	}
	next = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (next < 0) {
		err_sys(e, "%s", path);
		goto fail;
	}
	close(fd);
	*dirfd = next;
	return 0;
fail:
	close(fd);
	return -1;
}

/* ---- beneath a folder ---------------------------------------------------- */

int fs_create(int dirfd, const char *path, mode_t mode, int *fd, struct err *e)
{
	struct place p;
	int got, rc = -1;

	if (place_open(dirfd, path, &p, e))
		return -1;
	got = openat(p.fd, p.name,
		     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (got < 0) {
		err_sys(e, "%s", path);
		goto out;
	}
	*fd = got;
	rc = 0;
out:
	place_close(&p);
	return rc;
}

int fs_mkdir(int dirfd, const char *path, mode_t mode, struct err *e)
{
	struct place p;
	int rc;

	if (place_open(dirfd, path, &p, e))
		return -1;
	rc = mkdirat(p.fd, p.name, mode) ? err_sys(e, "%s", path) : 0;
	place_close(&p);
	return rc;
}

/* One step of fs_mkdirs(): a folder is at path afterwards, no link. */
static int mkdir_step(int dirfd, const char *path, mode_t mode, struct err *e)
{
	struct place p;
	int fd = -1, rc = -1;

	if (place_open(dirfd, path, &p, e))
		return -1;
	if (mkdirat(p.fd, p.name, mode) == 0) {
		rc = sync_folder(p.fd, path, e);
		goto out;
	}
	if (errno != EEXIST) {
		err_sys(e, "%s", path);
		goto out;
	}
	fd = openat(p.fd, p.name, O_PATH | PLACE_FOLDER);
	rc = fd < 0 ? place_refused(p.fd, p.name, path, e) : 0;
out:
	fs_close(&fd);
	place_close(&p);
	return rc;
}

int fs_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t len = 0;

	if (place_check(path, e) ||
	    text_format(part, sizeof(part), e, "%s", path))
		return -1;
	while (path[len]) {
		len += 1 + strcspn(path + len + 1, "/");
		part[len] = 0;
		if (mkdir_step(dirfd, part, mode, e))
			return -1;
		part[len] = path[len];
	}
	return 0;
}

int fs_symlink(int dirfd, const char *target, const char *path, struct err *e)
{
	struct place p;
	int rc;

	if (place_open(dirfd, path, &p, e))
		return -1;
	rc = symlinkat(target, p.fd, p.name) ? err_sys(e, "%s", path) : 0;
	place_close(&p);
	return rc;
}

static bool same_folder(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int rename_by(int (*how)(const struct place *src,
				const struct place *dst),
		     int dirfd, const char *from, const char *to, struct err *e)
{
	struct place src = { .fd = -1 }, dst = { .fd = -1 };
	int rc = -1;

	if (place_open(dirfd, from, &src, e) || place_open(dirfd, to, &dst, e))
		goto out;
	if (how(&src, &dst)) {
		err_sys(e, "%s to %s", from, to);
		goto out;
	}
	/* First where the name is now: a crash may then show both, not none. */
	if (sync_folder(dst.fd, to, e))
		goto out;
	if (!same_folder(src.fd, dst.fd) && sync_folder(src.fd, from, e))
		goto out;
	rc = 0;
out:
	place_close(&src);
	place_close(&dst);
	return rc;
}

static int replace(const struct place *src, const struct place *dst)
{
	return renameat2(src->fd, src->name, dst->fd, dst->name, 0);
}

static int exchange(const struct place *src, const struct place *dst)
{
	return renameat2(src->fd, src->name, dst->fd, dst->name,
			 RENAME_EXCHANGE);
}

int fs_rename(int dirfd, const char *from, const char *to, struct err *e)
{
	return rename_by(replace, dirfd, from, to, e);
}

int fs_exchange(int dirfd, const char *a, const char *b, struct err *e)
{
	return rename_by(exchange, dirfd, a, b, e);
}

int fs_remove(int dirfd, const char *path, struct err *e)
{
	struct place p;
	bool missing;
	int rc;

	if (place_open_if_any(dirfd, path, &p, &missing, e))
		return -1;
	if (missing)
		return 0;
	if (unlinkat(p.fd, p.name, 0))
		rc = errno == ENOENT ? 0 : err_sys(e, "%s", path);
	else
		rc = sync_folder(p.fd, path, e);
	place_close(&p);
	return rc;
}

struct removal {
	const char *path; /* for messages */
	dev_t dev;        /* the one file system that we stay in */
	int top;          /* the tree's own folder */
	unsigned moved;
};

static bool is_mount_point(int fd)
{
	struct statx sx;

	return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0 &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* Open a folder whose entries are to go, readable and writable for us. */
static int open_doomed(const struct removal *r, int dirfd, const char *name,
		       int *fd, struct err *e)
{
	struct stat st;

	*fd = openat(dirfd, name, O_RDONLY | PLACE_FOLDER);
	if (*fd < 0 && errno == EACCES &&
	    fchmodat(dirfd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
		*fd = openat(dirfd, name, O_RDONLY | PLACE_FOLDER);
	if (*fd < 0 || fstat(*fd, &st))
		return err_sys(e, "%s: cannot remove %s", r->path, name);
	if (st.st_dev != r->dev || is_mount_point(*fd))
		return err_set(e, ERR_REFUSED,
			       "%s: %s is another file system; unmount it",
			       r->path, name);
	/* If it is not ours to change, removing an entry will say so. */
	if ((st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fchmod(*fd, S_IRWXU);
	return 0;
}

/*
 * A folder so deep that we would run out of descriptors becomes an entry of
 * the tree's own folder, where its turn comes again at depth one.
 */
static int move_up(struct removal *r, int dirfd, const char *name,
		   struct err *e)
{
	char up[32];

	do {
		if (text_format(up, sizeof(up), e, ".doomed%u", r->moved++))
			return -1;
		if (renameat2(dirfd, name, r->top, up, 0) == 0)
			return 0;
	} while (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR);
	return err_sys(e, "%s: cannot remove %s", r->path, name);
}

static int remove_entries(struct removal *r, int fd, unsigned depth,
			  struct err *e);

static int remove_entry(struct removal *r, int dirfd, const char *name,
			unsigned depth, struct err *e)
{
	int fd = -1, rc = -1;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, "%s: cannot remove %s", r->path, name);
	if (open_doomed(r, dirfd, name, &fd, e))
		goto out;
	if (depth == REMOVE_DEPTH) {
		rc = move_up(r, dirfd, name, e);
		goto out;
	}
	if (depth == 0)
		r->top = fd;
	if (remove_entries(r, fd, depth + 1, e))
		goto out;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) && errno != ENOENT) {
		err_sys(e, "%s: cannot remove %s", r->path, name);
		goto out;
	}
	rc = 0;
out:
	fs_close(&fd);
	return rc;
}

/* One pass over the folder; *count says how many entries it met. */
static int remove_pass(struct removal *r, DIR *d, unsigned depth, size_t *count,
		       struct err *e)
{
	struct dirent *entry;

	*count = 0;
	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		*count += 1;
		if (remove_entry(r, dirfd(d), entry->d_name, depth, e))
			return -1;
	}
	return errno ? err_sys(e, "%s: cannot read", r->path) : 0;
}

static int remove_entries(struct removal *r, int fd, unsigned depth,
			  struct err *e)
{
	size_t count = 1;
	int rc = 0;

	/* Entries move while others go, so look until nothing is left. */
	while (rc == 0 && count > 0) {
		int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		/* It shares where the pass before has come to. */
		DIR *d = lseek(own, 0, SEEK_SET) < 0 ? NULL : fdopendir(own);

		if (!d) {
			err_sys(e, "%s: cannot read", r->path);
			fs_close(&own);
			return -1;
		}
		rc = remove_pass(r, d, depth, &count, e);
		closedir(d);
	}
	return rc;
}

int fs_remove_tree(int dirfd, const char *path, struct err *e)
{
	struct removal r = { .path = path, .top = -1 };
	struct stat st;
	struct place p;
	bool missing;
	int rc = -1;

	if (place_open_if_any(dirfd, path, &p, &missing, e))
		return -1;
	if (missing)
		return 0;
	if (fstat(p.fd, &st)) {
		err_sys(e, "%s", path);
		goto out;
	}
	r.dev = st.st_dev;
	if (remove_entry(&r, p.fd, p.name, 0, e))
		goto out;
	rc = sync_folder(p.fd, path, e);
out:
	place_close(&p);
	return rc;
}

/* ---- bytes --------------------------------------------------------------- */

/*
 * Open a new file beside the one to be replaced. Its writer holds a lock on
 * it, so that what a crash left behind is told from a neighbour at work, and
 * is taken away here: leftovers never add up.
 */
static int try_temp(int dirfd, const char *name, mode_t mode, int *fd)
{
	struct stat ours, there;
	int old;

	old = openat(dirfd, name,
		     O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (old >= 0 && flock(old, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(dirfd, name, 0);
	fs_close(&old);
	*fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (*fd < 0)
		return -1;
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0 && fstat(*fd, &ours) == 0 &&
	    fstatat(dirfd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    ours.st_ino == there.st_ino)
		return 0;
	/* A neighbour took our new file for a leftover: let it have the name */
	fs_close(fd);
	errno = EEXIST;
	return -1;
}

static int open_temp(int dirfd, const char *leaf, mode_t mode,
		     char name[NAME_MAX + 1], int *fd, struct err *e)
{
	for (unsigned i = 0; i < TEMP_TRIES; i++) {
		/* No *.json: who lists those must not see half of one. */
		if (text_format(name, NAME_MAX + 1, e, ".%.200s.new%u", leaf,
				i))
			return -1;
		if (try_temp(dirfd, name, mode, fd) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return err_sys(e, "cannot write beside it");
}

int fs_open_nameless(int dirfd, int *fd, struct err *e)
{
	char temp[NAME_MAX + 1];
	int new = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* Older overlays cannot: then it has a name for a moment. */
	if (new < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		if (open_temp(dirfd, "nameless", 0600, temp, &new, e))
			return -1;
		(void)unlinkat(dirfd, temp, 0);
	}
	if (new < 0)
		return err_sys(e, "temporary file");
	*fd = new;
	return 0;
}

static int replace_at(const struct place *p, struct slice bytes, mode_t mode,
		      struct err *e)
{
	char temp[NAME_MAX + 1];
	int fd = -1;

	if (open_temp(p->fd, p->name, mode, temp, &fd, e))
		return -1;
	if (fs_write(fd, bytes, e) || fs_sync(fd, e))
		goto fail;
	if (renameat2(p->fd, temp, p->fd, p->name, 0)) {
		err_sys(e, "rename");
		goto fail;
	}
	fs_close(&fd);
	return sync_folder(p->fd, p->name, e);
fail:
	(void)unlinkat(p->fd, temp, 0); /* the first failure is reported */
	fs_close(&fd);
	return -1;
}

int fs_replace_file(int dirfd, const char *path, struct slice bytes,
		    mode_t mode, struct err *e)
{
	struct place p;
	int rc;

	if (place_open(dirfd, path, &p, e))
		return -1;
	rc = replace_at(&p, bytes, mode, e);
	if (rc)
		err_in(e, "%s", path);
	place_close(&p);
	return rc;
}

int fs_write(int fd, struct slice bytes, struct err *e)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "write");
		bytes = slice_sub(bytes, (size_t)n, bytes.len);
	}
	return 0;
}

int fs_write_at(int fd, uint64_t offset, struct slice bytes, struct err *e)
{
	while (bytes.len > 0) {
		ssize_t n = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "write");
		bytes = slice_sub(bytes, (size_t)n, bytes.len);
		offset += (uint64_t)n;
	}
	return 0;
}

/* What is left of the block at this offset, at most all of the bytes. */
static struct slice block_of(uint64_t offset, struct slice bytes)
{
	return slice_sub(bytes, 0, BLOCK_LEN - offset % BLOCK_LEN);
}

static bool is_zero(struct slice s)
{
	return s.ptr[0] == 0 && memcmp(s.ptr, s.ptr + 1, s.len - 1) == 0;
}

int fs_write_sparse(int fd, uint64_t offset, struct slice bytes, struct err *e)
{
	size_t len = 0; /* of what waits to be written at once */

	while (len < bytes.len) {
		struct slice block = block_of(offset + len,
					      slice_sub(bytes, len, bytes.len));

		if (!is_zero(block)) {
			len += block.len;
			continue;
		}
		if (fs_write_at(fd, offset, slice_sub(bytes, 0, len), e))
			return -1;
		len += block.len;
		bytes = slice_sub(bytes, len, bytes.len);
		offset += len;
		len = 0;
	}
	return fs_write_at(fd, offset, bytes, e);
}

int fs_zero_range(int fd, uint64_t offset, uint64_t len, struct err *e)
{
	/* Never written; constant, it would be 64 KiB of every program. */
	static uint8_t zeros[COPY_STEP];

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)offset, (off_t)len) == 0)
		return 0;
	while (len > 0) {
		const struct slice part = slice_sub(
			(struct slice){ zeros, sizeof(zeros) }, 0,
			len < sizeof(zeros) ? (size_t)len : sizeof(zeros));

		if (fs_write_at(fd, offset, part, e))
			return -1;
		offset += part.len;
		len -= part.len;
	}
	return 0;
}

int fs_truncate(int fd, uint64_t len, struct err *e)
{
	return ftruncate(fd, (off_t)len) ? err_sys(e, "truncate") : 0;
}

int fs_reserve(int fd, uint64_t len, struct err *e)
{
	if (fallocate(fd, 0, 0, (off_t)len) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOSYS ? fs_truncate(fd, len, e)
						      : err_sys(e, "no room");
}

int fs_sync(int fd, struct err *e)
{
	return fsync(fd) ? err_sys(e, "sync") : 0;
}

/* Copy through our own memory. */
static int copy_by_hand(int from, uint64_t from_offset, int to,
			uint64_t to_offset, uint64_t len, struct err *e)
{
	uint8_t bytes[COPY_STEP];

	while (len > 0) {
		size_t step = len < sizeof(bytes) ? (size_t)len : sizeof(bytes);
		size_t got = 0;

		if (fs_read_at(from, from_offset, bytes, step, &got, e))
			return -1;
		if (got < step)
			return err_set(e, ERR_FORMAT, "file too short");
		if (fs_write_at(to, to_offset, (struct slice){ bytes, got }, e))
			return -1;
		from_offset += got;
		to_offset += got;
		len -= got;
	}
	return 0;
}

int fs_copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset,
		  uint64_t len, struct err *e)
{
	struct file_clone_range clone = {
		.src_fd = from,
		.src_offset = from_offset,
		.src_length = len,
		.dest_offset = to_offset,
	};

	/* A length of zero would mean "to the end". */
	if (len == 0 || ioctl(to, FICLONERANGE, &clone) == 0)
		return 0;
	while (len > 0) {
		off_t in = (off_t)from_offset, out = (off_t)to_offset;
		size_t step = len < SSIZE_MAX ? (size_t)len : SSIZE_MAX;
		ssize_t n = copy_file_range(from, &in, to, &out, step, 0);

		/* Whatever the kernel cannot do, or will not, we do. */
		if (n <= 0)
			break;
		from_offset += (uint64_t)n;
		to_offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return copy_by_hand(from, from_offset, to, to_offset, len, e);
}
