/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_payload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/delta_members.h"
#include "common/fs.h"
#include "common/le.h"
#include "tests/unit/check.h"

#define RAW_LEN  50000
#define HEAD_LEN 100

/*
 * Old and new stream: a head and one deflate member with the same content,
 * compressed at two levels. The records copy all of it.
 */
static uint8_t raw[RAW_LEN];
static struct buf old, new, payload, out;
static size_t payload_used;
static struct delta_members members;
static struct delta_record record;
static struct err e;

static int keep(void *ctx, struct slice bytes, struct err *err)
{
	return buf_add(ctx, bytes, err);
}

static void put_stream(struct buf *to, uint64_t level,
		       struct delta_member_list *list)
{
	struct delta_member m = { .at = HEAD_LEN,
				  .raw_len = RAW_LEN,
				  .recipe = { MEMBER_DEFLATE,
					      { level, 8, 0, 0 } } };
	const struct member_task t = { .recipe = m.recipe,
				       .pack = true,
				       .raw_len = RAW_LEN,
				       .memory_max = 1u << 20,
				       .ctx = to,
				       .put = keep };
	struct member_stream *s = NULL;
	uint8_t head[HEAD_LEN] = { 0 };
	size_t used;

	assert_ok(buf_add(to, (struct slice){ head, HEAD_LEN }, &e));
	assert_ok(member_start(&t, &s, &e));
	assert_ok(member_add(s, (struct slice){ raw, RAW_LEN }, &used, &e));
	assert_ok(member_end(s, &e));
	member_free(s);
	m.packed_len = to->len - HEAD_LEN;
	delta_member_add(list, &m);
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
	put_varint(&segments, 2 * (old.len - HEAD_LEN));
	record = (struct delta_record){ .new_len = HEAD_LEN + RAW_LEN };
	record.raw_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.packed_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	len = delta_format_record(&record, header);
	assert_ok(buf_add_le(&payload, len, 1, &e));
	assert_ok(buf_add(&payload, (struct slice){ header, len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&segments), &e));
	buf_done(&segments);
}

static void put_payload(void)
{
	struct buf list = BUF_INIT(DELTA_LIST_MAX);
	uint8_t head[DELTA_HEAD_LEN];

	assert_ok(delta_format_members(&members, &list, &e));
	delta_format_head(
		&(struct delta_head){ (uint32_t)list.len, (uint32_t)list.len },
		head);
	assert_ok(buf_add(&payload, (struct slice){ head, sizeof(head) }, &e));
	assert_ok(buf_add(&payload, buf_slice(&list), &e));
	put_record();
	buf_done(&list);
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
	put_stream(&old, 1, &members.old);
	put_stream(&new, 9, &members.fresh);
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
	(void)err;
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
	(void)err;
	assert_true(offset <= old.len && len <= old.len - offset);
	memcpy(to, old.ptr + offset, len);
	return 0;
}

static int emit(void *ctx, struct slice bytes, struct err *err)
{
	(void)ctx;
	return buf_add(&out, bytes, err);
}

static int apply_within(uint64_t scratch_max, uint64_t memory_max)
{
	const struct delta_io io = { NULL, more, old_at, emit, NULL };
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

static void other_lengths_lead_to_the_full_package(void **state)
{
	const uint64_t levels[] = { 1, 6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		payload.len = 0;
		payload_used = 0;
		out.len = 0;
		members.fresh.at[0].recipe.params[DEFLATE_LEVEL] = levels[i];
		members.fresh.at[0].packed_len = new.len - HEAD_LEN;
		put_payload();
		assert_refused(apply_within(1u << 20, 1u << 20), ERR_CONFLICT);
	}
}

static void a_wrong_length_of_an_old_member_is_refused(void **state)
{
	(void)state;
	members.old.at[0].packed_len--;
	put_payload();
	assert_refused(apply_within(1u << 20, 1u << 20), ERR_FORMAT);
	assert_int_equal(out.len, 0);
}

static void no_more_space_or_memory_than_signed_is_taken(void **state)
{
	(void)state;
	put_payload();
	assert_refused(apply_within(RAW_LEN - 1, 1u << 20), ERR_LIMIT);
	payload_used = 0;
	assert_refused(apply_within(0, 1u << 20), ERR_LIMIT);
	payload_used = 0;
	out.len = 0;
	assert_refused(apply_within(1u << 20, 100000), ERR_LIMIT);
}

static void a_list_that_is_cut_off_is_refused(void **state)
{
	const size_t whole = DELTA_HEAD_LEN + 20;

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
		TEST(other_lengths_lead_to_the_full_package),
		TEST(a_wrong_length_of_an_old_member_is_refused),
		TEST(no_more_space_or_memory_than_signed_is_taken),
		TEST(a_list_that_is_cut_off_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
