/* SPDX-License-Identifier: Apache-2.0 */
/* Disks with a table of partitions, in one of which a squashfs image stands
 * (from the fuzz corpus); the others are just bytes. */
#include "signer/cut_disk.h"

#include "common/le.h"
#include "tests/unit/image_tree.h"

#define SECTOR    512u
#define SECTORS   400u
#define FIRST     100u /* where the image stands */
#define INNER     "tests/fuzz/corpus/cut_squashfs/xz"
#define DISK_NAME ((struct map_name){ 1, 1 })

static uint8_t disk[SECTORS * SECTOR];
static uint32_t inner_sectors;
static struct pack_tree tree;
static struct stream_map map;

static int setup(void **state)
{
	struct buf inner = BUF_INIT((SECTORS - FIRST) * SECTOR);
	struct err e = { 0 };

	(void)state;
	memset(disk, 0x11, sizeof(disk));
	assert_ok(fs_read_path(INNER, &inner, &e));
	inner_sectors = (uint32_t)((inner.len + SECTOR - 1) / SECTOR);
	memcpy(disk + FIRST * SECTOR, inner.ptr, inner.len);
	buf_done(&inner);
	return 0;
}

static void put_mbr(uint32_t entry, uint8_t type, uint32_t first,
		    uint32_t count)
{
	uint8_t *p = disk + 446 + 16 * entry;

	memset(p, 0, 16);
	p[4] = type;
	le32_put(p + 8, first);
	le32_put(p + 12, count);
	disk[510] = 0x55;
	disk[511] = 0xaa;
}

static void empty_mbr(void)
{
	for (uint32_t i = 0; i < 4; i++)
		put_mbr(i, 0, 0, 0);
}

/* Entries of 128 bytes, from sector 2 on. */
static void put_gpt(uint32_t count)
{
	uint8_t *p = disk + SECTOR;

	empty_mbr();
	put_mbr(0, 0xee, 1, SECTORS - 1);
	memset(p, 0, SECTOR);
	memcpy(p, "EFI PART", 8);
	le64_put(p + 72, 2);
	le32_put(p + 80, count);
	le32_put(p + 84, 128);
	memset(disk + 2 * SECTOR, 0, (size_t)count * 128);
}

static void put_gpt_entry(uint32_t entry, uint64_t first, uint64_t last)
{
	uint8_t *p = disk + 2 * SECTOR + (size_t)entry * 128;

	memset(p, 0x77, 16);
	le64_put(p + 32, first);
	le64_put(p + 40, last);
}

static bool cut_of(size_t len)
{
	struct cut c = { &map, len, -1, 0, DISK_NAME, NULL, NULL };
	bool done = false;
	struct err e = { 0 };

	image_tree_init(&tree, (struct slice){ disk, len });
	c.fd = tree.fd;
	stream_map_init(&map, &tree);
	map_add_whole(&map, (struct map_name){ 2, 2 }, tree.manifest.len);
	assert_ok(cut_image(&c, &done, &e));
	return done;
}

static void drop(void)
{
	stream_map_done(&map);
	image_tree_done(&tree);
}

/* The image is seen, in the partition of this number, and no byte is missing.
 */
static void assert_cut(uint8_t number)
{
	const struct map_name part =
		map_name_below(DISK_NAME, (struct slice){ &number, 1 });
	const struct map_name name = map_name_below(part, slice_of("x"));
	uint64_t at = 0;
	bool found = false;

	assert_true(cut_of(sizeof(disk)));
	for (size_t i = 0; i < map.file_count; i++)
		found = found || map.files[i].name.exact == name.exact;
	assert_true(found);
	for (size_t i = 0; i < map.unit_count; i++) {
		assert_int_equal(map.units[i].at, at);
		at += map.units[i].packed_len;
	}
	assert_int_equal(at, tree.manifest.len + sizeof(disk));
	drop();
}

static void assert_left_whole(size_t len)
{
	assert_false(cut_of(len));
	assert_int_equal(map.unit_count, 1);
	assert_int_equal(map.len, tree.manifest.len);
	drop();
}

/* ---- MBR ----------------------------------------------------------------- */

static void partitions_of_an_mbr_are_cut(void **state)
{
	(void)state;
	empty_mbr();
	put_mbr(1, 0x83, FIRST, inner_sectors);
	assert_cut(1);
	/* In any order, right behind one another, up to the last sector. */
	put_mbr(2, 0x0c, FIRST - 50, 50);
	put_mbr(3, 0x83, FIRST + inner_sectors,
		SECTORS - FIRST - inner_sectors);
	assert_cut(1);
}

static void a_table_that_cannot_be_is_none(void **state)
{
	static const uint32_t wrong[][2] = {
		{ 0, 10 },      /* the table itself */
		{ 10, 0 },      /* nothing */
		{ SECTORS, 1 }, /* behind the end */
		{ SECTORS - 1, 2 }, { SECTORS + 1, 1 },
		{ FIRST - 1, 2 }, /* two share a sector */
		{ 10, UINT32_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		empty_mbr();
		put_mbr(0, 0x83, FIRST, inner_sectors);
		put_mbr(2, 0x83, wrong[i][0], wrong[i][1]);
		assert_left_whole(sizeof(disk));
	}
	empty_mbr();
	assert_left_whole(sizeof(disk));
	put_mbr(0, 0x83, FIRST, inner_sectors);
	disk[510] = 0;
	assert_left_whole(sizeof(disk));
	disk[510] = 0x55;
	disk[511] = 0;
	assert_left_whole(sizeof(disk));
	disk[511] = 0xaa;
	assert_left_whole(511);
	assert_cut(0);
}

/* ---- GPT ----------------------------------------------------------------- */

static void partitions_of_a_gpt_are_cut(void **state)
{
	(void)state;
	put_gpt(8);
	put_gpt_entry(5, FIRST, FIRST + inner_sectors - 1);
	assert_cut(5);
	put_gpt_entry(0, FIRST + inner_sectors, SECTORS - 1);
	assert_cut(5);
}

static void a_gpt_that_cannot_be_is_none(void **state)
{
	static const uint64_t wrong[][2] = {
		{ 0, 5 },           { 50, 49 },    { 50, SECTORS },
		{ 50, UINT64_MAX }, { 50, FIRST },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		put_gpt(8);
		put_gpt_entry(0, FIRST, FIRST + inner_sectors - 1);
		put_gpt_entry(1, wrong[i][0], wrong[i][1]);
		assert_left_whole(sizeof(disk));
	}
}

static void a_wrong_head_of_a_gpt_is_none(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} wrong[] = {
		{ 0, 0 },            /* no magic number */
		{ 72, SECTORS + 1 }, /* where the table is */
		{ 72, SECTORS },     /* it would end behind the image */
		{ 80, 129 },         /* how many entries */
		{ 84, 127 },         /* and how long */
		{ 84, 4097 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		put_gpt(8);
		put_gpt_entry(0, FIRST, FIRST + inner_sectors - 1);
		le32_put(disk + SECTOR + wrong[i].at, wrong[i].value);
		assert_left_whole(sizeof(disk));
	}
	put_gpt(128);
	put_gpt_entry(127, FIRST, FIRST + inner_sectors - 1);
	assert_cut(127);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(partitions_of_an_mbr_are_cut),
		TEST(a_table_that_cannot_be_is_none),
		TEST(partitions_of_a_gpt_are_cut),
		TEST(a_gpt_that_cannot_be_is_none),
		TEST(a_wrong_head_of_a_gpt_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
