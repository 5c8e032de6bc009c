/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/walk.h"

#include <string.h>

#include "tests/unit/check.h"

struct sample {
	uint64_t wide;
	uint32_t narrow;
	int64_t time;
	unsigned small;
	bool yes;
	struct sha256 digest;
	uint8_t block[4];
	size_t block_len;
	char text[6];
};

static void walk_sample(struct walk *w, struct sample *s)
{
	walk_u64(w, &s->wide);
	walk_u32(w, &s->narrow);
	walk_time(w, &s->time);
	s->small = walk_small(w, s->small, 7);
	walk_bool(w, &s->yes);
	walk_digest(w, &s->digest);
	s->block_len = walk_block(w, s->block, s->block_len, sizeof(s->block));
	walk_text(w, s->text, sizeof(s->text));
}

static const struct sample whole = {
	.wide = 0x0102030405060708,
	.narrow = 0x11121314,
	.time = 1790000000,
	.small = 7,
	.yes = true,
	.digest = { { 9 } },
	.block = { 1, 2, 3 },
	.block_len = 3,
	.text = "words",
};

/* True if it could be written. */
static bool write_to(struct buf *out, struct sample from)
{
	struct walk w = { .writing = true, .out = out };

	walk_sample(&w, &from);
	return !w.bad;
}

static int read_from(struct slice in, struct sample *s, struct err *e)
{
	struct walk w = { .in = rd_init(in) };

	memset(s, 0, sizeof(*s));
	walk_sample(&w, s);
	return walk_end(&w, e);
}

static void what_is_written_is_read(void **state)
{
	static const uint8_t first[] = { 8, 7, 6, 5, 4, 3, 2, 1, 0x14, 0x13 };
	struct buf b = BUF_INIT(200);
	struct sample s;
	struct err e = { 0 };

	(void)state;
	assert_true(write_to(&b, whole));
	assert_memory_equal(b.ptr, first, sizeof(first));
	assert_ok(read_from(buf_slice(&b), &s, &e));
	assert_true(s.wide == whole.wide && s.narrow == whole.narrow &&
		    s.time == whole.time && s.small == whole.small && s.yes);
	assert_true(sha256_equal(&s.digest, &whole.digest));
	assert_int_equal(s.block_len, 3);
	assert_memory_equal(s.block, whole.block, 3);
	assert_string_equal(s.text, "words");
	buf_done(&b);
}

/* At each place where the bytes may end, and where the room may. */
static void every_cut_is_refused(void **state)
{
	struct buf b = BUF_INIT(200);
	struct sample s;
	struct err e = { 0 };

	(void)state;
	assert_true(write_to(&b, whole));
	for (size_t len = 0; len < b.len; len++) {
		struct buf small = BUF_INIT(len);

		assert_refused(read_from((struct slice){ b.ptr, len }, &s, &e),
			       ERR_FORMAT);
		assert_false(write_to(&small, whole));
		buf_done(&small);
	}
	buf_done(&b);
}

static void later_fields_are_zeros_or_refused(void **state)
{
	uint8_t bytes[200] = { 0 };
	struct buf b = BUF_INIT(200);
	struct sample s;
	struct err e = { 0 };

	(void)state;
	assert_true(write_to(&b, whole));
	memcpy(bytes, b.ptr, b.len);
	assert_ok(read_from((struct slice){ bytes, sizeof(bytes) }, &s, &e));
	for (size_t i = b.len; i < sizeof(bytes); i++) {
		bytes[i] = 1;
		assert_refused(read_from((struct slice){ bytes, sizeof(bytes) },
					 &s, &e),
			       ERR_FORMAT);
		bytes[i] = 0;
	}
	buf_done(&b);
}

/* Neither written nor read: a byte of the whole one is replaced. */
static void not_allowed(size_t at, uint8_t byte, const struct sample *from)
{
	struct buf b = BUF_INIT(200);
	struct sample s;
	struct err e = { 0 };

	assert_true(write_to(&b, whole));
	b.ptr[at] = byte;
	assert_refused(read_from(buf_slice(&b), &s, &e), ERR_FORMAT);
	buf_done(&b);
	if (from)
		assert_false(write_to(&b, *from));
	buf_done(&b);
}

static void what_is_not_allowed_makes_all_of_it_bad(void **state)
{
	struct sample s = whole;

	(void)state;
	s.time = -1;
	not_allowed(19, 0x80, &s);
	s = whole;
	s.small = 8;
	not_allowed(20, 8, &s);
	not_allowed(21, 2, NULL); /* neither yes nor no */
	s = whole;
	s.block_len = 5;
	not_allowed(54, 5, &s);
	/* Of text: longer than its array, or with a NUL inside. */
	not_allowed(59, 6, NULL);
	not_allowed(63, 0, NULL);
}

static void the_rest_is_all_that_is_left_and_has_no_length(void **state)
{
	struct buf b = BUF_INIT(4), small = BUF_INIT(3);
	struct walk to = { .writing = true, .out = &b };
	struct walk too_small = { .writing = true, .out = &small };
	struct slice rest = slice_of("rest"), got;
	struct walk from;
	struct err e = { 0 };

	(void)state;
	walk_rest(&to, &rest);
	assert_false(to.bad);
	walk_rest(&too_small, &rest);
	assert_true(too_small.bad);
	from = (struct walk){ .in = rd_init(buf_slice(&b)) };
	walk_rest(&from, &got);
	assert_true(slice_equal(got, rest));
	assert_ok(walk_end(&from, &e));
	buf_done(&small);
	buf_done(&b);
}

static void nobody_counts_to_what_is_refused(void **state)
{
	struct walk w = { .in = rd_init(slice_of("\x09")) };

	(void)state;
	assert_int_equal(walk_small(&w, 0, 8), 0);
	assert_true(w.bad);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(later_fields_are_zeros_or_refused),
		cmocka_unit_test(what_is_not_allowed_makes_all_of_it_bad),
		cmocka_unit_test(
			the_rest_is_all_that_is_left_and_has_no_length),
		cmocka_unit_test(nobody_counts_to_what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
