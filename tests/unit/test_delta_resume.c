/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A delta with members that is cut off: what the next run makes from its last
 * point on, with what is on the disk, is what one run would have made.
 */
#include "common/delta_payload.h"

#include <string.h>

#include "tests/unit/box.h"

#define RAW_LEN    60000
#define HEAD_LEN   100
#define RECORD_LEN 777
#define KEPT_LEN   3000

static struct box box;
static uint8_t raw[RAW_LEN];
static struct buf old, payload, out, whole;
static struct delta_members members;
static uint64_t new_len, yielded;
static struct err e;
/* of a run */
static size_t at; /* of the payload */
static size_t well;
static struct package_point last;
static size_t points;

/* Instead of libc's: what a disk has after a cut is tests/crash's to find. */
int fsync(int fd)
{
	return fd >= 0 ? 0 : -1;
}

static const struct member_recipe recipe = { MEMBER_DEFLATE, { 6, 8, 0, 0 } };

static int keep(void *ctx, struct slice bytes, struct err *err)
{
	return buf_add(ctx, bytes, err);
}

static void deflate_to(struct buf *to, struct slice bytes)
{
	const struct member_task t = { .recipe = recipe,
				       .pack = true,
				       .raw_len = bytes.len,
				       .memory_max = 1u << 20,
				       .ctx = to,
				       .put = keep };
	struct member_stream *s = NULL;
	size_t used;

	assert_ok(member_start(&t, &s, &e));
	assert_ok(member_add(s, bytes, &used, &e));
	assert_ok(member_end(s, &e));
	member_free(s);
}

/* ---- what the steps are for, and what comes out of them ------------------ */

static struct buf kept;

static struct slice next_raw(size_t len)
{
	const struct slice s = { raw + yielded, len };

	yielded += len;
	return s;
}

static void add(enum delta_step_kind kind, uint64_t len, uint64_t from,
		size_t packed_len)
{
	const bool packs =
		kind == DELTA_PACK || (kind == DELTA_KEEP && packed_len != len);
	const struct delta_step s = { .kind = kind,
				      .len = len,
				      .at = from,
				      .packed_len = (uint32_t)packed_len,
				      .recipe = packs };

	delta_members_add_step(&members, &s);
}

static void put_pass(struct buf *to, size_t len)
{
	add(DELTA_PASS, len, 0, 0);
	assert_ok(buf_add(to, next_raw(len), &e));
}

static void put_take(struct buf *to, size_t from, size_t len)
{
	add(DELTA_TAKE, len, from, 0);
	assert_ok(buf_add(to, slice_sub(buf_slice(&kept), from, len), &e));
}

static void put_keep(bool packed)
{
	const size_t before = kept.len;

	if (packed)
		deflate_to(&kept, next_raw(KEPT_LEN));
	else
		assert_ok(buf_add(&kept, next_raw(KEPT_LEN), &e));
	add(DELTA_KEEP, KEPT_LEN, 0, kept.len - before);
}

/* Bytes, some of what was kept, bytes; any may be none. */
static void put_pack(size_t before, size_t take, size_t behind)
{
	struct buf content = BUF_INIT(RAW_LEN);
	const size_t out_len = whole.len, step = members.step_count;

	add(DELTA_PACK,
	    (uint64_t)(before > 0) + (uint64_t)(take > 0) +
		    (uint64_t)(behind > 0),
	    0, 1);
	if (before > 0)
		put_pass(&content, before);
	if (take > 0)
		put_take(&content, 0, take);
	if (behind > 0)
		put_pass(&content, behind);
	deflate_to(&whole, buf_slice(&content));
	members.steps[step].packed_len = (uint32_t)(whole.len - out_len);
	buf_done(&content);
}

static void put_steps(void)
{
	put_pass(&whole, HEAD_LEN);
	put_keep(false);
	put_keep(true);
	put_pack(2000, 3000, 2000);
	/* To where a record ends. */
	put_pass(&whole, (size_t)20 * RECORD_LEN - yielded);
	put_take(&whole, KEPT_LEN + 10, 100);
	put_pack(0, 500, 0);
	put_take(&whole, 5, 9);
	put_pass(&whole, RECORD_LEN);
	put_pack(3000, 0, 0);
	put_pack(0, 700, 3000);
	put_take(&whole, 0, kept.len);
	/* Behind the last step all goes out. */
	assert_ok(buf_add(&whole, next_raw(4000), &e));
	new_len = whole.len;
}

/* ---- the payload --------------------------------------------------------- */

static void put_varint(struct buf *to, uint64_t v)
{
	do {
		assert_ok(buf_add_le(to, (v & 0x7f) | (v > 0x7f ? 0x80 : 0), 1,
				     &e));
		v >>= 7;
	} while (v > 0);
}

/* What the old member holds is copied, or the same inserted. */
static void put_record(size_t from, size_t len, bool copy)
{
	struct delta_record record = { .new_len = (uint32_t)len };
	struct buf segments = BUF_INIT(1000);
	uint8_t header[DELTA_HEADER_MAX];
	size_t header_len;

	put_varint(&segments, copy ? DELTA_COPY : DELTA_PATCH);
	put_varint(&segments, len);
	put_varint(&segments, copy ? 2 * (old.len + from) : 0);
	for (size_t i = 0; !copy && i < 3; i++) /* no home, no covers */
		put_varint(&segments, 0);
	record.raw_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.packed_len[DELTA_SEGMENTS] = (uint32_t)segments.len;
	record.raw_len[DELTA_INSERTS] = copy ? 0 : (uint32_t)len;
	record.packed_len[DELTA_INSERTS] = copy ? 0 : (uint32_t)len;
	header_len = delta_format_record(&record, header);
	assert_ok(buf_add_le(&payload, header_len, 1, &e));
	assert_ok(buf_add(&payload, (struct slice){ header, header_len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&segments), &e));
	if (!copy)
		assert_ok(buf_add(&payload, (struct slice){ raw + from, len },
				  &e));
	buf_done(&segments);
}

static void put_payload(void)
{
	struct buf list = BUF_INIT(DELTA_LIST_MAX);
	uint8_t head[DELTA_HEAD_MAX];
	struct delta_head h = { .blank = false };
	size_t len;

	assert_ok(delta_format_members(&members, &list, &e));
	h.raw_len = h.packed_len = (uint32_t)list.len;
	len = delta_format_head(&h, head);
	assert_ok(buf_add(&payload, (struct slice){ head, len }, &e));
	assert_ok(buf_add(&payload, buf_slice(&list), &e));
	buf_done(&list);
	for (size_t from = 0; from < yielded; from += RECORD_LEN)
		put_record(from,
			   yielded - from < RECORD_LEN ? yielded - from
						       : RECORD_LEN,
			   from % 2 == 0);
}

static int setup(void **state)
{
	uint32_t seed = 1;

	(void)state;
	box_open(&box);
	for (size_t i = 0; i < RAW_LEN; i++) {
		seed = seed * 1664525 + 1013904223;
		raw[i] = (uint8_t)(seed >> 29);
	}
	old = payload = out = whole = kept = (struct buf)BUF_INIT(1u << 20);
	yielded = 0;
	assert_ok(buf_add(&old, (struct slice){ raw, HEAD_LEN }, &e));
	deflate_to(&old, (struct slice){ raw, RAW_LEN });
	delta_members_add_part(
		&members,
		&(struct delta_part){
			HEAD_LEN, (uint32_t)(old.len - HEAD_LEN), RAW_LEN,
			delta_members_recipe(&members, &recipe) });
	put_steps();
	put_payload();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&old);
	buf_done(&payload);
	buf_done(&out);
	buf_done(&whole);
	buf_done(&kept);
	delta_members_done(&members);
	box_close(&box);
	return 0;
}

/* ---- a run --------------------------------------------------------------- */

static int more(void *ctx, void *to, size_t len, size_t *got, struct err *err)
{
	const struct slice s =
		slice_sub(buf_slice(&payload), at, len < 20 ? len : 20);

	(void)ctx;
	if (well-- == 0)
		return err_set(err, ERR_SYSTEM, "cut");
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	at += s.len;
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

static int point(void *ctx, const struct package_point *to, struct err *err)
{
	(void)ctx;
	(void)err;
	assert_true(to->packed > last.packed);
	last = *to;
	last.plain = out.len;
	points++;
	return 0;
}

/* From there on, with so many calls until it is cut off. */
static int apply(const struct package_point *from, size_t calls)
{
	const struct delta_io io = { .from = *from,
				     .point = point,
				     .more = more,
				     .old_at = old_at,
				     .emit = emit };
	struct delta_allowance may = { .scratch_dirfd = box.dir,
				       .scratch_max = 1u << 20,
				       .memory_max = 1u << 20 };

	at = from->packed;
	out.len = from->plain;
	well = calls;
	return delta_payload_apply(PACKAGE_RAW, old.len, new_len, &io, &may,
				   &e);
}

static void is_whole(void)
{
	assert_true(slice_equal(buf_slice(&out), buf_slice(&whole)));
}

static void goes_on_wherever_it_was_cut(void **state)
{
	const struct package_point none = { 0 };
	size_t cuts = 0, again = 0;

	(void)state;
	assert_ok(apply(&none, SIZE_MAX));
	is_whole();
	assert_true(points > 20);
	for (size_t calls = 1;; calls++) {
		last = none;
		points = 0;
		if (apply(&none, calls) == 0)
			break;
		again += last.again > 0;
		/* And once more, from wherever that comes to. */
		if (apply(&last, calls / 3 + 1))
			assert_ok(apply(&last, SIZE_MAX));
		is_whole();
		cuts++;
	}
	assert_true(cuts > 200);
	assert_true(again > 20); /* which began in the midst of a record */
}

/* A run that is cut off until it has come a point further each time. */
static void comes_to_its_end_point_by_point(void **state)
{
	struct package_point from = { 0 };
	size_t runs = 0;

	(void)state;
	last = from;
	for (size_t calls = 1;; calls++) {
		points = 0;
		if (apply(&from, calls) == 0)
			break;
		if (points > 0) {
			from = last;
			calls = 0;
			runs++;
		}
	}
	is_whole();
	assert_true(runs > 15);
}

static void what_is_no_point_is_refused(void **state)
{
	const struct package_point none = { 0 };
	struct package_point good, bad[6];

	(void)state;
	last = none;
	for (size_t calls = 1; last.again == 0; calls++) {
		last = none;
		assert_refused(apply(&none, calls), ERR_SYSTEM);
	}
	good = last;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].plain++;
	bad[1].records++;
	bad[2].again--;
	bad[3].again = UINT64_MAX; /* all of it together would be right */
	bad[3].records += good.again + 1;
	bad[4].records = UINT64_MAX;
	/* In the first member. */
	bad[5].plain = HEAD_LEN;
	bad[5].records = HEAD_LEN + 2 * KEPT_LEN;
	bad[5].again = 10;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(apply(&bad[i], SIZE_MAX), ERR_FORMAT);
	assert_ok(apply(&good, SIZE_MAX));
	is_whole();
}

static void without_what_it_takes_nobody_goes_on(void **state)
{
	static const char *const names[] = { DELTA_KEPT_LIST,
					     DELTA_KEPT_SCRATCH };
	const struct package_point none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct package_point good;

		last = none;
		assert_refused(apply(&none, 300), ERR_SYSTEM);
		good = last;
		assert_true(good.packed > 0);
		assert_ok(fs_remove(box.dir, names[i], &e));
		assert_refused(apply(&good, SIZE_MAX), ERR_NOT_FOUND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_on_wherever_it_was_cut,
						setup, teardown),
		cmocka_unit_test_setup_teardown(comes_to_its_end_point_by_point,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_point_is_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_what_it_takes_nobody_goes_on, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
