/* SPDX-License-Identifier: Apache-2.0 */
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/le.h"
#include "common/mem.h"
#include "signer/ext4_open.h"
#include "signer/peek_back.h"

/* The superblock: Documentation/filesystems/ext4/super.rst of Linux. */
#define SUPER_AT  1024u
#define SUPER_LEN 264u
#define MAGIC     0xef53u

#define PATH_SIZE   4096u       /* deeper than that is not looked */
#define ENTRIES_MAX (1u << 24)  /* of all folders, empty ones too */
#define PENDING_MAX (64u << 20) /* bytes of what is to be visited */

/* What is to be visited. */
struct spot {
	struct spot *next;
	ext2_ino_t inode;
	size_t len; /* of all this */
	char path[];
};

struct image {
	struct ext4 ext4;
	ext2_filsys fs; /* its */
	uint8_t *seen;  /* bits, by inode */
	struct spot *folders, *files;
	struct spot *here; /* the folder, or file, under way */
	size_t pending;    /* bytes of these lists */
	uint32_t entries;
	ext2_file_t file;
	uint64_t left; /* of its bytes */
	int rc;        /* of a folder's iteration */
	struct err error;
};

static bool begins(struct slice head)
{
	const struct slice super = slice_sub(head, SUPER_AT, SUPER_LEN);

	return super.len == SUPER_LEN && le16_get(super.ptr + 56) == MAGIC &&
	       le32_get(super.ptr) > 0 &&       /* inodes */
	       le32_get(super.ptr + 24) <= 6 && /* block size, its logarithm */
	       le32_get(super.ptr + 32) > 0 &&  /* blocks in a group */
	       le32_get(super.ptr + 40) > 0 &&  /* inodes in a group */
	       le32_get(super.ptr + 76) <= 1;   /* revision */
}

static int damaged(const struct image *m, struct err *e, const char *what)
{
	if (ext4_is_spent(&m->ext4))
		return err_set(e, ERR_LIMIT,
			       "its blocks lead to each other without end");
	return err_set(e, ERR_FORMAT, "%s is damaged", what);
}

static bool see(struct image *m, ext2_ino_t inode)
{
	uint8_t *byte = &m->seen[inode / 8];
	const uint8_t bit = (uint8_t)(1u << inode % 8);
	const bool first = (*byte & bit) == 0;

	*byte |= bit;
	return first;
}

/* ---- folders ------------------------------------------------------------- */

static int add_spot(struct image *m, struct spot **list, ext2_ino_t inode,
		    struct slice name, struct err *e)
{
	const char *folder = m->here ? m->here->path : "";
	const size_t before = strlen(folder);
	const size_t len = sizeof(struct spot) + before + name.len + 2;
	struct spot *s;

	if (before + name.len + 2 > PATH_SIZE)
		return err_set(e, ERR_LIMIT, "its folders are too deep");
	if (len > PENDING_MAX - m->pending)
		return err_set(e, ERR_LIMIT, "a folder of it is too large");
	s = mem_alloc(len, 1);
	s->inode = inode;
	s->len = len;
	memcpy(s->path, folder, before);
	if (before > 0)
		s->path[before] = '/';
	memcpy(s->path + before + (before > 0), name.ptr, name.len);
	s->next = *list;
	*list = s;
	m->pending += len;
	return 0;
}

static void drop_spot(struct image *m, struct spot **list)
{
	struct spot *s = *list;

	if (!s)
		return;
	*list = s->next;
	m->pending -= s->len;
	free(s);
}

static int take_entry(struct image *m, ext2_ino_t number, struct slice name,
		      struct err *e)
{
	struct ext2_inode inode;

	if (number == 0 || number > m->fs->super->s_inodes_count)
		return number == 0 ? 0 : damaged(m, e, "a folder of it");
	if (slice_equal(name, slice_of(".")) ||
	    slice_equal(name, slice_of("..")) || !see(m, number))
		return 0;
	if (ext2fs_read_inode(m->fs, number, &inode))
		return damaged(m, e, "an inode of it");
	if (LINUX_S_ISDIR(inode.i_mode))
		return add_spot(m, &m->folders, number, name, e);
	return LINUX_S_ISREG(inode.i_mode)
		       ? add_spot(m, &m->files, number, name, e)
		       : 0;
}

/* Empty entries come, too: a block of a loop has at least one. */
static int see_entry(struct ext2_dir_entry *d, int offset, int block_len,
		     char *block, void *ctx)
{
	struct image *m = ctx;
	const struct slice name = { (const uint8_t *)d->name,
				    (size_t)ext2fs_dirent_name_len(d) };

	(void)offset;
	(void)block_len;
	(void)block;
	if (++m->entries > ENTRIES_MAX)
		m->rc = err_set(&m->error, ERR_LIMIT, "it has too many files");
	else
		m->rc = take_entry(m, d->inode, name, &m->error);
	return m->rc ? DIRENT_ABORT : 0;
}

static int read_folder(struct image *m, struct err *e)
{
	errcode_t rc;

	m->here = m->folders;
	m->folders = m->here->next;
	m->here->next = NULL;
	rc = ext2fs_dir_iterate(m->fs, m->here->inode,
				DIRENT_FLAG_INCLUDE_EMPTY, NULL, see_entry, m);
	drop_spot(m, &m->here);
	if (m->rc)
		*e = m->error;
	else if (rc)
		m->rc = damaged(m, e, "a folder of it");
	return m->rc;
}

/* ---- files --------------------------------------------------------------- */

static int open_file(struct image *m, struct err *e)
{
	struct ext2_inode inode;

	m->here = m->files;
	m->files = m->here->next;
	m->here->next = NULL;
	if (ext2fs_read_inode(m->fs, m->here->inode, &inode))
		return damaged(m, e, "an inode of it");
	if ((inode.i_flags & EXT4_ENCRYPT_FL) != 0)
		return err_set(e, ERR_FORMAT, "a file of it is encrypted");
	if (ext2fs_file_open(m->fs, m->here->inode, 0, &m->file))
		return damaged(m, e, "a file of it");
	m->left = EXT2_I_SIZE(&inode);
	return 0;
}

static void close_file(struct image *m)
{
	if (m->file)
		(void)ext2fs_file_close(m->file); /* nothing was written */
	m->file = NULL;
	drop_spot(m, &m->here);
}

static int next_file(void *image, struct peek_member *out, bool *end,
		     struct err *e)
{
	struct image *m = image;

	close_file(m);
	while (!m->files && m->folders)
		if (read_folder(m, e))
			return -1;
	*end = !m->files;
	if (*end)
		return 0;
	if (open_file(m, e))
		return -1;
	out->name = m->here->path;
	return 0;
}

/* What stands within an inode, libext2fs reads beyond its end. */
static int read_file(void *image, void *out, size_t len, size_t *got,
		     struct err *e)
{
	struct image *m = image;
	uint8_t *to = out;
	unsigned some = 0;

	if (m->left < len)
		len = (size_t)m->left;
	for (*got = 0; *got < len; *got += some)
		if (ext2fs_file_read(m->file, to + *got, (unsigned)(len - *got),
				     &some) ||
		    some == 0)
			return damaged(m, e, "a file of it");
	m->left -= len;
	return 0;
}

/* ---- the image ----------------------------------------------------------- */

static void close_image(void *image)
{
	struct image *m = image;

	close_file(m);
	while (m->folders)
		drop_spot(m, &m->folders);
	while (m->files)
		drop_spot(m, &m->files);
	ext4_close(&m->ext4);
	free(m->seen);
	free(m);
}

static int open_fs(struct image *m, const struct peek_place *at, struct err *e)
{
	if (ext4_open(at->fd, at->offset, at->len, &m->ext4, e))
		return -1;
	m->fs = m->ext4.fs;
	m->seen = mem_alloc(m->fs->super->s_inodes_count / 8 + (size_t)1, 1);
	(void)see(m, EXT2_ROOT_INO);
	return add_spot(m, &m->folders, EXT2_ROOT_INO, slice_of(""), e);
}

static int open_image(const struct peek_place *at, void **out, struct err *e)
{
	struct image *m = mem_alloc(1, sizeof(*m));

	if (open_fs(m, at, e)) {
		close_image(m);
		return -1;
	}
	*out = m;
	return 0;
}

const struct peek_back peek_ext4 = {
	.name = "an ext4 image",
	.begins = begins,
	.open = open_image,
	.next = next_file,
	.read = read_file,
	.close = close_image,
};
