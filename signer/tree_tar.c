/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/tree_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LEN    65536
#define SHOWN_LEN    160
#define PERMISSIONS  07777
#define NSEC_PER_SEC 1000000000L

struct tar {
	struct archive *archive;
	struct archive_entry *member; /* borrowed from archive */
	enum tree_attributes attributes;
	struct spool *to;
	const struct tree_watch *watch;
	struct buf xattrs;
};

static int tar_error(const struct tar *t, struct err *e)
{
	const char *text = archive_error_string(t->archive);
	char shown[SHOWN_LEN];

	text_escape(slice_of(text ? text : "not a tar"), shown, sizeof(shown));
	return err_set(e, ERR_FORMAT, "tar: %s", shown);
}

static int refuse(const struct tar *t, enum err_code code, const char *what,
		  struct err *e)
{
	char shown[SHOWN_LEN];

	text_escape(slice_of(archive_entry_pathname(t->member)), shown,
		    sizeof(shown));
	return err_set(e, code, "%s: %s", shown, what);
}

/*
 * A filter for which libarchive lacks the library would run a program: it then
 * returns a warning instead of OK, and we go no further.
 */
static int open_tar(struct tar *t, int fd, struct err *e)
{
	struct archive *a = archive_read_new();

	t->archive = a;
	if (!a)
		return err_set(e, ERR_SYSTEM, "libarchive: out of memory");
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(a) != ARCHIVE_OK ||
	    archive_read_support_filter_lzma(a) != ARCHIVE_OK ||
	    archive_read_support_filter_lz4(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_open_fd(a, fd, BLOCK_LEN) != ARCHIVE_OK)
		return tar_error(t, e);
	return 0;
}

/* ---- names --------------------------------------------------------------- */

/*
 * The path as our rules want it: without "./" in front and, for folders,
 * without a slash at the end. "." and "./" are the tree's own folder.
 */
static struct slice plain_path(const char *name, bool folder)
{
	struct slice path = slice_of(name);

	while (path.len >= 2 && path.ptr[0] == '.' && path.ptr[1] == '/')
		path = slice_sub(path, 2, path.len);
	if (slice_equal(path, slice_of(".")))
		path.len = 0;
	if (folder && path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	return path;
}

/* ---- attributes ---------------------------------------------------------- */

struct attribute {
	const char *name;
	struct slice value;
};

static int compare_attributes(const void *a, const void *b)
{
	const struct attribute *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int fill_xattrs(struct tar *t, struct tree_entry *entry, struct err *e)
{
	struct attribute list[TREE_XATTRS_MAX];
	int count = archive_entry_xattr_reset(t->member);

	if (count > TREE_XATTRS_MAX)
		return refuse(t, ERR_LIMIT, "too many extended attributes", e);
	for (int i = 0; i < count; i++) {
		const void *value;
		size_t len;

		if (archive_entry_xattr_next(t->member, &list[i].name, &value,
					     &len) != ARCHIVE_OK)
			return tar_error(t, e);
		list[i].value = (struct slice){ value, len };
	}
	qsort(list, (size_t)count, sizeof(list[0]), compare_attributes);
	buf_done(&t->xattrs);
	for (int i = 0; i < count; i++) {
		const struct tree_xattr x = { slice_of(list[i].name),
					      list[i].value };

		if (tree_xattr_add(&t->xattrs, &x, e))
			return err_in(e, "%s", list[i].name);
	}
	entry->xattr_count = (uint16_t)count;
	entry->xattrs = buf_slice(&t->xattrs);
	return 0;
}

static int fill_system(struct tar *t, struct tree_entry *entry, struct err *e)
{
	struct archive_entry *m = t->member;
	la_int64_t uid = archive_entry_uid(m), gid = archive_entry_gid(m);
	long nsec = archive_entry_mtime_nsec(m);
	const int acls =
		ARCHIVE_ENTRY_ACL_TYPE_DEFAULT | ARCHIVE_ENTRY_ACL_TYPE_NFS4;

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return refuse(t, ERR_FORMAT, "impossible owner", e);
	if (nsec < 0 || nsec >= NSEC_PER_SEC)
		return refuse(t, ERR_FORMAT, "impossible time", e);
	if ((archive_entry_acl_types(m) & acls) != 0 ||
	    archive_entry_acl_count(m, ARCHIVE_ENTRY_ACL_TYPE_ACCESS) > 0)
		return refuse(t, ERR_REFUSED,
			      "carries an ACL in text form: make the tar with "
			      "--xattrs --xattrs-include='*' instead of --acls",
			      e);
	entry->uid = (uint32_t)uid;
	entry->gid = (uint32_t)gid;
	entry->mtime_sec = archive_entry_mtime(m);
	entry->mtime_nsec = (uint32_t)nsec;
	entry->major = (uint32_t)archive_entry_rdevmajor(m);
	entry->minor = (uint32_t)archive_entry_rdevminor(m);
	return fill_xattrs(t, entry, e);
}

/* ---- members ------------------------------------------------------------- */

static enum tree_type type_of(struct archive_entry *m)
{
	switch (archive_entry_filetype(m)) {
	case AE_IFDIR:
		return TREE_FOLDER;
	case AE_IFREG:
		return TREE_FILE;
	case AE_IFLNK:
		return TREE_SYMLINK;
	case AE_IFCHR:
		return TREE_CHAR;
	case AE_IFBLK:
		return TREE_BLOCK;
	case AE_IFIFO:
		return TREE_FIFO;
	default:
		return 0;
	}
}

static int fill_entry(struct tar *t, struct tree_entry *entry, struct err *e)
{
	struct archive_entry *m = t->member;
	const char *target = archive_entry_symlink(m);

	*entry = (struct tree_entry){ .type = type_of(m) };
	entry->path = plain_path(archive_entry_pathname(m),
				 entry->type == TREE_FOLDER);
	entry->mode = archive_entry_perm(m) & PERMISSIONS;
	if (entry->type == 0)
		return refuse(t, ERR_REFUSED, "is of no kind that we know", e);
	if (entry->path.len == 0 && entry->type != TREE_FOLDER)
		return refuse(t, ERR_FORMAT, "has no name", e);
	if (t->attributes == TREE_APP && entry->type > TREE_SYMLINK)
		return refuse(t, ERR_REFUSED,
			      "a device or fifo has no place in an application",
			      e);
	if (entry->type == TREE_SYMLINK) {
		if (!target)
			return refuse(t, ERR_FORMAT, "link to nothing", e);
		entry->target = slice_of(target);
	}
	return t->attributes == TREE_SYSTEM ? fill_system(t, entry, e) : 0;
}

/* libarchive leaves out the hole at the end. */
static int take_hole(struct tar *t, uint64_t left, struct err *e)
{
	static const uint8_t zeros[4096];

	while (left > 0) {
		size_t some =
			left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		if (spool_data(t->to, (struct slice){ zeros, some }, e))
			return -1;
		left -= some;
	}
	return 0;
}

static int take_content(struct tar *t, struct err *e)
{
	/* Of a sparse member the holes come as zeroes; hence the limit. */
	const la_int64_t size = archive_entry_size(t->member);
	uint8_t bytes[BLOCK_LEN];
	uint64_t left = (uint64_t)size;
	la_ssize_t len;

	if (size < 0 || left > SPOOL_CONTENT_MAX - spool_len(t->to))
		return refuse(t, ERR_LIMIT, "is too large", e);
	while ((len = archive_read_data(t->archive, bytes, sizeof(bytes))) >
	       0) {
		if ((uint64_t)len > left)
			return refuse(t, ERR_FORMAT, "is longer than it says",
				      e);
		left -= (uint64_t)len;
		if (spool_data(t->to, (struct slice){ bytes, (size_t)len }, e))
			return -1;
	}
	return len < 0 ? tar_error(t, e) : take_hole(t, left, e);
}

static int take_member(struct tar *t, struct err *e)
{
	const char *name = archive_entry_pathname(t->member);
	const char *link = archive_entry_hardlink(t->member);
	struct tree_entry entry;

	if (!name)
		return err_set(e, ERR_FORMAT, "tar: member without a name");
	/* Its type is not to be trusted then, so it is looked at first. */
	if (link) {
		if (archive_entry_size(t->member) > 0)
			return refuse(t, ERR_REFUSED,
				      "hard link with content of its own", e);
		return spool_add_link(t->to, plain_path(name, false),
				      plain_path(link, false), e);
	}
	if (fill_entry(t, &entry, e) || spool_add(t->to, &entry, e))
		return -1;
	return entry.type == TREE_FILE ? take_content(t, e) : 0;
}

static int take_members(struct tar *t, struct err *e)
{
	for (;;) {
		int rc = archive_read_next_header(t->archive, &t->member);

		if (rc == ARCHIVE_EOF)
			return 0;
		/* A warning means that something was not understood. */
		if (rc != ARCHIVE_OK)
			return tar_error(t, e);
		if (take_member(t, e))
			return -1;
		if (t->watch &&
		    t->watch->advance(
			    t->watch->ctx,
			    (uint64_t)archive_filter_bytes(t->archive, -1), e))
			return -1;
	}
}

/*
 * Names in a pax tar are UTF-8, and libarchive converts them to what the locale
 * says: they are to stay what they are, wherever the signer runs.
 */
static locale_t speak_utf8(locale_t *before)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	*before = utf8 ? uselocale(utf8) : (locale_t)0;
	return utf8;
}

static void speak_as(locale_t before, locale_t now)
{
	if (!now)
		return;
	(void)uselocale(before);
	freelocale(now);
}

int tree_tar(int fd, enum tree_attributes attributes, struct spool *to,
	     const struct tree_watch *watch, struct err *e)
{
	struct tar t = {
		.attributes = attributes,
		.to = to,
		.watch = watch,
		.xattrs = BUF_INIT(TREE_XATTRS_MAX * (TREE_XATTR_MAX + 260)),
	};
	locale_t before, utf8;
	int rc = -1;

	utf8 = speak_utf8(&before);
	if (!open_tar(&t, fd, e))
		rc = take_members(&t, e);
	archive_read_free(t.archive);
	speak_as(before, utf8);
	buf_done(&t.xattrs);
	return rc;
}
