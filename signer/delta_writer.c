/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_writer.h"

#include <stdlib.h>

#include "common/mem.h"

#define COVER_MAX   20   /* of a cover: two numbers are of 32 bits */
#define SEGMENT_MAX 2048 /* of a segment without its covers */
#define ROOM_MIN    (3 * DELTA_BLOCK) /* for the worst block */
#define WORDS_HALF  (UINT64_C(1) << 31)
#define NEAR_STEP   65536 /* a long insert moves on in the old file */
#define PREFIX_LEN  ((size_t)5 << 20)  /* less than readers have room for */
#define PREFIX_REST ((size_t)64 << 10) /* for what else a record inserts */
#define INSERTS_MIN ((size_t)1 << 20)
#define OTHER_MAX   ((size_t)64 << 10) /* another codec is tried: of so much, */
#define OTHER_SHARE 3 /* or if one byte of so many inserted is left */
#define ROOM_PREFIX (2 * DELTA_NUMBER_MAX * DELTA_RANGES_MAX)

/*
 * Records that are compressed together. What is left for prefixes is known
 * again when they are, so the number decides what comes out: it is no setting.
 */
#define QUEUE_MAX 8

struct delta_writer {
	struct delta_writer_setup setup;
	struct delta_packing *queue[QUEUE_MAX];
	size_t queued;
	struct delta_packing *record; /* the one under way */
	uint64_t old_end; /* of the segment before, in this record */
	uint64_t rights;  /* since the last wrong byte, in this record */
	bool no_words;    /* one of its offsets is too far from its home */
	bool apart;       /* it is for one file, or such as resemble it */
	uint64_t len;     /* bytes written so far */
	struct delta_prefix prefix;
	uint64_t prefix_left;
};

void delta_writer_new(const struct delta_writer_setup *setup,
		      struct delta_writer **out)
{
	struct delta_writer *w = mem_alloc(1, sizeof(*w));

	w->setup = *setup;
	w->prefix_left = setup->prefix_max;
	delta_packing_new(&w->record);
	*out = w;
}

static void drop_queue(struct delta_writer *w)
{
	for (size_t i = 0; i < w->queued; i++)
		delta_packing_free(w->queue[i]);
	w->queued = 0;
}

void delta_writer_free(struct delta_writer *w)
{
	if (!w)
		return;
	drop_queue(w);
	delta_packing_free(w->record);
	delta_prefix_done(&w->prefix);
	free(w);
}

/* ---- numbers ------------------------------------------------------------- */

static int add_varint(struct buf *b, uint64_t value, struct err *e)
{
	uint8_t bytes[DELTA_NUMBER_MAX];
	size_t len = delta_put_varint(value, bytes);

	return buf_add(b, (struct slice){ bytes, len }, e);
}

/* Zigzag, modulo 2^64: 0, -1, 1, -2, 2... */
static int add_step(struct buf *b, uint64_t from, uint64_t to, struct err *e)
{
	uint64_t step = to - from;

	return add_varint(b, (step << 1) ^ (0 - (step >> 63)), e);
}

/* ---- streams ------------------------------------------------------------- */

/* Bytes that the record under way can still take. */
static size_t room(const struct delta_writer *w)
{
	size_t used = 0;

	for (size_t i = 0; i < DELTA_STREAMS; i++)
		used += w->record->streams[i].len;
	return DELTA_RECORD_MAX - ROOM_PREFIX - used;
}

/* ---- the prefix of the inserts ------------------------------------------- */

static int read_prefix(struct delta_writer *w, const struct delta_range *ranges,
		       size_t count, struct err *e)
{
	struct buf *to = &w->record->streams[DELTA_PREFIX];
	struct buf *out = &w->record->prefix;
	uint64_t end = 0;

	for (size_t i = 0; i < count; i++) {
		const struct delta_range *r = &ranges[i];
		uint8_t *bytes = buf_reserve(out, (size_t)r->len, e);

		if (!bytes ||
		    w->setup.old_at(w->setup.ctx, r->at, bytes, (size_t)r->len,
				    e) ||
		    add_step(to, end, r->at, e) || add_varint(to, r->len, e))
			return -1;
		out->len += (size_t)r->len;
		end = r->at + r->len;
	}
	w->prefix_left -= out->len;
	return 0;
}

static int add_prefix(struct delta_writer *w, struct err *e)
{
	const uint64_t room =
		PREFIX_LEN - w->record->streams[DELTA_INSERTS].len;
	const uint64_t limit = w->prefix_left < room ? w->prefix_left : room;
	struct delta_range *ranges;
	size_t count;
	int rc;

	if (w->setup.codec == PACKAGE_RAW || w->prefix.count == 0)
		return 0;
	ranges = mem_alloc(DELTA_RANGES_MAX, sizeof(*ranges));
	count = delta_prefix_choose(&w->prefix, limit, ranges);
	rc = read_prefix(w, ranges, count, e);
	free(ranges);
	return rc;
}

/* ---- records ------------------------------------------------------------- */

static int write_out(struct delta_writer *w, struct slice bytes, struct err *e)
{
	w->len += bytes.len;
	return bytes.len > 0 ? w->setup.to.write(w->setup.to.ctx, bytes, e) : 0;
}

static int write_record(struct delta_writer *w, const struct delta_packing *p,
			struct err *e)
{
	uint8_t header[1 + DELTA_HEADER_MAX];

	header[0] = (uint8_t)delta_format_record(&p->record, header + 1);
	if (write_out(w, (struct slice){ header, header[0] + (size_t)1 }, e))
		return -1;
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		if (write_out(w, buf_slice(&p->packed[i]), e))
			return -1;
	/* A prefix that was of no use is not read. */
	if (p->streams[DELTA_PREFIX].len == 0)
		w->prefix_left += p->prefix.len;
	return 0;
}

static int write_queue(struct delta_writer *w,
		       struct delta_packing *const *records, struct err *e)
{
	for (size_t i = 0; i < w->queued; i++)
		if (write_record(w, records[i], e))
			return -1;
	return 0;
}

static int flush(struct delta_writer *w, struct err *e)
{
	struct delta_pack_job job = { w->queue, w->queued, w->setup.codec,
				      w->setup.fast };

	if (delta_pack(w->setup.crew, &job, e) || write_queue(w, w->queue, e))
		return -1;
	drop_queue(w);
	return 0;
}

/* Of what is queued. */
static size_t raw_len(struct delta_packing *const *records, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < DELTA_STREAMS; j++)
			len += records[i]->streams[j].len;
	return len;
}

static size_t packed_len(struct delta_packing *const *records, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += delta_packing_len(records[i]);
	return len;
}

/* Is all that there is in the queue, and little? */
static bool may_be_zstd(const struct delta_writer *w)
{
	return w->setup.any_codec && w->setup.codec == PACKAGE_LZMA &&
	       w->len == 0 && raw_len(w->queue, w->queued) <= DELTA_RECORD_MAX;
}

/* LZMA made little of it, or there is little to try. */
static bool is_zstd_tried(const struct delta_writer *w)
{
	const size_t len = packed_len(w->queue, w->queued);

	return len <= OTHER_MAX ||
	       len > raw_len(w->queue, w->queued) / OTHER_SHARE;
}

/* Packed as asked for; then what zstd makes of it, if that is less. */
static int pack_both(struct delta_writer *w, struct delta_packing **other,
		     size_t count, struct err *e)
{
	struct delta_pack_job job = { w->queue, count, PACKAGE_LZMA, false };
	struct delta_pack_job again = { other, count, PACKAGE_ZSTD, false };

	if (delta_pack(w->setup.crew, &job, e))
		return -1;
	if (!is_zstd_tried(w))
		return write_queue(w, w->queue, e);
	if (delta_pack(w->setup.crew, &again, e))
		return -1;
	if (packed_len(other, count) >= packed_len(w->queue, count))
		return write_queue(w, w->queue, e);
	w->setup.codec = PACKAGE_ZSTD;
	return write_queue(w, other, e);
}

static int flush_last(struct delta_writer *w, struct err *e)
{
	struct delta_packing *other[QUEUE_MAX];
	size_t count = 0;
	int rc = 0;

	if (!may_be_zstd(w))
		return flush(w, e);
	for (; count < w->queued && !rc; count += !rc)
		rc = delta_packing_copy(w->queue[count], &other[count], e);
	if (!rc)
		rc = pack_both(w, other, count, e);
	while (count > 0)
		delta_packing_free(other[--count]);
	drop_queue(w);
	return rc;
}

/* Readers take 0 for the predictors that are missing at the end. */
static void cut_choices(struct delta_writer *w)
{
	struct buf *choices = &w->record->streams[DELTA_CHOICES];

	while (choices->len > 0 &&
	       choices->ptr[choices->len - 1] == DELTA_AS_IS)
		choices->len--;
}

static int end_record(struct delta_writer *w, struct err *e)
{
	if (w->record->record.new_len == 0)
		return 0;
	cut_choices(w);
	if (add_prefix(w, e))
		return -1;
	w->record->spare = room(w);
	if (w->no_words)
		w->record->words.len = 0;
	w->queue[w->queued++] = w->record;
	delta_packing_new(&w->record);
	w->old_end = 0;
	w->rights = 0;
	w->no_words = false;
	return w->queued == QUEUE_MAX ? flush(w, e) : 0;
}

/* Room for `len` bytes in the record under way, or a new record. */
static int make_room(struct delta_writer *w, size_t len, struct err *e)
{
	return room(w) < len ? end_record(w, e) : 0;
}

/* ---- segments ------------------------------------------------------------ */

#define SEGMENT_ROOM ((size_t)DELTA_RECORD_MAX / 4)

/*
 * A record that is nearly full ends before a segment, not within: only there
 * can a device go on that was cut off.
 */
static size_t segment_room(size_t needed)
{
	return needed > SEGMENT_ROOM ? needed : SEGMENT_ROOM;
}

static int begin_segment(struct delta_writer *w, enum delta_kind kind,
			 uint64_t len, uint64_t old_at, struct err *e)
{
	struct buf *to = &w->record->streams[DELTA_SEGMENTS];

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
	w->record->record.new_len += len;
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

/* One that has no word leaves the record without any. */
static int add_word(struct delta_writer *w, uint64_t home_at, uint64_t at,
		    struct err *e)
{
	struct buf *words = &w->record->words;
	const uint64_t step = at - home_at; /* modulo 2^64 */

	if (step + WORDS_HALF >= 2 * WORDS_HALF ||
	    words->len + DELTA_WORD_LEN > words->max)
		w->no_words = true;
	return w->no_words ? 0 : buf_add_le(words, step, DELTA_WORD_LEN, e);
}

static int add_cover(struct delta_writer *w, uint64_t from,
		     const struct delta_cover *c, struct err *e)
{
	return add_varint(&w->record->streams[DELTA_GAPS], c->gap, e) ||
			       add_varint(&w->record->streams[DELTA_LENGTHS],
					  c->len, e) ||
			       add_step(&w->record->streams[DELTA_OFFSETS],
					from, c->old_at, e)
		       ? -1
		       : 0;
}

int delta_writer_patch(struct delta_writer *w, const struct delta_segment *s,
		       const struct delta_cover *covers, struct err *e)
{
	uint64_t from = s->old_at;
	struct buf *to;

	if (make_room(w,
		      segment_room(SEGMENT_MAX +
				   (size_t)s->cover_count * COVER_MAX +
				   ROOM_MIN),
		      e))
		return -1;
	to = &w->record->streams[DELTA_SEGMENTS];
	if (begin_segment(w, DELTA_PATCH, s->len, s->old_at, e) ||
	    add_varint(to, s->old_len, e) || add_varint(to, s->within, e) ||
	    add_varint(to, s->cover_count, e))
		return -1;
	w->old_end = s->old_at + s->old_len;
	if (s->cover_count > 0 && add_layouts(to, s, e))
		return -1;
	for (uint32_t i = 0; i < s->cover_count; i++) {
		if (add_cover(w, from, &covers[i], e) ||
		    add_word(w, s->old_at, covers[i].old_at, e))
			return -1;
		from = covers[i].old_at + covers[i].len;
	}
	return 0;
}

/*
 * What follows an old file is cut sooner, so that there is as much room for a
 * prefix as for inserts; or for all of the file, if that leaves enough.
 */
static size_t inserts_max(const struct delta_near *near)
{
	const uint64_t len = near->to - near->from;

	if (near->from >= near->to)
		return DELTA_RECORD_MAX;
	return len > PREFIX_LEN / 2 && len <= PREFIX_LEN - INSERTS_MIN
		       ? PREFIX_LEN - PREFIX_REST - (size_t)len
		       : PREFIX_LEN / 2;
}

static size_t insert_room(const struct delta_writer *w,
			  const struct delta_near *near)
{
	const size_t len = w->record->streams[DELTA_INSERTS].len;
	const size_t limit = inserts_max(near);
	const size_t most = room(w);

	return len < limit && most > limit - len ? limit - len : most;
}

int delta_writer_insert(struct delta_writer *w, struct slice bytes,
			const struct delta_near *near, struct err *e)
{
	struct delta_near here = *near;

	w->prefix_left += bytes.len;

	while (bytes.len > 0) {
		struct slice part;

		if (make_room(w, ROOM_MIN, e))
			return -1;
		part = slice_sub(bytes, 0, insert_room(w, near));
		part = slice_sub(part, 0, NEAR_STEP);
		if (buf_add(&w->record->streams[DELTA_INSERTS], part, e))
			return -1;
		delta_prefix_add(&w->prefix, &here);
		here.at += part.len < here.to - here.at ? part.len
							: here.to - here.at;
		w->record->record.new_len += part.len;
		bytes = slice_sub(bytes, part.len, bytes.len);
		if (w->record->streams[DELTA_INSERTS].len >=
			    inserts_max(near) &&
		    end_record(w, e))
			return -1;
	}
	return 0;
}

int delta_writer_block(struct delta_writer *w, bool home,
		       enum delta_predictor choice, struct slice diff,
		       struct err *e)
{
	if (make_room(w, ROOM_MIN, e))
		return -1;
	if (home &&
	    buf_add_le(&w->record->streams[DELTA_CHOICES], choice, 1, e))
		return -1;
	for (size_t i = 0; i < diff.len; i++) {
		if (diff.ptr[i] == 0) {
			w->rights++;
			continue;
		}
		if (add_varint(&w->record->streams[DELTA_RIGHTS], w->rights,
			       e) ||
		    buf_add_le(&w->record->streams[DELTA_DIFFS], diff.ptr[i], 1,
			       e))
			return -1;
		w->rights = 0;
	}
	w->record->record.new_len += diff.len;
	return 0;
}

enum package_codec delta_writer_codec(const struct delta_writer *w)
{
	return w->setup.codec;
}

struct slice delta_writer_inserts(const struct delta_writer *w)
{
	return buf_slice(&w->record->streams[DELTA_INSERTS]);
}

int delta_writer_cut(struct delta_writer *w, struct err *e)
{
	w->apart = false;
	return end_record(w, e);
}

void delta_writer_set_apart(struct delta_writer *w)
{
	w->apart = true;
}

bool delta_writer_is_apart(const struct delta_writer *w)
{
	return w->apart;
}

int delta_writer_end(struct delta_writer *w, uint64_t *len, struct err *e)
{
	if (end_record(w, e) || flush_last(w, e))
		return -1;
	*len = w->len;
	return 0;
}
