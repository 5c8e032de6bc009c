/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut_ext4 - an ext2, ext3 or ext4 image in a stream, cut into its files.
 *
 * libext2fs says which blocks each file has; what is of no file (superblocks,
 * inodes, folders) stands between them. An image that is not understood, or
 * whose files share blocks, is left whole.
 */
#ifndef SIGNER_CUT_EXT4_H
#define SIGNER_CUT_EXT4_H

#include "signer/stream_map.h"

/* What may be an image: so many bytes, next in the stream that is mapped. */
struct cut {
	struct stream_map *map;
	uint64_t len;
	int fd; /* the spool, where the bytes stand at `offset` */
	uint64_t offset;
	struct map_name name;
	/* Who wants to know how names are written; NULL: nobody. */
	void (*named)(void *ctx, struct map_name folder, struct map_name below,
		      struct slice text);
	void *ctx;
};

/* *done: its units and files were added; else nothing was. */
int cut_ext4(const struct cut *c, bool *done, struct err *e) NODISCARD;

#endif
