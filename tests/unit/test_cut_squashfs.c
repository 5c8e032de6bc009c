/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/cut_squashfs.h"

#include <string.h>

#include "tests/unit/image_tree.h"

/* Images that mksquashfs made of the same three files. */
#define IMAGES "tests/fuzz/corpus/cut_squashfs/"

static const char *const images[] = { IMAGES "gzip", IMAGES "lz4", IMAGES "xz",
				      IMAGES "zstd" };

static const struct {
	const char *folder, *name;
	uint64_t len;
	uint8_t digest[4]; /* how it begins */
} files[] = {
	{ NULL, "x", 6, { 0x58, 0x91, 0xb5, 0xb5 } },
	{ "b", "y", 13893, { 0x2e, 0x57, 0xc6, 0x7a } },
	{ "b", "z", 18893, { 0xb5, 0x52, 0x27, 0x25 } },
};

static const struct map_name image_name = { 1, 1 };

static struct buf bytes;
static struct pack_tree tree;
static struct stream_map map;

static void load(const char *path)
{
	struct err e = { 0 };

	bytes = (struct buf)BUF_INIT(1 << 20);
	assert_ok(fs_read_path(path, &bytes, &e));
}

static int cut(bool *done, struct err *e)
{
	struct cut c = { &map, bytes.len, -1, 0, image_name, NULL, NULL };

	image_tree_init(&tree, buf_slice(&bytes));
	c.fd = tree.fd;
	stream_map_init(&map, &tree);
	map_add_whole(&map, (struct map_name){ 2, 2 }, tree.manifest.len);
	return cut_squashfs(&c, done, e);
}

static void drop(void)
{
	stream_map_done(&map);
	image_tree_done(&tree);
	buf_done(&bytes);
}

static void assert_file(size_t which)
{
	struct map_name name = image_name;
	struct err e = { 0 };
	bool found = false;

	if (files[which].folder)
		name = map_name_below(name, slice_of(files[which].folder));
	name = map_name_below(name, slice_of(files[which].name));
	for (uint32_t i = 0; i < map.file_count; i++) {
		const struct map_file *f = &map.files[i];

		if (f->name.exact != name.exact)
			continue;
		found = true;
		assert_int_equal(f->len, files[which].len);
		assert_ok(map_digest_file(&map, i, &e));
		assert_memory_equal(f->digest.bytes, files[which].digest, 4);
	}
	assert_true(found);
}

static void each_file_is_seen_whatever_packed_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		uint64_t at = 0;
		struct err e = { 0 };
		bool done = false;

		load(images[i]);
		assert_ok(cut(&done, &e));
		assert_true(done);
		map_finish(&map);
		for (size_t j = 0; j < map.unit_count; j++) {
			assert_int_equal(map.units[j].at, at);
			at += map.units[j].packed_len;
		}
		assert_int_equal(at, tree.manifest.len + bytes.len);
		for (size_t j = 0; j < ARRAY_LEN(files); j++)
			assert_file(j);
		drop();
	}
}

/* Nothing is added of what is no image, or not all of one. */
static void what_is_cut_off_is_no_image(void **state)
{
	static const size_t lens[] = { 0, 95, 96, 500, 3000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct err e = { 0 };
		bool done = true;

		load(images[0]);
		bytes.len = lens[i];
		assert_ok(cut(&done, &e));
		assert_false(done);
		assert_int_equal(map.unit_count, 1);
		drop();
	}
}

static void other_versions_and_packers_are_left_alone(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = { { 0, 'x' }, { 28, 3 }, { 20, 3 }, { 20, 7 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = { 0 };
		bool done = true;

		load(images[0]);
		bytes.ptr[wrong[i].at] = wrong[i].value;
		assert_ok(cut(&done, &e));
		assert_false(done);
		drop();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_file_is_seen_whatever_packed_it),
		cmocka_unit_test(what_is_cut_off_is_no_image),
		cmocka_unit_test(other_versions_and_packers_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
