/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_unpack.h"

#include <stdlib.h>
#include <string.h>

#include "common/compress.h"
#include "common/mem.h"

#define BUFFER_LEN 65536

/* A stream as it is read: what is left of it, packed and not. */
struct frame {
	size_t packed, raw;
	bool stored, ended;
	bool open; /* how long it is its end tells */
};

struct delta_unpack {
	struct delta_source from;
	struct decompressor *decompressor;
	uint8_t *raw; /* the record's streams, decoded, one after another */
	size_t raw_cap;
	struct frame inserts;
	size_t prefix_left; /* bytes that the prefix may still have */
	size_t in_len, in_used;
	uint8_t in[BUFFER_LEN];
	uint8_t old[BUFFER_LEN];
};

int delta_unpack_new(enum package_codec codec, const struct delta_source *from,
		     struct delta_unpack **out, struct err *e)
{
	struct delta_unpack *u = mem_alloc(1, sizeof(*u));

	u->from = *from;
	if (decompress_new(codec, DELTA_WINDOW, &u->decompressor, e)) {
		delta_unpack_free(u);
		return -1;
	}
	*out = u;
	return 0;
}

void delta_unpack_free(struct delta_unpack *u)
{
	if (!u)
		return;
	decompress_free(u->decompressor);
	free(u->raw);
	free(u);
}

static int fill(struct delta_unpack *u, struct err *e)
{
	if (u->in_used < u->in_len)
		return 0;
	u->in_used = 0;
	u->in_len = 0;
	return u->from.more(u->from.ctx, u->in, sizeof(u->in), &u->in_len, e);
}

/* The buffered bytes, at most len; empty only at the end of the input. */
static int peek(struct delta_unpack *u, size_t len, struct slice *out,
		struct err *e)
{
	if (fill(u, e))
		return -1;
	*out = slice_sub((struct slice){ u->in, u->in_len }, u->in_used, len);
	return 0;
}

static int read_exactly(struct delta_unpack *u, uint8_t *out, size_t len,
			struct err *e)
{
	while (len > 0) {
		struct slice got;

		if (peek(u, len, &got, e))
			return -1;
		if (got.len == 0)
			return err_set(e, ERR_FORMAT, "delta is cut off");
		memcpy(out, got.ptr, got.len);
		u->in_used += got.len;
		out += got.len;
		len -= got.len;
	}
	return 0;
}

/* ---- the prefix ---------------------------------------------------------- */

static int add_range(struct delta_unpack *u, uint64_t at, uint64_t len,
		     struct err *e)
{
	if (len == 0 || len > u->from.old_len - at)
		return err_set(e, ERR_FORMAT, "delta reads beside the old");
	if ((*u->from.ranges_left)-- == 0)
		return err_set(e, ERR_LIMIT, "delta has too many operations");
	if (len > u->prefix_left)
		return err_set(e, ERR_LIMIT, "delta has too long a prefix");
	u->prefix_left -= (size_t)len;
	while (len > 0) {
		const size_t some =
			len < sizeof(u->old) ? (size_t)len : sizeof(u->old);

		if (u->from.old_at(u->from.ctx, at, u->old, some, e) ||
		    decompress_prefix(u->decompressor,
				      (struct slice){ u->old, some }, e))
			return -1;
		at += some;
		len -= some;
	}
	return 0;
}

/* Where there are no records it is all of the old stream. */
static int read_prefix(struct delta_unpack *u, struct rd *ranges,
		       size_t inserts_len, struct err *e)
{
	uint64_t at = 0, len = u->from.old_len;
	bool all = u->inserts.open;

	u->prefix_left = inserts_len < DELTA_PREFIX_MAX
				 ? DELTA_PREFIX_MAX - inserts_len
				 : 0;
	while (all || ranges->rest.len > 0) {
		if ((!all &&
		     (delta_get_place(ranges, at, u->from.old_len, &at, e) ||
		      delta_get_varint(ranges, &len, e))) ||
		    add_range(u, at, len, e))
			return -1;
		at += len;
		all = false;
	}
	return 0;
}

/* ---- streams ------------------------------------------------------------- */

static struct frame begin_frame(uint32_t packed, uint32_t raw)
{
	return (struct frame){ packed, raw, packed == raw, false, false };
}

static int wrong_length(struct err *e)
{
	return err_set(e, ERR_FORMAT, "delta stream has a wrong length");
}

/*
 * The next len bytes of a compressed stream, and behind its last one the end of
 * the frame, which must be where it was said.
 */
static int inflate(struct delta_unpack *u, struct frame *f, uint8_t *out,
		   size_t len, struct err *e)
{
	while (len > 0 || (f->raw == 0 && !f->ended)) {
		struct decompress_step s = { .out = out, .out_len = len };

		if (f->ended)
			return wrong_length(e);
		if (peek(u, f->packed, &s.in, e) ||
		    decompress(u->decompressor, &s, e))
			return -1;
		if (!s.ended && s.used == 0 && s.got == 0)
			return wrong_length(e);
		u->in_used += s.used;
		f->packed -= s.used;
		f->raw -= s.got;
		f->ended = s.ended;
		out += s.got;
		len -= s.got;
	}
	return f->ended && f->packed > 0 && !f->open ? wrong_length(e) : 0;
}

static int read_some(struct delta_unpack *u, struct frame *f, uint8_t *out,
		     size_t len, struct err *e)
{
	if (!f->stored)
		return inflate(u, f, out, len, e);
	f->packed -= len;
	f->raw -= len;
	return read_exactly(u, out, len, e);
}

static int begin_inserts(struct delta_unpack *u, struct rd *ranges,
			 struct err *e)
{
	return decompress_reset(u->decompressor, e) ||
			       read_prefix(u, ranges, u->inserts.raw, e) ||
			       decompress_bare(u->decompressor,
					       (uint32_t)u->inserts.raw, e)
		       ? -1
		       : 0;
}

static int read_streams(struct delta_unpack *u, const struct delta_record *r,
			struct rd streams[DELTA_INSERTS], struct err *e)
{
	uint8_t *out = u->raw;

	for (size_t i = 0; i < DELTA_INSERTS; i++) {
		const size_t len = r->raw_len[i];
		struct frame f = begin_frame(r->packed_len[i], r->raw_len[i]);

		streams[i] = rd_init((struct slice){ out, len });
		if (!f.stored &&
		    (decompress_reset(u->decompressor, e) ||
		     decompress_bare(u->decompressor, r->raw_len[i], e)))
			return -1;
		if (read_some(u, &f, out, len, e))
			return -1;
		if (i == DELTA_OFFSETS && r->offset_words)
			delta_join_words(out, len);
		out += len;
	}
	u->inserts = begin_frame(r->packed_len[DELTA_INSERTS],
				 r->raw_len[DELTA_INSERTS]);
	return 0;
}

int delta_unpack_inserts(struct delta_unpack *u, uint8_t *out, size_t len,
			 struct err *e)
{
	if (len > u->inserts.raw)
		return err_set(e, ERR_FORMAT, "delta inserts what it has not");
	return read_some(u, &u->inserts, out, len, e);
}

bool delta_unpack_is_done(const struct delta_unpack *u)
{
	return u->inserts.raw == 0;
}

static int read_record(struct delta_unpack *u, struct delta_record *record,
		       struct rd streams[DELTA_INSERTS], struct err *e)
{
	uint8_t header[UINT8_MAX];
	uint8_t len = 0;
	struct delta_record r = { 0 };
	size_t sum = 0;

	if (read_exactly(u, &len, 1, e) || read_exactly(u, header, len, e) ||
	    delta_parse_record((struct slice){ header, len }, &r, e))
		return -1;
	for (size_t i = 0; i < DELTA_INSERTS; i++)
		sum += r.raw_len[i];
	/* Also for no bytes at all, so that what points to them is valid. */
	if (sum > u->raw_cap || !u->raw) {
		free(u->raw);
		u->raw = mem_alloc(sum + 1, 1);
		u->raw_cap = sum;
	}
	*record = r;
	return read_streams(u, &r, streams, e);
}

int delta_unpack_next(struct delta_unpack *u, struct delta_record *record,
		      struct rd streams[DELTA_INSERTS], struct err *e)
{
	const uint64_t len = u->from.whole;

	if (len > 0) {
		record->new_len = len;
		u->inserts = (struct frame){ .packed = SIZE_MAX,
					     .raw = (size_t)len,
					     .open = true };
	} else if (read_record(u, record, streams, e)) {
		return -1;
	}
	return begin_inserts(u, &streams[DELTA_PREFIX], e);
}

/* Pass over what is left of a packed stream. */
static int skip(struct delta_unpack *u, struct frame *f, struct err *e)
{
	while (f->packed > 0) {
		struct slice got;

		if (peek(u, f->packed, &got, e))
			return -1;
		if (got.len == 0)
			return err_set(e, ERR_FORMAT, "delta is cut off");
		u->in_used += got.len;
		f->packed -= got.len;
	}
	f->raw = 0;
	return 0;
}

int delta_unpack_pass(struct delta_unpack *u, struct delta_record *record,
		      struct rd streams[DELTA_INSERTS], struct err *e)
{
	return read_record(u, record, streams, e) || skip(u, &u->inserts, e)
		       ? -1
		       : 0;
}

size_t delta_unpack_ahead(const struct delta_unpack *u)
{
	return u->in_len - u->in_used;
}

bool delta_unpack_at_end(struct delta_unpack *u, struct err *e)
{
	struct slice rest;

	return peek(u, 1, &rest, e) != 0 || rest.len == 0;
}

int delta_unpack_end(struct delta_unpack *u, struct err *e)
{
	struct slice rest;

	if (peek(u, 1, &rest, e))
		return -1;
	if (rest.len > 0)
		return err_set(e, ERR_FORMAT, "delta is too long");
	return 0;
}
