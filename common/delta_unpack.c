/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_unpack.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/compress.h"
#include "common/mem.h"

#define BUFFER_LEN 65536

struct delta_unpack {
	struct delta_source from;
	struct decompressor *decompressor;
	uint8_t *raw; /* the record's streams, decoded, one after another */
	size_t raw_cap;
	struct buf prefix;
	size_t in_len, in_used;
	uint8_t in[BUFFER_LEN];
};

int delta_unpack_new(enum package_codec codec, const struct delta_source *from,
		     struct delta_unpack **out, struct err *e)
{
	struct delta_unpack *u = mem_alloc(1, sizeof(*u));

	u->from = *from;
	u->prefix = (struct buf)BUF_INIT(DELTA_PREFIX_MAX);
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
	buf_done(&u->prefix);
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
	uint8_t *to;

	if (len == 0 || len > u->from.old_len - at)
		return err_set(e, ERR_FORMAT, "delta reads beside the old");
	if (len > u->prefix.max - u->prefix.len)
		return err_set(e, ERR_LIMIT, "delta has too long a prefix");
	to = buf_reserve(&u->prefix, (size_t)len, e);
	if (!to || u->from.old_at(u->from.ctx, at, to, (size_t)len, e))
		return -1;
	u->prefix.len += (size_t)len;
	return 0;
}

static int read_prefix(struct delta_unpack *u, struct rd *ranges,
		       size_t inserts_len, struct err *e)
{
	uint64_t at = 0, len = 0;

	u->prefix = (struct buf)BUF_INIT(DELTA_PREFIX_MAX - inserts_len);
	while (ranges->rest.len > 0) {
		if (delta_get_place(ranges, at, u->from.old_len, &at, e) ||
		    delta_get_varint(ranges, &len, e) ||
		    add_range(u, at, len, e))
			return -1;
		at += len;
	}
	return 0;
}

/* ---- streams ------------------------------------------------------------- */

/* One frame of packed_len bytes must yield raw_len bytes, no less, no more. */
static int inflate_frame(struct delta_unpack *u, size_t packed_len,
			 uint8_t *out, size_t raw_len, struct err *e)
{
	struct decompress_step s = { .ended = false };

	if (decompress_reset(u->decompressor, buf_slice(&u->prefix), e))
		return -1;
	while (!s.ended) {
		s.out = out;
		s.out_len = raw_len;
		if (peek(u, packed_len, &s.in, e) ||
		    decompress(u->decompressor, &s, e))
			return -1;
		if (!s.ended && s.used == 0 && s.got == 0)
			return err_set(e, ERR_FORMAT,
				       "delta stream has a wrong length");
		u->in_used += s.used;
		packed_len -= s.used;
		out += s.got;
		raw_len -= s.got;
	}
	if (packed_len > 0 || raw_len > 0)
		return err_set(e, ERR_FORMAT,
			       "delta stream has a wrong length");
	return 0;
}

/* Pass over a packed stream. */
static int skip(struct delta_unpack *u, size_t len, uint8_t *out,
		size_t out_len, struct err *e)
{
	memset(out, 0, out_len);
	while (len > 0) {
		struct slice got;

		if (peek(u, len, &got, e))
			return -1;
		if (got.len == 0)
			return err_set(e, ERR_FORMAT, "delta is cut off");
		u->in_used += got.len;
		len -= got.len;
	}
	return 0;
}

static int read_inserts(struct delta_unpack *u, const struct delta_record *r,
			struct rd *ranges, uint8_t *out, struct err *e)
{
	const size_t len = r->raw_len[DELTA_INSERTS];
	const size_t packed = r->packed_len[DELTA_INSERTS];

	if (!u->from.old_at)
		return skip(u, packed, out, len, e);
	if (read_prefix(u, ranges, len, e))
		return -1;
	return packed == len ? read_exactly(u, out, len, e)
			     : inflate_frame(u, packed, out, len, e);
}

static int read_streams(struct delta_unpack *u, const struct delta_record *r,
			struct rd streams[DELTA_STREAMS], struct err *e)
{
	uint8_t *out = u->raw;

	for (size_t i = 0; i < DELTA_INSERTS; i++) {
		const size_t len = r->raw_len[i], packed = r->packed_len[i];

		streams[i] = rd_init((struct slice){ out, len });
		if (packed == len ? read_exactly(u, out, len, e)
				  : inflate_frame(u, packed, out, len, e))
			return -1;
		out += len;
	}
	streams[DELTA_INSERTS] =
		rd_init((struct slice){ out, r->raw_len[DELTA_INSERTS] });
	if (read_inserts(u, r, &streams[DELTA_PREFIX], out, e))
		return -1;
	buf_done(&u->prefix);
	return 0;
}

int delta_unpack_next(struct delta_unpack *u, struct delta_record *record,
		      struct rd streams[DELTA_STREAMS], struct err *e)
{
	uint8_t header[UINT8_MAX];
	uint8_t len = 0;
	struct delta_record r = { 0 };
	size_t sum = 0;

	if (read_exactly(u, &len, 1, e) || read_exactly(u, header, len, e) ||
	    delta_parse_record((struct slice){ header, len }, &r, e))
		return -1;
	for (size_t i = 0; i < DELTA_STREAMS; i++)
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
