/* SPDX-License-Identifier: Apache-2.0 */
/* Images that libext2fs makes here: two files whose blocks alternate, one in a
 * folder, a hole, a link and what is neither. */
#include "signer/cut_ext4.h"

#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/image_tree.h"

#define BLOCK_LEN 1024
#define BLOCKS    512
#define IMAGE_LEN ((size_t)BLOCKS * BLOCK_LEN)
#define HEAD_LEN  3000 /* of what stands before the image */
#define MANIFEST  ((struct map_name){ 2, 2 })
#define IMAGE_AT  ((struct map_name){ 1, 1 })

static ext2_filsys fs;
static char path[64];
static ext2_ino_t one, two, inner;
static uint8_t bytes[HEAD_LEN + IMAGE_LEN];
static size_t head_len;
static struct pack_tree tree;
static struct stream_map map;

/* ---- an image ------------------------------------------------------------ */

static void begin(void)
{
	struct ext2_super_block param = { .s_inodes_count = 64 };
	int fd;

	strcpy(path, "/tmp/pawl-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, IMAGE_LEN), 0);
	close(fd);
	ext2fs_blocks_count_set(&param, BLOCKS);
	assert_int_equal(ext2fs_initialize(path, EXT2_FLAG_64BITS, &param,
					   unix_io_manager, &fs),
			 0);
	assert_int_equal(ext2fs_allocate_tables(fs), 0);
	for (ext2_ino_t i = 1; i < EXT2_FIRST_INODE(fs->super); i++)
		ext2fs_inode_alloc_stats2(fs, i, 1, 0);
	assert_int_equal(ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL),
			 0);
}

static ext2_ino_t add(ext2_ino_t folder, const char *name, int mode)
{
	struct ext2_inode inode = { .i_mode = (__u16)(mode | 0644),
				    .i_links_count = 1 };
	ext2_ino_t number = 0;

	assert_int_equal(ext2fs_new_inode(fs, folder, mode, NULL, &number), 0);
	assert_int_equal(ext2fs_link(fs, folder, name, number,
				     LINUX_S_ISREG(mode) ? EXT2_FT_REG_FILE
							 : EXT2_FT_FIFO),
			 0);
	ext2fs_inode_alloc_stats2(fs, number, 1, 0);
	assert_int_equal(ext2fs_write_new_inode(fs, number, &inode), 0);
	return number;
}

/* A block of this byte, as the file's block `at`. */
static void put(ext2_ino_t number, unsigned at, int byte)
{
	uint8_t block[BLOCK_LEN];
	ext2_file_t file;
	unsigned written;

	memset(block, byte, BLOCK_LEN);
	assert_int_equal(ext2fs_file_open(fs, number, EXT2_FILE_WRITE, &file),
			 0);
	assert_int_equal(ext2fs_file_llseek(file, (__u64)at * BLOCK_LEN,
					    EXT2_SEEK_SET, NULL),
			 0);
	assert_int_equal(ext2fs_file_write(file, block, BLOCK_LEN, &written),
			 0);
	assert_int_equal(written, BLOCK_LEN);
	assert_int_equal(ext2fs_file_close(file), 0);
}

static void fill(void)
{
	ext2_ino_t folder = 0;

	one = add(EXT2_ROOT_INO, "one", LINUX_S_IFREG);
	two = add(EXT2_ROOT_INO, "two", LINUX_S_IFREG);
	for (unsigned i = 0; i < 4; i++) {
		put(one, i, 'a' + (int)i);
		put(two, i, 'q' + (int)i);
	}
	assert_int_equal(ext2fs_new_inode(fs, EXT2_ROOT_INO, LINUX_S_IFDIR,
					  NULL, &folder),
			 0);
	assert_int_equal(ext2fs_mkdir(fs, EXT2_ROOT_INO, folder, "folder"), 0);
	inner = add(folder, "inner", LINUX_S_IFREG);
	put(inner, 0, 'x');
	put(inner, 20, 'y'); /* behind a hole, and by an indirect block */
	assert_int_equal(ext2fs_link(fs, EXT2_ROOT_INO, "again", inner,
				     EXT2_FT_REG_FILE),
			 0);
	(void)add(EXT2_ROOT_INO, "pipe", LINUX_S_IFIFO);
	(void)add(EXT2_ROOT_INO, "empty", LINUX_S_IFREG);
}

static int setup(void **state)
{
	(void)state;
	begin();
	fill();
	head_len = 0;
	return 0;
}

/* The image as it lies on disk, behind head_len bytes of something else. */
static void finish(void)
{
	FILE *f;

	assert_int_equal(ext2fs_close_free(&fs), 0);
	f = fopen(path, "re");
	assert_non_null(f);
	memset(bytes, '.', head_len);
	assert_int_equal(fread(bytes + head_len, 1, IMAGE_LEN, f), IMAGE_LEN);
	fclose(f);
	assert_int_equal(unlink(path), 0);
}

static bool cut_of(size_t len)
{
	struct cut c = { &map, len, -1, head_len, IMAGE_AT, NULL, NULL };
	bool done = false;
	struct err e = { 0 };

	image_tree_init(&tree, (struct slice){ bytes, head_len + len });
	c.fd = tree.fd;
	stream_map_init(&map, &tree);
	map_add_whole(&map, MANIFEST, tree.manifest.len);
	if (head_len > 0)
		assert_ok(map_add_rest(&map, head_len, &e));
	assert_ok(cut_ext4(&c, &done, &e));
	return done;
}

static void drop(void)
{
	stream_map_done(&map);
	image_tree_done(&tree);
}

/* ---- what is seen -------------------------------------------------------- */

static const struct map_file *file_of(struct map_name name, uint32_t *index)
{
	const struct map_file *found = NULL;

	for (uint32_t i = 0; i < map.file_count; i++) {
		if (map.files[i].name.exact != name.exact)
			continue;
		assert_null(found); /* each is there once */
		found = &map.files[i];
		*index = i;
	}
	return found;
}

/* The file has these blocks, each full of one of the bytes. */
static void assert_file(struct map_name name, const char *blocks)
{
	uint8_t block[BLOCK_LEN];
	uint32_t index = 0;
	const struct map_file *f = file_of(name, &index);
	struct err e = { 0 };

	assert_non_null(f);
	assert_int_equal(f->len, strlen(blocks) * BLOCK_LEN);
	for (size_t i = 0; blocks[i]; i++) {
		assert_ok(map_read_file(&map, index, i * BLOCK_LEN, block,
					BLOCK_LEN, &e));
		for (size_t j = 0; j < BLOCK_LEN; j++)
			assert_int_equal(block[j], blocks[i]);
	}
}

static struct map_name named(const char *name)
{
	return map_name_below(IMAGE_AT, slice_of(name));
}

static void assert_all_is_seen(void)
{
	const struct map_name folder = named("folder");
	const struct map_name in_folder =
		map_name_below(folder, slice_of("inner"));
	uint32_t index;
	uint64_t at = 0;

	assert_file(named("one"), "abcd");
	assert_file(named("two"), "qrst");
	/* A hole has no block: the content is what stands in the image. By
	   which of its names a file is seen depends on the folder's order. */
	assert_true((file_of(in_folder, &index) == NULL) !=
		    (file_of(named("again"), &index) == NULL));
	assert_file(file_of(in_folder, &index) ? in_folder : named("again"),
		    "xy");
	assert_null(file_of(named("pipe"), &index));
	assert_null(file_of(named("empty"), &index));
	/* Units stand one after another, to the end of the image. */
	for (size_t i = 0; i < map.unit_count; i++) {
		assert_int_equal(map.units[i].at, at);
		at += map.units[i].packed_len;
	}
	assert_int_equal(at, tree.manifest.len + head_len + IMAGE_LEN);
	assert_int_equal(map.len, at);
}

static void each_file_is_seen_by_its_blocks(void **state)
{
	(void)state;
	finish();
	assert_true(cut_of(IMAGE_LEN));
	assert_all_is_seen();
	drop();
}

static void an_image_may_stand_behind_something(void **state)
{
	(void)state;
	head_len = HEAD_LEN / 512 * 512;
	finish();
	assert_true(cut_of(IMAGE_LEN));
	assert_all_is_seen();
	drop();
}

/* Most of an empty file system is zeroes, which are said to be. */
static void what_is_of_no_file_stands_between(void **state)
{
	uint64_t zeroes = 0;

	(void)state;
	finish();
	assert_true(cut_of(IMAGE_LEN));
	for (size_t i = 0; i < map.unit_count; i++)
		if (map.units[i].is_zero)
			zeroes += map.units[i].packed_len;
	assert_true(zeroes > IMAGE_LEN / 2);
	drop();
}

/* ---- what is left whole -------------------------------------------------- */

static void assert_left_whole(size_t len)
{
	assert_false(cut_of(len));
	assert_int_equal(map.unit_count, 1);
	assert_int_equal(map.file_count, 1);
	drop();
}

static void set_block(ext2_ino_t number, unsigned which, __u32 block)
{
	struct ext2_inode inode;

	assert_int_equal(ext2fs_read_inode(fs, number, &inode), 0);
	inode.i_block[which] = block;
	assert_int_equal(ext2fs_write_inode(fs, number, &inode), 0);
}

static __u32 block_of(ext2_ino_t number, unsigned which)
{
	struct ext2_inode inode;

	assert_int_equal(ext2fs_read_inode(fs, number, &inode), 0);
	return inode.i_block[which];
}

static void files_that_share_a_block_are_not_cut(void **state)
{
	(void)state;
	set_block(two, 1, block_of(one, 2));
	finish();
	assert_left_whole(IMAGE_LEN);
}

/* The superblock says so many blocks, and there are fewer bytes. */
static void a_block_behind_the_end_is_none(void **state)
{
	(void)state;
	set_block(two, 1, BLOCKS - 1);
	finish();
	assert_left_whole(IMAGE_LEN - BLOCK_LEN);
}

static void a_block_at_the_end_is_one(void **state)
{
	(void)state;
	set_block(two, 1, BLOCKS - 1);
	finish();
	memset(bytes + IMAGE_LEN - BLOCK_LEN, 'z', BLOCK_LEN);
	assert_true(cut_of(IMAGE_LEN));
	assert_file(named("two"), "qzst");
	drop();
}

static void what_is_no_image_is_left_whole(void **state)
{
	(void)state;
	finish();
	for (size_t i = 1080; i < 1082; i++) {
		bytes[i] ^= 1;
		assert_left_whole(IMAGE_LEN);
		bytes[i] ^= 1;
	}
	assert_left_whole(1082);
	memset(bytes, 0xff, 1080);
	memset(bytes + 1082, 0xff, 2000);
	assert_left_whole(IMAGE_LEN);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(each_file_is_seen_by_its_blocks),
		TEST(an_image_may_stand_behind_something),
		TEST(what_is_of_no_file_stands_between),
		TEST(files_that_share_a_block_are_not_cut),
		TEST(a_block_behind_the_end_is_none),
		TEST(a_block_at_the_end_is_one),
		TEST(what_is_no_image_is_left_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
