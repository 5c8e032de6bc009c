/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_payload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/delta_members.h"
#include "common/fs.h"
#include "common/le.h"
#include "signer/encode.h"
#include "tests/unit/box.h"

#define RAW_LEN  50000
#define HEAD_LEN 100
#define TAIL_LEN 200

/*
 * Old and new stream: a head and one member, compressed at two levels.
 * The new member holds the same content, but its last TAIL_LEN bytes first.
 * The records copy all of it.
 */
static uint8_t raw[RAW_LEN];
static struct buf old, new, payload, out;
static size_t payload_used;
static struct delta_members members;
static struct delta_record record;
static size_t copy_at;     /* of the old view */
static uint64_t lz4_block; /* compressed so instead, in blocks of that length */
static struct err e;
static struct box box;

static struct member_recipe recipe_of(uint64_t level)
{
	if (lz4_block > 0)
		return (struct member_recipe){ MEMBER_LZ4,
					       { level, lz4_block, 0 } };
	return (struct member_recipe){ MEMBER_DEFLATE, { level, 8, 0, 0 } };
}

static int keep(void *ctx, struct slice bytes, struct err *err)
{
	return buf_add(ctx, bytes, err);
}

/* A head, and the content from `first` on and then what is before it. */
static size_t put_stream(struct buf *to, uint64_t level, size_t first)
{
	static uint8_t room[1 << 20];
	const struct member_task t = {
		.recipe = recipe_of(level),
		.room = room,
		.pack = true,
		.raw_len = RAW_LEN,
		.memory_max = 1u << 20,
		.ctx = to,
		.put = keep,
	};
	struct member_stream *s = NULL;
	uint8_t head[HEAD_LEN] = { 0 };
	size_t used;

	assert_ok(buf_add(to, (struct slice){ head, HEAD_LEN }, &e));
	assert_ok(member_start(&t, &s, &e));
	assert_ok(member_add(s, (struct slice){ raw + first, RAW_LEN - first },
			     &used, &e));
	if (first > 0)
		assert_ok(
			member_add(s, (struct slice){ raw, first }, &used, &e));
	assert_ok(member_end(s, &e));
	member_free(s);
	return to->len - HEAD_LEN;
}

static void put_members(uint64_t level, size_t packed_len)
{
	const struct delta_step steps[] = {
		{ .kind = DELTA_PASS, .len = HEAD_LEN },
		{ .kind = DELTA_KEEP,
		  .len = RAW_LEN - TAIL_LEN,
		  .packed_len = RAW_LEN - TAIL_LEN },
		{ .kind = DELTA_PACK,
		  .len = 2,
		  .packed_len = (uint32_t)packed_len },
		{ .kind = DELTA_PASS, .len = TAIL_LEN },
		{ .kind = DELTA_TAKE, .len = RAW_LEN - TAIL_LEN },
	};
	const struct member_recipe from = recipe_of(1), to = recipe_of(level);

	delta_members_done(&members);
	delta_members_add_part(
		&members,
		&(struct delta_part){ HEAD_LEN, (uint32_t)(old.len - HEAD_LEN),
				      RAW_LEN,
				      delta_members_recipe(&members, &from) });
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct delta_step s = steps[i];

		if (s.kind == DELTA_PACK)
			s.recipe = delta_members_recipe(&members, &to);
		delta_members_add_step(&members, &s);
	}
}

static void put_varint(struct buf *to, uint64_t v)
{
	do {
		assert_ok(buf_add_le(to, (v & 0x7f) | (v > 0x7f ? 0x80 : 0), 1,
				     &e));
		v >>= 7;
	} while (v > 0);
}

/* Two copies: the head, and what stands behind the old stream. */
static void put_record(void)
{
	struct buf segments = BUF_INIT(1000);
	uint8_t header[DELTA_HEADER_MAX];
	size_t len;

	put_varint(&segments, DELTA_COPY);
	put_varint(&segments, HEAD_LEN);
	put_varint(&segments, 0);
	put_varint(&segments, DELTA_COPY);
	put_varint(&segments, RAW_LEN);
	put_varint(&segments, 2 * (copy_at - HEAD_LEN));
	record = (struct delta_record){ .new_len = HEAD_LEN + RAW_LEN };
	record.raw_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.packed_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	len = delta_format_record(&record, header);
	assert_ok(buf_add_le(&payload, len, 1, &e));
	assert_ok(buf_add(&payload, (struct slice){ header, len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&segments), &e));
	buf_done(&segments);
}

/* The same bytes, all of them inserted. */
static void put_inserts(void)
{
	struct buf segments = BUF_INIT(1000);
	uint8_t header[DELTA_HEADER_MAX], bytes[HEAD_LEN] = { 0 };
	size_t len;

	put_varint(&segments, DELTA_PATCH);
	put_varint(&segments, HEAD_LEN + RAW_LEN);
	for (size_t i = 0; i < 4; i++) /* no home, no covers */
		put_varint(&segments, 0);
	record = (struct delta_record){ .new_len = HEAD_LEN + RAW_LEN };
	record.raw_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.packed_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.raw_len[DELTA_INSERTS] = HEAD_LEN + RAW_LEN;
	record.packed_len[DELTA_INSERTS] = HEAD_LEN + RAW_LEN;
	len = delta_format_record(&record, header);
	assert_ok(buf_add_le(&payload, len, 1, &e));
	assert_ok(buf_add(&payload, (struct slice){ header, len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&segments), &e));
	assert_ok(buf_add(&payload, (struct slice){ bytes, HEAD_LEN }, &e));
	assert_ok(buf_add(&payload, (struct slice){ raw, RAW_LEN }, &e));
	buf_done(&segments);
}

static bool inserts; /* instead of copies */

static void put_payload(void)
{
	struct buf list = BUF_INIT(DELTA_LIST_MAX);
	uint8_t head[DELTA_HEAD_MAX];
	size_t len;

	assert_ok(delta_format_members(&members, &list, &e));
	len = delta_format_head(&(struct delta_head){ (uint32_t)list.len,
						      (uint32_t)list.len, false,
						      false },
				head);
	assert_ok(buf_add(&payload, (struct slice){ head, len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&list), &e));
	if (inserts)
		put_inserts();
	else
		put_record();
	buf_done(&list);
}

static size_t well = SIZE_MAX; /* calls, before one fails */

static int fails(struct err *err)
{
	return well-- > 0 ? 0 : err_set(err, ERR_SPACE, "disk is full");
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < RAW_LEN; i++)
		raw[i] = (uint8_t)(((uint64_t)i * i / 977) % 61);
	old = (struct buf)BUF_INIT(1 << 20);
	new = (struct buf)BUF_INIT(1 << 20);
	payload = (struct buf)BUF_INIT(1 << 20);
	out = (struct buf)BUF_INIT(1 << 20);
	payload_used = 0;
	well = SIZE_MAX;
	inserts = false;
	lz4_block = 0;
	put_stream(&old, 1, 0);
	copy_at = old.len;
	put_members(9, put_stream(&new, 9, RAW_LEN - TAIL_LEN));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&old);
	buf_done(&new);
	buf_done(&payload);
	buf_done(&out);
	delta_members_done(&members);
	return 0;
}

static int more(void *ctx, void *to, size_t len, size_t *got, struct err *err)
{
	struct slice s =
		slice_sub(buf_slice(&payload), payload_used, len < 7 ? len : 7);

	(void)ctx;
	if (fails(err))
		return -1;
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	payload_used += s.len;
	*got = s.len;
	return 0;
}

static int old_at(void *ctx, uint64_t offset, void *to, size_t len,
		  struct err *err)
{
	(void)ctx;
	if (fails(err))
		return -1;
	assert_true(offset <= old.len && len <= old.len - offset);
	memcpy(to, old.ptr + offset, len);
	return 0;
}

static int emit(void *ctx, struct slice bytes, struct err *err)
{
	(void)ctx;
	if (fails(err))
		return -1;
	return buf_add(&out, bytes, err);
}

static int apply_within(uint64_t scratch_max, uint64_t memory_max)
{
	const struct delta_io io = { .more = more,
				     .old_at = old_at,
				     .emit = emit };
	struct delta_allowance may = { .scratch_dirfd = -1,
				       .scratch_max = scratch_max,
				       .memory_max = memory_max };
	int rc;

	assert_ok(fs_open_dir(".", &may.scratch_dirfd, &e));
	rc = delta_payload_apply(PACKAGE_RAW, old.len, new.len, &io, &may, &e);
	fs_close(&may.scratch_dirfd);
	assert_true(rc != 0 || may.had_members);
	return rc;
}

static void content_is_compressed_on_its_way(void **state)
{
	(void)state;
	put_payload();
	assert_true(old.len != new.len);
	assert_ok(apply_within(1u << 20, 1u << 20));
	assert_true(slice_equal(buf_slice(&out), buf_slice(&new)));
}

/* LZ4's blocks lie in scratch space, behind what is unpacked and kept there. */
static void whole_blocks_are_compressed_in_scratch_space(void **state)
{
	static const uint64_t blocks[] = { 4096, RAW_LEN, 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		lz4_block = blocks[i];
		old.len = new.len = payload.len = out.len = 0;
		payload_used = 0;
		put_stream(&old, 1, 0);
		copy_at = old.len;
		put_members(9, put_stream(&new, 9, RAW_LEN - TAIL_LEN));
		put_payload();
		assert_ok(apply_within(1u << 20, 1u << 20));
		assert_true(slice_equal(buf_slice(&out), buf_slice(&new)));
	}
}

static void other_lengths_lead_to_the_full_package(void **state)
{
	const uint64_t levels[] = { 1, 6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		payload.len = 0;
		payload_used = 0;
		out.len = 0;
		put_members(levels[i], new.len - HEAD_LEN);
		put_payload();
		assert_refused(apply_within(1u << 20, 1u << 20), ERR_CONFLICT);
		assert_true(out.len <= new.len);
	}
	/* and bytes that do not come at all */
	payload.len = 0;
	payload_used = 0;
	put_members(9, new.len - HEAD_LEN + 5);
	assert_ok(buf_addf(&new, &e, "five."));
	put_payload();
	assert_refused(apply_within(1u << 20, 1u << 20), ERR_CONFLICT);
}

/* It is seen where the member ends, not when all has gone out. */
static void too_few_compressed_bytes_end_it_there(void **state)
{
	const struct member_recipe r = { MEMBER_DEFLATE, { 9, 8, 0, 0 } };
	const struct delta_part part = { HEAD_LEN,
					 (uint32_t)(old.len - HEAD_LEN),
					 RAW_LEN, 1 };
	const struct delta_step steps[] = {
		{ .kind = DELTA_PASS, .len = HEAD_LEN },
		{ .kind = DELTA_PACK,
		  .len = 1,
		  .packed_len = RAW_LEN, /* so many it does not give */
		  .recipe = 1 },
		{ .kind = DELTA_PASS, .len = RAW_LEN - TAIL_LEN },
	};

	(void)state;
	delta_members_done(&members);
	assert_int_equal(delta_members_recipe(&members, &r), 1);
	delta_members_add_part(&members, &part);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		delta_members_add_step(&members, &steps[i]);
	new.len = 0;
	assert_ok(buf_add(&new, (struct slice){ raw, RAW_LEN }, &e));
	assert_ok(buf_add(&new, (struct slice){ raw, HEAD_LEN }, &e));
	assert_ok(buf_add(&new, (struct slice){ raw, TAIL_LEN }, &e));
	for (size_t i = 0; i < 2; i++) {
		payload.len = 0;
		payload_used = 0;
		out.len = 0;
		inserts = i == 1;
		put_payload();
		assert_refused_saying(apply_within(1u << 20, 1u << 20),
				      ERR_CONFLICT, "other bytes here");
		assert_true(out.len < HEAD_LEN + RAW_LEN - TAIL_LEN);
	}
}

/* The list alone: `raw_len` is what its head says, `more` is behind it. */
static int read_list(enum package_codec codec, struct slice packed,
		     uint32_t raw_len, size_t at_end)
{
	const struct delta_source from = { .more = more,
					   .old_at = old_at,
					   .old_len = old.len };
	struct delta_members got = { 0 };
	uint8_t head[DELTA_HEAD_MAX];
	size_t head_len;
	uint64_t len;
	int rc;

	payload.len = 0;
	payload_used = 0;
	head_len = delta_format_head(
		&(struct delta_head){ raw_len, (uint32_t)(packed.len + at_end),
				      false, false },
		head);
	assert_ok(buf_add(&payload, (struct slice){ head, head_len }, &e));
	assert_ok(buf_add(&payload, packed, &e));
	if (at_end > 0)
		assert_ok(buf_add_le(&payload, 0, at_end, &e));
	rc = delta_read_members(codec, &from, new.len + 1000, &got, &len, &e);
	if (rc == 0) {
		assert_int_equal(len, payload.len);
		assert_int_equal(got.step_count, members.step_count);
	}
	delta_members_done(&got);
	return rc;
}

static void a_compressed_list_has_its_lengths(void **state)
{
	static const enum package_codec codecs[] = { PACKAGE_LZMA,
						     PACKAGE_ZSTD };
	const struct delta_step pass = { .kind = DELTA_PASS, .len = 1 };
	struct buf list = BUF_INIT(DELTA_LIST_MAX);

	(void)state;
	/* Long enough to be compressed to less. */
	for (unsigned i = 0; i < 200; i++)
		delta_members_add_step(&members, &pass);
	assert_ok(delta_format_members(&members, &list, &e));
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct buf packed = BUF_INIT(DELTA_LIST_MAX);
		const uint32_t len = (uint32_t)list.len;
		const struct encode_how how = { .codec = codecs[i],
						.window_len = DELTA_WINDOW,
						.bare = true };

		assert_ok(encode_with(&how, buf_slice(&list), &packed, &e));
		assert_true(packed.len < list.len);
		assert_ok(read_list(codecs[i], buf_slice(&packed), len, 0));
		assert_refused(read_list(codecs[i], buf_slice(&packed), len, 1),
			       ERR_FORMAT);
		assert_refused(
			read_list(codecs[i], buf_slice(&packed), len + 1, 0),
			ERR_FORMAT);
		assert_refused(
			read_list(codecs[i], buf_slice(&packed), len - 1, 0),
			ERR_FORMAT);
		packed.len--;
		assert_refused(read_list(codecs[i], buf_slice(&packed), len, 0),
			       ERR_FORMAT);
		packed.len++;
		packed.ptr[packed.len / 2] ^= 0xff;
		assert_int_equal(
			read_list(codecs[i], buf_slice(&packed), len, 0), -1);
		buf_done(&packed);
	}
	buf_done(&list);
}

static void a_wrong_length_of_an_old_member_is_refused(void **state)
{
	(void)state;
	members.parts[0].packed_len--;
	put_payload();
	assert_refused(apply_within(1u << 20, 1u << 20), ERR_FORMAT);
	assert_int_equal(out.len, 0);
}

static void no_more_space_or_memory_than_signed_is_taken(void **state)
{
	(void)state;
	put_payload();
	assert_refused(apply_within(2 * RAW_LEN - TAIL_LEN - 1, 1u << 20),
		       ERR_LIMIT);
	payload_used = 0;
	assert_refused(apply_within(0, 1u << 20), ERR_LIMIT);
	payload_used = 0;
	out.len = 0;
	assert_refused(apply_within(1u << 20, 100000), ERR_LIMIT);
}

/* Parts of parts, and what is kept packed: the new stream is the old one, the
 * member made of what a part of a part gives. */
static void parts_come_of_parts_and_packed_bytes_are_kept(void **state)
{
	const struct member_recipe r = { MEMBER_DEFLATE, { 9, 8, 0, 0 } };
	const uint32_t packed_len = (uint32_t)(new.len - HEAD_LEN);
	uint8_t number;

	(void)state;
	delta_members_done(&members);
	number = delta_members_recipe(&members, &r);
	/* The whole old stream once more, and the content in that. */
	delta_members_add_part(&members,
			       &(struct delta_part){ 0, (uint32_t) new.len,
						     (uint32_t) new.len, 0 });
	delta_members_add_part(
		&members, &(struct delta_part){ new.len + HEAD_LEN, packed_len,
						RAW_LEN, number });
	delta_members_add_step(
		&members,
		&(struct delta_step){ .kind = DELTA_PASS, .len = HEAD_LEN });
	delta_members_add_step(&members,
			       &(struct delta_step){ .kind = DELTA_KEEP,
						     .len = RAW_LEN,
						     .packed_len = packed_len,
						     .recipe = number });
	delta_members_add_step(
		&members,
		&(struct delta_step){ .kind = DELTA_TAKE, .len = packed_len });
	old.len = 0;
	assert_ok(buf_add(&old, buf_slice(&new), &e));
	copy_at = 2 * new.len;
	put_payload();
	assert_ok(apply_within(1u << 20, 1u << 20));
	assert_true(slice_equal(buf_slice(&out), buf_slice(&new)));
}

/* The call that fails is the last one, whatever is under way. */
static void what_fails_on_the_way_ends_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		size_t calls = 0;

		payload.len = 0;
		inserts = i == 1;
		put_payload();
		for (well = 0; apply_within(1u << 20, 1u << 20);
		     well = ++calls) {
			assert_int_equal(e.code, ERR_SPACE);
			assert_true(well == SIZE_MAX);
			payload_used = 0;
			out.len = 0;
		}
		assert_true(calls > 10);
		assert_true(slice_equal(buf_slice(&out), buf_slice(&new)));
		payload_used = 0;
		out.len = 0;
	}
}

static int disk_is_full(void *ctx, const struct package_point *at,
			struct err *err)
{
	(void)ctx;
	assert_int_equal(at->records, HEAD_LEN + RAW_LEN);
	assert_int_equal(at->again, 0);
	assert_true(at->packed < payload.len);
	return err_set(err, ERR_SPACE, "disk is full");
}

/* Where nobody can go on later, because the point was not kept, it ends. Where
 * digests are left out there is none. */
static void a_point_that_cannot_be_kept_ends_it(void **state)
{
	const struct delta_io io = { .more = more,
				     .old_at = old_at,
				     .emit = emit,
				     .point = disk_is_full };
	struct delta_allowance may = { .scratch_max = 1u << 20,
				       .memory_max = 1u << 20 };

	(void)state;
	box_open(&box);
	may.scratch_dirfd = box.dir;
	/* The whole old stream twice, in two records. */
	delta_members_done(&members);
	old.len = HEAD_LEN;
	assert_ok(buf_add(&old, (struct slice){ raw, RAW_LEN }, &e));
	copy_at = HEAD_LEN;
	put_payload();
	put_record();
	assert_refused(delta_payload_apply(PACKAGE_RAW, old.len, 2 * old.len,
					   &io, &may, &e),
		       ERR_SPACE);
	box_close(&box);
	assert_int_equal(out.len, HEAD_LEN + RAW_LEN);
	assert_false(may.blank);
	payload.ptr[0] |= DELTA_HEAD_BLANK;
	payload_used = 0;
	out.len = 0;
	assert_ok(delta_payload_apply(PACKAGE_RAW, old.len, 2 * old.len, &io,
				      &may, &e));
	assert_true(may.blank);
}

static void what_is_yielded_too_little_is_refused(void **state)
{
	const struct delta_step more = { .kind = DELTA_KEEP,
					 .len = 1,
					 .packed_len = 1 };

	(void)state;
	delta_members_add_step(&members, &more);
	put_payload();
	assert_refused(apply_within(1u << 20, 1u << 20), ERR_FORMAT);
}

/* A segment that is inserted, and one that is a copy from `at` on; the order is
 * the caller's. */
static void put_twice(bool copy_first, uint64_t at)
{
	struct buf segments = BUF_INIT(1000);
	uint8_t header[DELTA_HEADER_MAX];
	size_t len;

	for (size_t i = 0; i < 2; i++) {
		const bool copy = (i == 0) == copy_first;

		put_varint(&segments, copy ? DELTA_COPY : DELTA_PATCH);
		put_varint(&segments, RAW_LEN);
		if (copy) {
			put_varint(&segments, 2 * at);
			continue;
		}
		put_varint(&segments, copy_first ? 2 * (at + RAW_LEN) - 1 : 0);
		for (size_t j = 0; j < 3; j++) /* no home, no covers */
			put_varint(&segments, 0);
	}
	record = (struct delta_record){ .new_len = (size_t)2 * RAW_LEN };
	record.raw_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.packed_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.raw_len[DELTA_INSERTS] = RAW_LEN;
	record.packed_len[DELTA_INSERTS] = RAW_LEN;
	len = delta_format_record(&record, header);
	assert_ok(buf_add_le(&payload, len, 1, &e));
	assert_ok(buf_add(&payload, (struct slice){ header, len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&segments), &e));
	assert_ok(buf_add(&payload, (struct slice){ raw, RAW_LEN }, &e));
	buf_done(&segments);
}

/* The first half is kept and goes out, or the second one is. */
static int refer_to_kept(bool copy_first, uint64_t at)
{
	const struct delta_step pass = { .kind = DELTA_PASS, .len = RAW_LEN };
	const struct delta_step keep_it = { .kind = DELTA_KEEP,
					    .len = RAW_LEN,
					    .packed_len = RAW_LEN };
	const struct delta_step take = { .kind = DELTA_TAKE, .len = RAW_LEN };
	struct buf list = BUF_INIT(DELTA_LIST_MAX);
	uint8_t head[DELTA_HEAD_MAX];
	size_t len;

	delta_members_done(&members);
	if (copy_first)
		delta_members_add_step(&members, &pass);
	delta_members_add_step(&members, &keep_it);
	delta_members_add_step(&members, &take);
	new.len = 0;
	for (size_t i = 0; i < 2; i++)
		assert_ok(buf_add(&new, (struct slice){ raw, RAW_LEN }, &e));
	payload.len = 0;
	payload_used = 0;
	out.len = 0;
	assert_ok(delta_format_members(&members, &list, &e));
	len = delta_format_head(&(struct delta_head){ (uint32_t)list.len,
						      (uint32_t)list.len, false,
						      false },
				head);
	assert_ok(buf_add(&payload, (struct slice){ head, len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&list), &e));
	buf_done(&list);
	put_twice(copy_first, at);
	return apply_within(1u << 20, 1u << 20);
}

static void records_refer_to_what_was_kept(void **state)
{
	(void)state;
	assert_ok(refer_to_kept(false, old.len));
	assert_true(slice_equal(buf_slice(&out), buf_slice(&new)));
}

static void what_is_never_kept_is_refused(void **state)
{
	(void)state;
	assert_refused(refer_to_kept(false, old.len + 1), ERR_FORMAT);
	assert_int_equal(out.len, 0);
}

static void what_is_not_kept_yet_is_zeroes(void **state)
{
	(void)state;
	assert_ok(refer_to_kept(true, old.len));
	assert_int_equal(out.len, new.len);
	for (size_t i = 0; i < RAW_LEN; i++)
		assert_int_equal(out.ptr[i], 0);
	assert_memory_equal(out.ptr + RAW_LEN, raw, RAW_LEN);
}

static void a_list_that_is_cut_off_is_refused(void **state)
{
	const size_t whole = 24;

	(void)state;
	put_payload();
	for (payload.len = 0; payload.len < whole; payload.len++) {
		payload_used = 0;
		assert_refused(apply_within(1u << 20, 1u << 20), ERR_FORMAT);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(content_is_compressed_on_its_way),
		TEST(whole_blocks_are_compressed_in_scratch_space),
		TEST(other_lengths_lead_to_the_full_package),
		TEST(too_few_compressed_bytes_end_it_there),
		TEST(a_compressed_list_has_its_lengths),
		TEST(a_wrong_length_of_an_old_member_is_refused),
		TEST(parts_come_of_parts_and_packed_bytes_are_kept),
		TEST(what_fails_on_the_way_ends_it),
		TEST(a_point_that_cannot_be_kept_ends_it),
		TEST(what_is_yielded_too_little_is_refused),
		TEST(no_more_space_or_memory_than_signed_is_taken),
		TEST(a_list_that_is_cut_off_is_refused),
		TEST(records_refer_to_what_was_kept),
		TEST(what_is_never_kept_is_refused),
		TEST(what_is_not_kept_yet_is_zeroes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
