/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/pack_full.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/apply_tar.h"
#include "common/mem.h"

#define READ_LEN      65536
#define NAME_SIZE     (PATH_MAX_LEN + 4096)
#define MANIFEST_MODE 0644

struct full {
	const struct pack_tree *tree;
	struct encoder *to;
	const struct tree_watch *watch;
	struct archive *archive;
	uint64_t plain_len;
	uint64_t frame_at; /* where in them the frame under way begins */
	uint8_t *bytes;
	struct err failed; /* why take_tar() failed */
};

/*
 * Here, at a member of the tar or in a file's content, a device could go on:
 * so another frame begins, if the one under way is long enough.
 */
static int cut_frame(struct full *f, struct err *e)
{
	if (f->plain_len - f->frame_at < PACK_FRAME_LEN)
		return 0;
	f->frame_at = f->plain_len;
	return encoder_end(f->to, e) || encoder_again(f->to, e) ? -1 : 0;
}

static la_ssize_t take_tar(struct archive *archive, void *ctx,
			   const void *bytes, size_t len)
{
	struct full *f = ctx;

	if (encoder_add(f->to, (struct slice){ bytes, len }, &f->failed)) {
		archive_set_error(archive, EIO, "compression");
		return -1;
	}
	f->plain_len += len;
	return (la_ssize_t)len;
}

static int tar_error(const struct full *f, struct err *e)
{
	const char *text = archive_error_string(f->archive);

	if (f->failed.code != ERR_NONE) {
		*e = f->failed;
		return -1;
	}
	return err_set(e, ERR_SYSTEM, "tar: %s", text ? text : "failed");
}

static int open_tar(struct full *f, struct err *e)
{
	struct archive *a = archive_write_new();

	f->archive = a;
	if (!a)
		return err_set(e, ERR_SYSTEM, "libarchive: out of memory");
	/* Nothing is held back, so it is known how far the tar is; and nothing
	 * is added behind its end, which is exact. */
	if (archive_write_set_format_pax(a) != ARCHIVE_OK ||
	    archive_write_set_options(
		    a, "pax:hdrcharset=BINARY,pax:xattrheader=SCHILY") !=
		    ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
	    archive_write_open(a, f, NULL, take_tar, NULL) != ARCHIVE_OK)
		return tar_error(f, e);
	return 0;
}

/* An image has no tar around it. */
static int put(struct full *f, struct slice bytes, struct err *e)
{
	la_ssize_t rc;

	if (!f->archive) {
		f->plain_len += bytes.len;
		return encoder_add(f->to, bytes, e);
	}
	rc = archive_write_data(f->archive, bytes.ptr, bytes.len);
	return rc == (la_ssize_t)bytes.len ? 0 : tar_error(f, e);
}

static int put_manifest(struct full *f, struct err *e)
{
	struct archive_entry *m = archive_entry_new();
	int rc;

	archive_entry_set_pathname(m, APPLY_MANIFEST_NAME);
	archive_entry_set_filetype(m, AE_IFREG);
	archive_entry_set_perm(m, MANIFEST_MODE);
	archive_entry_set_size(m, (la_int64_t)f->tree->manifest.len);
	archive_entry_set_mtime(m, 0, 0);
	rc = archive_write_header(f->archive, m) != ARCHIVE_OK
		     ? tar_error(f, e)
		     : put(f, buf_slice(&f->tree->manifest), e);
	archive_entry_free(m);
	return rc;
}

/* ---- entries ------------------------------------------------------------- */

static int path_text(struct slice path, char out[NAME_SIZE], struct err *e)
{
	return text_format(out, NAME_SIZE, e, "%.*s", (int)path.len,
			   (const char *)path.ptr);
}

static int describe_xattrs(struct archive_entry *m,
			   const struct tree_entry *entry, struct err *e)
{
	struct slice rest = entry->xattrs;
	struct tree_xattr x;

	while (tree_xattr_next(&rest, &x)) {
		char name[NAME_SIZE];

		if (path_text(x.name, name, e))
			return -1;
		archive_entry_xattr_add_entry(m, name, x.value.ptr,
					      x.value.len);
	}
	return 0;
}

static int describe_link(struct full *f, struct archive_entry *m,
			 const struct tree_entry *entry, struct err *e)
{
	char target[NAME_SIZE];
	struct tree_entry to;

	if (entry->type == TREE_SYMLINK) {
		if (path_text(entry->target, target, e))
			return -1;
		archive_entry_set_symlink(m, target);
	}
	if (entry->type == TREE_HARDLINK) {
		tree_entry(&f->tree->tree, entry->link_to, &to);
		if (path_text(to.path, target, e))
			return -1;
		archive_entry_set_hardlink(m, target);
	}
	return 0;
}

static int describe(struct full *f, struct archive_entry *m,
		    const struct tree_entry *entry, struct err *e)
{
	static const mode_t types[] = {
		[TREE_FOLDER] = AE_IFDIR,   [TREE_FILE] = AE_IFREG,
		[TREE_SYMLINK] = AE_IFLNK,  [TREE_CHAR] = AE_IFCHR,
		[TREE_BLOCK] = AE_IFBLK,    [TREE_FIFO] = AE_IFIFO,
		[TREE_HARDLINK] = AE_IFREG,
	};
	char path[NAME_SIZE];

	if (path_text(entry->path.len > 0 ? entry->path : slice_of("."), path,
		      e))
		return -1;
	archive_entry_set_pathname(m, path);
	archive_entry_set_filetype(m, types[entry->type]);
	archive_entry_set_perm(m, entry->mode);
	archive_entry_set_size(m, (la_int64_t)entry->len);
	archive_entry_set_uid(m, entry->uid);
	archive_entry_set_gid(m, entry->gid);
	archive_entry_set_mtime(m, entry->mtime_sec, (long)entry->mtime_nsec);
	if (entry->type == TREE_CHAR || entry->type == TREE_BLOCK) {
		archive_entry_set_rdevmajor(m, entry->major);
		archive_entry_set_rdevminor(m, entry->minor);
	}
	if (describe_link(f, m, entry, e))
		return -1;
	return describe_xattrs(m, entry, e);
}

static int put_content(struct full *f, uint32_t index, uint64_t len,
		       struct err *e)
{
	uint64_t at = 0;

	while (at < len) {
		size_t some =
			len - at < READ_LEN ? (size_t)(len - at) : READ_LEN;

		/* Right behind its header no device goes on. */
		if ((at > 0 && cut_frame(f, e)) ||
		    pack_tree_read(f->tree, index, at, f->bytes, some, e) ||
		    put(f, (struct slice){ f->bytes, some }, e))
			return -1;
		at += some;
		if (f->watch &&
		    f->watch->advance(f->watch->ctx, f->plain_len, e))
			return -1;
	}
	return 0;
}

static int put_entry(struct full *f, uint32_t index, struct err *e)
{
	struct archive_entry *m = archive_entry_new();
	struct tree_entry entry;
	int rc = -1;

	tree_entry(&f->tree->tree, index, &entry);
	if (cut_frame(f, e) || describe(f, m, &entry, e))
		goto out;
	if (archive_write_header(f->archive, m) != ARCHIVE_OK) {
		tar_error(f, e);
		goto out;
	}
	if (put_content(f, index, entry.len, e))
		goto out;
	/* Its padding, too. */
	rc = archive_write_finish_entry(f->archive) == ARCHIVE_OK
		     ? 0
		     : tar_error(f, e);
out:
	archive_entry_free(m);
	return rc;
}

static int run_image(struct full *f, struct err *e)
{
	return put_content(f, 0, f->tree->tree.content_len, e) ||
			       encoder_end(f->to, e)
		       ? -1
		       : 0;
}

static int run_tree(struct full *f, struct err *e)
{
	if (open_tar(f, e) || put_manifest(f, e))
		return -1;
	for (uint32_t i = 0; i < f->tree->tree.count; i++)
		if (put_entry(f, i, e))
			return -1;
	if (archive_write_close(f->archive) != ARCHIVE_OK)
		return tar_error(f, e);
	return encoder_end(f->to, e);
}

int pack_full(const struct pack_tree *t, struct encoder *to,
	      const struct tree_watch *watch, uint64_t *plain_len,
	      struct err *e)
{
	struct full f = {
		.tree = t,
		.to = to,
		.watch = watch,
		.bytes = mem_alloc(READ_LEN, 1),
	};
	int rc = t->content == PACKAGE_IMAGE ? run_image(&f, e)
					     : run_tree(&f, e);

	archive_write_free(f.archive);
	free(f.bytes);
	if (rc)
		return -1;
	*plain_len = f.plain_len;
	return 0;
}
