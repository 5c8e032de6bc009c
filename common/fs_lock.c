/* SPDX-License-Identifier: Apache-2.0 */
/* The part of fs.h that keeps others waiting. */
#include "common/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/text.h"

#define LOCK_TRIES    8
#define LOCK_PAUSE_MS 20

static int lock_is_busy(int fd, const char *path, struct err *e)
{
	char pid[16] = "";
	const ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[strspn(pid, "0123456789")] = 0;
	return err_set(e, ERR_BUSY,
		       "%s: in use by process %s; wait until it has ended",
		       path, got > 0 ? pid : "(unknown)");
}

bool fs_is_locked(int dirfd, const char *path)
{
	struct err unused;
	int fd = -1;
	bool is = false;

	if (fs_open(dirfd, path, O_RDONLY, &fd, &unused) == 0)
		is = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	fs_close(&fd);
	return is;
}

/*
 * Who only asks whether it is held (fs_is_locked) has a part in it for a
 * moment: that must not look like somebody at work.
 */
static int take(int fd)
{
	for (unsigned tries = LOCK_TRIES; flock(fd, LOCK_EX | LOCK_NB);) {
		if (errno != EWOULDBLOCK || tries-- == 0)
			return -1;
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return 0;
}

int fs_lock(int dirfd, const char *path, int *fd, struct err *e)
{
	char pid[16];
	int got = -1;

	if (text_format(pid, sizeof(pid), e, "%ld\n", (long)getpid()) ||
	    fs_open(dirfd, path, O_RDWR | O_CREAT, &got, e))
		return -1;
	if (take(got)) {
		(void)(errno == EWOULDBLOCK ? lock_is_busy(got, path, e)
					    : err_sys(e, "%s", path));
		fs_close(&got);
		return -1;
	}
	/* The pid is a courtesy to people; on a full disk the lock holds. */
	if (ftruncate(got, 0) || pwrite(got, pid, strlen(pid), 0) < 0)
		errno = 0;
	*fd = got;
	return 0;
}
