/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/stream_view.h"

#include <string.h>

#include "tests/unit/view_images.h"

static struct view_images images;
static struct view_pair pair;

static int setup(void **state)
{
	(void)state;
	images_make(&images);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	view_pair_done(&pair);
	images_drop(&images);
	return 0;
}

static void look(bool plain)
{
	const struct view_how how = { .plain = plain };
	struct err e = { 0 };

	assert_ok(view_pair_open(&pair, &images.tree[0], &images.tree[1], &how,
				 &e));
}

static void members_of_both_are_found(void **state)
{
	(void)state;
	look(false);
	assert_int_equal(pair.fresh.inner_count, 1);
	assert_int_equal(pair.old.inner_count, 1);
	for (size_t i = 0; i < 2; i++) {
		const struct member *m =
			&(i == 0 ? &pair.old : &pair.fresh)->inner[0].member;

		assert_int_equal(m->at, HEAD_LEN);
		assert_int_equal(m->packed_len, images.packed_len[i]);
		assert_int_equal(m->raw_len, RAW_LEN);
		assert_int_equal(m->recipe.kind, MEMBER_ZSTD);
	}
}

static void plain_ones_have_no_members(void **state)
{
	(void)state;
	look(true);
	assert_int_equal(pair.fresh.inner_count, 0);
	assert_int_equal(pair.old.inner_count, 0);
}

/* One that could not be made again is of no use to its old one either. */
static void what_serves_no_member_is_forgotten(void **state)
{
	(void)state;
	look(false);
	view_drop_inner(&pair.fresh, 0);
	assert_int_equal(pair.fresh.inner_count, 0);
	view_forget_unused(&pair);
	assert_int_equal(pair.old.inner_count, 0);
}

static void what_serves_one_stays(void **state)
{
	(void)state;
	look(false);
	view_forget_unused(&pair);
	assert_int_equal(pair.old.inner_count, 1);
}

static void the_members_of_a_file_are_counted(void **state)
{
	size_t first = 9, count = 9;
	uint32_t file;

	(void)state;
	look(false);
	file = pair.fresh.inner[0].file;
	view_inner_of(&pair.fresh, file, &first, &count);
	assert_int_equal(first, 0);
	assert_int_equal(count, 1);
	view_inner_of(&pair.fresh, file - 1, &first, &count);
	assert_int_equal(count, 0);
	view_inner_of(&pair.fresh, file + 1, &first, &count);
	assert_int_equal(count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(members_of_both_are_found),
		TEST(plain_ones_have_no_members),
		TEST(what_serves_no_member_is_forgotten),
		TEST(what_serves_one_stays),
		TEST(the_members_of_a_file_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
