/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables, of which none leads the scan astray. */
#include "signer/disk_parts.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/le.h"
#include "tests/unit/check.h"

#define SECTORS   320u
#define IMAGE_LEN (SECTORS * DISK_SECTOR_LEN)
#define ENTRY_AT  (2 * DISK_SECTOR_LEN)
#define ENTRY_LEN 128u

#define LINUX    0x83
#define EXTENDED 0x05

static uint8_t image[IMAGE_LEN];
static struct disk_parts parts;

static int blank(void **state)
{
	(void)state;
	memset(image, 0, sizeof(image));
	return 0;
}

/* Of the first len bytes. */
static bool read_some(size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct err e = { 0 };
	bool understood;

	assert_true(fd >= 0);
	assert_ok(fs_write(fd, (struct slice){ image, sizeof(image) }, &e));
	understood = disk_parts_read(fd, 0, len, &parts);
	fs_close(&fd);
	return understood;
}

static bool read_all(void)
{
	return read_some(sizeof(image));
}

static void mark(uint32_t sector)
{
	image[sector * DISK_SECTOR_LEN + 510] = 0x55;
	image[sector * DISK_SECTOR_LEN + 511] = 0xaa;
}

static void set_entry(uint32_t sector, uint32_t i, uint8_t type, uint32_t first,
		      uint32_t count)
{
	uint8_t *at = image + sector * DISK_SECTOR_LEN + 446 + i * 16;

	mark(sector);
	at[4] = type;
	le32_put(at + 8, first);
	le32_put(at + 12, count);
}

/* ---- GPT ----------------------------------------------------------------- */

static void set_gpt(uint64_t table, uint32_t count, uint32_t len)
{
	uint8_t *head = image + DISK_SECTOR_LEN;

	set_entry(0, 0, 0xee, 1, SECTORS - 1);
	memcpy(head, "EFI PART", 8);
	le64_put(head + 72, table);
	le32_put(head + 80, count);
	le32_put(head + 84, len);
}

static void set_gpt_entry(size_t at, uint64_t first, uint64_t last)
{
	image[at] = 1; /* of a type */
	le64_put(image + at + 32, first);
	le64_put(image + at + 40, last);
}

static void a_gpt_says_where_partitions_are(void **state)
{
	(void)state;
	set_gpt(2, 4, ENTRY_LEN);
	set_gpt_entry(ENTRY_AT, 34, 40);
	set_gpt_entry(ENTRY_AT + 2 * ENTRY_LEN, 50, 50);
	assert_true(read_all());
	assert_int_equal(parts.count, 2);
	assert_int_equal(parts.part[0].at, 34 * DISK_SECTOR_LEN);
	assert_int_equal(parts.part[0].len, 7 * DISK_SECTOR_LEN);
	assert_int_equal(parts.part[1].number, 2);
	assert_int_equal(parts.part[1].len, DISK_SECTOR_LEN);
	image[DISK_SECTOR_LEN] ^= 1;
	assert_false(read_all());
}

static void a_table_of_other_measures_is_not_understood(void **state)
{
	(void)state;
	set_gpt(2, DISK_PARTS_MAX, ENTRY_LEN);
	assert_true(read_all());
	set_gpt(2, DISK_PARTS_MAX + 1, ENTRY_LEN);
	assert_false(read_all());
	set_gpt(2, 4, ENTRY_LEN - 1);
	assert_false(read_all());
	set_gpt(2, 4, 4096);
	assert_true(read_all());
	set_gpt(2, 4, 4097);
	assert_false(read_all());
	/* In bytes it would be where it is. */
	set_gpt((UINT64_C(1) << 55) + 2, 4, ENTRY_LEN);
	assert_false(read_all());
}

static void a_table_that_is_cut_off_is_not_understood(void **state)
{
	(void)state;
	set_gpt(2, 2, ENTRY_LEN);
	set_gpt_entry(ENTRY_AT, 34, 40);
	assert_true(read_some(ENTRY_AT + 2 * ENTRY_LEN));
	assert_false(read_some(ENTRY_AT + 2 * ENTRY_LEN - 1));
	assert_false(read_some(2 * DISK_SECTOR_LEN - 1));
	assert_false(read_some(DISK_SECTOR_LEN - 1));
}

static void no_partition_is_where_none_can_be(void **state)
{
	static const struct {
		uint64_t first, last;
	} wrong[] = {
		{ 0, 5 },
		{ 5, 4 },
		{ 9, 5 },
		{ 1, UINT64_MAX },
		{ 1, UINT64_MAX - 1 },
		{ UINT64_MAX / 2, UINT64_MAX / 2 },
		{ UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		set_gpt(2, 1, ENTRY_LEN);
		set_gpt_entry(ENTRY_AT, wrong[i].first, wrong[i].last);
		assert_false(read_all());
	}
}

/* ---- MBR ----------------------------------------------------------------- */

static void an_mbr_needs_its_mark(void **state)
{
	(void)state;
	set_entry(0, 1, LINUX, 8, 4);
	assert_true(read_all());
	assert_int_equal(parts.count, 1);
	assert_int_equal(parts.part[0].number, 1);
	assert_true(disk_parts_begin((struct slice){ image, DISK_SECTOR_LEN }));
	assert_false(
		disk_parts_begin((struct slice){ image, DISK_SECTOR_LEN - 1 }));
	image[446 + 16] = 0x80; /* active */
	assert_true(disk_parts_begin((struct slice){ image, DISK_SECTOR_LEN }));
	image[446 + 16] = 'a'; /* text, rather */
	assert_false(
		disk_parts_begin((struct slice){ image, DISK_SECTOR_LEN }));
	image[446 + 16] = 0;
	image[511] = 0;
	assert_false(read_all());
	assert_false(
		disk_parts_begin((struct slice){ image, DISK_SECTOR_LEN }));
}

static void a_partition_of_nothing_is_not_understood(void **state)
{
	(void)state;
	set_entry(0, 0, LINUX, 8, 0);
	assert_false(read_all());
	set_entry(0, 0, LINUX, 0, 8);
	assert_false(read_all());
}

/* From sector 10 on, each with a partition of one sector. */
static void set_logical(uint32_t count)
{
	set_entry(0, 0, EXTENDED, 10, SECTORS - 10);
	for (uint32_t i = 0; i < count; i++) {
		set_entry(10 + 2 * i, 0, LINUX, 1, 1);
		if (i + 1 < count)
			set_entry(10 + 2 * i, 1, EXTENDED, 2 * (i + 1), 2);
	}
}

static void logical_partitions_hang_in_a_chain(void **state)
{
	(void)state;
	set_logical(3);
	assert_true(read_all());
	assert_int_equal(parts.count, 3);
	assert_int_equal(parts.part[2].number, 6);
	assert_int_equal(parts.part[2].at, 15 * DISK_SECTOR_LEN);
	image[12 * DISK_SECTOR_LEN + 510] = 0;
	assert_false(read_all());
	mark(12);
	/* Back to where it began. */
	set_entry(14, 1, EXTENDED, 0, 2);
	assert_false(read_all());
}

static void there_are_no_more_than_there_is_room_for(void **state)
{
	(void)state;
	set_logical(DISK_PARTS_MAX);
	assert_true(read_all());
	assert_int_equal(parts.count, DISK_PARTS_MAX);
	set_logical(DISK_PARTS_MAX + 1);
	assert_false(read_all());
	assert_int_equal(parts.count, DISK_PARTS_MAX);
}

#define TEST(f) cmocka_unit_test_setup(f, blank)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_gpt_says_where_partitions_are),
		TEST(a_table_of_other_measures_is_not_understood),
		TEST(a_table_that_is_cut_off_is_not_understood),
		TEST(no_partition_is_where_none_can_be),
		TEST(an_mbr_needs_its_mark),
		TEST(a_partition_of_nothing_is_not_understood),
		TEST(logical_partitions_hang_in_a_chain),
		TEST(there_are_no_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
