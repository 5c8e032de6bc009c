/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "signer/stream_view.h"
#include "tests/unit/view_images.h"

static struct view_images images;
static struct view_pair pair;

static int setup(void **state)
{
	const struct view_how how = { .plain = false };
	struct err e = { 0 };

	(void)state;
	images_make(&images);
	assert_ok(view_pair_open(&pair, &images.tree[0], &images.tree[1], &how,
				 &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	view_pair_done(&pair);
	images_drop(&images);
	return 0;
}

static const struct view_span *inner_span(void)
{
	const struct view_span *found = NULL;

	for (size_t i = 0; i < pair.old.span_count; i++)
		if (pair.old.spans[i].source == SPAN_INNER)
			found = &pair.old.spans[i];
	assert_non_null(found);
	return found;
}

/* The part says where the frame is; its content stands behind the stream. */
static void a_member_is_a_part_behind_the_stream(void **state)
{
	const uint64_t len = images.tree[0].manifest.len + images.bytes[0].len;
	const struct delta_part *part;
	struct err e = { 0 };

	(void)state;
	assert_ok(view_old(&pair, &e));
	assert_int_equal(pair.members.part_count, 1);
	part = &pair.members.parts[0];
	assert_int_equal(part->at, images.tree[0].manifest.len + HEAD_LEN);
	assert_int_equal(part->packed_len, images.packed_len[0]);
	assert_int_equal(part->raw_len, RAW_LEN);
	assert_int_equal(pair.old.len, len + RAW_LEN);
	assert_int_equal(inner_span()->at, len);
	assert_int_equal(inner_span()->len, RAW_LEN);
}

static void its_content_can_be_read(void **state)
{
	uint8_t got[RAW_LEN];
	struct err e = { 0 };

	(void)state;
	assert_ok(view_old(&pair, &e));
	assert_ok(view_read(&pair.old, inner_span(), 0, got, RAW_LEN, &e));
	assert_memory_equal(got, images.raw[0], RAW_LEN);
	assert_ok(view_read(&pair.old, inner_span(), 777, got, 100, &e));
	assert_memory_equal(got, images.raw[0] + 777, 100);
}

static void the_stream_itself_is_seen_as_it_is(void **state)
{
	uint8_t got[HEAD_LEN];
	struct err e = { 0 };
	uint64_t sum = 0;

	(void)state;
	assert_ok(view_old(&pair, &e));
	for (size_t i = 0; i < pair.old.span_count; i++) {
		const struct view_span *s = &pair.old.spans[i];

		assert_true(i == 0 || s->at >= s[-1].at + s[-1].len);
		if (s->source == SPAN_STREAM)
			sum += s->len;
		if (s->at == images.tree[0].manifest.len) {
			assert_ok(
				view_read(&pair.old, s, 0, got, HEAD_LEN, &e));
			assert_memory_equal(got, images.bytes[0].ptr, HEAD_LEN);
		}
	}
	assert_int_equal(sum, pair.old.map.len);
}

static void without_members_there_is_no_part(void **state)
{
	struct err e = { 0 };

	(void)state;
	view_drop_inner(&pair.fresh, 0);
	view_forget_unused(&pair);
	assert_ok(view_old(&pair, &e));
	assert_int_equal(pair.members.part_count, 0);
	assert_int_equal(pair.old.len, pair.old.map.len);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_member_is_a_part_behind_the_stream),
		TEST(its_content_can_be_read),
		TEST(the_stream_itself_is_seen_as_it_is),
		TEST(without_members_there_is_no_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
