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

/* All before the frame passes, its content is packed, the rest goes out. */
static void a_member_is_packed_where_it_stands(void **state)
{
	const struct delta_members *m = &pair.members;
	struct err e = { 0 };

	(void)state;
	assert_ok(view_fresh(&pair, &e));
	assert_true(m->step_count >= 3);
	assert_int_equal(m->steps[0].kind, DELTA_PASS);
	assert_int_equal(m->steps[0].len,
			 images.tree[1].manifest.len + HEAD_LEN);
	assert_int_equal(m->steps[1].kind, DELTA_PACK);
	assert_int_equal(m->steps[1].packed_len, images.packed_len[1]);
	assert_int_equal(m->steps[1].len, 1);
	assert_int_equal(m->steps[2].kind, DELTA_PASS);
	assert_int_equal(m->steps[2].len, RAW_LEN);
	assert_int_equal(m->recipes[m->steps[1].recipe - 1].kind, MEMBER_ZSTD);
}

/* Spans follow one another without a gap, and hold what is to be seen. */
static void the_view_is_the_content(void **state)
{
	static uint8_t got[HEAD_LEN + RAW_LEN + TAIL_LEN + 256];
	const size_t manifest_len = images.tree[1].manifest.len;
	struct err e = { 0 };
	uint64_t at = 0;

	(void)state;
	assert_ok(view_fresh(&pair, &e));
	for (size_t i = 0; i < pair.fresh.span_count; i++) {
		const struct view_span *s = &pair.fresh.spans[i];

		assert_int_equal(s->at, at);
		assert_true(at + s->len <= sizeof(got));
		assert_ok(view_read(&pair.fresh, s, 0, got + at, (size_t)s->len,
				    &e));
		at += s->len;
	}
	assert_int_equal(at, pair.fresh.len);
	assert_int_equal(at, manifest_len + HEAD_LEN + RAW_LEN + TAIL_LEN);
	assert_memory_equal(got, images.tree[1].manifest.ptr, manifest_len);
	assert_memory_equal(got + manifest_len, images.bytes[1].ptr, HEAD_LEN);
	assert_memory_equal(got + manifest_len + HEAD_LEN, images.raw[1],
			    RAW_LEN);
	assert_memory_equal(
		got + at - TAIL_LEN,
		images.bytes[1].ptr + images.bytes[1].len - TAIL_LEN, TAIL_LEN);
}

static void without_members_it_is_the_stream(void **state)
{
	struct err e = { 0 };

	(void)state;
	view_drop_inner(&pair.fresh, 0);
	view_forget_unused(&pair);
	assert_ok(view_fresh(&pair, &e));
	assert_int_equal(pair.fresh.len,
			 images.tree[1].manifest.len + images.bytes[1].len);
	for (size_t i = 0; i < pair.members.step_count; i++)
		assert_int_equal(pair.members.steps[i].kind, DELTA_PASS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_member_is_packed_where_it_stands),
		TEST(the_view_is_the_content),
		TEST(without_members_it_is_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
