/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim - a library to preload: it stands between the client and the C library
 * and counts every operation below one folder, in all processes of the client,
 * with one counter. At the n-th one something happens. The product knows
 * nothing of it.
 *
 *	PAWL_SHIM_UNDER   the folder, as an absolute path without links
 *	PAWL_SHIM_NOTES   a file of one struct shim_notes, shared and read by
 *	                  whoever started the client
 *	PAWL_SHIM_AT      n, from 1; 0 only counts
 *	PAWL_SHIM_HOW     what happens, a word of the table in shim.h
 *
 * Reading and changing are counted apart: which of both, the word decides.
 */
#include "tests/crash/shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What kind of operation it is. */
enum kind {
	LOOK,  /* changes nothing */
	MOVE,  /* changes something, needs no room */
	ROOM,  /* may need room on the disk */
	WRITE, /* so does this, and it may be short */
	SYNC,
};

enum verdict {
	GO,
	FAIL,  /* errno says why */
	HALF,  /* of the bytes */
	CLAIM, /* say that it was done */
};

static struct {
	const char *under;
	size_t under_len;
	enum shim_how how;
	uint64_t at;
	struct shim_notes *notes; /* NULL: stay out of everything */
} shim;

/* Before main(), which empties the environment. */
__attribute__((constructor)) static void shim_begin(void)
{
	const char *how = getenv("PAWL_SHIM_HOW");
	const char *notes = getenv("PAWL_SHIM_NOTES");
	const char *at = getenv("PAWL_SHIM_AT");
	int fd;
	void *map;

	shim.under = getenv("PAWL_SHIM_UNDER");
	if (!how || !notes || !at || !shim.under)
		return;
	shim.under = strdup(shim.under);
	shim.under_len = shim.under ? strlen(shim.under) : 0;
	shim.at = strtoull(at, NULL, 10);
	for (size_t i = 0; i < SHIM_HOWS; i++)
		if (strcmp(how, shim_how_names[i]) == 0)
			shim.how = (enum shim_how)i;
	fd = open(notes, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*shim.notes), PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED && shim.under)
		shim.notes = map;
}

static bool is_under(const char *path)
{
	return strncmp(path, shim.under, shim.under_len) == 0 &&
	       (path[shim.under_len] == '/' || path[shim.under_len] == 0);
}

/* The path behind a descriptor and a name beneath it (NULL: itself). */
static bool where(int fd, const char *name, char out[PATH_MAX])
{
	char link[64];
	ssize_t len;

	if (name && *name == '/') {
		(void)snprintf(out, PATH_MAX, "%s", name);
		return is_under(out);
	}
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, out, PATH_MAX - 1);
	if (len <= 0)
		return false;
	out[len] = 0;
	if (!is_under(out))
		return false;
	if (name)
		(void)snprintf(out + len, PATH_MAX - (size_t)len, "/%s", name);
	return true;
}

static enum verdict fail(int why)
{
	errno = why;
	return FAIL;
}

static enum verdict skipped_sync(int fd)
{
	struct stat st;
	bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);

	return (shim.how == SHIM_SKIP_FOLDERS) == folder ? CLAIM : GO;
}

/* It is our turn: what happens to this operation? */
static enum verdict judge(enum kind kind, bool first)
{
	switch (shim.how) {
	case SHIM_STOP:
		(void)kill(0, SIGKILL); /* all processes of the client */
		(void)pause();
		return GO;
	case SHIM_FULL:
		return kind == ROOM || kind == WRITE ? fail(ENOSPC) : GO;
	case SHIM_DEAD:
		return fail(EIO);
	case SHIM_SHORT:
		return first && kind == WRITE ? HALF : GO;
	default:
		return first ? fail(EIO) : GO;
	}
}

static enum verdict meet(enum kind kind, const char *what, int fd,
			 const char *name)
{
	int before = errno;
	char path[PATH_MAX];
	uint64_t n;

	if (!shim.notes || !where(fd, name, path)) {
		errno = before;
		return GO;
	}
	errno = before;
	if (shim.how == SHIM_LATE_MARK)
		return GO;
	if (shim.how == SHIM_SKIP_FILES || shim.how == SHIM_SKIP_FOLDERS)
		return kind == SYNC ? skipped_sync(fd) : GO;
	if ((kind == LOOK) != (shim.how == SHIM_UNREADABLE))
		return GO;
	if (shim.how == SHIM_SHORT && kind != WRITE)
		return GO;
	n = __atomic_add_fetch(&shim.notes->count, 1, __ATOMIC_SEQ_CST);
	if (shim.at == 0 || n < shim.at)
		return GO;
	if (n == shim.at)
		(void)snprintf(shim.notes->what, sizeof(shim.notes->what),
			       "%s %.200s", what, path);
	return judge(kind, n == shim.at);
}

/* `real` is then the function that we stand in front of. */
#define REAL(name)                                                             \
	static __typeof__(name) *real;                                         \
	if (!real) {                                                           \
		void *at = dlsym(RTLD_NEXT, #name);                            \
		memcpy(&real, &at, sizeof(at));                                \
	}

/* A function that returns 0 or -1. */
#define SIMPLE(name, params, args, kind, fd, path)                             \
	int name params                                                        \
	{                                                                      \
		REAL(name)                                                     \
		switch (meet(kind, #name, fd, path)) {                         \
		case GO:                                                       \
			return real args;                                      \
		case CLAIM:                                                    \
			return 0;                                              \
		default:                                                       \
			return -1;                                             \
		}                                                              \
	}

SIMPLE(fsync, (int fd), (fd), SYNC, fd, NULL)
SIMPLE(fdatasync, (int fd), (fd), SYNC, fd, NULL)
SIMPLE(syncfs, (int fd), (fd), SYNC, fd, NULL)
SIMPLE(ftruncate, (int fd, off_t len), (fd, len), MOVE, fd, NULL)
SIMPLE(mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), ROOM,
       fd, path)
SIMPLE(symlinkat, (const char *target, int fd, const char *path),
       (target, fd, path), ROOM, fd, path)
SIMPLE(linkat, (int from, const char *old, int fd, const char *path, int flags),
       (from, old, fd, path, flags), ROOM, fd, path)
SIMPLE(mknodat, (int fd, const char *path, mode_t mode, dev_t dev),
       (fd, path, mode, dev), ROOM, fd, path)
SIMPLE(unlinkat, (int fd, const char *path, int flags), (fd, path, flags), MOVE,
       fd, path)
SIMPLE(renameat, (int from, const char *old, int fd, const char *path),
       (from, old, fd, path), MOVE, fd, path)
SIMPLE(fchmod, (int fd, mode_t mode), (fd, mode), MOVE, fd, NULL)
SIMPLE(fchmodat, (int fd, const char *path, mode_t mode, int flags),
       (fd, path, mode, flags), MOVE, fd, path)
SIMPLE(fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), MOVE, fd, NULL)
SIMPLE(fchownat, (int fd, const char *path, uid_t uid, gid_t gid, int flags),
       (fd, path, uid, gid, flags), MOVE, fd, path)
SIMPLE(futimens, (int fd, const struct timespec times[2]), (fd, times), MOVE,
       fd, NULL)
SIMPLE(utimensat,
       (int fd, const char *path, const struct timespec times[2], int flags),
       (fd, path, times, flags), MOVE, fd, path)
SIMPLE(fsetxattr,
       (int fd, const char *name, const void *value, size_t size, int flags),
       (fd, name, value, size, flags), ROOM, fd, NULL)
SIMPLE(lsetxattr,
       (const char *path, const char *name, const void *value, size_t size,
	int flags),
       (path, name, value, size, flags), ROOM, AT_FDCWD, path)
SIMPLE(fallocate, (int fd, int mode, off_t from, off_t len),
       (fd, mode, from, len), MOVE, fd, NULL)
SIMPLE(fstatat, (int fd, const char *path, struct stat *st, int flags),
       (fd, path, st, flags), LOOK, fd, path)

ssize_t write(int fd, const void *bytes, size_t len)
{
	REAL(write)
	switch (meet(WRITE, "write", fd, NULL)) {
	case FAIL:
		return -1;
	case HALF:
		return real(fd, bytes, (len + 1) / 2);
	default:
		return real(fd, bytes, len);
	}
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	REAL(pwrite)
	switch (meet(WRITE, "pwrite", fd, NULL)) {
	case FAIL:
		return -1;
	case HALF:
		return real(fd, bytes, (len + 1) / 2, offset);
	default:
		return real(fd, bytes, len, offset);
	}
}

ssize_t copy_file_range(int from, off_t *in, int to, off_t *out, size_t len,
			unsigned flags)
{
	REAL(copy_file_range)
	switch (meet(WRITE, "copy_file_range", to, NULL)) {
	case FAIL:
		return -1;
	case HALF:
		return real(from, in, to, out, (len + 1) / 2, flags);
	default:
		return real(from, in, to, out, len, flags);
	}
}

/* FICLONE and FICLONERANGE, the only ones on files. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	REAL(ioctl)
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (meet(ROOM, "ioctl", fd, NULL) == FAIL)
		return -1;
	return real(fd, request, arg);
}

/* The mark of a trial that SHIM_LATE_MARK holds back; "": none. */
static char late_mark[32];

/* The link is switched, for good; and only then there is a mark. */
static void mark_late(int fd, const char *path)
{
	char mark[sizeof(late_mark)];

	if (!late_mark[0] || strcmp(path, "current") != 0)
		return;
	memcpy(mark, late_mark, sizeof(mark));
	late_mark[0] = 0;
	(void)fsync(fd);
	(void)close(openat(fd, mark, O_WRONLY | O_CREAT, 0644));
}

int renameat2(int from, const char *old, int fd, const char *path,
	      unsigned int flags)
{
	int rc;

	REAL(renameat2)
	if (meet(MOVE, "renameat2", fd, path) == FAIL)
		return -1;
	rc = real(from, old, fd, path, flags);
	if (rc == 0)
		mark_late(fd, path);
	return rc;
}

static int open_any(int fd, const char *path, int flags, mode_t mode)
{
	bool makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;

	REAL(openat)
	if (shim.how == SHIM_LATE_MARK && (flags & O_EXCL) &&
	    strncmp(path, "trying.", 7) == 0) {
		(void)snprintf(late_mark, sizeof(late_mark), "%s", path);
		return real(fd, ".", O_RDONLY | O_CLOEXEC, 0);
	}
	if (meet(makes ? ROOM : LOOK, "openat", fd, path) == FAIL)
		return -1;
	return real(fd, path, flags, mode);
}

int openat(int fd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_any(fd, path, flags, mode);
}

/* What openat() becomes where the compiler checks for a missing mode. */
int openat64_2(int fd, const char *path, int flags) __asm__("__openat64_2");
int openat64_2(int fd, const char *path, int flags)
{
	return open_any(fd, path, flags, 0);
}

ssize_t read(int fd, void *out, size_t len)
{
	REAL(read)
	return meet(LOOK, "read", fd, NULL) == FAIL ? -1 : real(fd, out, len);
}

ssize_t pread(int fd, void *out, size_t len, off_t offset)
{
	REAL(pread)
	return meet(LOOK, "pread", fd, NULL) == FAIL
		       ? -1
		       : real(fd, out, len, offset);
}

ssize_t readlinkat(int fd, const char *path, char *out, size_t size)
{
	REAL(readlinkat)
	return meet(LOOK, "readlinkat", fd, path) == FAIL
		       ? -1
		       : real(fd, path, out, size);
}

struct dirent *readdir(DIR *dir)
{
	REAL(readdir)
	return meet(LOOK, "readdir", dirfd(dir), NULL) == FAIL ? NULL
							       : real(dir);
}
