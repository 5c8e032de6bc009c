/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/ext4_open.h"

#include <ext2fs/ext2fs.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/le.h"
#include "common/mem.h"
#include "common/text.h"

/* The superblock: Documentation/filesystems/ext4/super.rst of Linux. */
#define SUPER_AT      1024u
#define SUPER_LEN     1024u
#define MAGIC         0xef53u
#define FEATURE_64BIT 0x80u
#define BLOCK_LOG_MAX 6
#define INODE_MIN     128u /* bytes, on the disk */
#define GROUP_MIN     32u  /* bytes of a group's descriptor */

/* A file's block costs up to five others that lead to it, an inode two. */
#define READS_EACH 16u
#define READS_MORE (1u << 16)

/* A channel's table of operations of its own: it is found by its place. */
struct ext4_reads {
	struct struct_io_manager manager; /* the first */
	io_manager real;
	uint64_t left;
};

/* ---- the superblock ------------------------------------------------------ */

static uint64_t blocks_of(const uint8_t *super)
{
	const bool wide = (le32_get(super + 96) & FEATURE_64BIT) != 0;

	return le32_get(super + 4) |
	       (wide ? (uint64_t)le32_get(super + 336) << 32 : 0);
}

static uint32_t descriptor_len(const uint8_t *super)
{
	const bool wide = (le32_get(super + 96) & FEATURE_64BIT) != 0;
	const uint32_t len = wide ? le16_get(super + 254) : GROUP_MIN;

	return len > GROUP_MIN ? len : GROUP_MIN;
}

/* All that libext2fs takes memory for has its place in the image. */
static bool is_plausible(const uint8_t *super, uint64_t len)
{
	const uint32_t block_log = le32_get(super + 24);
	const uint32_t group_blocks = le32_get(super + 32);
	const uint64_t blocks = blocks_of(super);
	uint64_t most;

	if (le16_get(super + 56) != MAGIC || block_log > BLOCK_LOG_MAX ||
	    group_blocks == 0)
		return false;
	most = len / (UINT64_C(1024) << block_log) + 1;
	return blocks <= most && le32_get(super) <= len / INODE_MIN &&
	       (blocks / group_blocks + 1) * descriptor_len(super) <= len;
}

static int check_super(int fd, uint64_t offset, uint64_t len, struct err *e)
{
	uint8_t super[SUPER_LEN];
	size_t got = 0;

	if (len >= SUPER_AT + SUPER_LEN &&
	    fs_read_at(fd, offset + SUPER_AT, super, sizeof(super), &got, e))
		return -1;
	return got == sizeof(super) && is_plausible(super, len)
		       ? 0
		       : err_set(e, ERR_FORMAT,
				 "its superblock says more than there is");
}

/* ---- reads --------------------------------------------------------------- */

/* The same block again costs as much: libext2fs copies it. */
static bool take_reads(struct ext4_reads *r, int count)
{
	const uint64_t wanted = count > 0 ? (uint64_t)count : 1;

	if (wanted > r->left) {
		r->left = 0;
		return false;
	}
	r->left -= wanted;
	return true;
}

static errcode_t read_block(io_channel channel, unsigned long block, int count,
			    void *out)
{
	struct ext4_reads *r = (struct ext4_reads *)channel->manager;

	return take_reads(r, count)
		       ? r->real->read_blk(channel, block, count, out)
		       : EXT2_ET_SHORT_READ;
}

static errcode_t read_block64(io_channel channel, unsigned long long block,
			      int count, void *out)
{
	struct ext4_reads *r = (struct ext4_reads *)channel->manager;

	return take_reads(r, count)
		       ? r->real->read_blk64(channel, block, count, out)
		       : EXT2_ET_SHORT_READ;
}

static struct ext4_reads *bound_reads(ext2_filsys fs)
{
	struct ext4_reads *r = mem_alloc(1, sizeof(*r));

	r->real = fs->io->manager;
	r->manager = *r->real;
	r->manager.read_blk = read_block;
	r->manager.read_blk64 = read_block64;
	r->left = READS_EACH * (ext2fs_blocks_count(fs->super) +
				fs->super->s_inodes_count) +
		  READS_MORE;
	fs->io->manager = &r->manager;
	return r;
}

/* ---- the image ----------------------------------------------------------- */

int ext4_open(int fd, uint64_t offset, uint64_t len, struct ext4 *out,
	      struct err *e)
{
	const int flags = EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES |
			  EXT2_FLAG_IGNORE_CSUM_ERRORS;
	char path[64], options[64];
	ext2_filsys fs;

	if (check_super(fd, offset, len, e) ||
	    text_format(path, sizeof(path), e, "/proc/self/fd/%d", fd) ||
	    text_format(options, sizeof(options), e, "offset=%llu",
			(unsigned long long)offset))
		return -1;
	if (ext2fs_open2(path, options, flags, 0, 0, unix_io_manager, &fs))
		return err_set(e, ERR_FORMAT, "its superblock is damaged");
	*out = (struct ext4){ fs, bound_reads(fs) };
	return 0;
}

void ext4_close(struct ext4 *x)
{
	if (x->fs)
		ext2fs_close_free(&x->fs); /* which calls the manager */
	free(x->reads);
	*x = (struct ext4){ NULL, NULL };
}

bool ext4_is_spent(const struct ext4 *x)
{
	return x->reads->left == 0;
}
