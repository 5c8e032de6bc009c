/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_search.h"

#include <string.h>

#include "tests/unit/image_tree.h"

#define LEN   50000 /* of each file */
#define FILES 3     /* of the old: one that changed, and two that did not */
#define MOVED 20000

static uint8_t old[FILES * LEN], fresh[LEN];
static struct view_span old_spans[FILES], fresh_spans[1];

/* Bytes that repeat nowhere. */
static void fill(uint8_t *to, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(seed >> 24);
	}
}

static int setup(void **state)
{
	(void)state;
	fill(old, sizeof(old), 1);
	fill(fresh, sizeof(fresh), 2);
	return 0;
}

/* The bytes are the streams behind manifests, which nobody looks at. */
static void see(struct stream_view *v, struct pack_tree *t, struct slice bytes,
		struct view_span *spans)
{
	image_tree_init(t, bytes);
	*v = (struct stream_view){ .spans = spans,
				   .span_count = bytes.len / LEN };
	stream_map_init(&v->map, t);
	for (size_t i = 0; i < v->span_count; i++) {
		const uint64_t at = t->manifest.len + i * LEN;

		spans[i] = (struct view_span){
			.at = at, .len = LEN, .source = SPAN_STREAM, .from = at
		};
	}
}

static void look(bool useful[FILES])
{
	static const bool old_same[FILES] = { false, true, true };
	static const bool fresh_same[1] = { false };
	struct stream_view o, f;
	const struct delta_search s = { &o, &f, old_same, fresh_same };
	struct pack_tree old_tree, fresh_tree;
	struct err e = { 0 };

	see(&o, &old_tree, (struct slice){ old, sizeof(old) }, old_spans);
	see(&f, &fresh_tree, (struct slice){ fresh, LEN }, fresh_spans);
	memset(useful, 0, FILES);
	assert_ok(delta_search_useful(&s, useful, &e));
	stream_map_done(&o.map);
	stream_map_done(&f.map);
	image_tree_done(&old_tree);
	image_tree_done(&fresh_tree);
}

static void what_has_nothing_to_give_is_left_out(void **state)
{
	bool useful[FILES];

	(void)state;
	look(useful);
	assert_false(useful[0] || useful[1] || useful[2]);
}

static void what_new_content_was_taken_from_is_useful(void **state)
{
	bool useful[FILES];

	(void)state;
	memcpy(fresh + 1000, old + 2 * LEN + 77, MOVED);
	look(useful);
	assert_true(useful[2]);
	assert_false(useful[0] || useful[1]);
}

/* The changed file, which is searched in any case, has it too. */
static void what_is_there_already_is_of_no_use(void **state)
{
	bool useful[FILES];

	(void)state;
	memcpy(fresh + 1000, old + 2 * LEN + 77, MOVED);
	memcpy(old + 500, old + 2 * LEN + 77, MOVED);
	look(useful);
	assert_false(useful[0] || useful[1] || useful[2]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_has_nothing_to_give_is_left_out,
				       setup),
		cmocka_unit_test_setup(
			what_new_content_was_taken_from_is_useful, setup),
		cmocka_unit_test_setup(what_is_there_already_is_of_no_use,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
