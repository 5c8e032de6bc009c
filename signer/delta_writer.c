/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_writer.h"

#include <stdlib.h>

#include "common/mem.h"

#define NUMBER_MAX  10   /* bytes of a number */
#define COVER_MAX   20   /* of a cover: two numbers are of 32 bits */
#define SEGMENT_MAX 2048 /* of a segment without its covers */
#define ROOM_MIN    (3 * DELTA_BLOCK) /* for the worst block */

/* The frame of a stream may be a little larger than the stream. */
#define PACKED_MAX (DELTA_RECORD_MAX + (64u << 10))

struct delta_writer {
	enum package_codec codec;
	struct encoder_sink to;
	struct delta_record record;
	struct buf streams[DELTA_STREAMS];
	struct buf packed[DELTA_STREAMS];
	uint64_t old_end; /* of the segment before, in this record */
	uint64_t rights;  /* since the last wrong byte, in this record */
	uint64_t len;     /* bytes written so far */
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

/* ---- numbers ------------------------------------------------------------- */

static int add_varint(struct buf *b, uint64_t value, struct err *e)
{
	while (value >= 0x80) {
		if (buf_add_le(b, value | 0x80, 1, e))
			return -1;
		value >>= 7;
	}
	return buf_add_le(b, value, 1, e);
}

/* Zigzag, modulo 2^64: 0, -1, 1, -2, 2... */
static int add_step(struct buf *b, uint64_t from, uint64_t to, struct err *e)
{
	uint64_t step = to - from;

	return add_varint(b, (step << 1) ^ (0 - (step >> 63)), e);
}

/* ---- records ------------------------------------------------------------- */

/* Bytes that the record under way can still take. */
static size_t room(const struct delta_writer *w)
{
	size_t used = 0;

	for (size_t i = 0; i < DELTA_STREAMS; i++)
		used += w->streams[i].len;
	return DELTA_RECORD_MAX - used;
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

	if (w->record.new_len == 0)
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
	w->old_end = 0;
	w->rights = 0;
	return 0;
}

/* Room for `len` bytes in the record under way, or a new record. */
static int make_room(struct delta_writer *w, size_t len, struct err *e)
{
	return room(w) < len ? end_record(w, e) : 0;
}

/* ---- segments ------------------------------------------------------------ */

static int begin_segment(struct delta_writer *w, enum delta_kind kind,
			 uint64_t len, uint64_t old_at, struct err *e)
{
	struct buf *to = &w->streams[DELTA_SEGMENTS];

	return add_varint(to, kind, e) || add_varint(to, len, e) ||
			       add_step(to, w->old_end, old_at, e)
		       ? -1
		       : 0;
}

int delta_writer_copy(struct delta_writer *w, uint64_t old_at, uint64_t len,
		      struct err *e)
{
	if (len == 0)
		return 0;
	if (make_room(w, ROOM_MIN, e) ||
	    begin_segment(w, DELTA_COPY, len, old_at, e))
		return -1;
	w->old_end = old_at + len;
	w->record.new_len += len;
	return 0;
}

static int add_region(struct buf *to, const struct delta_region *from,
		      const struct delta_region *r, struct err *e)
{
	return add_step(to, from->at, r->at, e) ||
			       add_step(to, from->len, r->len, e) ||
			       add_step(to, from->address, r->address, e)
		       ? -1
		       : 0;
}

static int add_layouts(struct buf *to, const struct delta_segment *s,
		       struct err *e)
{
	struct delta_region last = { 0 };

	if (add_varint(to, s->old.count, e))
		return -1;
	for (size_t i = 0; i < s->old.count; i++) {
		const struct delta_region *old = &s->old.regions[i];

		last.at += last.len;
		last.address += last.len;
		last.len = 0;
		if (add_region(to, &last, old, e) ||
		    add_region(to, old, &s->fresh.regions[i], e))
			return -1;
		last = *old;
	}
	if (s->old.count == 0)
		return 0;
	if (add_step(to, 0, s->old_anchor, e) ||
	    add_step(to, s->old_anchor, s->new_anchor, e))
		return -1;
	return 0;
}

static int add_cover(struct delta_writer *w, uint64_t from,
		     const struct delta_cover *c, struct err *e)
{
	return add_varint(&w->streams[DELTA_GAPS], c->gap, e) ||
			       add_varint(&w->streams[DELTA_LENGTHS], c->len,
					  e) ||
			       add_step(&w->streams[DELTA_OFFSETS], from,
					c->old_at, e)
		       ? -1
		       : 0;
}

int delta_writer_patch(struct delta_writer *w, const struct delta_segment *s,
		       const struct delta_cover *covers, struct err *e)
{
	struct buf *to = &w->streams[DELTA_SEGMENTS];
	uint64_t from = s->old_at;

	if (make_room(w,
		      SEGMENT_MAX + (size_t)s->cover_count * COVER_MAX +
			      ROOM_MIN,
		      e) ||
	    begin_segment(w, DELTA_PATCH, s->len, s->old_at, e) ||
	    add_varint(to, s->old_len, e) || add_varint(to, s->within, e) ||
	    add_varint(to, s->cover_count, e))
		return -1;
	w->old_end = s->old_at + s->old_len;
	if (s->cover_count > 0 && add_layouts(to, s, e))
		return -1;
	for (uint32_t i = 0; i < s->cover_count; i++) {
		if (add_cover(w, from, &covers[i], e))
			return -1;
		from = covers[i].old_at + covers[i].len;
	}
	return 0;
}

int delta_writer_insert(struct delta_writer *w, struct slice bytes,
			struct err *e)
{
	while (bytes.len > 0) {
		struct slice part;

		if (make_room(w, ROOM_MIN, e))
			return -1;
		part = slice_sub(bytes, 0, room(w));
		if (buf_add(&w->streams[DELTA_INSERTS], part, e))
			return -1;
		w->record.new_len += part.len;
		bytes = slice_sub(bytes, part.len, bytes.len);
	}
	return 0;
}

int delta_writer_block(struct delta_writer *w, bool home,
		       enum delta_predictor choice, struct slice diff,
		       struct err *e)
{
	if (make_room(w, ROOM_MIN, e))
		return -1;
	if (home && buf_add_le(&w->streams[DELTA_CHOICES], choice, 1, e))
		return -1;
	for (size_t i = 0; i < diff.len; i++) {
		if (diff.ptr[i] == 0) {
			w->rights++;
			continue;
		}
		if (add_varint(&w->streams[DELTA_RIGHTS], w->rights, e) ||
		    buf_add_le(&w->streams[DELTA_DIFFS], diff.ptr[i], 1, e))
			return -1;
		w->rights = 0;
	}
	w->record.new_len += diff.len;
	return 0;
}

int delta_writer_end(struct delta_writer *w, uint64_t *len, struct err *e)
{
	if (end_record(w, e))
		return -1;
	*len = w->len;
	return 0;
}
