/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/delta_predict.h"
#include "common/delta_unpack.h"
#include "common/le.h"
#include "common/mem.h"
#include "signer/encode.h"
#include "tests/unit/check.h"

#define OLD_LEN 200000
#define NEW_MAX 2000000

/* The old stream; what came out; and the records that go in. */
static uint8_t old[OLD_LEN];
static uint8_t new[NEW_MAX];
static size_t new_len;
static struct buf records;
static size_t records_used, step;
static unsigned clones;

/* A record under construction. */
static struct buf streams[DELTA_STREAMS];
static struct delta_record record;
static size_t raw_lens[DELTA_STREAMS]; /* of those that are compressed */
static enum package_codec packed_by = PACKAGE_RAW;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < OLD_LEN; i++)
		old[i] = (uint8_t)(i * 13 + i / 241);
	records = (struct buf)BUF_INIT(1 << 23);
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		streams[i] = (struct buf)BUF_INIT(1 << 22);
	record = (struct delta_record){ 0 };
	step = 7;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&records);
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		buf_done(&streams[i]);
	return 0;
}

static void add_bytes(struct buf *b, const void *bytes, size_t len)
{
	struct err e = { 0 };

	assert_ok(buf_add(b, (struct slice){ bytes, len }, &e));
}

static void add_varint(enum delta_stream which, uint64_t v)
{
	do {
		uint8_t byte = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));

		add_bytes(&streams[which], &byte, 1);
		v >>= 7;
	} while (v > 0);
}

static void add_step(enum delta_stream which, int64_t by)
{
	add_varint(which,
		   by < 0 ? (uint64_t)(-(by + 1)) * 2 + 1 : (uint64_t)by * 2);
}

/* A segment that copies, `move` from the end of the one before. */
static void copy(uint64_t len, int64_t move)
{
	add_varint(DELTA_SEGMENTS, DELTA_COPY);
	add_varint(DELTA_SEGMENTS, len);
	add_step(DELTA_SEGMENTS, move);
	record.new_len += len;
}

/* A patch of len bytes with the whole old stream as home. */
static void patch(uint64_t len, uint64_t covers)
{
	add_varint(DELTA_SEGMENTS, DELTA_PATCH);
	add_varint(DELTA_SEGMENTS, len);
	add_step(DELTA_SEGMENTS, 0);
	add_varint(DELTA_SEGMENTS, OLD_LEN);
	add_varint(DELTA_SEGMENTS, 0);
	add_varint(DELTA_SEGMENTS, covers);
	if (covers > 0)
		add_varint(DELTA_SEGMENTS, 0); /* no regions */
	record.new_len += len;
}

static void cover(uint64_t gap, uint64_t len, int64_t move)
{
	add_varint(DELTA_GAPS, gap);
	add_varint(DELTA_LENGTHS, len);
	add_step(DELTA_OFFSETS, move);
}

static void choose(uint8_t predictor)
{
	add_bytes(&streams[DELTA_CHOICES], &predictor, 1);
}

static void insert(const char *text)
{
	add_bytes(&streams[DELTA_INSERTS], text, strlen(text));
}

static void wrong(uint64_t rights, uint8_t diff)
{
	add_varint(DELTA_RIGHTS, rights);
	add_bytes(&streams[DELTA_DIFFS], &diff, 1);
}

/* Insert text, then take len bytes that are right. */
static void op(const char *text, uint64_t len, int64_t move)
{
	patch(strlen(text) + len, 1);
	cover(strlen(text), len, move);
	for (uint64_t at = strlen(text); at < strlen(text) + len; at++)
		if (at % 4096 == 0 || at == strlen(text))
			choose(0);
	insert(text);
}

static void end_record(void)
{
	uint8_t header[1 + DELTA_HEADER_MAX];

	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		record.raw_len[i] = (uint32_t)streams[i].len;
		record.packed_len[i] = record.raw_len[i];
		if (raw_lens[i] > 0)
			record.raw_len[i] = (uint32_t)raw_lens[i];
		raw_lens[i] = 0;
	}
	header[0] = (uint8_t)delta_format_record(&record, header + 1);
	add_bytes(&records, header, header[0] + (size_t)1);
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		add_bytes(&records, streams[i].ptr, streams[i].len);
		buf_done(&streams[i]);
	}
	record = (struct delta_record){ 0 };
}

/* ---- the world around the decoder ---------------------------------------- */

/* A few bytes at a time, so that no border is where one would like it. */
static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct slice s = slice_sub(buf_slice(&records), records_used,
				   len < step ? len : step);

	(void)ctx;
	(void)e;
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	records_used += s.len;
	*got = s.len;
	return 0;
}

static int old_at(void *ctx, uint64_t offset, void *out, size_t len,
		  struct err *e)
{
	(void)ctx;
	(void)e;
	assert_true(offset <= OLD_LEN && len <= OLD_LEN - offset);
	memcpy(out, old + offset, len);
	return 0;
}

static bool emit_nothing; /* what comes out is too much to look at */

static int emit(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)e;
	if (emit_nothing)
		return 0;
	assert_true(bytes.len <= NEW_MAX - new_len);
	memcpy(new + new_len, bytes.ptr, bytes.len);
	new_len += bytes.len;
	return 0;
}

static int emit_old(void *ctx, uint64_t offset, uint64_t len, struct err *e)
{
	clones++;
	assert_true(offset <= OLD_LEN && len <= OLD_LEN - offset);
	return emit(ctx, (struct slice){ old + offset, (size_t)len }, e);
}

static struct delta_io io = { .more = more, .old_at = old_at, .emit = emit };

static int apply(uint64_t len, struct err *e)
{
	records_used = 0;
	new_len = 0;
	clones = 0;
	return delta_apply(packed_by, OLD_LEN, len, &io, e);
}

static void assert_apply_refused(uint64_t len, enum err_code code)
{
	struct err e = { 0 };

	assert_refused(apply(len, &e), code);
	assert_true(new_len <= len);
}

static void assert_apply_refused_saying(uint64_t len, enum err_code code,
					const char *words)
{
	struct err e = { 0 };

	assert_refused_saying(apply(len, &e), code, words);
}

/* ---- tests --------------------------------------------------------------- */

static void copies_covers_and_inserts_rebuild_the_new(void **state)
{
	static const size_t steps[] = { 1, 7, 65536 };
	struct err e = { 0 };

	(void)state;
	patch(4 + 1000 + 3 + 4, 2);
	cover(4, 1000, 500);
	cover(0, 3, -1000);
	insert("headtail");
	choose(0);
	choose(0);
	wrong(1000, 1);
	wrong(1, 255);
	end_record();
	copy(100000, 100000);
	end_record();
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		step = steps[i];
		assert_ok(apply(101011, &e));
		assert_int_equal(new_len, 101011);
		assert_memory_equal(new, "head", 4);
		assert_memory_equal(new + 4, old + 500, 1000);
		assert_int_equal(new[1004], (uint8_t)(old[500] + 1));
		assert_int_equal(new[1005], old[501]);
		assert_int_equal(new[1006], (uint8_t)(old[502] - 1));
		assert_memory_equal(new + 1007, "tail", 4);
		assert_memory_equal(new + 1011, old + 100000, 100000);
	}
}

static void a_patch_may_go_on_in_the_next_record(void **state)
{
	struct err e = { 0 };

	(void)state;
	patch(10 + 5000 + 4, 1);
	cover(10, 5000, 7);
	insert("01234");
	record.new_len = 5;
	end_record();
	insert("56789");
	choose(0);
	record.new_len = 5 + 4086;
	end_record();
	choose(0);
	wrong(3, 9);
	insert("tail");
	record.new_len = 5000 - 4086 + 4;
	end_record();
	assert_ok(apply(5014, &e));
	assert_memory_equal(new, "0123456789", 10);
	assert_memory_equal(new + 10, old + 7, 4089);
	assert_int_equal(new[4099], (uint8_t)(old[4096] + 9));
	assert_memory_equal(new + 4100, old + 4097, 910);
	assert_memory_equal(new + 5010, "tail", 4);
}

static void predictors_are_applied_to_covers_of_the_home_file(void **state)
{
	struct err e = { 0 };
	uint32_t want;

	(void)state;
	patch(4096 + 8, 1);
	cover(0, 4096, 0);
	choose(DELTA_CARRY4);
	wrong(4, 5);
	insert("12345678");
	end_record();
	assert_ok(apply(4104, &e));
	/* The first wrong byte is carried on to all numbers behind it. */
	assert_memory_equal(new, old, 4);
	want = le32_get(old + 4000) + 5;
	assert_int_equal(le32_get(new + 4000), want);
}

/*
 * One that begins before the home has none, also for those of its blocks that
 * lie within: the one choice is of the cover behind it.
 */
static void covers_that_leave_the_home_have_no_predictors(void **state)
{
	const uint32_t half = OLD_LEN / 2;
	struct err e = { 0 };

	(void)state;
	add_varint(DELTA_SEGMENTS, DELTA_PATCH);
	add_varint(DELTA_SEGMENTS, 3 * 4096);
	add_step(DELTA_SEGMENTS, half);
	add_varint(DELTA_SEGMENTS, half);
	add_varint(DELTA_SEGMENTS, 0);
	add_varint(DELTA_SEGMENTS, 2);
	add_varint(DELTA_SEGMENTS, 0); /* no regions */
	cover(0, 2 * 4096, -4096);
	cover(0, 4096, 0);
	choose(DELTA_CARRY4);
	wrong(2 * 4096 + 4, 5);
	record.new_len = 3 * 4096;
	end_record();
	assert_ok(apply(3 * 4096, &e));
	assert_memory_equal(new, old + half - 4096, 2 * 4096);
	assert_int_equal(le32_get(new + 3 * 4096 - 4),
			 le32_get(old + half + 2 * 4096 - 4) + 5);
}

/* Two blocks, of which the first alone has its predictor told. */
static void predictors_that_are_not_told_are_as_is(void **state)
{
	struct err e = { 0 };

	(void)state;
	patch(8192, 1);
	cover(0, 8192, 0);
	choose(DELTA_CARRY4);
	wrong(4, 5);
	end_record();
	assert_ok(apply(8192, &e));
	assert_memory_not_equal(new + 4092, old + 4092, 4);
	assert_memory_equal(new + 4096, old + 4096, 4096);
}

/* A range of the prefix. */
static void range(int64_t move, uint64_t len)
{
	add_step(DELTA_PREFIX, move);
	add_varint(DELTA_PREFIX, len);
}

/* The inserts, 1000 bytes, compressed behind a prefix. */
static void pack_inserts(enum package_codec codec, struct slice prefix)
{
	const struct encode_how how = { .codec = codec,
					.window_len = DELTA_WINDOW,
					.prefix = prefix,
					.bare = true };
	struct buf packed = BUF_INIT(1 << 20);
	struct err e = { 0 };

	assert_ok(encode_with(&how, (struct slice){ old + 501, 1000 }, &packed,
			      &e));
	buf_done(&streams[DELTA_INSERTS]);
	add_bytes(&streams[DELTA_INSERTS], packed.ptr, packed.len);
	buf_done(&packed);
	raw_lens[DELTA_INSERTS] = 1000;
}

static void inserts_may_refer_to_a_prefix_of_old_bytes(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_LZMA,
						     PACKAGE_ZSTD };
	uint8_t prefix[1200];
	struct err e = { 0 };

	(void)state;
	memcpy(prefix, old + 501, 1100);
	memcpy(prefix + 1100, old + 100, 100);
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		buf_done(&records);
		packed_by = codecs[i];
		patch(1000, 0);
		range(501, 1100);
		range(-1501, 100);
		pack_inserts(packed_by,
			     (struct slice){ prefix, sizeof(prefix) });
		/* It was worth it, and another prefix yields other bytes. */
		assert_true(streams[DELTA_INSERTS].len < 60);
		end_record();
		assert_ok(apply(1000, &e));
		assert_memory_equal(new, old + 501, 1000);
		buf_done(&records);
		patch(1000, 0);
		range(502, 1100);
		range(-1502, 100);
		pack_inserts(packed_by,
			     (struct slice){ prefix, sizeof(prefix) });
		end_record();
		assert_ok(apply(1000, &e));
		assert_memory_not_equal(new, old + 501, 1000);
	}
	packed_by = PACKAGE_RAW;
}

/* A frame must fill exactly what its record says, and be filled by it. */
static void pack(enum delta_stream which, enum package_codec codec)
{
	const struct encode_how how = { .codec = codec,
					.window_len = DELTA_WINDOW,
					.bare = true };
	struct buf packed = BUF_INIT(1 << 20);
	struct err e = { 0 };

	assert_ok(encode_with(&how, buf_slice(&streams[which]), &packed, &e));
	raw_lens[which] = streams[which].len;
	buf_done(&streams[which]);
	add_bytes(&streams[which], packed.ptr, packed.len);
	buf_done(&packed);
}

/* Nothing of one frame may remain when the next one begins. */
static void each_stream_is_a_frame_of_its_own(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_LZMA,
						     PACKAGE_ZSTD };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		buf_done(&records);
		packed_by = codecs[i];
		patch(1900, 1);
		cover(0, 900, 0);
		for (size_t n = 0; n < 900; n++)
			wrong(0, (uint8_t)(1 + n % 3));
		pack(DELTA_RIGHTS, packed_by);
		pack(DELTA_DIFFS, packed_by);
		pack_inserts(packed_by, (struct slice){ 0 });
		end_record();
		assert_ok(apply(1900, &e));
		for (size_t n = 0; n < 900; n++)
			assert_int_equal(new[n], (uint8_t)(old[n] + 1 + n % 3));
		assert_memory_equal(new + 900, old + 501, 1000);
	}
	packed_by = PACKAGE_RAW;
}

/* ---- without records ----------------------------------------------------- */

/* len bytes behind all of the old stream. */
static void put_whole(size_t len)
{
	const struct encode_how how = { .codec = packed_by,
					.window_len = DELTA_WINDOW,
					.prefix = { old, OLD_LEN },
					.bare = true };
	uint8_t *bytes = mem_alloc(len, 1);
	struct err e = { 0 };

	for (size_t i = 0; i < len; i++)
		bytes[i] = old[(i + 501) % (OLD_LEN - 600)];
	buf_done(&records);
	assert_ok(
		encode_with(&how, (struct slice){ bytes, len }, &records, &e));
	free(bytes);
}

static void all_may_come_as_one_stream_behind_the_old(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_LZMA,
						     PACKAGE_ZSTD };
	struct err e = { 0 };

	(void)state;
	io.whole = true;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		packed_by = codecs[i];
		put_whole(150000);
		assert_true(records.len < 200);
		assert_ok(apply(150000, &e));
		assert_memory_equal(new, old + 501, 150000);
		/* Without the prefix it is none of these bytes. */
		for (size_t at = 0; at < OLD_LEN; at++)
			old[at]++;
		assert_ok(apply(150000, &e));
		for (size_t at = 0; at < OLD_LEN; at++)
			old[at]--;
		assert_memory_not_equal(new, old + 501, 150000);
	}
	io.whole = false;
	packed_by = PACKAGE_RAW;
}

static void one_stream_of_another_length_is_refused(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_LZMA,
						     PACKAGE_ZSTD };

	(void)state;
	io.whole = true;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		packed_by = codecs[i];
		put_whole(1000);
		assert_apply_refused(999, ERR_FORMAT);
		assert_apply_refused(1001, ERR_FORMAT);
		records.len--;
		assert_apply_refused(1000, ERR_FORMAT);
		records.len++;
		add_bytes(&records, "", 1);
		assert_apply_refused_saying(1000, ERR_FORMAT, "too long");
	}
	/* Nothing tells where bytes end that are not compressed. */
	packed_by = PACKAGE_RAW;
	buf_done(&records);
	add_bytes(&records, "abc", 3);
	assert_apply_refused(3, ERR_FORMAT);
	io.whole = false;
}

static void one_stream_has_no_more_than_the_window(void **state)
{
	struct err e = { 0 };

	(void)state;
	io.whole = true;
	packed_by = PACKAGE_ZSTD;
	put_whole(DELTA_PREFIX_MAX - OLD_LEN);
	emit_nothing = true;
	assert_ok(apply(DELTA_PREFIX_MAX - OLD_LEN, &e));
	put_whole(DELTA_PREFIX_MAX - OLD_LEN + 1);
	assert_refused_saying(apply(DELTA_PREFIX_MAX - OLD_LEN + 1, &e),
			      ERR_LIMIT, "too long a prefix");
	assert_refused_saying(apply(DELTA_PREFIX_MAX, &e), ERR_LIMIT,
			      "too long a prefix");
	assert_refused_saying(apply(DELTA_PREFIX_MAX + 1, &e), ERR_LIMIT,
			      "too long a prefix");
	emit_nothing = io.whole = false;
	packed_by = PACKAGE_RAW;
}

static void frames_of_another_length_are_refused(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_LZMA,
						     PACKAGE_ZSTD };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		packed_by = codecs[i];
		for (uint64_t len = 999; len <= 1001; len += 2) {
			buf_done(&records);
			patch(len, 0);
			pack_inserts(packed_by, (struct slice){ 0 });
			raw_lens[DELTA_INSERTS] = len;
			end_record();
			assert_apply_refused(len, ERR_FORMAT);
		}
		/* a byte behind the frame, and one too few */
		buf_done(&records);
		patch(1000, 0);
		pack_inserts(packed_by, (struct slice){ 0 });
		insert("x");
		end_record();
		assert_apply_refused(1000, ERR_FORMAT);
		buf_done(&records);
		patch(1000, 0);
		pack_inserts(packed_by, (struct slice){ 0 });
		streams[DELTA_INSERTS].len--;
		end_record();
		op("x", 3, 0); /* so that the input goes on */
		end_record();
		assert_apply_refused(1004, ERR_FORMAT);
	}
	packed_by = PACKAGE_RAW;
}

/* What stands behind a frame, or behind what is inserted, is no record. */
static void no_record_hides_behind_a_frame(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_ZSTD,
						     PACKAGE_RAW };
	struct buf hidden;

	(void)state;
	copy(3, 0);
	end_record();
	hidden = records;
	records = (struct buf)BUF_INIT(1 << 22);
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		buf_done(&records);
		packed_by = codecs[i];
		patch(1000, 0);
		pack_inserts(packed_by, (struct slice){ 0 });
		if (packed_by == PACKAGE_RAW)
			raw_lens[DELTA_INSERTS] = 0; /* all that is there */
		add_bytes(&streams[DELTA_INSERTS], hidden.ptr, hidden.len);
		end_record();
		assert_apply_refused(1003, ERR_FORMAT);
	}
	packed_by = PACKAGE_RAW;
	buf_done(&hidden);
}

static int passing_more(void *ctx, void *out, size_t len, size_t *got,
			struct err *e)
{
	if (records_used >= *(const size_t *)ctx)
		return err_set(e, ERR_NETWORK, "gone");
	return more(NULL, out, len, got, e);
}

/* Without the old stream, what is inserted is passed over: to its end. */
static void passing_over_inserts_ends_with_the_input(void **state)
{
	size_t fails = SIZE_MAX;
	const struct delta_source from = { .ctx = &fails,
					   .more = passing_more,
					   .old_len = OLD_LEN };
	struct rd got[DELTA_INSERTS];
	struct delta_record r;
	struct delta_unpack *u = NULL;
	struct err e = { 0 };

	(void)state;
	op("0123456789", 3, 0);
	end_record();
	for (unsigned i = 0; i < 3; i++) {
		fails = i == 1 ? records.len - 6 : SIZE_MAX;
		records_used = 0;
		assert_ok(delta_unpack_new(PACKAGE_RAW, &from, &u, &e));
		if (i == 0)
			assert_ok(delta_unpack_pass(u, &r, got, &e));
		else
			assert_refused(delta_unpack_pass(u, &r, got, &e),
				       i == 1 ? ERR_NETWORK : ERR_FORMAT);
		delta_unpack_free(u);
		records.len -= i; /* one byte is cut off for the last */
	}
}

static void wrong_prefixes_are_refused(void **state)
{
	static const struct {
		int64_t move;
		uint64_t len;
		enum err_code code;
	} wrong_ones[] = {
		{ 0, 0, ERR_FORMAT },          { 0, OLD_LEN + 1, ERR_FORMAT },
		{ OLD_LEN, 1, ERR_FORMAT },    { -1, 1, ERR_FORMAT },
		{ 1, UINT64_MAX, ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong_ones); i++) {
		buf_done(&records);
		patch(1, 0);
		insert("x");
		range(wrong_ones[i].move, wrong_ones[i].len);
		end_record();
		assert_apply_refused(1, wrong_ones[i].code);
	}
	/* Longer than is allowed: the same range again and again. */
	buf_done(&records);
	patch(1, 0);
	insert("x");
	for (unsigned i = 0; i <= DELTA_PREFIX_MAX / OLD_LEN; i++)
		range(i > 0 ? -OLD_LEN : 0, OLD_LEN);
	end_record();
	assert_apply_refused_saying(DELTA_PREFIX_MAX, ERR_LIMIT,
				    "too long a prefix");
	/* One operation each. */
	buf_done(&records);
	patch(1, 0);
	insert("x");
	for (unsigned i = 0; i < DELTA_OPS_FREE + 1; i++)
		range(0, 1);
	end_record();
	assert_apply_refused(1, ERR_LIMIT);
}

static void wrong_patches_are_refused(void **state)
{
	(void)state;
	/* A block and a copy in two records. */
	patch(100, 1);
	cover(0, 100, 0);
	choose(0);
	record.new_len = 50;
	end_record();
	assert_apply_refused_saying(100, ERR_FORMAT, "cuts a block");
	buf_done(&records);
	copy(100, 0);
	record.new_len = 50;
	end_record();
	assert_apply_refused_saying(100, ERR_FORMAT, "cuts a copy");
	/* A predictor that does not exist, and one too many. */
	buf_done(&records);
	patch(100, 1);
	cover(0, 100, 0);
	choose(DELTA_PREDICTORS);
	end_record();
	assert_apply_refused(100, ERR_FORMAT);
	buf_done(&records);
	patch(100, 1);
	cover(0, 100, 0);
	choose(0);
	choose(0);
	end_record();
	assert_apply_refused(100, ERR_FORMAT);
	/* Wrong bytes that are right, and one behind the record's end. */
	buf_done(&records);
	op("", 100, 0);
	wrong(5, 0);
	end_record();
	assert_apply_refused(100, ERR_FORMAT);
	buf_done(&records);
	op("", 100, 0);
	wrong(100, 1);
	end_record();
	assert_apply_refused(100, ERR_FORMAT);
	/* The same without the byte: so many right ones are not there. */
	buf_done(&records);
	op("", 100, 0);
	add_varint(DELTA_RIGHTS, 100);
	end_record();
	assert_apply_refused(100, ERR_FORMAT);
	/* An empty cover, an empty segment. */
	buf_done(&records);
	patch(1, 1);
	cover(1, 0, 0);
	insert("x");
	end_record();
	assert_apply_refused(1, ERR_FORMAT);
	buf_done(&records);
	copy(0, 0);
	copy(1, 0);
	end_record();
	assert_apply_refused(1, ERR_FORMAT);
	/* Covers longer than the segment, a segment longer than all. */
	buf_done(&records);
	patch(10, 1);
	cover(11, 1, 0);
	insert("0123456789");
	end_record();
	assert_apply_refused(10, ERR_LIMIT);
	buf_done(&records);
	patch(10, 1);
	cover(5, 6, 0);
	end_record();
	assert_apply_refused(10, ERR_LIMIT);
	buf_done(&records);
	copy(11, 0);
	record.new_len = 10;
	end_record();
	assert_apply_refused(10, ERR_LIMIT);
}

static void too_many_covers_are_refused(void **state)
{
	(void)state;
	patch(1000, DELTA_COVERS_MAX + 1);
	end_record();
	assert_apply_refused(1000, ERR_LIMIT);
}

static void exact_covers_may_be_cloned(void **state)
{
	struct err e = { 0 };

	(void)state;
	copy(100000, 7);
	end_record();
	op("x", 5, 0);
	end_record();
	io.emit_old = emit_old;
	assert_ok(apply(100006, &e));
	assert_int_equal(clones, 1);
	assert_memory_equal(new, old + 7, 100000);
	assert_memory_equal(new + 100001, old, 5);
	io.emit_old = NULL;
}

static void nothing_is_made_of_nothing(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_ok(apply(0, &e));
	assert_int_equal(new_len, 0);
	assert_apply_refused(1, ERR_FORMAT);
}

static void reading_beside_the_old_is_refused(void **state)
{
	static const struct {
		uint64_t len;
		int64_t move;
	} beside[] = {
		{ OLD_LEN + 1, 0 },   { 1, OLD_LEN },
		{ 2, OLD_LEN - 1 },   { 1, -1 },
		{ 1, OLD_LEN + 1 },   { 1, INT64_MAX },
		{ 1, INT64_MIN + 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		buf_done(&records);
		op("y", beside[i].len, beside[i].move);
		end_record();
		assert_apply_refused(beside[i].len + 1, ERR_FORMAT);
		buf_done(&records);
		copy(beside[i].len, beside[i].move);
		end_record();
		assert_apply_refused(beside[i].len, ERR_FORMAT);
	}
}

static void more_than_was_signed_never_comes_out(void **state)
{
	(void)state;
	op("0123456789", 10, 0);
	end_record();
	assert_apply_refused(19, ERR_LIMIT);
	assert_int_equal(new_len, 0);
	assert_apply_refused(21, ERR_FORMAT);
	buf_done(&records);
	copy(10, 0);
	copy(10, 0);
	end_record();
	assert_apply_refused(19, ERR_LIMIT);
	assert_int_equal(new_len, 0);
	/* A record that yields more or less than its header says. */
	buf_done(&records);
	op("0123456789", 10, 0);
	record.new_len = 15;
	end_record();
	assert_apply_refused(15, ERR_LIMIT);
	buf_done(&records);
	op("0123456789", 10, 0);
	record.new_len = 25;
	end_record();
	assert_apply_refused(25, ERR_FORMAT);
}

static void streams_are_used_up_exactly(void **state)
{
	(void)state;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		buf_done(&records);
		op("0123456789", 10, 0);
		add_bytes(&streams[i], "\1", 1);
		end_record();
		assert_apply_refused(20, ERR_FORMAT);
	}
	/* One byte too few: the next record does not lend it. */
	buf_done(&records);
	patch(10, 0);
	insert("012345678");
	end_record();
	copy(3, 0);
	end_record();
	assert_apply_refused(13, ERR_FORMAT);
	assert_int_equal(new_len, 0);
}

static void numbers_have_one_form(void **state)
{
	static const char *const forms[] = {
		"\x80",
		"\x81\x80",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	};

	static const enum delta_stream with_numbers[] = {
		DELTA_SEGMENTS, DELTA_GAPS,   DELTA_LENGTHS,
		DELTA_OFFSETS,  DELTA_RIGHTS, DELTA_PREFIX
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms) * ARRAY_LEN(with_numbers);
	     i++) {
		const char *const form = forms[i % ARRAY_LEN(forms)];
		struct buf *stream =
			&streams[with_numbers[i / ARRAY_LEN(forms)]];

		buf_done(&records);
		op("", 10, 0);
		buf_done(stream);
		add_bytes(stream, form, strlen(form));
		end_record();
		assert_apply_refused(10, ERR_FORMAT);
		assert_int_equal(new_len, 0);
	}
	/* Behind a right one. */
	buf_done(&records);
	op("", 10, 0);
	wrong(3, 1);
	add_bytes(&streams[DELTA_RIGHTS], forms[0], strlen(forms[0]));
	end_record();
	assert_apply_refused(10, ERR_FORMAT);
	/* "\x80\x00" is a longer way to write zero. */
	buf_done(&records);
	op("", 10, 0);
	buf_done(&streams[DELTA_OFFSETS]);
	add_bytes(&streams[DELTA_OFFSETS], "\x80\0", 2);
	end_record();
	assert_apply_refused(10, ERR_FORMAT);
}

/* Where three covers of ten bytes come from, told as words from the home. */
static void three_words(const int32_t words[3], size_t count)
{
	uint8_t bytes[3 * DELTA_WORD_LEN];

	/* The home begins with the second half of the old. */
	add_varint(DELTA_SEGMENTS, DELTA_PATCH);
	add_varint(DELTA_SEGMENTS, 30);
	add_step(DELTA_SEGMENTS, OLD_LEN / 2);
	add_varint(DELTA_SEGMENTS, OLD_LEN / 2);
	add_varint(DELTA_SEGMENTS, 0);
	add_varint(DELTA_SEGMENTS, 3);
	add_varint(DELTA_SEGMENTS, 0);
	record.new_len = 30;
	record.offset_words = true;
	for (size_t i = 0; i < 3; i++) {
		add_varint(DELTA_GAPS, 0);
		add_varint(DELTA_LENGTHS, 10);
		le32_put(bytes + i * DELTA_WORD_LEN, (uint32_t)words[i]);
	}
	delta_split_words(bytes, count * DELTA_WORD_LEN);
	add_bytes(&streams[DELTA_OFFSETS], bytes, count * DELTA_WORD_LEN);
	end_record();
}

static void offsets_may_be_words(void **state)
{
	static const int32_t words[] = { -(OLD_LEN / 2), 5, OLD_LEN / 2 - 10 };
	static const uint32_t at[] = { 0, OLD_LEN / 2 + 5, OLD_LEN - 10 };
	struct err e = { 0 };

	(void)state;
	three_words(words, 3);
	assert_ok(apply(30, &e));
	for (size_t i = 0; i < 3; i++)
		assert_memory_equal(new + 10 * i, old + at[i], 10);
}

static void words_beside_the_old_are_refused(void **state)
{
	static const int32_t wrong[][3] = {
		{ 0, -(OLD_LEN / 2) - 1, 0 }, { 0, OLD_LEN / 2 - 9, 0 },
		{ 0, OLD_LEN / 2 + 1, 0 },    { 0, INT32_MIN, 0 },
		{ 0, INT32_MAX, 0 },
	};
	static const int32_t right[] = { 0, 0, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		buf_done(&records);
		three_words(wrong[i], 3);
		assert_apply_refused(30, ERR_FORMAT);
	}
	buf_done(&records);
	three_words(right, 2);
	assert_apply_refused(30, ERR_FORMAT);
}

static void time_is_bounded_by_the_length_of_the_new(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DELTA_OPS_FREE + 1000; i++)
		copy(1, -(int64_t)(i > 0));
	end_record();
	assert_apply_refused(DELTA_OPS_FREE + 1000, ERR_LIMIT);
	buf_done(&records);
	patch(DELTA_OPS_FREE + 1000, DELTA_OPS_FREE + 1000);
	for (unsigned i = 0; i < DELTA_OPS_FREE + 1000; i++) {
		cover(0, 1, 0);
		choose(0);
	}
	end_record();
	assert_apply_refused(DELTA_OPS_FREE + 1000, ERR_LIMIT);
	assert_int_equal(new_len, 0);
}

/* Bytes that a predictor looks at beside its block are reads as well. */
static void reads_of_the_old_are_bounded(void **state)
{
	const unsigned covers = 150000;

	(void)state;
	for (unsigned half = 0; half < 2; half++) {
		patch(covers / 2 * 8, covers / 2);
		for (unsigned i = 0; i < covers / 2; i++) {
			cover(7, 1, i > 0 ? -1 : 1000);
			choose(DELTA_POINTERS);
			insert("1234567");
		}
		end_record();
	}
	assert_apply_refused((uint64_t)covers * 8, ERR_LIMIT);
}

/* A copy counts with what was looked at before it. */
static void copies_are_reads_too(void **state)
{
	const unsigned covers = 120000, half = covers / 2;
	const uint64_t reads =
		covers * (1 + (uint64_t)DELTA_BEFORE + DELTA_AFTER);
	const uint64_t len = covers * UINT64_C(8) + OLD_LEN;

	(void)state;
	assert_true(reads < len + len / 2 + DELTA_READS_FREE);
	assert_true(reads + OLD_LEN > len + len / 2 + DELTA_READS_FREE);
	for (unsigned n = 0; n < 2; n++) {
		patch(half * 8, half);
		for (unsigned i = 0; i < half; i++) {
			cover(7, 1, i > 0 ? -1 : 1000);
			choose(DELTA_POINTERS);
			insert("1234567");
		}
		end_record();
	}
	copy(OLD_LEN, 0);
	end_record();
	assert_apply_refused_saying(len, ERR_LIMIT, "reads too much");
	assert_int_equal(new_len, covers * UINT64_C(8));
}

static void every_cut_and_every_extra_byte_is_refused(void **state)
{
	struct err e = { 0 };
	size_t whole;

	(void)state;
	op("head", 10, 500);
	end_record();
	op("x", 5, 0);
	end_record();
	assert_ok(apply(20, &e));
	whole = records.len;
	for (records.len = 0; records.len < whole; records.len++)
		assert_apply_refused(20, ERR_FORMAT);
	assert_ok(apply(20, &e));
	add_bytes(&records, "\0", 1);
	assert_apply_refused(20, ERR_FORMAT);
}

/* So many calls go well; the next one fails, and is the last one. */
static size_t well;

static int fails(struct err *e)
{
	return well-- > 0 ? 0 : err_set(e, ERR_SPACE, "disk is full");
}

static int some_more(void *ctx, void *out, size_t len, size_t *got,
		     struct err *e)
{
	return fails(e) ? -1 : more(ctx, out, len, got, e);
}

static int some_old_at(void *ctx, uint64_t offset, void *out, size_t len,
		       struct err *e)
{
	return fails(e) ? -1 : old_at(ctx, offset, out, len, e);
}

static int some_emit(void *ctx, struct slice bytes, struct err *e)
{
	return fails(e) ? -1 : emit(ctx, bytes, e);
}

static int some_point(void *ctx, const struct package_point *at, struct err *e)
{
	(void)ctx;
	assert_int_equal(at->records, new_len);
	assert_true(at->packed > 0 && at->packed <= records.len);
	return fails(e);
}

static void what_the_disk_says_is_passed_on(void **state)
{
	const struct delta_io usual = io;
	struct err e = { 0 };
	size_t calls = 0;

	(void)state;
	/* Bytes as they are, predicted, inserted and copied; and a prefix. */
	packed_by = PACKAGE_ZSTD;
	step = 100;
	patch(2 * DELTA_BLOCK + 1000, 1);
	cover(0, 2 * DELTA_BLOCK, 0);
	choose(0);
	choose(DELTA_CARRY4);
	range(501, 1000);
	pack_inserts(packed_by, (struct slice){ old + 501, 1000 });
	end_record();
	copy(70000, 7);
	end_record();
	io.more = some_more;
	io.old_at = some_old_at;
	io.emit = some_emit;
	io.point = some_point;
	for (well = 0; apply(2 * DELTA_BLOCK + 71000, &e); well = ++calls) {
		assert_int_equal(e.code, ERR_SPACE);
		assert_true(well == SIZE_MAX);
	}
	assert_true(calls > 10);
	assert_memory_equal(new + 2 * DELTA_BLOCK, old + 501, 1000);
	io = usual;
	packed_by = PACKAGE_RAW;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(copies_covers_and_inserts_rebuild_the_new),
		TEST(a_patch_may_go_on_in_the_next_record),
		TEST(predictors_are_applied_to_covers_of_the_home_file),
		TEST(covers_that_leave_the_home_have_no_predictors),
		TEST(predictors_that_are_not_told_are_as_is),
		TEST(inserts_may_refer_to_a_prefix_of_old_bytes),
		TEST(each_stream_is_a_frame_of_its_own),
		TEST(all_may_come_as_one_stream_behind_the_old),
		TEST(one_stream_of_another_length_is_refused),
		TEST(one_stream_has_no_more_than_the_window),
		TEST(frames_of_another_length_are_refused),
		TEST(no_record_hides_behind_a_frame),
		TEST(passing_over_inserts_ends_with_the_input),
		TEST(wrong_prefixes_are_refused),
		TEST(wrong_patches_are_refused),
		TEST(too_many_covers_are_refused),
		TEST(copies_are_reads_too),
		TEST(exact_covers_may_be_cloned),
		TEST(nothing_is_made_of_nothing),
		TEST(reading_beside_the_old_is_refused),
		TEST(more_than_was_signed_never_comes_out),
		TEST(streams_are_used_up_exactly),
		TEST(numbers_have_one_form),
		TEST(offsets_may_be_words),
		TEST(words_beside_the_old_are_refused),
		TEST(time_is_bounded_by_the_length_of_the_new),
		TEST(reads_of_the_old_are_bounded),
		TEST(every_cut_and_every_extra_byte_is_refused),
		TEST(what_the_disk_says_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
