/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext4_open - libext2fs over an image that somebody hostile may have made.
 *
 * What it takes goes with the image's length: memory, because the superblock
 * is looked at before libext2fs believes it; time, because blocks are read a
 * bounded number of times, however often they point at each other.
 */
#ifndef SIGNER_EXT4_OPEN_H
#define SIGNER_EXT4_OPEN_H

#include <stdbool.h>

#include "common/err.h"

struct struct_ext2_filsys; /* ext2_filsys points to one */
struct ext4_reads;

struct ext4 {
	struct struct_ext2_filsys *fs;
	struct ext4_reads *reads;
};

/* ERR_FORMAT: it is none, or says that it is larger than len bytes. */
int ext4_open(int fd, uint64_t offset, uint64_t len, struct ext4 *out,
	      struct err *e) NODISCARD;
void ext4_close(struct ext4 *x);

/* Did it fail because all reads are used up? */
bool ext4_is_spent(const struct ext4 *x);

#endif
