/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta.h"

#include <stdlib.h>
#include <string.h>

#include "common/compress.h"
#include "common/mem.h"

#define BUFFER_LEN 65536
#define VARINT_MAX 10 /* bytes of a 64-bit number, 7 bits in each */

struct decoder {
	const struct delta_io *io;
	uint64_t old_len;
	uint64_t new_left;
	uint64_t ops_left;
	struct decompressor *decompressor;
	struct delta_record record;
	uint8_t *raw; /* the record's streams, decoded, one after another */
	size_t raw_cap;
	struct rd streams[DELTA_STREAMS];
	uint64_t record_left; /* bytes that the record has still to yield */
	uint64_t old_at;      /* end of the last cover */
	size_t in_len, in_used;
	uint8_t in[BUFFER_LEN];
	uint8_t old[BUFFER_LEN];
};

/* ---- record headers ------------------------------------------------------ */

static int check_streams(const struct delta_record *r, struct err *e)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		if (r->packed_len[i] > r->raw_len[i] ||
		    (r->packed_len[i] == 0 && r->raw_len[i] > 0))
			return err_set(e, ERR_FORMAT,
				       "delta record has impossible streams");
		sum += r->raw_len[i];
	}
	if (sum > DELTA_RECORD_MAX)
		return err_set(e, ERR_LIMIT, "delta record is too large");
	return 0;
}

int delta_parse_record(struct slice in, struct delta_record *out, struct err *e)
{
	struct rd r = rd_init(in);
	struct delta_record record;
	uint32_t zero;

	record.new_len = rd_le64(&r);
	record.op_count = rd_le32(&r);
	zero = rd_le32(&r);
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		record.raw_len[i] = rd_le32(&r);
		record.packed_len[i] = rd_le32(&r);
	}
	if (rd_finish(&r, e))
		return err_in(e, "delta record");
	if (zero != 0)
		return err_set(e, ERR_FORMAT, "unknown delta record");
	if (record.new_len == 0 || record.op_count == 0)
		return err_set(e, ERR_FORMAT, "delta record yields nothing");
	if (check_streams(&record, e))
		return -1;
	*out = record;
	return 0;
}

static uint8_t *put_le(uint8_t *p, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(value >> (8 * i));
	return p + len;
}

void delta_format_record(const struct delta_record *r,
			 uint8_t out[DELTA_RECORD_LEN])
{
	uint8_t *p = put_le(out, r->new_len, 8);

	p = put_le(p, r->op_count, 4);
	p = put_le(p, 0, 4);
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		p = put_le(p, r->raw_len[i], 4);
		p = put_le(p, r->packed_len[i], 4);
	}
}

/* ---- input --------------------------------------------------------------- */

static int fill(struct decoder *d, struct err *e)
{
	if (d->in_used < d->in_len)
		return 0;
	d->in_used = 0;
	d->in_len = 0;
	return d->io->more(d->io->ctx, d->in, sizeof(d->in), &d->in_len, e);
}

/* The buffered bytes, at most len; empty only at the end of the input. */
static int peek(struct decoder *d, size_t len, struct slice *out, struct err *e)
{
	if (fill(d, e))
		return -1;
	*out = slice_sub((struct slice){ d->in, d->in_len }, d->in_used, len);
	return 0;
}

static int read_exactly(struct decoder *d, uint8_t *out, size_t len,
			struct err *e)
{
	while (len > 0) {
		struct slice got;

		if (peek(d, len, &got, e))
			return -1;
		if (got.len == 0)
			return err_set(e, ERR_FORMAT, "delta is cut off");
		memcpy(out, got.ptr, got.len);
		d->in_used += got.len;
		out += got.len;
		len -= got.len;
	}
	return 0;
}

/* One frame of packed_len bytes must yield raw_len bytes, no less, no more. */
static int unpack(struct decoder *d, size_t packed_len, uint8_t *out,
		  size_t raw_len, struct err *e)
{
	struct decompress_step s = { .ended = false };

	if (decompress_reset(d->decompressor, e))
		return -1;
	while (!s.ended) {
		s.out = out;
		s.out_len = raw_len;
		if (peek(d, packed_len, &s.in, e) ||
		    decompress(d->decompressor, &s, e))
			return -1;
		if (!s.ended && s.used == 0 && s.got == 0)
			return err_set(e, ERR_FORMAT,
				       "delta stream has a wrong length");
		d->in_used += s.used;
		packed_len -= s.used;
		out += s.got;
		raw_len -= s.got;
	}
	if (packed_len > 0 || raw_len > 0)
		return err_set(e, ERR_FORMAT,
			       "delta stream has a wrong length");
	return 0;
}

static int read_stream(struct decoder *d, size_t index, uint8_t *out,
		       struct err *e)
{
	size_t raw_len = d->record.raw_len[index];
	size_t packed_len = d->record.packed_len[index];

	d->streams[index] = rd_init((struct slice){ out, raw_len });
	if (packed_len == raw_len)
		return read_exactly(d, out, raw_len, e);
	return unpack(d, packed_len, out, raw_len, e);
}

static int read_streams(struct decoder *d, struct err *e)
{
	size_t sum = 0;

	for (size_t i = 0; i < DELTA_STREAMS; i++)
		sum += d->record.raw_len[i];
	/* Also for no bytes at all, so that what points to them is valid. */
	if (sum > d->raw_cap || !d->raw) {
		free(d->raw);
		d->raw = mem_alloc(sum + 1, 1);
		d->raw_cap = sum;
	}
	sum = 0;
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		if (read_stream(d, i, d->raw + sum, e))
			return -1;
		sum += d->record.raw_len[i];
	}
	return 0;
}

/* ---- operations ---------------------------------------------------------- */

/* Seven bits a byte, lowest first; the shortest form only. */
static int read_varint(struct rd *r, uint64_t *out, struct err *e)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_MAX; i++) {
		uint64_t byte = rd_u8(r);

		if (r->bad || (i == VARINT_MAX - 1 && byte > 1))
			break;
		value |= (byte & 0x7f) << (7 * i);
		if (byte >= 0x80)
			continue;
		if (byte == 0 && i > 0)
			break;
		*out = value;
		return 0;
	}
	return err_set(e, ERR_FORMAT, "delta holds a wrong number");
}

static int insert(struct decoder *d, uint64_t len, struct err *e)
{
	struct slice bytes;

	if (len > d->record_left)
		return err_set(e, ERR_LIMIT, "delta yields too much");
	bytes = rd_slice(&d->streams[DELTA_INSERTS], (size_t)len);
	if (bytes.len != len)
		return err_set(e, ERR_FORMAT, "delta inserts what it has not");
	d->record_left -= len;
	return len > 0 ? d->io->emit(d->io->ctx, bytes, e) : 0;
}

static int copy_exact(struct decoder *d, uint64_t offset, uint64_t len,
		      struct err *e)
{
	if (d->io->emit_old)
		return d->io->emit_old(d->io->ctx, offset, len, e);
	while (len > 0) {
		size_t some = len < BUFFER_LEN ? (size_t)len : BUFFER_LEN;

		if (d->io->old_at(d->io->ctx, offset, d->old, some, e) ||
		    d->io->emit(d->io->ctx, (struct slice){ d->old, some }, e))
			return -1;
		offset += some;
		len -= some;
	}
	return 0;
}

static int copy_changed(struct decoder *d, uint64_t offset, uint64_t len,
			struct err *e)
{
	while (len > 0) {
		size_t some = len < BUFFER_LEN ? (size_t)len : BUFFER_LEN;
		struct slice diff = rd_slice(&d->streams[DELTA_DIFFS], some);

		if (diff.len != some)
			return err_set(e, ERR_FORMAT,
				       "delta changes what it has not");
		if (d->io->old_at(d->io->ctx, offset, d->old, some, e))
			return -1;
		for (size_t i = 0; i < some; i++)
			d->old[i] = (uint8_t)(d->old[i] + diff.ptr[i]);
		if (d->io->emit(d->io->ctx, (struct slice){ d->old, some }, e))
			return -1;
		offset += some;
		len -= some;
	}
	return 0;
}

/* Where a cover begins, given as a step from the end of the one before. */
static int locate(struct decoder *d, uint64_t zigzag, uint64_t len,
		  uint64_t *offset, struct err *e)
{
	uint64_t step = zigzag >> 1;
	bool back = (zigzag & 1) != 0;

	/* Zigzag: 0, -1, 1, -2, 2... */
	if (back ? step >= d->old_at : step > d->old_len - d->old_at)
		return err_set(e, ERR_FORMAT, "delta reads beside the old");
	*offset = back ? d->old_at - step - 1 : d->old_at + step;
	if (len > d->old_len - *offset)
		return err_set(e, ERR_FORMAT, "delta reads beside the old");
	return 0;
}

static int cover(struct decoder *d, uint64_t len, bool exact, uint64_t zigzag,
		 struct err *e)
{
	uint64_t offset = 0;

	if (len > d->record_left)
		return err_set(e, ERR_LIMIT, "delta yields too much");
	if (locate(d, zigzag, len, &offset, e))
		return -1;
	d->old_at = offset + len;
	d->record_left -= len;
	return exact ? copy_exact(d, offset, len, e)
		     : copy_changed(d, offset, len, e);
}

static int run_op(struct decoder *d, struct err *e)
{
	uint64_t gap, len, zigzag;

	if (read_varint(&d->streams[DELTA_GAPS], &gap, e) ||
	    read_varint(&d->streams[DELTA_LENGTHS], &len, e) ||
	    read_varint(&d->streams[DELTA_OFFSETS], &zigzag, e))
		return -1;
	if (gap == 0 && len < 2)
		return err_set(e, ERR_FORMAT, "delta does nothing");
	if (insert(d, gap, e))
		return -1;
	return cover(d, len >> 1, (len & 1) != 0, zigzag, e);
}

static int run_record(struct decoder *d, struct err *e)
{
	d->record_left = d->record.new_len;
	d->old_at = 0;
	if (read_streams(d, e))
		return -1;
	for (uint32_t i = 0; i < d->record.op_count; i++)
		if (run_op(d, e))
			return -1;
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		if (rd_finish(&d->streams[i], e))
			return err_in(e, "delta record");
	if (d->record_left > 0)
		return err_set(e, ERR_FORMAT, "delta yields too little");
	return 0;
}

/* ---- the whole delta ----------------------------------------------------- */

static int take_record(struct decoder *d, struct err *e)
{
	uint8_t header[DELTA_RECORD_LEN];

	if (read_exactly(d, header, sizeof(header), e) ||
	    delta_parse_record((struct slice){ header, sizeof(header) },
			       &d->record, e))
		return -1;
	if (d->record.new_len > d->new_left)
		return err_set(e, ERR_LIMIT, "delta yields too much");
	if (d->record.op_count > d->ops_left)
		return err_set(e, ERR_LIMIT, "delta has too many operations");
	d->new_left -= d->record.new_len;
	d->ops_left -= d->record.op_count;
	return run_record(d, e);
}

static int run(struct decoder *d, struct err *e)
{
	struct slice rest;

	while (d->new_left > 0)
		if (take_record(d, e))
			return -1;
	if (peek(d, 1, &rest, e))
		return -1;
	if (rest.len > 0)
		return err_set(e, ERR_FORMAT, "delta is too long");
	return 0;
}

int delta_apply(enum package_codec codec, uint64_t old_len, uint64_t new_len,
		const struct delta_io *io, struct err *e)
{
	struct decoder *d = mem_alloc(1, sizeof(*d));
	int rc;

	d->io = io;
	d->old_len = old_len;
	d->new_left = new_len;
	d->ops_left = DELTA_OPS_FREE + new_len / DELTA_OP_LEN;
	rc = decompress_new(codec, DELTA_WINDOW, &d->decompressor, e);
	if (!rc)
		rc = run(d, e);
	decompress_free(d->decompressor);
	free(d->raw);
	free(d);
	return rc;
}
