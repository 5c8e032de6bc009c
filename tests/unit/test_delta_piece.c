/* SPDX-License-Identifier: Apache-2.0 */
/* Which old bytes cover a piece; that these make the piece again is what the
 * tests of the whole (test_delta.c, the signer's own proof) show. */
#include "signer/delta_piece.h"

#include "tests/unit/image_tree.h"

#define FILE_LEN 60000
#define FILES    4 /* of the old release: noise, noise, a table of numbers, */
#define TABLE    2
#define WORN     3 /* and what repeats itself, but for many wrong bytes */
#define BLOCK    64
#define WORN_AT  40

static uint8_t bytes[FILES * FILE_LEN], fresh_bytes[1], piece[2 * FILE_LEN];
static struct view_span spans[FILES], fresh_spans[1];
static struct stream_view view, fresh;
static struct pack_tree tree, fresh_tree;
static struct delta_old old;
static struct delta_writer_setup setup_of_writer;
static struct delta_plan plan;

static void noise(uint8_t *to, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> 24);
	}
}

/* Readings of 16 bits that wander; each is `more` above what it was. */
static void numbers(uint8_t *to, size_t len, unsigned more)
{
	uint32_t seed = 5, value = 1000;

	for (size_t i = 0; i + 1 < len; i += 2) {
		seed = seed * 1664525 + 1013904223;
		value += seed >> 16;
		to[i] = (uint8_t)(value + more);
		to[i + 1] = (uint8_t)((value + more) >> 8);
	}
}

/* The same block again and again. */
static void repeat(uint8_t *to, size_t len)
{
	noise(to, BLOCK, 3);
	to[0] = 0;
	for (size_t i = BLOCK; i < len; i++)
		to[i] = to[i - BLOCK];
}

static void wear(uint8_t *to, size_t len)
{
	uint32_t seed = 9;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		if (i % BLOCK >= WORN_AT)
			to[i] ^= (uint8_t)(seed >> 24);
	}
}

static void see(struct stream_view *v, struct pack_tree *t, struct slice all,
		struct view_span *list, size_t count)
{
	image_tree_init(t, all);
	*v = (struct stream_view){ .spans = list,
				   .span_count = count,
				   .len = t->manifest.len + all.len };
	stream_map_init(&v->map, t);
	for (size_t i = 0; i < count; i++) {
		const uint64_t at = t->manifest.len + i * FILE_LEN;

		list[i] = (struct view_span){ .at = at,
					      .len = all.len / count,
					      .source = SPAN_STREAM,
					      .from = at };
	}
}

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	noise(bytes, TABLE * FILE_LEN, 1);
	numbers(bytes + TABLE * FILE_LEN, FILE_LEN, 0);
	repeat(bytes + WORN * FILE_LEN, FILE_LEN);
	wear(bytes + WORN * FILE_LEN, FILE_LEN);
	see(&view, &tree, (struct slice){ bytes, sizeof(bytes) }, spans, FILES);
	see(&fresh, &fresh_tree, (struct slice){ fresh_bytes, 1 }, fresh_spans,
	    1);
	delta_old_init(&old, &view, DELTA_SEARCH_MAX);
	assert_ok(delta_old_load(&old, &fresh, &e));
	assert_int_equal(old.text_len, sizeof(bytes));
	setup_of_writer =
		(struct delta_writer_setup){ .codec = PACKAGE_ZSTD,
					     .ctx = &old,
					     .old_at = delta_old_read,
					     .prefix_max = UINT32_MAX };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	delta_plan_done(&plan);
	delta_old_done(&old);
	stream_map_done(&view.map);
	stream_map_done(&fresh.map);
	image_tree_done(&tree);
	image_tree_done(&fresh_tree);
	return 0;
}

static void make_plan(size_t len, uint64_t within, uint64_t hint,
		      const struct delta_segment *layout)
{
	const struct delta_piecer w = { &old, &setup_of_writer };
	const struct delta_piece p = { { piece, len }, within, hint };
	struct err e = { 0 };

	assert_ok(delta_piece_plan(&w, &p, layout, &plan, &e));
	assert_int_equal(plan.patch_count, 1);
	assert_int_equal(plan.patches[0].segment.len, len);
}

static uint64_t cost_of(const uint8_t *from, size_t len)
{
	const struct delta_piecer w = { &old, &setup_of_writer };
	const struct delta_piece p = { { from, len }, 0, 0 };
	struct err e = { 0 };
	uint64_t cost = 0;

	assert_ok(delta_piece_cost(&w, &p, &cost, &e));
	return cost;
}

static uint32_t cover_count(void)
{
	return plan.patches[0].segment.cover_count;
}

/* A cover of the plan: new place, old file, place in it, length. */
static void assert_cover(size_t which, size_t file, size_t at, size_t len)
{
	const struct delta_cover *c = &plan.covers[which];

	assert_true(which < cover_count());
	assert_int_equal(c->old_at, spans[file].at + at);
	assert_int_equal(c->len, len);
	assert_ptr_equal(plan.old[which], old.text + file * FILE_LEN + at);
}

static void assert_home(size_t file)
{
	const struct delta_patch *p = &plan.patches[0];

	assert_int_equal(p->home_at, spans[file].at);
	assert_int_equal(p->home.len, FILE_LEN);
	assert_ptr_equal(p->home.ptr, old.text + file * FILE_LEN);
	assert_int_equal(p->segment.old_at, spans[file].at);
	assert_int_equal(p->segment.old_len, FILE_LEN);
}

/* ---- covers -------------------------------------------------------------- */

static void a_file_that_changed_a_little_is_one_cover(void **state)
{
	(void)state;
	memcpy(piece, bytes + FILE_LEN, FILE_LEN);
	piece[777] ^= 1;
	make_plan(FILE_LEN, 0, FILE_LEN, NULL);
	assert_int_equal(cover_count(), 1);
	assert_cover(0, 1, 0, FILE_LEN);
	assert_int_equal(plan.covers[0].gap, 0);
	assert_home(1);
}

static void what_was_inserted_is_a_gap(void **state)
{
	(void)state;
	memcpy(piece, bytes, 20000);
	noise(piece + 20000, 500, 99);
	memcpy(piece + 20500, bytes + 20000, FILE_LEN - 20000);
	make_plan(FILE_LEN + 500, 0, 0, NULL);
	assert_int_equal(cover_count(), 2);
	/* Where a cover ends is a guess of a few bytes. */
	assert_true(plan.covers[0].len >= 20000 && plan.covers[0].len < 20050);
	assert_true(plan.covers[1].gap > 400 && plan.covers[1].gap <= 500);
	assert_int_equal(plan.covers[0].len + plan.covers[1].gap +
				 plan.covers[1].len,
			 FILE_LEN + 500);
	assert_home(0);
}

/* Two files follow one another as they did: covers end where files end. */
static void no_cover_goes_on_in_the_next_file(void **state)
{
	(void)state;
	memcpy(piece, bytes + 30000, 50000);
	make_plan(50000, 0, 30000, NULL);
	assert_int_equal(cover_count(), 2);
	assert_cover(0, 0, 30000, 30000);
	assert_cover(1, 1, 0, 20000);
	assert_home(0); /* most is of it */
}

static void what_is_new_has_no_covers(void **state)
{
	(void)state;
	noise(piece, FILE_LEN, 1234567);
	make_plan(FILE_LEN, 0, 0, NULL);
	assert_int_equal(cover_count(), 0);
}

/* Numbers that each grew by three: the file as it was is one cover, though few
 * of its bytes are right. */
static void a_table_whose_numbers_changed_is_aligned(void **state)
{
	(void)state;
	numbers(piece, FILE_LEN, 3);
	make_plan(FILE_LEN, 0, TABLE * FILE_LEN, NULL);
	assert_int_equal(cover_count(), 1);
	assert_cover(0, TABLE, 0, FILE_LEN);
}

/* Covers that leave few bytes over, of which many are wrong, are dearer than
 * none where what is new repeats itself. */
static void wrong_bytes_of_covers_cost_too(void **state)
{
	(void)state;
	repeat(piece, FILE_LEN / 3);
	make_plan(FILE_LEN / 3, 0, WORN * FILE_LEN, NULL);
	assert_int_equal(cover_count(), 0);
}

/* ---- layouts and costs --------------------------------------------------- */

static void later_pieces_have_the_layout_of_the_first(void **state)
{
	const struct delta_segment layout = {
		.old = { .count = 1, .regions = { { 0, FILE_LEN, 4096 } } },
		.fresh = { .count = 1, .regions = { { 0, FILE_LEN, 8192 } } },
	};

	(void)state;
	memcpy(piece, bytes, 1000);
	make_plan(1000, 5000, 0, &layout);
	assert_int_equal(plan.patches[0].segment.within, 5000);
	assert_int_equal(plan.patches[0].segment.fresh.regions[0].address,
			 8192);
	delta_plan_done(&plan);
	/* The first finds its own. */
	make_plan(1000, 0, 0, &layout);
	assert_int_not_equal(plan.patches[0].segment.fresh.regions[0].address,
			     8192);
}

static void what_resembles_the_old_costs_less(void **state)
{
	uint64_t same, other;

	(void)state;
	memcpy(piece, bytes, FILE_LEN);
	piece[100]++;
	same = cost_of(piece, FILE_LEN);
	noise(piece, FILE_LEN, 77);
	other = cost_of(piece, FILE_LEN);
	assert_true(same > 0 && same < 100);
	assert_true(other > FILE_LEN * 9 / 10 && other < FILE_LEN + 100);
}

#define MUCH ((size_t)20 << 20)
#define STEP ((size_t)5 << 20) /* a sample of 2 MiB in the middle of each */

/* What is much is not compressed again and again to see which way is best: of
 * what no sample holds nothing is seen, and what one holds stands for all. */
static void of_much_samples_tell(void **state)
{
	static uint8_t much[MUCH];
	uint64_t cost;

	(void)state;
	for (size_t at = 0; at < MUCH; at += FILE_LEN)
		memcpy(much + at, bytes,
		       MUCH - at < FILE_LEN ? MUCH - at : FILE_LEN);
	assert_true(cost_of(much, MUCH) < MUCH / 1000);
	noise(much + STEP, 1 << 20, 77);
	assert_true(cost_of(much, MUCH) < MUCH / 1000);
	noise(much + STEP, STEP, 77);
	cost = cost_of(much, MUCH);
	assert_true(cost > MUCH / 4 && cost < MUCH / 4 + MUCH / 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_file_that_changed_a_little_is_one_cover),
		TEST(what_was_inserted_is_a_gap),
		TEST(no_cover_goes_on_in_the_next_file),
		TEST(what_is_new_has_no_covers),
		TEST(a_table_whose_numbers_changed_is_aligned),
		TEST(wrong_bytes_of_covers_cost_too),
		TEST(later_pieces_have_the_layout_of_the_first),
		TEST(what_resembles_the_old_costs_less),
		TEST(of_much_samples_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
