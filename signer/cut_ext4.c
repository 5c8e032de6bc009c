/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/cut_ext4.h"

#include <ext2fs/ext2fs.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/mem.h"
#include "signer/ext4_open.h"

#define MAGIC_AT   1080
#define RUNS_MAX   (1u << 20)
#define PLACES_MAX (1u << 20)

/* Blocks of a file that follow one another in both. */
struct run {
	blk64_t block, count;
	uint64_t len; /* bytes of the image */
	uint32_t file;
	size_t unit;
};

struct walk {
	const struct cut *cut;
	ext2_filsys fs;
	bool *seen; /* by inode */
	/* folders still to be read, and files in the order found */
	struct place {
		ext2_ino_t inode;
		struct map_name name;
	} * folders, *files;
	size_t folder_count, file_count;
	struct map_name here; /* the folder under way */
	struct run *runs;     /* file by file */
	size_t run_count, run_cap;
	uint64_t block_count; /* of all files so far */
	bool failed;
};

/* ---- what the image holds ------------------------------------------------ */

static void add_place(struct place **list, size_t *count,
		      const struct place *place)
{
	if ((*count & (*count - 1)) == 0)
		*list = mem_resize(*list, *count > 0 ? 2 * *count : 1,
				   sizeof(**list));
	(*list)[(*count)++] = *place;
}

static bool is_dots(struct slice name)
{
	return slice_equal(name, slice_of(".")) ||
	       slice_equal(name, slice_of(".."));
}

static int see_entry(struct ext2_dir_entry *d, int offset, int block_len,
		     char *block, void *ctx)
{
	struct walk *w = ctx;
	const struct slice name = { (const uint8_t *)d->name,
				    (size_t)ext2fs_dirent_name_len(d) };
	const struct place place = { d->inode, map_name_below(w->here, name) };
	struct ext2_inode inode;

	(void)offset;
	(void)block_len;
	(void)block;
	if (is_dots(name) || d->inode == 0 ||
	    d->inode > w->fs->super->s_inodes_count || w->seen[d->inode])
		return 0;
	w->seen[d->inode] = true;
	if (ext2fs_read_inode(w->fs, d->inode, &inode)) {
		w->failed = true;
		return DIRENT_ABORT;
	}
	if (LINUX_S_ISDIR(inode.i_mode))
		add_place(&w->folders, &w->folder_count, &place);
	else if (LINUX_S_ISREG(inode.i_mode) &&
		 (inode.i_flags & EXT4_INLINE_DATA_FL) == 0)
		add_place(&w->files, &w->file_count, &place);
	return 0;
}

/* Every file that has a name, once. */
static int find_files(struct walk *w)
{
	const struct place root = { EXT2_ROOT_INO, w->cut->name };

	w->seen = mem_alloc((size_t)w->fs->super->s_inodes_count + 1,
			    sizeof(*w->seen));
	w->seen[EXT2_ROOT_INO] = true;
	add_place(&w->folders, &w->folder_count, &root);
	while (w->folder_count > 0 && !w->failed) {
		const struct place folder = w->folders[--w->folder_count];

		w->here = folder.name;
		if (ext2fs_dir_iterate(w->fs, folder.inode, 0, NULL, see_entry,
				       w) ||
		    w->folder_count + w->file_count > PLACES_MAX)
			w->failed = true;
	}
	return w->failed ? -1 : 0;
}

static int see_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t index,
		     blk64_t of, int offset, void *ctx)
{
	struct walk *w = ctx;
	const uint32_t file = (uint32_t)w->file_count;
	struct run *last = w->run_count > 0 ? &w->runs[w->run_count - 1] : NULL;

	(void)fs;
	(void)index;
	(void)of;
	(void)offset;
	/* More than there are: files share some, or one has them again. */
	if (++w->block_count > w->cut->len / w->fs->blocksize) {
		w->failed = true;
		return BLOCK_ABORT;
	}
	if (last && last->file == file && last->block + last->count == *block) {
		last->count++;
		return 0;
	}
	if (w->run_count == RUNS_MAX) {
		w->failed = true;
		return BLOCK_ABORT;
	}
	if (!w->runs || w->run_count == w->run_cap) {
		w->run_cap = w->run_cap > 0 ? 2 * w->run_cap : 1024;
		w->runs = mem_resize(w->runs, w->run_cap, sizeof(*w->runs));
	}
	w->runs[w->run_count++] =
		(struct run){ .block = *block, .count = 1, .file = file };
	return 0;
}

static int find_runs(struct walk *w)
{
	const size_t count = w->file_count;

	/* Meanwhile it counts the file under way. */
	for (w->file_count = 0; w->file_count < count && !w->failed;
	     w->file_count++)
		if (ext2fs_block_iterate3(w->fs, w->files[w->file_count].inode,
					  BLOCK_FLAG_DATA_ONLY |
						  BLOCK_FLAG_READ_ONLY,
					  NULL, see_block, w))
			w->failed = true;
	w->file_count = count;
	return w->failed ? -1 : 0;
}

/* ---- units and files ----------------------------------------------------- */

static int compare_runs(const void *a, const void *b)
{
	const struct run *x = *(struct run *const *)a;
	const struct run *y = *(struct run *const *)b;

	return x->block < y->block ? -1 : x->block > y->block;
}

/* The runs as they stand in the image; NULL if two of them share blocks or one
 * lies outside. */
static struct run **sort_runs(const struct walk *w)
{
	const uint64_t blocks = w->cut->len / w->fs->blocksize;
	struct run **sorted = mem_alloc(w->run_count + 1, sizeof(void *));
	uint64_t end = 0;

	for (size_t i = 0; i < w->run_count; i++)
		sorted[i] = &w->runs[i];
	if (w->run_count > 0)
		qsort(sorted, w->run_count, sizeof(void *), compare_runs);
	for (size_t i = 0; i < w->run_count; i++) {
		if (sorted[i]->block < end || sorted[i]->block > blocks ||
		    sorted[i]->count > blocks - sorted[i]->block) {
			free(sorted);
			return NULL;
		}
		end = sorted[i]->block + sorted[i]->count;
	}
	return sorted;
}

static int add_units(const struct walk *w, struct run **sorted, struct err *e)
{
	struct stream_map *m = w->cut->map;
	const uint64_t begin = m->len;

	for (size_t i = 0; i < w->run_count; i++) {
		const uint64_t at = sorted[i]->block * w->fs->blocksize;

		if (map_add_rest(m, begin + at - m->len, e))
			return -1;
		sorted[i]->len = sorted[i]->count * w->fs->blocksize;
		sorted[i]->unit = map_add_unit(m, sorted[i]->len);
	}
	return map_add_rest(m, begin + w->cut->len - m->len, e);
}

static void add_files(const struct walk *w)
{
	struct stream_map *m = w->cut->map;
	uint32_t last = MAP_NO_FILE;

	for (size_t i = 0; i < w->run_count; i++) {
		const struct run *r = &w->runs[i];

		if (r->file != last)
			map_add_file(m, w->files[r->file].name);
		last = r->file;
		map_add_piece(m, r->unit, 0, r->len);
	}
}

static int walk(struct walk *w, bool *done, struct err *e)
{
	struct run **sorted;
	int rc;

	if (find_files(w) || find_runs(w) || !(sorted = sort_runs(w)))
		return 0;
	*done = true;
	rc = add_units(w, sorted, e);
	if (!rc)
		add_files(w);
	free(sorted);
	return rc;
}

static bool has_magic(const struct cut *c)
{
	uint8_t magic[2];
	struct err unused;
	size_t got;

	return c->len > MAGIC_AT + sizeof(magic) &&
	       fs_read_at(c->fd, c->offset + MAGIC_AT, magic, sizeof(magic),
			  &got, &unused) == 0 &&
	       got == sizeof(magic) && magic[0] == 0x53 && magic[1] == 0xef;
}

int cut_ext4(const struct cut *c, bool *done, struct err *e)
{
	struct walk w = { .cut = c };
	struct ext4 ext4;
	struct err none;
	int rc;

	*done = false;
	if (!has_magic(c) || ext4_open(c->fd, c->offset, c->len, &ext4, &none))
		return 0;
	w.fs = ext4.fs;
	rc = walk(&w, done, e);
	ext4_close(&ext4);
	free(w.seen);
	free(w.folders);
	free(w.files);
	free(w.runs);
	return rc;
}
