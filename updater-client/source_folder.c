/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "common/fs.h"
#include "updater-client/source.h"

#define PIECE_LEN 32768

/* From there to its end. */
static int copy(const struct keybox_file *f, uint64_t from,
		const struct sink *sink, struct err *e)
{
	uint8_t piece[PIECE_LEN];
	uint64_t at = from;

	while (at < f->len) {
		uint64_t left = f->len - at;
		size_t got;

		if (fs_read_at(f->fd, f->offset + at, piece,
			       left < sizeof(piece) ? (size_t)left
						    : sizeof(piece),
			       &got, e))
			return -1;
		if (got == 0)
			return 0;
		if (sink->take(sink->ctx, (struct slice){ piece, got }, e))
			return -1;
		at += got;
	}
	return 0;
}

static int open_file(int dirfd, const char *path, struct keybox_file *out,
		     struct err *e)
{
	struct stat st;
	int fd = -1;

	/* Not waiting: a stick may hold a pipe where a file should be. */
	if (fs_open(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, e))
		return err_in(e, "the folder");
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*out = (struct keybox_file){ fd, 0, (uint64_t)st.st_size };
		return 0;
	}
	fs_close(&fd);
	return err_set(e, ERR_REFUSED, "the folder: %s is not a file", path);
}

static int find(const struct source_medium *m, const char *path,
		struct keybox_file *out, struct err *e)
{
	const struct bundle_member *member;

	if (!m->is_bundle)
		return open_file(m->fd, path, out, e);
	member = bundle_find(&m->bundle, path);
	if (!member)
		return err_set(e, ERR_NOT_FOUND, "the bundle has no %s", path);
	*out = (struct keybox_file){ m->fd, member->offset, member->len };
	return 0;
}

/* The bundle itself stays open. */
static void leave(const struct source_medium *m, struct keybox_file *f)
{
	if (!m->is_bundle)
		fs_close(&f->fd);
}

static int folder_get(void *self, const char *path, uint64_t from, uint64_t to,
		      const struct sink *sink, struct err *e)
{
	struct keybox_file f;
	int rc;

	if (find(self, path, &f, e))
		return -1;
	rc = f.len > to ? err_set(e, ERR_LIMIT,
				  "the folder: %s is larger than it should be",
				  path)
			: copy(&f, from, sink, e);
	leave(self, &f);
	return rc;
}

static int folder_post(void *self, const char *path, struct slice body,
		       struct buf *answer, unsigned *status, struct err *e)
{
	(void)self;
	(void)path;
	(void)body;
	(void)answer;
	(void)status;
	return err_set(e, ERR_REFUSED, "a folder answers no questions");
}

/* A medium carries the keys of all devices; ours is looked up in the file. */
static int folder_envelope(void *self, const struct message_envelope *m,
			   struct buf *out, struct err *e)
{
	uint8_t sealed[KEYBOX_SEALED_LEN];
	char hex[SHA256_HEX_LEN], path[PATH_MAX_LEN];
	struct keybox_file f;
	int rc = -1;

	sha256_format(&m->package, hex);
	if (text_format(path, sizeof(path), e, "envelopes/%s.keys", hex) ||
	    find(self, path, &f, e))
		return -1;
	if (keybox_find(&f, &m->package, &m->device, sealed, e) == 0)
		rc = buf_add(out, (struct slice){ sealed, sizeof(sealed) }, e);
	leave(self, &f);
	return rc;
}

int source_medium_open(int fd, struct source_medium *out, struct err *e)
{
	struct stat st;

	*out = (struct source_medium){ .fd = fd };
	if (fstat(fd, &st))
		return err_sys(e, "the folder");
	out->is_bundle = !S_ISDIR(st.st_mode);
	return out->is_bundle ? bundle_read(fd, &out->bundle, e) : 0;
}

const struct source_ops source_folder = { folder_get, folder_post,
					  folder_envelope };
