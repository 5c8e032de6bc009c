/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_writer.h"

#include "common/delta.h"
#include "tests/unit/check.h"

#define LEN     3000 /* of each segment */
#define PATCHES 3000 /* more than one record has room for */

static uint8_t old[LEN];
static struct buf records;
static size_t used;
static uint64_t made; /* bytes of the new, all of which were right */
static size_t points; /* where a device could go on */

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN; i++)
		old[i] = (uint8_t)(i * 7 + i / 100);
	records = (struct buf)BUF_INIT(64u << 20);
	used = 0;
	made = 0;
	points = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&records);
	return 0;
}

static int old_at(void *ctx, uint64_t at, void *out, size_t len, struct err *e)
{
	(void)ctx;
	(void)e;
	assert_true(at <= LEN && len <= LEN - at);
	memcpy(out, old + at, len);
	return 0;
}

static int keep(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	return buf_add(&records, bytes, e);
}

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	(void)ctx;
	(void)e;
	*got = len < records.len - used ? len : records.len - used;
	memcpy(out, records.ptr + used, *got);
	used += *got;
	return 0;
}

/* Every byte of the new is one more than its old one. */
static int compare(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)e;
	for (size_t i = 0; i < bytes.len; i++, made++)
		assert_int_equal(bytes.ptr[i], (uint8_t)(old[made % LEN] + 1));
	return 0;
}

static int count_point(void *ctx, const struct package_point *at, struct err *e)
{
	(void)ctx;
	(void)at;
	(void)e;
	points++;
	return 0;
}

/* One cover, all of it wrong by one. */
static void put_patch(struct delta_writer *w)
{
	const struct delta_segment s = { .kind = DELTA_PATCH,
					 .len = LEN,
					 .old_len = LEN,
					 .cover_count = 1 };
	const struct delta_cover cover = { 0, 0, LEN };
	uint8_t wrong[LEN];
	struct err e = { 0 };

	memset(wrong, 1, LEN);
	assert_ok(delta_writer_patch(w, &s, &cover, &e));
	assert_ok(delta_writer_block(w, true, DELTA_AS_IS,
				     (struct slice){ wrong, LEN }, &e));
}

static void insert(struct delta_writer *w, const struct delta_near *near)
{
	uint8_t bytes[LEN];
	struct err e = { 0 };

	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(old[i] + 1);
	assert_ok(
		delta_writer_insert(w, (struct slice){ bytes, LEN }, near, &e));
}

static void put_insert(struct delta_writer *w)
{
	const struct delta_segment s = { .kind = DELTA_PATCH, .len = LEN };
	const struct delta_near near = { 0, 0, LEN };
	struct err e = { 0 };

	assert_ok(delta_writer_patch(w, &s, NULL, &e));
	insert(w, &near);
}

/* So many of them are one segment. */
static unsigned of_one, begun;

static void put_of_one(struct delta_writer *w)
{
	const struct delta_segment s = { .kind = DELTA_PATCH,
					 .len = of_one * LEN };
	const struct delta_near nothing = { 0 };
	struct err e = { 0 };

	if (begun++ % of_one == 0)
		assert_ok(delta_writer_patch(w, &s, NULL, &e));
	insert(w, &nothing);
}

static void round_trip(enum package_codec codec,
		       void (*put)(struct delta_writer *w))
{
	const struct delta_writer_setup how = {
		.codec = codec,
		.fast = true,
		.to = { NULL, keep },
		.old_at = old_at,
		.prefix_max = (uint64_t)PATCHES * LEN
	};
	const struct delta_io io = { .more = more,
				     .old_at = old_at,
				     .point = count_point,
				     .emit = compare };
	struct delta_writer *w;
	struct err e = { 0 };
	uint64_t len;

	delta_writer_new(&how, &w);
	for (unsigned i = 0; i < PATCHES; i++)
		put(w);
	assert_ok(delta_writer_end(w, &len, &e));
	assert_int_equal(len, records.len);
	delta_writer_free(w);
	assert_ok(delta_apply(codec, LEN, (uint64_t)PATCHES * LEN, &io, &e));
	assert_int_equal(made, (uint64_t)PATCHES * LEN);
}

static void records_end_between_patches(void **state)
{
	(void)state;
	round_trip(PACKAGE_RAW, put_patch);
	assert_true(records.len > DELTA_RECORD_MAX);
}

static void records_end_within_inserts(void **state)
{
	(void)state;
	of_one = PATCHES;
	begun = 0;
	round_trip(PACKAGE_RAW, put_of_one);
	assert_true(records.len > DELTA_RECORD_MAX);
	assert_int_equal(points, 1); /* the end */
}

/* So that behind each of them a device can go on. */
static void records_end_before_what_is_short(void **state)
{
	(void)state;
	of_one = 100;
	begun = 0;
	round_trip(PACKAGE_RAW, put_of_one);
	assert_int_equal(points, 3);
}

/* Of random digits in a record of their own. */
static enum package_codec codec_of_digits(bool any)
{
	const struct delta_segment s = { .kind = DELTA_PATCH, .len = LEN };
	const struct delta_writer_setup how = { .codec = PACKAGE_LZMA,
						.any_codec = any,
						.to = { NULL, keep },
						.old_at = old_at };
	const struct delta_near nowhere = { 0 };
	struct delta_writer *w;
	struct err e = { 0 };
	uint8_t bytes[LEN];
	enum package_codec codec;
	uint32_t seed = 1;
	uint64_t len;

	for (size_t i = 0; i < LEN; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t) "0123456789abcdef"[seed >> 28];
	}
	records.len = 0;
	delta_writer_new(&how, &w);
	assert_ok(delta_writer_patch(w, &s, NULL, &e));
	assert_ok(delta_writer_insert(w, (struct slice){ bytes, LEN }, &nowhere,
				      &e));
	assert_ok(delta_writer_end(w, &len, &e));
	assert_int_equal(len, records.len);
	codec = delta_writer_codec(w);
	delta_writer_free(w);
	return codec;
}

static void random_digits_are_packed_by_zstd(void **state)
{
	size_t zstd_len;

	(void)state;
	assert_int_equal(codec_of_digits(true), PACKAGE_ZSTD);
	zstd_len = records.len;
	assert_int_equal(codec_of_digits(false), PACKAGE_LZMA);
	assert_true(zstd_len < records.len);
}

static void inserts_shrink_by_their_prefix(void **state)
{
	(void)state;
	round_trip(PACKAGE_ZSTD, put_insert);
	assert_true(records.len < (uint64_t)PATCHES * LEN / 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(records_end_between_patches),
		TEST(records_end_within_inserts),
		TEST(records_end_before_what_is_short),
		TEST(inserts_shrink_by_their_prefix),
		TEST(random_digits_are_packed_by_zstd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
