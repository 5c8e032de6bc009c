/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/bundle_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/fs.h"

#define PIECE_LEN 65536
#define MODE      0644
#define SUFFIX    "XXXXXX"
#define WHOLE     "bundle.tar" /* in the passing folder, until it is whole */
#define DEPTH_MAX 8

/* ---- out of a tar -------------------------------------------------------- */

static int unpack_one(int fd, int dirfd, const struct bundle_member *m,
		      struct err *e)
{
	char folder[PATH_MAX_LEN + 1];
	char *slash;
	int to = -1;
	int rc = -1;

	if (text_format(folder, sizeof(folder), e, "%s", m->name))
		return -1;
	slash = strrchr(folder, '/');
	if (slash) {
		*slash = 0;
		if (fs_mkdirs(dirfd, folder, 0700, e))
			return -1;
	}
	if (fs_create(dirfd, m->name, 0600, &to, e) == 0)
		rc = fs_copy_range(fd, m->offset, to, 0, m->len, e);
	fs_close(&to);
	return rc;
}

int bundle_unpack(int fd, int dirfd, struct err *e)
{
	struct bundle b;
	int rc = 0;

	if (bundle_read(fd, &b, e))
		return -1;
	for (size_t i = 0; rc == 0 && i < b.count; i++)
		rc = unpack_one(fd, dirfd, &b.at[i], e);
	bundle_done(&b);
	return rc;
}

/* ---- into a tar ---------------------------------------------------------- */

struct packing {
	struct archive *archive;
	struct archive_entry *member;
	int dirfd; /* of the bundle */
	uint8_t piece[PIECE_LEN];
};

static int tar_error(const struct packing *p, struct err *e)
{
	return err_set(e, ERR_SYSTEM, "the bundle: %s",
		       archive_error_string(p->archive));
}

static int pack_bytes(struct packing *p, int fd, uint64_t len, struct err *e)
{
	size_t got;

	for (uint64_t at = 0; at < len; at += got) {
		if (fs_read_at(fd, at, p->piece, sizeof(p->piece), &got, e))
			return -1;
		if (got == 0)
			return err_set(e, ERR_SYSTEM,
				       "the bundle changed meanwhile");
		if (archive_write_data(p->archive, p->piece, got) !=
		    (la_ssize_t)got)
			return tar_error(p, e);
	}
	return 0;
}

/* Nobody's, of no time: the same bundle is the same bytes. */
static int pack_file(struct packing *p, const char *path, struct err *e)
{
	struct stat st;
	int fd = -1;
	int rc = -1;

	if (fs_open(p->dirfd, path, O_RDONLY, &fd, e))
		return -1;
	if (fstat(fd, &st)) {
		(void)err_sys(e, "%s", path);
		goto out;
	}
	archive_entry_clear(p->member);
	archive_entry_set_pathname(p->member, path);
	archive_entry_set_filetype(p->member, AE_IFREG);
	archive_entry_set_perm(p->member, MODE);
	archive_entry_set_mtime(p->member, 0, 0);
	archive_entry_set_size(p->member, st.st_size);
	rc = archive_write_header(p->archive, p->member) == ARCHIVE_OK
		     ? pack_bytes(p, fd, (uint64_t)st.st_size, e)
		     : tar_error(p, e);
out:
	fs_close(&fd);
	return rc;
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int pack_folder(struct packing *p, const char *path, int depth,
		       struct err *e);

static int pack_entry(struct packing *p, const char *folder, const char *name,
		      int depth, struct err *e)
{
	char path[PATH_MAX_LEN];
	struct stat st;

	if (text_format(path, sizeof(path), e, "%s/%s", folder, name) ||
	    fs_stat(p->dirfd, path, &st, e))
		return -1;
	if (S_ISDIR(st.st_mode))
		return pack_folder(p, path, depth + 1, e);
	return pack_file(p, path, e);
}

static int pack_folder(struct packing *p, const char *path, int depth,
		       struct err *e)
{
	struct dirent **list = NULL;
	int fd = -1;
	int count, rc = 0;

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: too deep", path);
	if (fs_open(p->dirfd, path, O_RDONLY | O_DIRECTORY, &fd, e))
		return -1;
	count = scandirat(fd, ".", &list, is_shown, alphasort);
	if (count < 0)
		rc = err_sys(e, "%s", path);
	for (int i = 0; i < count; i++) {
		if (rc == 0)
			rc = pack_entry(p, path, list[i]->d_name, depth, e);
		free(list[i]);
	}
	free(list);
	fs_close(&fd);
	return rc;
}

static int pack_all(struct packing *p, int fd, struct err *e)
{
	static const char *const folders[] = { "envelopes", "metadata",
					       "reports", "targets" };
	struct err none = { 0 };
	struct stat st;

	if (archive_write_set_format_pax_restricted(p->archive) != ARCHIVE_OK ||
	    archive_write_open_fd(p->archive, fd) != ARCHIVE_OK)
		return tar_error(p, e);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (fs_stat(p->dirfd, folders[i], &st, &none) == 0 &&
		    pack_folder(p, folders[i], 0, e))
			return -1;
	return archive_write_close(p->archive) == ARCHIVE_OK ? 0
							     : tar_error(p, e);
}

int bundle_pack(int dirfd, int fd, struct err *e)
{
	struct packing p = { .archive = archive_write_new(),
			     .member = archive_entry_new(),
			     .dirfd = dirfd };
	int rc = p.archive && p.member
			 ? pack_all(&p, fd, e)
			 : err_set(e, ERR_SYSTEM, "libarchive: out of memory");

	archive_entry_free(p.member);
	archive_write_free(p.archive);
	return rc;
}

/* ---- the passing folder -------------------------------------------------- */

static bool is_tar_name(const char *path)
{
	struct slice s = slice_of(path);

	return s.len > 4 &&
	       slice_equal(slice_sub(s, s.len - 4, 4), slice_of(".tar"));
}

/* p->path says where, and ends in SUFFIX. */
static int make_passing(struct bundle_place *p, struct err *e)
{
	char above[PATH_MAX_LEN];
	char *slash;

	if (!mkdtemp(p->path))
		return err_sys(e, "%s", p->path);
	memcpy(above, p->path, sizeof(above));
	slash = strrchr(above, '/');
	if (slash)
		slash[slash == above] = 0;
	p->name = slash ? strrchr(p->path, '/') + 1 : p->path;
	return fs_open_dir(slash ? above : ".", &p->above, e) ||
			       fs_open_dir(p->path, &p->dirfd, e)
		       ? -1
		       : 0;
}

static int unpack_from(int fd, struct bundle_place *p, struct err *e)
{
	const char *tmp = getenv("TMPDIR");

	if (text_format(p->path, sizeof(p->path), e, "%s/pawl-bundle-" SUFFIX,
			tmp ? tmp : "/var/tmp") ||
	    make_passing(p, e) || bundle_unpack(fd, p->dirfd, e))
		return -1;
	return 0;
}

int bundle_place_read(const char *path, struct bundle_place *p, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st)) {
		rc = err_sys(e, "%s", path);
		fs_close(&fd);
		return rc;
	}
	if (S_ISDIR(st.st_mode)) {
		p->dirfd = fd;
		return text_format(p->path, sizeof(p->path), e, "%s", path);
	}
	rc = unpack_from(fd, p, e);
	fs_close(&fd);
	return rc;
}

int bundle_place_write(const char *path, struct bundle_place *p, struct err *e)
{
	const char *slash = strrchr(path, '/');

	if (!is_tar_name(path))
		return fs_make_dir(path, 0755, &p->dirfd, e);
	p->file = slash ? slash + 1 : path;
	if (text_format(p->path, sizeof(p->path), e, "%s." SUFFIX, path))
		return -1;
	return make_passing(p, e);
}

static int finish_tar(struct bundle_place *p, struct err *e)
{
	char from[PATH_MAX_LEN];
	int fd = -1;
	int rc = -1;

	if (text_format(from, sizeof(from), e, "%s/" WHOLE, p->name) ||
	    fs_create(p->dirfd, WHOLE, MODE, &fd, e))
		return -1;
	if (bundle_pack(p->dirfd, fd, e) == 0 && fs_sync(fd, e) == 0)
		rc = fs_rename(p->above, from, p->file, e);
	fs_close(&fd);
	return rc;
}

int bundle_place_end(struct bundle_place *p, int rc, struct err *e)
{
	struct err left = { 0 };

	if (rc == 0 && p->file)
		rc = finish_tar(p, e);
	fs_close(&p->dirfd);
	if (p->above >= 0 && fs_remove_tree(p->above, p->name, &left))
		(void)fprintf(stderr, "%s is left: %s\n", p->path, left.msg);
	fs_close(&p->above);
	return rc;
}
