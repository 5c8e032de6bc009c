/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/picture.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/digest.h"

#define TEXT_LEN 4096
#define PIECE    65536

struct drawing {
	struct buf *out;
	bool exact;
};

/* Tells contents apart that a cut has made, fast; no one makes them to deceive.
 */
static void add_to_print(uint64_t print[2], const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		word = len - i; /* of a last one that is short */
		memcpy(&word, bytes + i,
		       len - i < sizeof(word) ? len - i : sizeof(word));
		print[0] = (print[0] ^ word) * UINT64_C(0xff51afd7ed558ccd);
		print[0] ^= print[0] >> 32;
		print[1] = (print[1] + word) * UINT64_C(0xc4ceb9fe1a85ec53);
		print[1] ^= print[1] >> 29;
	}
}

static int draw_file(const struct drawing *d, int fd, const struct stat *st,
		     struct err *e)
{
	uint64_t print[2] = { 1, 2 };
	uint8_t bytes[PIECE];
	uint64_t at = 0;
	ssize_t got;

	while ((got = pread(fd, bytes, sizeof(bytes), (off_t)at)) > 0) {
		add_to_print(print, bytes, (size_t)got);
		at += (uint64_t)got;
	}
	if (got < 0 || at != (uint64_t)st->st_size)
		return err_sys(e, "a file of %lld bytes",
			       (long long)st->st_size);
	return buf_addf(d->out, e, " %" PRIu64 " %016" PRIx64 "%016" PRIx64, at,
			print[0], print[1]);
}

/* Each attribute's name and value, in the order of their names. */
static int draw_xattrs(const struct drawing *d, int fd, struct err *e)
{
	char names[TEXT_LEN], value[TEXT_LEN];
	ssize_t len = flistxattr(fd, names, sizeof(names));
	struct sha256 digest;
	char hex[SHA256_HEX_LEN];

	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t got = fgetxattr(fd, names + at, value, sizeof(value));

		sha256_of((struct slice){ (uint8_t *)value,
					  got > 0 ? (size_t)got : 0 },
			  &digest);
		sha256_format(&digest, hex);
		if (buf_addf(d->out, e, " %s=%.16s", names + at, hex))
			return -1;
	}
	return 0;
}

static int draw_exactly(const struct drawing *d, const struct stat *st,
			struct err *e)
{
	if (!d->exact)
		return 0;
	return buf_addf(d->out, e, " %u:%u %lld.%09ld names=%u", st->st_uid,
			st->st_gid, (long long)st->st_mtim.tv_sec,
			st->st_mtim.tv_nsec,
			S_ISDIR(st->st_mode) ? 0 : (unsigned)st->st_nlink);
}

static int draw_folder(const struct drawing *d, int fd, const char *path,
		       struct err *e);

/* What only an open file tells. */
static int draw_inside(const struct drawing *d, int dirfd, const char *name,
		       const char *path, struct err *e)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc = -1;

	if (fd < 0 || fstat(fd, &st))
		err_sys(e, "%s", path);
	else if ((d->exact && draw_xattrs(d, fd, e)) ||
		 (S_ISREG(st.st_mode) && draw_file(d, fd, &st, e)) ||
		 buf_addf(d->out, e, "\n") ||
		 (S_ISDIR(st.st_mode) && draw_folder(d, fd, path, e)))
		rc = -1;
	else
		rc = 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int draw_entry(const struct drawing *d, int dirfd, const char *name,
		      const char *path, struct err *e)
{
	char target[TEXT_LEN];
	struct stat st;
	ssize_t len;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "%s", path);
	if (buf_addf(d->out, e, "%s %o", path, st.st_mode) ||
	    draw_exactly(d, &st, e))
		return -1;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return draw_inside(d, dirfd, name, path, e);
	if (!S_ISLNK(st.st_mode))
		return buf_addf(d->out, e, " %llx\n",
				(unsigned long long)st.st_rdev);
	len = readlinkat(dirfd, name, target, sizeof(target));
	if (len < 0)
		return err_sys(e, "%s", path);
	return buf_addf(d->out, e, " -> %.*s\n", (int)len, target);
}

static int not_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	       strcmp(entry->d_name, "..") != 0;
}

static int draw_folder(const struct drawing *d, int fd, const char *path,
		       struct err *e)
{
	struct dirent **all = NULL;
	int count = scandirat(fd, ".", &all, not_dots, alphasort);
	int rc = count < 0 ? err_sys(e, "%s", path) : 0;

	for (int i = 0; i < count; i++) {
		char below[TEXT_LEN];

		(void)snprintf(below, sizeof(below), "%s/%s", path,
			       all[i]->d_name);
		if (rc == 0)
			rc = draw_entry(d, fd, all[i]->d_name, below, e);
		free(all[i]);
	}
	free(all);
	return rc;
}

int picture_draw(int dirfd, bool exact, struct buf *out, struct err *e)
{
	const struct drawing d = { out, exact };

	return draw_entry(&d, dirfd, ".", ".", e);
}

int picture_compare(const struct buf *is, const struct buf *wanted,
		    struct err *e)
{
	const char *a = buf_text(is), *b = buf_text(wanted);
	size_t line = 0, i = 0;

	if (strcmp(a, b) == 0)
		return 0;
	for (; a[i] && a[i] == b[i]; i++)
		if (a[i] == '\n')
			line = i + 1;
	return err_set(e, ERR_CONFLICT, "has \"%.*s\" instead of \"%.*s\"",
		       (int)strcspn(a + line, "\n"), a + line,
		       (int)strcspn(b + line, "\n"), b + line);
}
