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
#include "signer/unwrap.h"

/* So many bytes from its first one on tell what it is. */
#define EMBEDDED_HEAD 2048

enum embedded_format {
	EMBEDDED_OTHER,
	EMBEDDED_XZ,
	EMBEDDED_ZSTD,
	EMBEDDED_ZIP /* of several members, each of which begins so */
};

struct embedded {
	size_t at;
	enum unwrap_kind archive; /* one of the three is said */
	enum peek_kind image;
	const char *closed; /* "an erofs image", as unwrap_closed() */
	enum embedded_format format;
	uint64_t len; /* of a squashfs image, as it says; else 0 */
};

/*
 * The first that begins in [from, to) of a window, which lies at `base` in its
 * file: images of file systems begin at multiples of 512 there. *next is where
 * to go on.
 */
bool embedded_next(struct slice window, uint64_t base, size_t from, size_t to,
		   struct embedded *out, size_t *next);

/* The CRC32 of gzip and xz, of so few bytes that no table is worth it. */
uint32_t embedded_crc32(const uint8_t *bytes, size_t len);

#endif
