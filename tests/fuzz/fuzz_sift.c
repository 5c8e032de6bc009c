/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a whole file. Damage inside it is told and never a failure; each
 * finding has a name and a place.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer/sift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int read_piece(void *ctx, void *out, size_t len, size_t *got,
		      struct err *e)
{
	struct slice *rest = ctx;

	(void)e; /* memory is there */
	*got = len < rest->len ? len : rest->len;
	if (*got > 0)
		memcpy(out, rest->ptr, *got);
	*rest = slice_sub(*rest, *got, rest->len);
	return 0;
}

static int found(void *ctx, const struct sift_finding *f, struct err *e)
{
	(void)ctx;
	(void)e; /* nothing is refused */
	if (!f->what[0] || !f->path[0])
		abort();
	return 0;
}

static int unread(void *ctx, const char *path, const char *why, bool shut,
		  struct err *e)
{
	(void)ctx;
	(void)shut;
	(void)e; /* nothing is refused */
	if (!path[0] || !why[0])
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct sift_watch watch = { found, unread, NULL };
	struct slice rest = { data, len };
	const struct sift_source source = { read_piece, &rest, NULL };
	int dirfd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct sift_settings settings = { .scratch_dirfd = dirfd };
	struct sift *s;
	struct err e;

	s = sift_new(&watch, &settings);
	if (sift_file(s, slice_of("file"), &source, &e))
		abort();
	sift_free(s);
	close(dirfd);
	return 0;
}
