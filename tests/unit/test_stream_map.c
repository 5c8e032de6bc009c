/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/stream_map.h"

#include <string.h>

#include "tests/unit/image_tree.h"

#define LEN       100000
#define BLOCK_LEN 1000

static uint8_t bytes[LEN];
static struct pack_tree tree;
static struct stream_map map;

/* An image of LEN bytes: its manifest, and behind it the bytes. */
static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(i * i / 257);
	memset(bytes + 40000, 0, 40000);
	image_tree_init(&tree, (struct slice){ bytes, LEN });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	image_tree_done(&tree);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	stream_map_init(&map, &tree);
	map_add_whole(&map,
		      map_name_below((struct map_name){ 0, 0 },
				     slice_of("/manifest")),
		      tree.manifest.len);
	return 0;
}

static int end(void **state)
{
	(void)state;
	stream_map_done(&map);
	return 0;
}

static void names_are_alike_but_for_their_numbers(void **state)
{
	const struct map_name none = { 0, 0 };
	const struct map_name a = map_name_below(none, slice_of("lib-6.1.50"));
	const struct map_name b = map_name_below(none, slice_of("lib-6.1.7"));
	const struct map_name c = map_name_below(none, slice_of("lib-6.x.7"));
	const struct map_name below = map_name_below(a, slice_of("file"));

	(void)state;
	assert_true(a.exact != b.exact);
	assert_true(a.alike == b.alike);
	assert_true(a.alike != c.alike);
	assert_true(below.alike == map_name_below(b, slice_of("file")).alike);
	assert_true(below.exact != map_name_below(b, slice_of("file")).exact);
	/* Nothing has no name; everything else has one. */
	assert_true(a.exact != 0 && a.alike != 0);
}

/* A file of three blocks, the last one first, and one that nobody has. */
static void a_file_is_read_from_its_pieces(void **state)
{
	uint8_t got[3 * BLOCK_LEN];
	struct err e = { 0 };
	size_t units[4];
	uint32_t file;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		units[i] = map_add_unit(&map, BLOCK_LEN);
	file = map_add_file(&map, (struct map_name){ 1, 1 });
	map_add_piece(&map, units[3], 0, BLOCK_LEN);
	map_add_piece(&map, units[0], 0, BLOCK_LEN);
	map_add_piece(&map, units[1], 10, 500);
	map_finish(&map);
	assert_int_equal(map.files[file].len, 2 * BLOCK_LEN + 500);
	assert_int_equal(map.units[units[2]].piece_count, 0);
	assert_ok(map_read_file(&map, file, 0, got, 2 * BLOCK_LEN + 500, &e));
	assert_memory_equal(got, bytes + 3000, BLOCK_LEN);
	assert_memory_equal(got + 1000, bytes, BLOCK_LEN);
	assert_memory_equal(got + 2000, bytes + 1010, 500);
	/* Across two pieces. */
	assert_ok(map_read_file(&map, file, 990, got, 20, &e));
	assert_memory_equal(got, bytes + 3990, 10);
	assert_memory_equal(got + 10, bytes, 10);
}

static void of_pieces_that_overlap_the_first_is_listed(void **state)
{
	size_t unit;

	(void)state;
	unit = map_add_unit(&map, BLOCK_LEN);
	(void)map_add_file(&map, (struct map_name){ 1, 1 });
	map_add_piece(&map, unit, 0, 600);
	(void)map_add_file(&map, (struct map_name){ 2, 2 });
	map_add_piece(&map, unit, 599, 401);
	(void)map_add_file(&map, (struct map_name){ 3, 3 });
	map_add_piece(&map, unit, 600, 400);
	map_finish(&map);
	assert_int_equal(map.units[unit].piece_count, 2);
	assert_int_equal(
		map.pieces[map.by_unit[map.units[unit].first_piece]].file, 1);
	assert_int_equal(
		map.pieces[map.by_unit[map.units[unit].first_piece + 1]].file,
		3);
}

static void what_is_filtered_is_of_no_file(void **state)
{
	bool units[4] = { true, true, false, true };
	uint8_t got[2 * BLOCK_LEN];
	struct err e = { 0 };
	uint32_t file;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		(void)map_add_unit(&map, BLOCK_LEN);
	file = map_add_file(&map, (struct map_name){ 1, 1 });
	for (size_t i = 1; i < 4; i++)
		map_add_piece(&map, i, 0, BLOCK_LEN);
	map_finish(&map);
	map_filter(&map, units);
	assert_int_equal(map.files[file].len, 2 * BLOCK_LEN);
	assert_int_equal(map.units[2].piece_count, 0);
	assert_ok(map_read_file(&map, file, 0, got, sizeof(got), &e));
	assert_memory_equal(got, bytes, BLOCK_LEN);
	assert_memory_equal(got + BLOCK_LEN, bytes + 2000, BLOCK_LEN);
}

static void zeroes_are_told_apart(void **state)
{
	struct err e = { 0 };
	uint64_t zero = 0;

	(void)state;
	assert_ok(map_add_rest(&map, LEN, &e));
	map_finish(&map);
	for (size_t i = 1; i < map.unit_count; i++)
		if (map.units[i].is_zero)
			zero += map.units[i].packed_len;
	/* Whole steps of them: all but a little of 40 000. */
	assert_true(zero >= 16384 && zero <= 40000);
	assert_int_equal(map.unit_count, 4);
	assert_int_equal(map.len, tree.manifest.len + LEN);
}

static void the_stream_is_manifest_and_content(void **state)
{
	uint8_t got[200];
	struct err e = { 0 };

	(void)state;
	assert_ok(map_read_stream(&map, tree.manifest.len - 50, got, 200, &e));
	assert_memory_equal(got, tree.manifest.ptr + tree.manifest.len - 50,
			    50);
	assert_memory_equal(got + 50, bytes, 150);
}

static void that_of_an_image_is_the_image(void **state)
{
	struct pack_tree image = tree;
	struct stream_map its;
	uint8_t got[200];
	struct err e = { 0 };

	(void)state;
	image.content = PACKAGE_IMAGE;
	stream_map_init(&its, &image);
	assert_ok(map_read_stream(&its, 0, got, sizeof(got), &e));
	assert_memory_equal(got, bytes, sizeof(got));
	stream_map_done(&its);
}

static void a_unit_has_the_digest_of_its_bytes(void **state)
{
	struct sha256 digest;
	struct err e = { 0 };

	(void)state;
	map_add_whole(&map, (struct map_name){ 1, 1 }, BLOCK_LEN);
	map_finish(&map);
	assert_ok(map_digest_units(&map, &e));
	sha256_of((struct slice){ bytes, BLOCK_LEN }, &digest);
	assert_true(sha256_equal(&map.units[1].digest, &digest));
	assert_ok(map_digest_file(&map, 1, &e));
	assert_true(sha256_equal(&map.files[1].digest, &digest));
	sha256_of(buf_slice(&tree.manifest), &digest);
	assert_true(sha256_equal(&map.units[0].digest, &digest));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_alike_but_for_their_numbers),
		TEST(a_file_is_read_from_its_pieces),
		TEST(of_pieces_that_overlap_the_first_is_listed),
		TEST(what_is_filtered_is_of_no_file),
		TEST(zeroes_are_told_apart),
		TEST(the_stream_is_manifest_and_content),
		TEST(that_of_an_image_is_the_image),
		TEST(a_unit_has_the_digest_of_its_bytes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
