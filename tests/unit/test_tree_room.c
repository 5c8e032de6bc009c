/* SPDX-License-Identifier: Apache-2.0 */
/* What a tree takes of a disk, against what devices reckon with. */
#include "signer/tree_room.h"

#include <stdio.h>

#include "tests/unit/check.h"

#define BLOCK 4096

static struct buf manifest;

static void begin(enum tree_attributes attributes)
{
	struct err e = { 0 };

	buf_done(&manifest);
	manifest = (struct buf)BUF_INIT(1 << 20);
	assert_ok(tree_begin(&manifest, attributes, &e));
	if (attributes == TREE_SYSTEM) {
		const struct tree_entry top = { .type = TREE_FOLDER,
						.path = slice_of(""),
						.mode = 0755 };

		assert_ok(tree_add(&manifest, &top, &e));
	}
}

static void add(enum tree_type type, const char *path, uint64_t len,
		struct slice xattrs, uint16_t xattr_count)
{
	const struct tree_entry entry = { .type = type,
					  .path = slice_of(path),
					  .mode = 0755,
					  .len = len,
					  .xattrs = xattrs,
					  .xattr_count = xattr_count };
	struct err e = { 0 };

	assert_ok(tree_add(&manifest, &entry, &e));
}

static uint64_t beyond(void)
{
	struct err e = { 0 };
	struct tree t;
	uint64_t room;

	assert_ok(tree_parse(buf_slice(&manifest), &t, &e));
	room = tree_room_beyond(&t);
	tree_done(&t);
	return room;
}

static void files_end_in_the_block_of_their_entry(void **state)
{
	static const uint64_t lens[] = { 0,     1,         BLOCK - 1,
					 BLOCK, BLOCK + 1, 100 * BLOCK + 1 };
	char path[16];

	(void)state;
	begin(TREE_SYSTEM);
	add(TREE_FOLDER, "d", 0, (struct slice){ 0 }, 0);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		(void)snprintf(path, sizeof(path), "d/%zu", i);
		add(TREE_FILE, path, lens[i], (struct slice){ 0 }, 0);
	}
	assert_int_equal(beyond(), 0);
}

/* Each with what an attribute of so many bytes takes. */
static uint64_t with_attributes(size_t len, unsigned files)
{
	struct buf xattrs = BUF_INIT(1 << 16);
	struct err e = { 0 };
	uint8_t value[8192] = { 0 };
	const struct tree_xattr x = { slice_of("user.note"), { value, len } };
	char path[16];

	assert_ok(tree_xattr_add(&xattrs, &x, &e));
	begin(TREE_SYSTEM);
	for (unsigned i = 0; i < files; i++) {
		(void)snprintf(path, sizeof(path), "%02u", i);
		add(TREE_FILE, path, 1, buf_slice(&xattrs), 1);
	}
	buf_done(&xattrs);
	return beyond();
}

static void attributes_that_do_not_fit_an_inode_take_blocks(void **state)
{
	(void)state;
	/* 16 bytes beside the value, and 4 for the name. */
	assert_int_equal(with_attributes(88 - 20, 20), 0);
	assert_int_equal(with_attributes(88 - 20 + 1, 20), 20 * (BLOCK - 1));
	assert_int_equal(with_attributes(BLOCK - 20, 20), 20 * (BLOCK - 1));
	assert_int_equal(with_attributes(BLOCK - 20 + 1, 20),
			 20 * (2 * BLOCK - 1));
}

static void many_long_names_take_blocks(void **state)
{
	char path[256];
	uint64_t few = 0;

	(void)state;
	for (unsigned n = 10; n <= 1000; n *= 100) {
		begin(TREE_APP);
		add(TREE_FOLDER, "d", 0, (struct slice){ 0 }, 0);
		for (unsigned i = 0; i < n; i++) {
			(void)snprintf(path, sizeof(path), "d/%0200u", i);
			add(TREE_FILE, path, 1, (struct slice){ 0 }, 0);
		}
		few = n == 10 ? beyond() : few;
	}
	assert_int_equal(few, 0);
	/* 208 bytes each, and as much again for blocks that are half full. */
	assert_in_range(beyond(), 1000 * 416 - 1000 - BLOCK,
			1000 * 416 - 1000 + 3 * BLOCK);
}

static void a_long_name_in_an_applications_own_folder_counts(void **state)
{
	char path[256];

	(void)state;
	begin(TREE_APP);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(path, sizeof(path), "%0200u", i);
		add(TREE_FILE, path, 1, (struct slice){ 0 }, 0);
	}
	assert_in_range(beyond(), 1000 * 416 - 1000 - BLOCK,
			1000 * 416 - 1000 + 3 * BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_end_in_the_block_of_their_entry),
		cmocka_unit_test(
			attributes_that_do_not_fit_an_inode_take_blocks),
		cmocka_unit_test(many_long_names_take_blocks),
		cmocka_unit_test(
			a_long_name_in_an_applications_own_folder_counts),
	};

	return cmocka_run_group_tests_name("tree_room", tests, NULL, NULL);
}
