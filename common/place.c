/* SPDX-License-Identifier: Apache-2.0 */
#include "common/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_symlink(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(st.st_mode);
}

int place_refused(int dirfd, const char *name, const char *path, struct err *e)
{
	int number = errno;

	if ((number == ELOOP || number == ENOTDIR) && is_symlink(dirfd, name))
		return err_set(e, ERR_REFUSED, "%s: %s is a symbolic link",
			       path, name);
	errno = number;
	return err_sys(e, "%s", path);
}

/* Copy the next component of *rest and step over it. */
static int next_name(const char **rest, const char *path,
		     char name[NAME_MAX + 1], struct err *e)
{
	size_t len = strcspn(*rest, "/");

	if (len > NAME_MAX)
		return err_set(e, ERR_LIMIT, "%s: name too long", path);
	memcpy(name, *rest, len);
	name[len] = 0;
	if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(e, ERR_FORMAT,
			       "\"%s\" is no path beneath a folder", path);
	*rest += len;
	if ((*rest)[0] == '/' && (*rest)[1] != 0)
		*rest += 1;
	return 0;
}

int place_check(const char *path, struct err *e)
{
	char name[NAME_MAX + 1];
	const char *rest = path;

	do {
		if (next_name(&rest, path, name, e))
			return -1;
	} while (*rest);
	return 0;
}

int place_open(int dirfd, const char *path, struct place *p, struct err *e)
{
	const char *rest = path;
	int fd = dirfd;

	*p = (struct place){ .fd = -1 };
	if (place_check(path, e))
		return -1;
	while (next_name(&rest, path, p->name, e) == 0 && *rest) {
		int next = openat(fd, p->name, O_PATH | PLACE_FOLDER);

		if (next < 0) {
			place_refused(fd, p->name, path, e);
			goto fail;
		}
		if (fd != dirfd)
			close(fd);
		fd = next;
	}
	p->fd = fd == dirfd ? fcntl(dirfd, F_DUPFD_CLOEXEC, 0) : fd;
	if (p->fd < 0)
		return err_sys(e, "%s", path);
	return 0;
fail:
	if (fd != dirfd)
		close(fd);
	return -1;
}

int place_open_if_any(int dirfd, const char *path, struct place *p,
		      bool *missing, struct err *e)
{
	struct err why;

	*missing = false;
	if (place_open(dirfd, path, p, &why) == 0)
		return 0;
	*missing = why.code == ERR_NOT_FOUND;
	if (*missing)
		return 0;
	*e = why;
	return -1;
}

void place_close(struct place *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}
