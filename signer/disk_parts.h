/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_parts - the partitions of a disk's image: a GPT (UEFI specification,
 * 5.3) or an MBR with its logical partitions, in sectors of 512 bytes.
 */
#ifndef SIGNER_DISK_PARTS_H
#define SIGNER_DISK_PARTS_H

#include "common/rd.h"

#define DISK_PARTS_MAX  128u
#define DISK_SECTOR_LEN 512u

/* As the table says; nobody looked whether it lies within the image. */
struct disk_part {
	uint64_t at, len; /* bytes */
	uint32_t number;  /* from 0, as in the table */
};

struct disk_parts {
	struct disk_part part[DISK_PARTS_MAX];
	size_t count;
};

/* Does a first sector say so: with a partition that is not itself? */
bool disk_parts_begin(struct slice head);

/*
 * Of so many bytes of a file from `offset` on. False: there is no table, or
 * not all of it can be understood.
 */
bool disk_parts_read(int fd, uint64_t offset, uint64_t len,
		     struct disk_parts *out);

#endif
