/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a whole file. Damage inside it is told and never a failure; each
 * finding has a name and a place.
 */
#include <stdlib.h>
#include <string.h>

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

static int unread(void *ctx, const char *path, const char *why, bool bomb,
		  struct err *e)
{
	(void)ctx;
	(void)bomb;
	(void)e; /* nothing is refused */
	if (!path[0] || !why[0])
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct sift_watch watch = { found, unread, NULL };
	struct slice rest = { data, len };
	const struct sift_source source = { read_piece, &rest };
	struct sift *s = sift_new(&watch, NULL, false);
	struct err e;

	if (sift_file(s, slice_of("file"), &source, &e))
		abort();
	sift_free(s);
	return 0;
}
