/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_explain.h"

#include <string.h>

#include "signer/delta_writer.h"
#include "tests/unit/check.h"

#define OLD_LEN 100000

static struct buf records;
static size_t used;
static struct delta_share told[8];
static size_t told_count;
static struct delta_totals totals;

static int setup(void **state)
{
	(void)state;
	records = (struct buf)BUF_INIT(1 << 22);
	used = 0;
	told_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&records);
	return 0;
}

static int add(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	return buf_add(&records, bytes, e);
}

static int old_at(void *ctx, uint64_t at, void *out, size_t len, struct err *e)
{
	uint8_t *to = out;

	(void)ctx;
	(void)e;
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)((at + i) * 7 + (at + i) / 253);
	return 0;
}

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct slice s = slice_sub(buf_slice(&records), used, len);

	(void)ctx;
	(void)e;
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	used += s.len;
	*got = s.len;
	return 0;
}

static int tell(void *ctx, const struct delta_share *share, struct err *e)
{
	(void)ctx;
	(void)e;
	assert_true(told_count < ARRAY_LEN(told));
	told[told_count++] = *share;
	return 0;
}

/* A copy, then a patch that inserts what stands in the old, and a cover with
 * one wrong byte. */
static void write_records(enum package_codec codec)
{
	const struct delta_writer_setup setup = { .codec = codec,
						  .to = { NULL, add },
						  .old_at = old_at,
						  .prefix_max = OLD_LEN };
	const struct delta_cover cover = { 50000, 2000, 5000 };
	const struct delta_segment s = { .kind = DELTA_PATCH,
					 .len = 7000,
					 .old_at = 40000,
					 .old_len = 20000,
					 .cover_count = 1 };
	const struct delta_near near = { 40000, 40000, 60000 };
	static const uint8_t diff[4096] = { [77] = 1 };
	static uint8_t bytes[2000];
	struct delta_writer *w;
	struct err e = { 0 };
	uint64_t len;

	assert_ok(old_at(NULL, 45001, bytes, sizeof(bytes), &e));
	delta_writer_new(&setup, &w);
	assert_ok(delta_writer_copy(w, 100, 3000, &e));
	assert_ok(delta_writer_patch(w, &s, &cover, &e));
	assert_ok(delta_writer_insert(w, (struct slice){ bytes, sizeof(bytes) },
				      &near, &e));
	assert_ok(delta_writer_block(w, true, DELTA_POINTERS,
				     (struct slice){ diff, 2096 }, &e));
	assert_ok(delta_writer_block(w, true, DELTA_AS_IS,
				     (struct slice){ diff + 100, 2904 }, &e));
	assert_ok(delta_writer_end(w, &len, &e));
	delta_writer_free(w);
}

static int explain(enum package_codec codec, struct err *e)
{
	const struct delta_source from = { .more = more, .old_len = OLD_LEN };
	const struct delta_visit visit = { NULL, tell };

	return delta_explain(codec, &from, &visit, &totals, e);
}

static void every_segment_and_every_byte_is_told(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_RAW, PACKAGE_LZMA,
						     PACKAGE_ZSTD };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		uint64_t sum;

		setup(NULL);
		write_records(codecs[i]);
		assert_ok(explain(codecs[i], &e));
		assert_int_equal(told_count, 2);
		assert_int_equal(told[0].segment.kind, DELTA_COPY);
		assert_int_equal(told[0].covered, 3000);
		assert_int_equal(told[1].at, 3000);
		assert_int_equal(told[1].inserted, 2000);
		assert_int_equal(told[1].covered, 5000);
		assert_int_equal(told[1].foreign, 0);
		assert_int_equal(told[1].wrong, 1);
		assert_int_equal(totals.records, 1);
		assert_int_equal(totals.new_len, 10000);
		assert_int_equal(totals.blocks[DELTA_POINTERS], 1);
		sum = totals.headers;
		for (size_t k = 0; k < DELTA_STREAMS; k++)
			sum += totals.packed[k];
		assert_int_equal(sum, records.len);
		/* The prefix pays, and is not needed to tell. */
		assert_true((totals.raw[DELTA_PREFIX] > 0) ==
			    (codecs[i] != PACKAGE_RAW));
		teardown(NULL);
	}
}

static void what_is_cut_off_is_refused(void **state)
{
	struct err e = { 0 };
	size_t whole;

	(void)state;
	write_records(PACKAGE_LZMA);
	whole = records.len;
	for (records.len = 0; records.len < whole; records.len++) {
		used = 0;
		told_count = 0;
		assert_refused(explain(PACKAGE_LZMA, &e), ERR_FORMAT);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_segment_and_every_byte_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_cut_off_is_refused,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
