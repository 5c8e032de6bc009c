/* SPDX-License-Identifier: Apache-2.0 */
#include "common/xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define PROC_PATH_LEN   300 /* "/proc/self/fd/", a number, a name */
#define NAMES_MAX       (TREE_XATTRS_MAX * 256)
#define KERNEL_NAME_MAX 255

/* l*xattr has no form that takes a folder; its entry in /proc stands for it. */
static int proc_path(const struct xattr_at *at, char out[PROC_PATH_LEN],
		     struct err *e)
{
	return text_format(out, PROC_PATH_LEN, e, "/proc/self/fd/%d%s%s",
			   at->dirfd, *at->name ? "/" : "", at->name);
}

static ssize_t list_names(const struct xattr_at *at, const char *path,
			  char *out, size_t len)
{
	return at->fd >= 0 ? flistxattr(at->fd, out, len)
			   : llistxattr(path, out, len);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Cut the kernel's list of NUL-terminated names up and sort it. */
static int split_names(char *list, size_t len,
		       const char *names[TREE_XATTRS_MAX], size_t *count,
		       struct err *e)
{
	size_t n = 0;

	for (size_t at = 0; at < len; at += strlen(list + at) + 1) {
		if (n == TREE_XATTRS_MAX)
			return err_set(e, ERR_LIMIT,
				       "more than %d extended attributes",
				       TREE_XATTRS_MAX);
		names[n++] = list + at;
	}
	qsort(names, n, sizeof(names[0]), compare_names);
	*count = n;
	return 0;
}

static int add_one(const struct xattr_at *at, const char *path,
		   const char *name, struct buf *out, struct err *e)
{
	struct buf value = BUF_INIT(TREE_XATTR_MAX);
	uint8_t *room = buf_reserve(&value, TREE_XATTR_MAX, e);
	struct tree_xattr x = { .name = slice_of(name) };
	ssize_t len;
	int rc = -1;

	if (!room)
		return -1;
	len = at->fd >= 0 ? fgetxattr(at->fd, name, room, TREE_XATTR_MAX)
			  : lgetxattr(path, name, room, TREE_XATTR_MAX);
	if (len < 0) {
		err_sys(e, "extended attribute %s", name);
	} else {
		x.value = (struct slice){ room, (size_t)len };
		rc = tree_xattr_add(out, &x, e);
	}
	buf_done(&value);
	return rc;
}

int xattr_list(const struct xattr_at *at, struct buf *out, uint16_t *count,
	       struct err *e)
{
	char path[PROC_PATH_LEN] = "";
	char list[NAMES_MAX];
	const char *names[TREE_XATTRS_MAX];
	size_t n = 0;
	ssize_t len;

	if (at->fd < 0 && proc_path(at, path, e))
		return -1;
	len = list_names(at, path, list, sizeof(list));
	if (len < 0 && (errno == ENOTSUP || errno == EPERM))
		len = 0;
	if (len < 0)
		return err_sys(e, "extended attributes");
	if (split_names(list, (size_t)len, names, &n, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (add_one(at, path, names[i], out, e))
			return -1;
	*count = (uint16_t)n;
	return 0;
}

int xattr_set(const struct xattr_at *at, const struct tree_xattr *x,
	      struct err *e)
{
	char path[PROC_PATH_LEN] = "";
	char name[KERNEL_NAME_MAX + 1];
	int rc;

	if (text_format(name, sizeof(name), e, "%.*s", (int)x->name.len,
			(const char *)x->name.ptr))
		return -1;
	if (at->fd < 0 && proc_path(at, path, e))
		return -1;
	if (at->fd >= 0)
		rc = fsetxattr(at->fd, name, x->value.ptr, x->value.len, 0);
	else if (*at->name)
		rc = lsetxattr(path, name, x->value.ptr, x->value.len, 0);
	else /* leads to the entry itself and no further */
		rc = setxattr(path, name, x->value.ptr, x->value.len, 0);
	return rc ? err_sys(e, "extended attribute %s", name) : 0;
}

int xattr_drop_default(int fd, struct err *e)
{
	if (fremovexattr(fd, "system.posix_acl_default") == 0 ||
	    errno == ENODATA || errno == EOPNOTSUPP)
		return 0;
	return err_sys(e, "remove the default ACL");
}
