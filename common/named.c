/* SPDX-License-Identifier: Apache-2.0 */
#include "common/named.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/text.h"

int named_open(const char *path, int *dirfd, char name[NAMED_MAX],
	       struct err *e)
{
	char *folder = mem_dup_str(path);
	size_t len = strlen(folder);
	const char *last;
	char *slash;
	int rc = -1;

	while (len > 1 && folder[len - 1] == '/')
		folder[--len] = 0;
	slash = strrchr(folder, '/');
	last = slash ? slash + 1 : folder;
	if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
		err_set(e, ERR_USAGE, "\"%s\" names no file or folder", path);
		goto out;
	}
	if (text_format(name, NAMED_MAX, e, "%s", last))
		goto out;
	if (slash == folder)
		rc = fs_open_dir("/", dirfd, e);
	else if (slash) {
		*slash = 0;
		rc = fs_open_dir(folder, dirfd, e);
	} else
		rc = fs_open_dir(".", dirfd, e);
out:
	free(folder);
	return rc;
}

int named_is_free(int dirfd, const char *name, const char *path, struct err *e)
{
	struct err why = { 0 };
	struct stat st;

	if (fs_stat(dirfd, name, &st, &why) == 0)
		return err_set(e, ERR_CONFLICT,
			       "%s exists already and is not overwritten",
			       path);
	if (why.code != ERR_NOT_FOUND)
		return err_set(e, why.code, "%s", why.msg);
	return 0;
}

int named_in(struct err *e, const char *path)
{
	if (strncmp(e->msg, path, strlen(path)) == 0)
		return -1;
	return err_in(e, "%s", path);
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

int named_only(int dirfd, const char *const *names, struct err *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		err_sys(e, "opening a folder");
		fs_close(&fd);
		return -1;
	}
	while (rc == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0 &&
		    !is_one_of(entry->d_name, names))
			rc = err_set(e, ERR_CONFLICT,
				     "\"%s\" lies there already: name an "
				     "empty folder",
				     entry->d_name);
	(void)closedir(dir); /* only read from */
	return rc;
}
