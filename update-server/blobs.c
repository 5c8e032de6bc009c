/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/text.h"

#define FOLDER_LEN 10                            /* "blobs/ab" */
#define NAME_LEN   (FOLDER_LEN + SHA256_HEX_LEN) /* "blobs/ab/<sha256>" */

static int blob_names(const struct sha256 *digest, char folder[FOLDER_LEN],
		      char name[NAME_LEN], struct err *e)
{
	char hex[SHA256_HEX_LEN];

	sha256_format(digest, hex);
	if (text_format(folder, FOLDER_LEN, e, "blobs/%.2s", hex))
		return -1;
	return text_format(name, NAME_LEN, e, "%s/%s", folder, hex);
}

static int copy_in(int dirfd, int from, uint64_t len, const char *name,
		   struct err *e)
{
	int fd = -1;
	int rc = -1;

	if (fs_create(dirfd, name, 0600, &fd, e))
		return -1;
	if (fs_copy_range(from, 0, fd, 0, len, e) == 0)
		rc = fs_sync(fd, e);
	fs_close(&fd);
	return rc;
}

int blobs_take(int dirfd, int fd, uint64_t len, const struct sha256 *digest,
	       struct blobs_copy *out, struct err *e)
{
	char folder[FOLDER_LEN], hex[17];
	struct sha256 is;
	uint8_t salt[8];

	random_bytes(salt, sizeof(salt));
	hex_format((struct slice){ salt, sizeof(salt) }, hex);
	if (sha256_of_range(fd, 0, len, &is, e) ||
	    blob_names(digest, folder, out->place, e) ||
	    text_format(out->name, sizeof(out->name), e, "%s.%s", out->place,
			hex))
		return -1;
	if (!sha256_equal(&is, digest))
		return err_set(e, ERR_UNTRUSTED,
			       "these bytes have another digest");
	if (fs_mkdirs(dirfd, folder, 0700, e))
		return -1;
	if (copy_in(dirfd, fd, len, out->name, e) == 0)
		return 0;
	blobs_drop(dirfd, out, e);
	return -1;
}

int blobs_keep(int dirfd, const struct blobs_copy *copy, struct err *e)
{
	if (fs_rename(dirfd, copy->name, copy->place, e) == 0)
		return 0;
	blobs_drop(dirfd, copy, e);
	return -1;
}

void blobs_drop(int dirfd, const struct blobs_copy *copy, struct err *e)
{
	struct err ignored;

	if (fs_remove(dirfd, copy->name, &ignored))
		err_in(e, "%s is left over", copy->name);
}

/* Is what was opened still there by its name? Looked at once it is locked: it
 * may have been taken away, or replaced, just before. */
static bool is_still(int dirfd, const char *path, int fd)
{
	struct stat open, named;

	return fstat(fd, &open) == 0 &&
	       fstatat(dirfd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

int blobs_open(int dirfd, const struct sha256 *digest, int *fd, uint64_t *len,
	       struct err *e)
{
	char folder[FOLDER_LEN], name[NAME_LEN];
	struct stat st;
	int got = -1;

	if (blob_names(digest, folder, name, e) ||
	    fs_open(dirfd, name, O_RDONLY | O_CLOEXEC, &got, e))
		return -1;
	if (fstat(got, &st) != 0 || !S_ISREG(st.st_mode)) {
		fs_close(&got);
		return err_set(e, ERR_SYSTEM, "%s: not a file", name);
	}
	/* Whoever holds it alone takes it away: blobs_remove(). */
	if (flock(got, LOCK_SH | LOCK_NB) || !is_still(dirfd, name, got)) {
		fs_close(&got);
		return err_set(e, ERR_NOT_FOUND, "%s is being removed", name);
	}
	*fd = got;
	*len = (uint64_t)st.st_size;
	return 0;
}

int blobs_touch(int dirfd, const struct sha256 *digest, uint64_t *len,
		struct err *e)
{
	int fd = -1, rc;

	if (blobs_open(dirfd, digest, &fd, len, e))
		return -1;
	rc = futimens(fd, NULL) ? err_sys(e, "a payload's time") : 0;
	fs_close(&fd);
	return rc;
}

static int read_all(int fd, size_t len, struct buf *out, struct err *e)
{
	uint8_t *bytes = mem_alloc(len + 1, 1);
	size_t got = 0;
	int rc = fs_read_at(fd, 0, bytes, len, &got, e) ||
				 buf_add(out, (struct slice){ bytes, got }, e)
			 ? -1
			 : 0;

	free(bytes);
	return rc;
}

int blobs_read(int dirfd, const struct sha256 *digest, struct buf *out,
	       struct err *e)
{
	struct buf bytes = BUF_INIT(out->max);
	struct sha256 is;
	uint64_t len;
	int fd = -1, rc = -1;

	if (blobs_open(dirfd, digest, &fd, &len, e))
		return -1;
	if (len > out->max)
		(void)err_set(e, ERR_LIMIT, "a document is too long");
	else if (read_all(fd, (size_t)len, &bytes, e) == 0) {
		sha256_of(buf_slice(&bytes), &is);
		rc = sha256_equal(&is, digest)
			     ? buf_add(out, buf_slice(&bytes), e)
			     : err_set(e, ERR_UNTRUSTED,
				       "a document was changed on the disk");
	}
	fs_close(&fd);
	buf_done(&bytes);
	return rc;
}

/* ---- all of them --------------------------------------------------------- */

struct walk {
	bool (*read)(const char *folder, const char *name, struct blob *out);
	int (*visit)(void *ctx, const struct blob *b, struct err *e);
	void *ctx;
};

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

/* "<sha256>", or "<sha256>.<16 digits>" of copy_in(). */
static bool read_name(const char *folder, const char *name, struct blob *out)
{
	const size_t hex = 2 * SHA256_LEN;
	size_t len = strlen(name);
	struct err ignored;

	if (strncmp(name, folder, 2) != 0)
		return false;
	out->whole = len == hex;
	if (!out->whole && (len != hex + 17 || name[hex] != '.' ||
			    !is_hex(name + hex + 1, 16)))
		return false;
	return hex_parse((struct slice){ (const uint8_t *)name, hex },
			 out->digest.bytes, SHA256_LEN, &ignored) == 0 &&
	       text_format(out->name, sizeof(out->name), &ignored,
			   "blobs/%s/%s", folder, name) == 0;
}

/* What went away meanwhile is not there. */
static int see(const struct walk *w, int in, const char *folder,
	       const char *name, struct err *e)
{
	struct blob b = { .len = 0 };
	struct stat st;

	if (!w->read(folder, name, &b))
		return 0;
	if (fstatat(in, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(e, "%s", b.name);
	if (!S_ISREG(st.st_mode))
		return 0;
	b.len = (uint64_t)st.st_size;
	b.since = st.st_mtim.tv_sec;
	return w->visit(w->ctx, &b, e);
}

static int open_folder(int at, const char *name, DIR **out, struct err *e)
{
	int fd = openat(at, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*out = fd < 0 ? NULL : fdopendir(fd);
	if (*out)
		return 0;
	(void)err_sys(e, "%s", name);
	fs_close(&fd);
	return -1;
}

static int see_folder(const struct walk *w, int blobs, const char *folder,
		      struct err *e)
{
	struct dirent *entry;
	DIR *d;
	int rc = 0;

	if (open_folder(blobs, folder, &d, e))
		return -1;
	while (rc == 0 && (entry = readdir(d)))
		rc = see(w, dirfd(d), folder, entry->d_name, e);
	(void)closedir(d);
	return rc;
}

/* None if there is no such folder: nothing came yet. */
static int open_first(int at, const char *folder, DIR **out, struct err *e)
{
	struct err missing = { 0 };

	if (open_folder(at, folder, out, &missing) == 0 ||
	    missing.code == ERR_NOT_FOUND)
		return 0;
	*e = missing;
	return -1;
}

int blobs_each(int at,
	       int (*visit)(void *ctx, const struct blob *b, struct err *e),
	       void *ctx, struct err *e)
{
	const struct walk w = { read_name, visit, ctx };
	struct dirent *entry;
	int rc = 0;
	DIR *d;

	if (open_first(at, "blobs", &d, e))
		return -1;
	while (d && rc == 0 && (entry = readdir(d)))
		if (strlen(entry->d_name) == 2 && is_hex(entry->d_name, 2))
			rc = see_folder(&w, dirfd(d), entry->d_name, e);
	if (d)
		(void)closedir(d);
	return rc;
}

int blobs_each_of(int at, const char *folder,
		  bool (*read)(const char *folder, const char *name,
			       struct blob *out),
		  int (*visit)(void *ctx, const struct blob *b, struct err *e),
		  void *ctx, struct err *e)
{
	const struct walk w = { read, visit, ctx };
	DIR *d;

	if (open_first(at, folder, &d, e))
		return -1;
	if (!d)
		return 0;
	(void)closedir(d);
	return see_folder(&w, at, folder, e);
}

static int take_away(int dirfd, int fd, const char *path, int64_t before,
		     struct err *e)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK
			       ? err_set(e, ERR_BUSY, "%s is being read", path)
			       : err_sys(e, "%s", path);
	if (fstat(fd, &st))
		return err_sys(e, "%s", path);
	if (st.st_mtim.tv_sec >= before || !is_still(dirfd, path, fd))
		return err_set(e, ERR_CONFLICT, "%s came meanwhile", path);
	return fs_remove(dirfd, path, e);
}

int blobs_remove(int dirfd, const struct blob *b, int64_t before, struct err *e)
{
	int fd = -1, rc;

	if (fs_open(dirfd, b->name, O_RDONLY | O_CLOEXEC, &fd, e))
		return -1;
	rc = take_away(dirfd, fd, b->name, before, e);
	fs_close(&fd);
	return rc;
}
