/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "common/fs.h"
#include "updater-client/source.h"

#define PIECE_LEN 32768

static int copy(int fd, uint64_t from, uint64_t to, const struct sink *sink,
		struct err *e)
{
	uint8_t piece[PIECE_LEN];
	uint64_t at = from;

	while (at < to) {
		uint64_t left = to - at;
		size_t got;

		if (fs_read_at(fd, at, piece,
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

static int folder_get(void *self, const char *path, uint64_t from, uint64_t to,
		      const struct sink *sink, struct err *e)
{
	const int *dirfd = self;
	struct stat st;
	int fd = -1;
	int rc = -1;

	/* Not waiting: a stick may hold a pipe where a file should be. */
	if (fs_open(*dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, e))
		return err_in(e, "the folder");
	if (fstat(fd, &st))
		err_sys(e, "the folder: %s", path);
	else if (!S_ISREG(st.st_mode))
		err_set(e, ERR_REFUSED, "the folder: %s is not a file", path);
	else if ((uint64_t)st.st_size > to)
		err_set(e, ERR_LIMIT,
			"the folder: %s is larger than it should "
			"be",
			path);
	else
		rc = copy(fd, from, to, sink, e);
	fs_close(&fd);
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
	const int *dirfd = self;
	int fd = -1;
	int rc = -1;

	sha256_format(&m->package, hex);
	if (text_format(path, sizeof(path), e, "envelopes/%s.keys", hex) ||
	    fs_open(*dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, e))
		return err_in(e, "the folder");
	if (keybox_find(fd, &m->package, &m->device, sealed, e) == 0)
		rc = buf_add(out, (struct slice){ sealed, sizeof(sealed) }, e);
	fs_close(&fd);
	return rc;
}

const struct source_ops source_folder = { folder_get, folder_post,
					  folder_envelope };
