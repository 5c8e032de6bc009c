/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_old.h"

#include "tests/unit/image_tree.h"

/* The files of an old view, one after another. */
enum {
	CHANGED,
	SAME,
	NUMBERED,
	SHORT_ZEROES,
	ZEROES,
	PACKED,
	TWIN,
	LAST,
	FILES
};

static const struct {
	const char *name;
	size_t len;
} files[FILES] = {
	[CHANGED] = { "changed", 1000 },   [SAME] = { "same", 2000 },
	[NUMBERED] = { "lib-1.2", 1500 },  [SHORT_ZEROES] = { "zeroes", 300 },
	[ZEROES] = { "more zeroes", 500 }, [PACKED] = { "packed", 700 },
	[TWIN] = { "same again", 2000 }, /* holds what SAME does */
	[LAST] = { "last", 1200 },
};

#define ALL     9200 /* bytes of all */
#define NEW_LEN 4000 /* "changed" and what is "same" */

static uint8_t bytes[ALL], new_bytes[NEW_LEN];
static struct view_span spans[FILES], new_spans[2];
static struct stream_view view, fresh;
static struct pack_tree tree, new_tree;
static struct delta_old old;

static struct map_name named(const char *name)
{
	const struct map_name top = { 0, 0 };

	return map_name_below(top, slice_of(name));
}

/* Bytes that repeat nowhere. */
static void noise(uint8_t *to, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> 24);
	}
}

static size_t begin_of(size_t file)
{
	size_t at = 0;

	for (size_t i = 0; i < file; i++)
		at += files[i].len;
	return at;
}

static void set_span(struct view_span *s, uint64_t at, const char *name,
		     struct slice content)
{
	*s = (struct view_span){ .at = at,
				 .len = content.len,
				 .source = SPAN_STREAM,
				 .from = at,
				 .name = named(name) };
	sha256_of(content, &s->digest);
}

static void see(struct stream_view *v, struct pack_tree *t, struct slice all,
		struct view_span *list, size_t count)
{
	image_tree_init(t, all);
	*v = (struct stream_view){ .spans = list,
				   .span_count = count,
				   .len = t->manifest.len + all.len };
	stream_map_init(&v->map, t);
}

static int setup(void **state)
{
	size_t at;

	(void)state;
	noise(bytes, ALL, 1);
	memset(bytes + begin_of(SHORT_ZEROES), 0, 800);
	memcpy(bytes + begin_of(TWIN), bytes + begin_of(SAME), files[SAME].len);
	noise(new_bytes, NEW_LEN, 2);
	memcpy(new_bytes + 2000, bytes + begin_of(SAME), 2000);
	see(&view, &tree, (struct slice){ bytes, ALL }, spans, FILES);
	see(&fresh, &new_tree, (struct slice){ new_bytes, NEW_LEN }, new_spans,
	    2);
	for (size_t i = 0; i < FILES; i++) {
		at = begin_of(i);
		set_span(&spans[i], tree.manifest.len + at, files[i].name,
			 (struct slice){ bytes + at, files[i].len });
	}
	spans[SHORT_ZEROES].is_zero = true;
	spans[ZEROES].is_zero = true;
	spans[PACKED].is_packed = true;
	for (size_t i = 0; i < 2; i++)
		set_span(&new_spans[i], new_tree.manifest.len + i * 2000,
			 i ? "moved" : "changed",
			 (struct slice){ new_bytes + i * 2000, 2000 });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	delta_old_done(&old);
	stream_map_done(&view.map);
	stream_map_done(&fresh.map);
	image_tree_done(&tree);
	image_tree_done(&new_tree);
	return 0;
}

/* ---- what is known ------------------------------------------------------- */

static void content_is_found_by_its_digest(void **state)
{
	struct view_span s = new_spans[1];

	(void)state;
	delta_old_init(&old, &view, DELTA_SEARCH_MAX);
	/* Of two that hold it, the first. */
	assert_int_equal(delta_old_find(&old, &s), spans[SAME].at);
	assert_int_equal(delta_old_find(&old, &new_spans[0]), DELTA_NOWHERE);
	s.len--;
	assert_int_equal(delta_old_find(&old, &s), DELTA_NOWHERE);
	/* Without a digest nothing is known, nor does it equal anything. */
	s = new_spans[1];
	memset(&s.digest, 0, sizeof(s.digest));
	assert_int_equal(delta_old_find(&old, &s), DELTA_NOWHERE);
	delta_old_done(&old);
	memset(&spans[CHANGED].digest, 0, sizeof(s.digest));
	delta_old_init(&old, &view, DELTA_SEARCH_MAX);
	assert_int_equal(old.known_count, FILES - 1);
	assert_int_equal(delta_old_find(&old, &s), DELTA_NOWHERE);
}

static void the_longest_zeroes_are_known(void **state)
{
	(void)state;
	delta_old_init(&old, &view, DELTA_SEARCH_MAX);
	assert_ptr_equal(old.zeroes, &spans[ZEROES]);
}

static const struct view_span *home_of(const char *name)
{
	const struct view_span s = { .len = 10, .name = named(name) };

	return delta_old_home(&old, &s);
}

static void a_home_has_the_name_or_another_version_of_it(void **state)
{
	struct view_span s = { .len = 10 };

	(void)state;
	delta_old_init(&old, &view, DELTA_SEARCH_MAX);
	assert_ptr_equal(home_of("changed"), &spans[CHANGED]);
	assert_ptr_equal(home_of("last"), &spans[LAST]);
	assert_ptr_equal(home_of("lib-1.2"), &spans[NUMBERED]);
	assert_ptr_equal(home_of("lib-22.0"), &spans[NUMBERED]);
	assert_null(home_of("lib-a.b"));
	assert_null(home_of("zzz"));
	/* Nothing can be searched in these. */
	assert_null(home_of("zeroes"));
	assert_null(home_of("packed"));
	assert_null(delta_old_home(&old, &s));
}

/* Which member one comes from is told by its length, if nothing else does. */
static void a_member_without_a_name_has_the_closest_one(void **state)
{
	struct view_span s = { .len = 1300, .source = SPAN_INNER };

	(void)state;
	spans[CHANGED].source = SPAN_INNER;  /* 1000 bytes */
	spans[NUMBERED].source = SPAN_INNER; /* 1500 */
	delta_old_init(&old, &view, DELTA_SEARCH_MAX);
	assert_ptr_equal(delta_old_home(&old, &s), &spans[NUMBERED]);
	s.len = 1249;
	assert_ptr_equal(delta_old_home(&old, &s), &spans[CHANGED]);
	s.source = SPAN_STREAM;
	assert_null(delta_old_home(&old, &s));
}

/* ---- the text ------------------------------------------------------------ */

static void load(size_t search_max)
{
	struct err e = { 0 };

	delta_old_init(&old, &view, search_max);
	assert_ok(delta_old_load(&old, &fresh, &e));
	assert_ok(delta_old_load(&old, &fresh, &e)); /* done already */
}

/* Place 5 of a file, in both places. */
static void assert_in_text(size_t file)
{
	const uint64_t at = delta_old_text_at(&old, spans[file].at);

	assert_true(at + files[file].len <= old.text_len);
	assert_memory_equal(old.text + at, bytes + begin_of(file),
			    files[file].len);
	assert_int_equal(delta_old_text_at(&old, spans[file].at + 5), at + 5);
	assert_int_equal(delta_old_stream_at(&old, at + 5), spans[file].at + 5);
	assert_int_equal(delta_old_hint(&old, &spans[file]), at);
	assert_int_equal(
		delta_old_file_begin(&old, delta_old_file_at(&old, at + 5)),
		at);
}

static void what_changed_is_searched(void **state)
{
	(void)state;
	load(DELTA_SEARCH_MAX);
	assert_int_equal(old.text_len, 1000 + 1500 + 1200);
	assert_int_equal(old.file_count, 3);
	assert_in_text(CHANGED);
	assert_in_text(NUMBERED);
	assert_in_text(LAST);
	assert_true(old.whole);
	/* What is of the text nowhere has no place. */
	assert_int_equal(delta_old_text_at(&old, spans[SAME].at), 0);
	assert_int_equal(delta_old_text_at(&old, spans[PACKED].at), 0);
}

static void assert_reads(uint64_t at, size_t len)
{
	uint8_t got[ALL];
	struct err e = { 0 };

	assert_ok(delta_old_read(&old, spans[0].at + at, got, len, &e));
	assert_memory_equal(got, bytes + at, len);
}

static void homes_are_read_in_the_text_or_beside_it(void **state)
{
	(void)state;
	load(DELTA_SEARCH_MAX);
	assert_reads(0, 1000);
	assert_reads(begin_of(SAME) + 3, 100);
	assert_reads(990, 20); /* from one into the other */
	assert_reads(0, ALL);
}

/* ---- more than is searched at once --------------------------------------- */

static void what_has_no_room_comes_later(void **state)
{
	struct err e = { 0 };

	(void)state;
	load(2000); /* of 3700 that changed */
	assert_false(old.whole);
	assert_in_text(CHANGED);
	assert_true(delta_old_has(&old, &spans[CHANGED]));
	assert_false(delta_old_has(&old, &spans[NUMBERED]));
	assert_false(delta_old_is_huge(&old, &spans[NUMBERED]));
	assert_ok(
		delta_old_move(&old, &spans[NUMBERED], spans[NUMBERED].at, &e));
	assert_true(delta_old_has(&old, &spans[NUMBERED]));
	assert_in_text(NUMBERED);
	assert_false(delta_old_has(&old, &spans[CHANGED]));
	assert_reads(0, ALL);
}

/* What follows a home comes with it as far as there is room. */
static void with_a_home_comes_what_follows_it(void **state)
{
	struct err e = { 0 };

	(void)state;
	load(2800);
	assert_ok(delta_old_move(&old, &spans[NUMBERED], 0, &e));
	assert_in_text(NUMBERED);
	assert_in_text(LAST);
	assert_int_equal(old.text_len, 1500 + 1200);
	assert_int_equal(old.file_count, 2);
}

/* Each move costs a sort: at some time it is enough. */
static void moves_come_to_an_end(void **state)
{
	struct err e = { 0 };
	size_t moves = 0;

	(void)state;
	load(2000);
	while (!delta_old_has(&old, &spans[moves % 2 ? LAST : NUMBERED])) {
		assert_ok(delta_old_move(
			&old, &spans[moves % 2 ? LAST : NUMBERED], 0, &e));
		moves++;
	}
	assert_true(moves > 2 && moves < 20);
}

static void of_a_huge_file_the_part_around_a_place_is_searched(void **state)
{
	const struct view_span *huge = &spans[NUMBERED];
	struct err e = { 0 };

	(void)state;
	load(800);
	assert_true(delta_old_is_huge(&old, huge));
	assert_int_equal(delta_old_part_max(&old), 400);
	assert_false(delta_old_has(&old, huge));
	/* A quarter of the room before it. */
	assert_ok(delta_old_move(&old, huge, 600, &e));
	assert_int_equal(old.text_len, 800);
	assert_memory_equal(old.text, bytes + begin_of(NUMBERED) + 400, 800);
	assert_int_equal(delta_old_text_at(&old, huge->at + 600), 200);
	assert_int_equal(delta_old_stream_at(&old, 200), huge->at + 600);
	assert_false(delta_old_has(&old, huge));
	assert_ok(delta_old_move(&old, huge, 100, &e));
	assert_memory_equal(old.text, bytes + begin_of(NUMBERED), 800);
	assert_ok(delta_old_move(&old, huge, 1400, &e));
	assert_int_equal(old.text_len, 300);
	assert_reads(0, ALL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(content_is_found_by_its_digest),
		TEST(the_longest_zeroes_are_known),
		TEST(a_home_has_the_name_or_another_version_of_it),
		TEST(a_member_without_a_name_has_the_closest_one),
		TEST(what_changed_is_searched),
		TEST(homes_are_read_in_the_text_or_beside_it),
		TEST(what_has_no_room_comes_later),
		TEST(with_a_home_comes_what_follows_it),
		TEST(moves_come_to_an_end),
		TEST(of_a_huge_file_the_part_around_a_place_is_searched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
