/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_record.h"

#include <stdlib.h>

#include "common/mem.h"

#define OP_MAX   30   /* three numbers of at most ten bytes */
#define ROOM_MIN 4096 /* a record with less room than this is full */

/* The frame of a stream may be a little larger than the stream. */
#define PACKED_MAX (DELTA_RECORD_MAX + (64u << 10))

struct delta_writer {
	enum package_codec codec;
	struct encoder_sink to;
	struct delta_record record;
	struct buf streams[DELTA_STREAMS];
	struct buf packed[DELTA_STREAMS];
	uint64_t gap;    /* inserted bytes since the last cover */
	uint64_t old_at; /* end of the last cover */
	uint64_t len;    /* bytes written so far */
};

void delta_writer_new(enum package_codec codec, const struct encoder_sink *to,
		      struct delta_writer **out)
{
	struct delta_writer *w = mem_alloc(1, sizeof(*w));

	w->codec = codec;
	w->to = *to;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		w->streams[i] = (struct buf)BUF_INIT(DELTA_RECORD_MAX);
		w->packed[i] = (struct buf)BUF_INIT(PACKED_MAX);
	}
	*out = w;
}

void delta_writer_free(struct delta_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		buf_done(&w->streams[i]);
		buf_done(&w->packed[i]);
	}
	free(w);
}

static int add_varint(struct buf *b, uint64_t value, struct err *e)
{
	while (value >= 0x80) {
		if (buf_add_le(b, value | 0x80, 1, e))
			return -1;
		value >>= 7;
	}
	return buf_add_le(b, value, 1, e);
}

static uint64_t zigzag(uint64_t from, uint64_t to)
{
	return to >= from ? (to - from) << 1 : ((from - to - 1) << 1) | 1;
}

/* ---- records ------------------------------------------------------------- */

/* Bytes that the record under way can still take. */
static size_t room(const struct delta_writer *w)
{
	size_t used = OP_MAX; /* for the operation that a gap may still need */

	for (size_t i = 0; i < DELTA_STREAMS; i++)
		used += w->streams[i].len;
	return used < DELTA_RECORD_MAX ? DELTA_RECORD_MAX - used : 0;
}

static int add_op(struct delta_writer *w, uint64_t len, bool exact,
		  uint64_t old_at, struct err *e)
{
	if (add_varint(&w->streams[DELTA_GAPS], w->gap, e) ||
	    add_varint(&w->streams[DELTA_LENGTHS], len << 1 | exact, e) ||
	    add_varint(&w->streams[DELTA_OFFSETS], zigzag(w->old_at, old_at),
		       e))
		return -1;
	w->gap = 0;
	w->old_at = old_at + len;
	w->record.op_count++;
	return 0;
}

/* Compress a stream, unless that makes it no smaller. */
static int pack_stream(struct delta_writer *w, size_t i, struct err *e)
{
	struct slice raw = buf_slice(&w->streams[i]);

	w->packed[i].len = 0;
	if (raw.len > 0 && w->codec != PACKAGE_RAW &&
	    encode_all(w->codec, raw, DELTA_WINDOW, &w->packed[i], e))
		return -1;
	if (w->packed[i].len == 0 || w->packed[i].len >= raw.len) {
		w->packed[i].len = 0;
		if (buf_add(&w->packed[i], raw, e))
			return -1;
	}
	w->record.raw_len[i] = (uint32_t)raw.len;
	w->record.packed_len[i] = (uint32_t)w->packed[i].len;
	return 0;
}

static int write_out(struct delta_writer *w, struct slice bytes, struct err *e)
{
	w->len += bytes.len;
	return bytes.len > 0 ? w->to.write(w->to.ctx, bytes, e) : 0;
}

static int end_record(struct delta_writer *w, struct err *e)
{
	uint8_t header[DELTA_RECORD_LEN];

	if (w->gap > 0 && add_op(w, 0, false, w->old_at, e))
		return -1;
	if (w->record.op_count == 0)
		return 0;
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		if (pack_stream(w, i, e))
			return -1;
	delta_format_record(&w->record, header);
	if (write_out(w, (struct slice){ header, sizeof(header) }, e))
		return -1;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		if (write_out(w, buf_slice(&w->packed[i]), e))
			return -1;
		w->streams[i].len = 0;
	}
	w->record = (struct delta_record){ 0 };
	w->old_at = 0;
	return 0;
}

/* Room for at least one byte more and its operation; *len is cut to it. */
static int make_room(struct delta_writer *w, size_t *len, struct err *e)
{
	if (room(w) < ROOM_MIN && end_record(w, e))
		return -1;
	if (*len > room(w) - OP_MAX)
		*len = room(w) - OP_MAX;
	return 0;
}

/* ---- operations ---------------------------------------------------------- */

int delta_writer_insert(struct delta_writer *w, struct slice bytes,
			struct err *e)
{
	while (bytes.len > 0) {
		size_t len = bytes.len;

		if (make_room(w, &len, e) ||
		    buf_add(&w->streams[DELTA_INSERTS],
			    slice_sub(bytes, 0, len), e))
			return -1;
		w->gap += len;
		w->record.new_len += len;
		bytes = slice_sub(bytes, len, bytes.len);
	}
	return 0;
}

int delta_writer_copy(struct delta_writer *w, uint64_t old_at, uint64_t len,
		      struct err *e)
{
	size_t none = 0;

	if (len == 0)
		return 0;
	if (make_room(w, &none, e))
		return -1;
	w->record.new_len += len;
	return add_op(w, len, true, old_at, e);
}

int delta_writer_change(struct delta_writer *w, uint64_t old_at,
			struct slice diff, struct err *e)
{
	while (diff.len > 0) {
		size_t len = diff.len;

		if (make_room(w, &len, e) ||
		    buf_add(&w->streams[DELTA_DIFFS], slice_sub(diff, 0, len),
			    e) ||
		    add_op(w, len, false, old_at, e))
			return -1;
		w->record.new_len += len;
		old_at += len;
		diff = slice_sub(diff, len, diff.len);
	}
	return 0;
}

int delta_writer_end(struct delta_writer *w, uint64_t *len, struct err *e)
{
	if (end_record(w, e))
		return -1;
	*len = w->len;
	return 0;
}
