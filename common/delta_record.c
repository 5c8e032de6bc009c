/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_record.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* ---- numbers ------------------------------------------------------------- */

size_t delta_put_varint(uint64_t value, uint8_t out[DELTA_NUMBER_MAX])
{
	size_t len = 0;

	while (value >= 0x80) {
		out[len++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	out[len++] = (uint8_t)value;
	return len;
}

int delta_get_varint(struct rd *r, uint64_t *out, struct err *e)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < DELTA_NUMBER_MAX; i++) {
		uint64_t byte = rd_u8(r);

		if (r->bad || (i == DELTA_NUMBER_MAX - 1 && byte > 1))
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

/* A number of at most `limit`. */
static int get_limited(struct rd *r, uint64_t limit, uint64_t *out,
		       struct err *e)
{
	uint64_t value;

	if (delta_get_varint(r, &value, e))
		return -1;
	if (value > limit)
		return err_set(e, ERR_LIMIT, "delta holds too large a number");
	*out = value;
	return 0;
}

/* Zigzag: 0, -1, 1, -2, 2... added modulo 2^64. */
static int get_step(struct rd *r, uint64_t from, uint64_t *out, struct err *e)
{
	uint64_t zigzag;

	if (delta_get_varint(r, &zigzag, e))
		return -1;
	*out = from + ((zigzag >> 1) ^ (0 - (zigzag & 1)));
	return 0;
}

static int go_to(uint64_t zigzag, uint64_t from, uint64_t limit, uint64_t *out,
		 struct err *e)
{
	const uint64_t step = zigzag >> 1;

	if ((zigzag & 1) != 0 ? step >= from : step > limit - from)
		return err_set(e, ERR_FORMAT, "delta reads beside the old");
	*out = (zigzag & 1) != 0 ? from - step - 1 : from + step;
	return 0;
}

int delta_get_place(struct rd *r, uint64_t from, uint64_t limit, uint64_t *out,
		    struct err *e)
{
	uint64_t zigzag;

	if (delta_get_varint(r, &zigzag, e))
		return -1;
	return go_to(zigzag, from, limit, out, e);
}

int delta_get_word(struct rd *r, uint64_t home_at, uint64_t limit,
		   uint64_t *out, struct err *e)
{
	const uint32_t word = rd_le32(r);
	const uint64_t sign = word >> 31;

	if (r->bad)
		return err_set(e, ERR_FORMAT, "delta holds a wrong number");
	return go_to((uint64_t)(sign ? ~word : word) << 1 | sign, home_at,
		     limit, out, e);
}

static void transpose(uint8_t *bytes, size_t len, size_t rows)
{
	const size_t columns = len / rows;
	uint8_t *from = mem_alloc(len + 1, 1);

	memcpy(from, bytes, len);
	for (size_t i = 0; i < len; i++)
		bytes[i] = from[i % rows * columns + i / rows];
	free(from);
}

void delta_join_words(uint8_t *bytes, size_t len)
{
	if (len >= DELTA_WORD_LEN)
		transpose(bytes, len, DELTA_WORD_LEN);
}

void delta_split_words(uint8_t *bytes, size_t len)
{
	if (len >= DELTA_WORD_LEN)
		transpose(bytes, len, len / DELTA_WORD_LEN);
}

/* ---- record headers ------------------------------------------------------ */

#define HAS_WORDS (1u << DELTA_STREAMS) /* behind a bit for each stream */
#define HAS_MAX   (2u * HAS_WORDS - 1)

static int check_streams(const struct delta_record *r, struct err *e)
{
	const uint32_t offsets = r->raw_len[DELTA_OFFSETS];
	uint64_t sum = 0;

	for (size_t i = 0; i < DELTA_STREAMS; i++)
		sum += r->raw_len[i];
	if (sum > DELTA_RECORD_MAX)
		return err_set(e, ERR_LIMIT, "delta record is too large");
	if (r->offset_words && (offsets == 0 || offsets % DELTA_WORD_LEN != 0))
		return err_set(e, ERR_FORMAT,
			       "delta record has impossible streams");
	return 0;
}

/* A stream that is there; the lowest bit of its length: it is compressed. */
static int get_stream(struct rd *r, uint32_t *raw, uint32_t *packed,
		      struct err *e)
{
	uint64_t told = 0, raw_len, packed_len;

	if (get_limited(r, 2 * (uint64_t)DELTA_RECORD_MAX + 1, &told, e))
		return -1;
	raw_len = told >> 1;
	packed_len = raw_len;
	if ((told & 1) != 0 && get_limited(r, DELTA_RECORD_MAX, &packed_len, e))
		return -1;
	if (packed_len == 0 || packed_len > raw_len ||
	    ((told & 1) != 0 && packed_len == raw_len))
		return err_set(e, ERR_FORMAT,
			       "delta record has impossible streams");
	*raw = (uint32_t)raw_len;
	*packed = (uint32_t)packed_len;
	return 0;
}

int delta_parse_record(struct slice in, struct delta_record *out, struct err *e)
{
	struct rd r = rd_init(in);
	struct delta_record record = { 0 };
	uint64_t has = 0;

	if (delta_get_varint(&r, &record.new_len, e) ||
	    get_limited(&r, HAS_MAX, &has, e))
		return -1;
	record.offset_words = (has & HAS_WORDS) != 0;
	for (size_t i = 0; i < DELTA_STREAMS; i++)
		if ((has >> i & 1) != 0 && get_stream(&r, &record.raw_len[i],
						      &record.packed_len[i], e))
			return -1;
	if (rd_finish(&r, e))
		return err_in(e, "delta record");
	if (record.new_len == 0)
		return err_set(e, ERR_FORMAT, "delta record yields nothing");
	if (check_streams(&record, e))
		return -1;
	*out = record;
	return 0;
}

size_t delta_format_record(const struct delta_record *r,
			   uint8_t out[DELTA_HEADER_MAX])
{
	uint32_t has = r->offset_words ? HAS_WORDS : 0;
	size_t len = delta_put_varint(r->new_len, out);

	for (size_t i = 0; i < DELTA_STREAMS; i++)
		if (r->raw_len[i] > 0)
			has |= 1u << i;
	len += delta_put_varint(has, out + len);
	for (size_t i = 0; i < DELTA_STREAMS; i++) {
		const bool packed = r->packed_len[i] != r->raw_len[i];

		if (r->raw_len[i] == 0)
			continue;
		len += delta_put_varint(2 * (uint64_t)r->raw_len[i] + packed,
					out + len);
		if (packed)
			len += delta_put_varint(r->packed_len[i], out + len);
	}
	return len;
}

/* ---- segments ------------------------------------------------------------ */

/* A region, told by how it differs from another. */
static int get_region(struct rd *r, const struct delta_region *from,
		      struct delta_region *out, struct err *e)
{
	uint64_t at, len, address;

	if (get_step(r, from->at, &at, e) || get_step(r, from->len, &len, e) ||
	    get_step(r, from->address, &address, e))
		return -1;
	if (at > DELTA_FILE_MAX || len > DELTA_FILE_MAX - at)
		return err_set(e, ERR_FORMAT,
			       "delta has a region beside the file");
	*out = (struct delta_region){ (uint32_t)at, (uint32_t)len, address };
	return 0;
}

static int get_layouts(struct rd *r, struct delta_segment *s, struct err *e)
{
	struct delta_region last = { 0 };
	uint64_t count = 0;

	if (get_limited(r, DELTA_REGIONS_MAX, &count, e))
		return -1;
	s->old.count = (size_t)count;
	s->fresh.count = (size_t)count;
	for (size_t i = 0; i < s->old.count; i++) {
		struct delta_region *old = &s->old.regions[i];

		/* The next is expected right behind the one before. */
		last.at += last.len;
		last.address += last.len;
		last.len = 0;
		if (get_region(r, &last, old, e) ||
		    get_region(r, old, &s->fresh.regions[i], e))
			return -1;
		last = *old;
	}
	if (count == 0)
		return 0;
	if (get_step(r, 0, &s->old_anchor, e) ||
	    get_step(r, s->old_anchor, &s->new_anchor, e))
		return -1;
	return 0;
}

static int get_patch(struct rd *r, uint64_t old_len, struct delta_segment *s,
		     struct err *e)
{
	uint64_t within = 0, cover_count = 0;

	if (delta_get_varint(r, &s->old_len, e) ||
	    get_limited(r, DELTA_FILE_MAX, &within, e) ||
	    get_limited(r, DELTA_COVERS_MAX, &cover_count, e))
		return -1;
	if (s->old_len > DELTA_FILE_MAX || s->old_len > old_len - s->old_at)
		return err_set(e, ERR_FORMAT, "delta reads beside the old");
	s->within = (uint32_t)within;
	s->cover_count = (uint32_t)cover_count;
	if (cover_count == 0)
		return 0;
	if (s->len > DELTA_FILE_MAX - within)
		return err_set(e, ERR_LIMIT, "delta makes too large a file");
	return get_layouts(r, s, e);
}

int delta_get_segment(struct rd *r, uint64_t old_end, uint64_t old_len,
		      struct delta_segment *out, struct err *e)
{
	struct delta_segment s = { .kind = DELTA_COPY };
	uint64_t kind = 0;

	if (get_limited(r, DELTA_PATCH, &kind, e) ||
	    delta_get_varint(r, &s.len, e) ||
	    delta_get_place(r, old_end, old_len, &s.old_at, e))
		return -1;
	if (s.len == 0)
		return err_set(e, ERR_FORMAT, "delta has an empty segment");
	if (kind == DELTA_PATCH) {
		s.kind = DELTA_PATCH;
		if (get_patch(r, old_len, &s, e))
			return -1;
	} else {
		s.old_len = s.len;
		if (s.len > old_len - s.old_at)
			return err_set(e, ERR_FORMAT,
				       "delta reads beside the old");
	}
	*out = s;
	return 0;
}
