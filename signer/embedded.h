/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embedded - what lies in the midst of a file and hides what it holds: a
 * compressed stream, a zip, or the image of a file system, behind a kernel, in
 * a flattened device tree or an image of flash.
 *
 * What stores its files as they are (cpio, tar, FIT, ISO 9660, FAT) is not
 * looked for: their bytes are searched where they stand, and what is
 * compressed among them is found by itself. Each is known by its magic and by
 * what else its header must say; so fewer than one in 2^32 places of random
 * bytes looks like one (zstd says least: 33 bits). Pure: bytes in, place out.
 */
#ifndef SIGNER_EMBEDDED_H
#define SIGNER_EMBEDDED_H

#include "signer/peek.h"
#include "signer/unwrap_kind.h"

/* So many bytes from its first one on tell what it is. */
#define EMBEDDED_HEAD 2048

struct embedded {
	size_t at;
	/* One of the three is said; an archive is a zip, each member of which
	 * is found by itself. */
	enum unwrap_kind archive;
	enum peek_kind image;
	const char *closed; /* "an erofs image", as unwrap_closed() */
	uint64_t len;       /* of a squashfs image, as it says; else 0 */
};

/*
 * The first that begins in [from, to) of a window, which lies at `base` in its
 * file: images of file systems begin at multiples of 512 there. *next is where
 * to go on.
 */
bool embedded_next(struct slice window, uint64_t base, size_t from, size_t to,
		   struct embedded *out, size_t *next);

#endif
