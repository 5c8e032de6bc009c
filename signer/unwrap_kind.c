/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/unwrap_kind.h"

#include <string.h>

#include "signer/unwrap_head.h"

struct magic {
	enum unwrap_kind kind;
	size_t at;
	const char *bytes;
	size_t len;
};

#define MAGIC(kind, at, text)                                                  \
	{                                                                      \
		(kind), (at), (text), sizeof(text) - 1                         \
	}

static const struct magic magics[] = {
	MAGIC(UNWRAP_GZIP, 0, "\x1f\x8b\x08"),
	MAGIC(UNWRAP_COMPRESS, 0, "\x1f\x9d"),
	MAGIC(UNWRAP_BZIP2, 0, "BZh"),
	MAGIC(UNWRAP_XZ, 0, "\xfd\x37\x7a\x58\x5a"),
	MAGIC(UNWRAP_LZMA, 0, "\x5d\x00\x00"),
	MAGIC(UNWRAP_LZIP, 0, "LZIP\x01"),
	MAGIC(UNWRAP_LZ4, 0, "\x04\x22\x4d\x18"),
	MAGIC(UNWRAP_LZ4, 0, "\x02\x21\x4c\x18"), /* lz4, legacy */
	MAGIC(UNWRAP_ZSTD, 0, "\x28\xb5\x2f\xfd"),
	/* A frame to be skipped is lz4's, too: what is behind it is seen then.
	 */
	MAGIC(UNWRAP_ZSTD, 1, "\x2a\x4d\x18"),
	MAGIC(UNWRAP_RPM, 0, "\xed\xab\xee\xdb"),
	MAGIC(UNWRAP_ARCHIVE, 0, "PK\x03\x04"),     /* zip */
	MAGIC(UNWRAP_ARCHIVE, 0, "PK00PK\x03\x04"), /* zip */
	MAGIC(UNWRAP_ARCHIVE, 0, "!<arch>\n"),      /* ar */
	MAGIC(UNWRAP_ARCHIVE, 257, "ustar"),        /* tar */
	MAGIC(UNWRAP_WHOLE, 0, "7z\xbc\xaf\x27\x1c"),
};

static const struct {
	const char *name;
	size_t at;
	const char *bytes;
	size_t len;
} closed[] = {
	{ "a squashfs image of an old version", 0, "hsqs", 4 },
	{ "a squashfs image of an old version", 0, "sqsh", 4 },
	{ "a cramfs image", 0, "\x45\x3d\xcd\x28", 4 },
	{ "a cramfs image", 0, "\x28\xcd\x3d\x45", 4 },
	{ "an erofs image", 1024, "\xe2\xe1\xf5\xe0", 4 },
	{ "an f2fs image", 1024, "\x10\x20\xf5\xf2", 4 },
	{ "a btrfs image", 65600, "_BHRfS_M", 8 },
	{ "a UBI image", 0, "UBI#\x01", 5 },
	{ "a UBIFS image", 0, "\x31\x18\x10\x06", 4 },
	{ "a romfs image", 0, "-rom1fs-", 8 },
	/* Its first node: a folder's entry, an inode, erased, or a summary. */
	{ "a jffs2 image", 0, "\x85\x19\x01\xe0", 4 },
	{ "a jffs2 image", 0, "\x85\x19\x02\xe0", 4 },
	{ "a jffs2 image", 0, "\x85\x19\x03\x20", 4 },
	{ "a jffs2 image", 0, "\x85\x19\x06\x20", 4 },
	{ "a jffs2 image", 0, "\x19\x85\xe0\x01", 4 },
	{ "a jffs2 image", 0, "\x19\x85\xe0\x02", 4 },
	{ "a jffs2 image", 0, "\x19\x85\x20\x03", 4 },
	{ "a jffs2 image", 0, "\x19\x85\x20\x06", 4 },
	{ "an encrypted disk (LUKS)", 0, "LUKS\xba\xbe", 6 },
	{ "a qcow2 image", 0, "QFI\xfb\0\0\0", 7 },
	{ "a sparse image of Android", 0, "\x3a\xff\x26\xed", 4 },
	{ "a rar archive", 0, "Rar!\x1a\x07", 6 },
	{ "a cab archive", 0, "MSCF\0\0\0\0", 8 },
	{ "a package of Pawl", 0, "PAWL\1", 5 },
};

const char *unwrap_closed(struct slice head)
{
	for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
		struct slice part =
			slice_sub(head, closed[i].at, closed[i].len);

		if (part.len == closed[i].len &&
		    memcmp(part.ptr, closed[i].bytes, part.len) == 0)
			return closed[i].name;
	}
	return NULL;
}

/* The oldest tars have no magic but the sum of their header. */
static bool is_old_tar(struct slice head)
{
	struct slice field = slice_sub(head, 148, 8);
	unsigned long sum = 0, told = 0;

	if (head.len < 512)
		return false;
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : head.ptr[i];
	for (size_t i = 0; i < field.len; i++)
		if (field.ptr[i] >= '0' && field.ptr[i] <= '7')
			told = told << 3 | (unsigned long)(field.ptr[i] - '0');
		else if (field.ptr[i] != ' ' && field.ptr[i] != 0)
			return false;
	return told == sum;
}

enum unwrap_kind unwrap_kind(struct slice head)
{
	if (unwrap_head(head) >= UNWRAP_HEAD_NEWC || is_old_tar(head))
		return UNWRAP_ARCHIVE;
	/* No header: its reader would look for one in all that follows. */
	if (unwrap_head_is_like_cpio(head))
		return UNWRAP_NONE;
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		struct slice part =
			slice_sub(head, magics[i].at, magics[i].len);

		if (part.len == magics[i].len &&
		    memcmp(part.ptr, magics[i].bytes, part.len) == 0)
			return magics[i].kind;
	}
	return UNWRAP_NONE;
}
