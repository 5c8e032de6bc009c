/* SPDX-License-Identifier: Apache-2.0 */
/* peek_back - the kinds of images that peek.h looks into, each as a table. */
#ifndef SIGNER_PEEK_BACK_H
#define SIGNER_PEEK_BACK_H

#include "common/rd.h"

/* So many bytes of a file that can be read at any place. */
struct peek_place {
	int fd;
	uint64_t offset, len;
};

struct peek_member {
	const char *name; /* its path, borrowed until the next call */
	/* Where its bytes lie one after the other; NULL: not known. */
	const struct peek_place *place;
};

struct peek_back {
	const char *name; /* "a squashfs image" */
	bool (*begins)(struct slice head);
	/* The rest as in peek.h; *out is the back end's own. */
	int (*open)(const struct peek_place *at, void **out, struct err *e);
	int (*next)(void *image, struct peek_member *m, bool *end,
		    struct err *e);
	int (*read)(void *image, void *out, size_t len, size_t *got,
		    struct err *e);
	void (*close)(void *image);
};

extern const struct peek_back peek_disk, peek_ext4, peek_squashfs;

#endif
