/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: codec, and 3 more if there are no records but all in one stream (1
 * byte), length of the old and of the new stream (2 bytes each), then records.
 * The decoder never reads beside the old stream and
 * emits the whole new one or fails.
 *
 * The mutator knows records: mostly it changes one stream of one record, of
 * numbers a number as such, and makes the header fit, so that what lies behind
 * the checks of lengths is reached.
 */
#include <string.h>

#include "common/buf.h"
#include "common/delta.h"
#include "common/delta_predict.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
			       unsigned seed);
/* The fuzzer's own; there is none where inputs are only replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t len,
					      size_t max);

struct world {
	struct rd records;
	uint64_t old_len, new_len, emitted;
};

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct world *w = ctx;

	(void)e;
	*got = len < w->records.rest.len ? len : w->records.rest.len;
	rd_copy(&w->records, out, *got);
	return 0;
}

static int old_at(void *ctx, uint64_t offset, void *out, size_t len,
		  struct err *e)
{
	struct world *w = ctx;

	(void)e;
	MUST(offset <= w->old_len && len <= w->old_len - offset);
	memset(out, (int)offset, len);
	return 0;
}

static int emit(void *ctx, struct slice bytes, struct err *e)
{
	struct world *w = ctx;

	(void)e;
	MUST(bytes.len > 0 && bytes.len <= w->new_len - w->emitted);
	w->emitted += bytes.len;
	return 0;
}

static int emit_old(void *ctx, uint64_t offset, uint64_t len, struct err *e)
{
	struct world *w = ctx;

	(void)e;
	MUST(offset <= w->old_len && len <= w->old_len - offset);
	MUST(len <= w->new_len - w->emitted);
	w->emitted += len;
	return 0;
}

static void run(unsigned how, struct world w, bool clones)
{
	const enum package_codec codec = how % 3;
	struct delta_io io = { .ctx = &w,
			       .whole = how / 3 % 2 == 1,
			       .more = more,
			       .old_at = old_at,
			       .emit = emit };
	struct err e;

	if (clones)
		io.emit_old = emit_old;
	if (delta_apply(codec, w.old_len, w.new_len, &io, &e) == 0)
		MUST(w.emitted == w.new_len && w.records.rest.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world w = { .records = rd_init((struct slice){ data, len }) };
	const unsigned how = rd_u8(&w.records);

	w.old_len = rd_le16(&w.records);
	w.new_len = rd_le16(&w.records);
	if (w.records.bad)
		return 0;
	run(how, w, false);
	run(how, w, true);
	return 0;
}

/* ---- the mutator --------------------------------------------------------- */

#define HEAD_LEN    5 /* codec and lengths before the records */
#define STREAM_MAX  4096
#define NUMBERS_MAX 256

struct parts {
	struct delta_record record;
	uint8_t streams[DELTA_STREAMS][STREAM_MAX];
	uint8_t before[STREAM_MAX]; /* what stands before the record */
	size_t before_len;
	struct slice rest;
};

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static bool holds_numbers(size_t stream)
{
	return stream != DELTA_CHOICES && stream != DELTA_DIFFS &&
	       stream != DELTA_INSERTS;
}

/* Numbers that stand at some limit, and those around what was there. */
static uint64_t other_number(uint64_t value, uint32_t *state)
{
	static const uint64_t limits[] = {
		0,
		1,
		DELTA_BLOCK,
		DELTA_COVERS_MAX,
		DELTA_RECORD_MAX,
		DELTA_PREFIX_MAX,
		UINT32_MAX,
		UINT64_MAX,
	};
	const uint32_t how = next_random(state);

	switch (how % 4) {
	case 0:
		return limits[next_random(state) % 8];
	case 1:
		return value + how / 4 % 9 - 4;
	case 2:
		return value ^ UINT64_C(1) << how / 4 % 64;
	default:
		return next_random(state) % 65536;
	}
}

/* Change, repeat or remove one of the numbers; 0: that is no list of them. */
static size_t mutate_numbers(uint8_t *bytes, size_t len, uint32_t *state)
{
	struct rd r = rd_init((struct slice){ bytes, len });
	uint64_t numbers[NUMBERS_MAX];
	size_t count = 0, which, out = 0;
	const uint32_t how = next_random(state) % 8;
	struct err e;

	while (r.rest.len > 0 && count < NUMBERS_MAX)
		if (delta_get_varint(&r, &numbers[count++], &e))
			return 0;
	if (count == 0 || r.rest.len > 0)
		return 0;
	which = next_random(state) % count;
	for (size_t i = 0; i < count; i++) {
		if (i == which && how == 0)
			continue;
		if (i == which && how > 1)
			numbers[i] = other_number(numbers[i], state);
		out += delta_put_varint(numbers[i], bytes + out);
		if (i == which && how == 1)
			out += delta_put_varint(numbers[i], bytes + out);
	}
	return out;
}

static size_t mutate_stream(uint8_t *bytes, size_t len, size_t stream,
			    uint32_t *state)
{
	size_t mutated = 0;

	if (holds_numbers(stream) && next_random(state) % 4 != 0 &&
	    len + 2 * DELTA_NUMBER_MAX <= STREAM_MAX)
		mutated = mutate_numbers(bytes, len, state);
	return mutated > 0 ? mutated : LLVMFuzzerMutate(bytes, len, STREAM_MAX);
}

/* One record's header and streams; true only if all of it is there. */
static bool take_record(struct rd *r, struct parts *p)
{
	const uint8_t header_len = rd_u8(r);
	const struct slice header = rd_slice(r, header_len);
	struct err e;

	if (r->bad || delta_parse_record(header, &p->record, &e))
		return false;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		if (p->record.packed_len[i] > STREAM_MAX)
			return false;
		rd_copy(r, p->streams[i], p->record.packed_len[i]);
	}
	return !r->bad;
}

/* Take the input apart at one of its records, by chance the last one. */
static bool take_apart(struct slice in, struct parts *p, uint32_t *state)
{
	struct rd r = rd_init(in);

	(void)rd_slice(&r, HEAD_LEN);
	if (in.len <= HEAD_LEN || in.ptr[0] % 3 != PACKAGE_RAW)
		return false;
	do {
		p->before_len = in.len - r.rest.len;
		if (p->before_len > sizeof(p->before) || !take_record(&r, p))
			return false;
	} while (r.rest.len > 0 && next_random(state) % 2 == 0);
	memcpy(p->before, in.ptr, p->before_len);
	p->rest = r.rest;
	return true;
}

static int put_together(const struct parts *p, struct buf *out, struct err *e)
{
	uint8_t header[1 + DELTA_HEADER_MAX];

	header[0] = (uint8_t)delta_format_record(&p->record, header + 1);
	if (buf_add(out, (struct slice){ p->before, p->before_len }, e) ||
	    buf_add(out, (struct slice){ header, header[0] + (size_t)1 }, e))
		return -1;
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		if (buf_add(out,
			    (struct slice){ p->streams[i],
					    p->record.packed_len[i] },
			    e))
			return -1;
	return buf_add(out, p->rest, e);
}

/* 0: the input has no such record, or there is no room. */
static size_t mutate_record(struct slice in, struct buf *out, uint32_t state)
{
	static struct parts p;
	const size_t which = next_random(&state) % (DELTA_STREAMS + 1);
	struct err e;
	size_t len;

	if (!take_apart(in, &p, &state))
		return 0;
	if (which == DELTA_STREAMS) {
		p.record.new_len = other_number(p.record.new_len, &state);
	} else {
		len = mutate_stream(p.streams[which],
				    p.record.packed_len[which], which, &state);
		p.record.raw_len[which] = (uint32_t)len;
		p.record.packed_len[which] = (uint32_t)len;
	}
	return put_together(&p, out, &e) ? 0 : out->len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
			       unsigned seed)
{
	struct buf out = BUF_INIT(max);
	size_t mutated = 0;

	if (seed % 4 != 0)
		mutated =
			mutate_record((struct slice){ data, len }, &out, seed);
	if (mutated > 0)
		memcpy(data, out.ptr, mutated);
	else
		mutated = LLVMFuzzerMutate(data, len, max);
	buf_done(&out);
	return mutated;
}
