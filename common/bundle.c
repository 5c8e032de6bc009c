/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/mem.h"

#define PIECE_LEN 4096
#define SHOWN_LEN 160
#define BLOCK_LEN 512

/* The file under libarchive: read where it stands, content skipped. */
struct tar {
	int fd;
	uint64_t at, size;
	uint8_t piece[PIECE_LEN];
	struct err failed;
	struct archive *archive;
	struct archive_entry *member; /* borrowed from archive */
};

static la_ssize_t read_piece(struct archive *archive, void *ctx,
			     const void **bytes)
{
	struct tar *t = ctx;
	size_t got;

	(void)archive;
	if (fs_read_at(t->fd, t->at, t->piece, sizeof(t->piece), &got,
		       &t->failed))
		return ARCHIVE_FATAL;
	t->at += got;
	*bytes = t->piece;
	return (la_ssize_t)got;
}

static la_int64_t skip(struct archive *archive, void *ctx, la_int64_t len)
{
	struct tar *t = ctx;
	uint64_t left = t->size - t->at;

	(void)archive;
	if ((uint64_t)len > left)
		len = (la_int64_t)left;
	t->at += (uint64_t)len;
	return len;
}

static int tar_error(const struct tar *t, struct err *e)
{
	const char *text = archive_error_string(t->archive);
	char shown[SHOWN_LEN];

	if (t->failed.code != ERR_NONE) {
		*e = t->failed;
		return -1;
	}
	text_escape(slice_of(text ? text : "it is no tar"), shown,
		    sizeof(shown));
	return err_set(e, ERR_FORMAT, "the bundle: %s", shown);
}

static int refuse(const char *name, const char *what, struct err *e)
{
	char shown[SHOWN_LEN];

	text_escape(slice_of(name), shown, sizeof(shown));
	return err_set(e, ERR_REFUSED, "the bundle: %s %s", shown, what);
}

/*
 * What we name files: letters, digits, and between them what leads nowhere. No
 * "..", no hidden file and nothing absolute begins with a letter or digit. A
 * folder may end in a slash, and may be the bundle's own.
 */
static bool is_ours(const char *path, bool folder)
{
	bool begins = true;
	size_t len = 0;

	for (; path[len]; len++) {
		char c = path[len];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!plain && (begins || !strchr("/._-%", c)))
			return false;
		begins = c == '/';
	}
	return (folder || !begins) && len <= PATH_MAX_LEN;
}

static int add(struct bundle *b, const struct tar *t, const char *name,
	       struct err *e)
{
	const uint64_t len = (uint64_t)archive_entry_size(t->member);
	const uint64_t offset = (uint64_t)archive_filter_bytes(t->archive, 0);

	if (b->count == BUNDLE_MEMBERS_MAX)
		return err_set(e, ERR_LIMIT,
			       "the bundle: more than %d files in it",
			       BUNDLE_MEMBERS_MAX);
	if (bundle_find(b, name))
		return refuse(name, "is in it twice", e);
	if (len > t->size || offset > t->size - len)
		return err_set(e, ERR_FORMAT, "the bundle: cut off in %s",
			       name);
	b->at = mem_resize(b->at, b->count + 1, sizeof(*b->at));
	b->at[b->count++] =
		(struct bundle_member){ mem_dup_str(name), offset, len };
	return 0;
}

static int take(struct bundle *b, const struct tar *t, struct err *e)
{
	const char *name = archive_entry_pathname(t->member);
	const bool folder = archive_entry_filetype(t->member) == AE_IFDIR;

	if (!name)
		name = "/"; /* not readable, so none of ours */
	if (archive_entry_hardlink(t->member) ||
	    archive_entry_sparse_count(t->member) > 0 ||
	    (!folder && archive_entry_filetype(t->member) != AE_IFREG))
		return refuse(name, "is no plain file", e);
	/* As "tar -C folder ." names them. */
	if (strncmp(name, "./", 2) == 0)
		name += 2;
	if (!is_ours(name, folder))
		return refuse(name, "is no name of ours", e);
	return folder ? 0 : add(b, t, name, e);
}

/* A tar ends with two blocks of zeros; one that was cut between two files has
 * none. */
static int check_end(const struct bundle *b, const struct tar *t, struct err *e)
{
	const struct bundle_member *last =
		b->count > 0 ? &b->at[b->count - 1] : NULL;
	uint64_t end = last ? last->offset + last->len : 0;

	end = (end + BLOCK_LEN - 1) / BLOCK_LEN * BLOCK_LEN;
	if ((uint64_t)archive_filter_bytes(t->archive, 0) >=
	    end + 2 * BLOCK_LEN)
		return 0;
	return err_set(e, ERR_FORMAT, "the bundle: it is cut off at its end");
}

static int read_all(struct bundle *b, struct tar *t, struct err *e)
{
	int rc;

	if (archive_read_support_format_tar(t->archive) != ARCHIVE_OK ||
	    archive_read_open2(t->archive, t, NULL, read_piece, skip, NULL) !=
		    ARCHIVE_OK)
		return tar_error(t, e);
	/* Anything but a clean header is an error: a warning is damage. */
	while ((rc = archive_read_next_header(t->archive, &t->member)) ==
	       ARCHIVE_OK)
		if (take(b, t, e))
			return -1;
	return rc == ARCHIVE_EOF ? check_end(b, t, e) : tar_error(t, e);
}

int bundle_read(int fd, struct bundle *out, struct err *e)
{
	struct bundle b = { .count = 0 };
	struct tar t = { .fd = fd };
	struct stat st;
	int rc;

	if (fstat(fd, &st))
		return err_sys(e, "the bundle");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_REFUSED,
			       "the bundle: neither a folder nor a file");
	t.size = (uint64_t)st.st_size;
	t.archive = archive_read_new();
	rc = t.archive ? read_all(&b, &t, e)
		       : err_set(e, ERR_SYSTEM, "libarchive: out of memory");
	archive_read_free(t.archive);
	if (rc)
		bundle_done(&b);
	else
		*out = b;
	return rc;
}

void bundle_done(struct bundle *b)
{
	for (size_t i = 0; i < b->count; i++)
		free(b->at[i].name);
	free(b->at);
	*b = (struct bundle){ .count = 0 };
}

const struct bundle_member *bundle_find(const struct bundle *b,
					const char *name)
{
	for (size_t i = 0; i < b->count; i++)
		if (strcmp(b->at[i].name, name) == 0)
			return &b->at[i];
	return NULL;
}
