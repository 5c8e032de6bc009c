/* SPDX-License-Identifier: Apache-2.0 */
/* The part of fs.h that changes nothing. */
#include "common/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/place.h"

#define READ_STEP 65536

int fs_open_dir(const char *path, int *dirfd, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "%s", path);
	*dirfd = fd;
	return 0;
}

void fs_close(int *fd)
{
	/* Bytes that matter were synced; nothing can be done about the rest. */
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int fs_open(int dirfd, const char *path, int flags, int *fd, struct err *e)
{
	struct place p;
	int got, rc = -1;

	if (place_open(dirfd, path, &p, e))
		return -1;
	/* Nobody can make us wait by putting a FIFO there. */
	got = openat(p.fd, p.name,
		     flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		     S_IRUSR | S_IWUSR);
	if (got < 0) {
		place_refused(p.fd, p.name, path, e);
		goto out;
	}
	*fd = got;
	rc = 0;
out:
	place_close(&p);
	return rc;
}

int fs_readlink(int dirfd, const char *path, char *out, size_t size,
		struct err *e)
{
	char target[PATH_MAX];
	struct place p;
	ssize_t len;
	int rc = -1;

	if (place_open(dirfd, path, &p, e))
		return -1;
	len = readlinkat(p.fd, p.name, target, sizeof(target));
	if (len < 0) {
		err_sys(e, "%s", path);
	} else if ((size_t)len >= size || (size_t)len == sizeof(target)) {
		err_set(e, ERR_LIMIT, "%s: link target too long", path);
	} else {
		memcpy(out, target, (size_t)len);
		out[len] = 0;
		rc = 0;
	}
	place_close(&p);
	return rc;
}

int fs_stat(int dirfd, const char *path, struct stat *st, struct err *e)
{
	struct place p;
	struct stat got;
	int rc = -1;

	if (place_open(dirfd, path, &p, e))
		return -1;
	if (fstatat(p.fd, p.name, &got, AT_SYMLINK_NOFOLLOW)) {
		err_sys(e, "%s", path);
		goto out;
	}
	*st = got;
	rc = 0;
out:
	place_close(&p);
	return rc;
}

/* ---- bytes --------------------------------------------------------------- */

/* Append all that fd has; one byte more than the ceiling is ERR_LIMIT. */
static int read_all(int fd, struct buf *out, struct err *e)
{
	size_t got = 0;

	do {
		size_t room = out->max - out->len;
		uint8_t extra, *to = &extra;

		if (room > READ_STEP)
			room = READ_STEP;
		if (room > 0)
			to = buf_reserve(out, room, e);
		if (!to || fs_read(fd, to, room > 0 ? room : 1, &got, e))
			return -1;
		if (room == 0 && got > 0)
			return err_set(e, ERR_LIMIT, "more than %zu bytes",
				       out->max);
		out->len += got;
	} while (got > 0);
	if (out->ptr)
		out->ptr[out->len] = 0;
	return 0;
}

static int read_regular(int fd, const char *path, struct buf *out,
			struct err *e)
{
	size_t before = out->len;
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_REFUSED, "%s: not a regular file", path);
	if (read_all(fd, out, e) == 0)
		return 0;
	out->len = before;
	if (out->ptr)
		out->ptr[before] = 0;
	return err_in(e, "%s", path);
}

int fs_read_file(int dirfd, const char *path, struct buf *out, struct err *e)
{
	int fd, rc;

	if (fs_open(dirfd, path, O_RDONLY, &fd, e))
		return -1;
	rc = read_regular(fd, path, out, e);
	fs_close(&fd);
	return rc;
}

int fs_read_path(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc;

	if (fd < 0)
		return err_sys(e, "%s", path);
	rc = read_regular(fd, path, out, e);
	fs_close(&fd);
	return rc;
}

int fs_read(int fd, void *out, size_t len, size_t *got, struct err *e)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)out + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*got = have;
	return 0;
}

int fs_read_at(int fd, uint64_t offset, void *out, size_t len, size_t *got,
	       struct err *e)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(fd, (char *)out + have, len - have,
				  (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*got = have;
	return 0;
}

/* ---- the rest ------------------------------------------------------------ */

int fs_free_space(int dirfd, uint64_t *bytes, uint64_t *inodes, struct err *e)
{
	struct statvfs st;

	if (fstatvfs(dirfd, &st))
		return err_sys(e, "free space");
	*bytes = (uint64_t)st.f_bavail * st.f_frsize;
	/* Some file systems have no fixed number of inodes and say 0 of 0. */
	*inodes = st.f_files > 0 ? st.f_favail : UINT64_MAX;
	return 0;
}

int fs_check_private(int fd, const char *what, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(e, "%s", what);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(e, ERR_CONFIG, "%s: belongs to somebody else",
			       what);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, ERR_CONFIG,
			       "%s: others may write it; chmod go-w", what);
	return 0;
}
