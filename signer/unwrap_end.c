/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/unwrap_end.h"

#include <string.h>

#include "common/le.h"

#define XZ_HEADER     12 /* and so long is its footer */
#define XZ_MAGIC      6
#define ZSTD_MAGIC    0xfd2fb528
#define LZ4_MAGIC     0x184d2204
#define LZ4_OLD_MAGIC 0x184c2102
#define LZ4_OLD_BLOCK 8421520 /* bytes, at most, of 8 MiB */
#define ZIP64_LOCATOR 0x07064b50
#define ZIP64_MIN     44   /* bytes that its record says it has */
#define ZIP64_MAX     4096 /* with what it may be extended by */

static void gather(struct unwrap_end *x, size_t need,
		   void (*judge)(struct unwrap_end *x))
{
	x->have = 0;
	x->need = need;
	x->judge = judge;
}

/* What was gathered is the front of more. */
static void gather_on(struct unwrap_end *x, size_t need,
		      void (*judge)(struct unwrap_end *x))
{
	x->need = need;
	x->judge = judge;
}

uint32_t unwrap_end_crc32(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	while (len-- > 0) {
		crc ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^
			      (UINT32_C(0xedb88320) & (0 - (crc & 1)));
	}
	return ~crc;
}

/* ---- xz (.xz format, 2.1) ------------------------------------------------ */

static void judge_xz_next(struct unwrap_end *x);
static void judge_xz_header(struct unwrap_end *x);

/* 2.1.2: CRC32, backward size, the header's flags, "YZ". Every part of a
 * stream is a multiple of four bytes long. */
static void judge_xz_footer(struct unwrap_end *x)
{
	const uint8_t *h = x->head;

	if (h[10] == 'Y' && h[11] == 'Z' && h[8] == 0 && h[9] == x->flags &&
	    unwrap_end_crc32(h + 4, 6) == le32_get(h)) {
		gather(x, XZ_MAGIC, judge_xz_next);
		x->held = true;
		return;
	}
	memmove(x->head, x->head + 4, XZ_HEADER - 4);
	x->have = XZ_HEADER - 4;
}

static void judge_xz_header(struct unwrap_end *x)
{
	x->flags = x->head[7];
	gather(x, XZ_HEADER, judge_xz_footer);
}

static void judge_xz_next(struct unwrap_end *x)
{
	if (memcmp(x->head, "\xfd\x37zXZ\0", XZ_MAGIC) == 0)
		gather_on(x, XZ_HEADER, judge_xz_header);
	else
		x->ended = true;
}

/* ---- frames of zstd and lz4 ---------------------------------------------- */

static void judge_frame(struct unwrap_end *x);

static void end_frame(struct unwrap_end *x, unsigned checksum)
{
	x->skip += checksum;
	gather(x, 4, judge_frame);
	x->held = true;
}

/* RFC 8878, 3.1.1.2 */
static void judge_zstd_block(struct unwrap_end *x)
{
	const uint32_t block = le16_get(x->head) | (uint32_t)x->head[2] << 16;
	const unsigned type = block >> 1 & 3;

	x->blind = type == 3;
	x->skip = type == 1 ? 1 : block >> 3;
	if ((block & 1) != 0)
		end_frame(x, x->flags & 4);
	else
		gather(x, 3, judge_zstd_block);
}

/* RFC 8878, 3.1.1.1: behind the descriptor stand a window, a dictionary's
 * number and how long the content is. */
static void judge_zstd_header(struct unwrap_end *x)
{
	static const uint8_t dictionary[] = { 0, 1, 2, 4 };
	static const uint8_t content[] = { 0, 2, 4, 8 };
	const uint8_t descriptor = x->head[4];
	const bool single = (descriptor & 0x20) != 0;

	x->flags = descriptor;
	x->skip = (uint64_t)!single + dictionary[descriptor & 3] +
		  (descriptor >> 6 == 0 ? single : content[descriptor >> 6]);
	gather(x, 3, judge_zstd_block);
}

/* LZ4 frame format, "Data Blocks": the size 0 says that there is none. */
static void judge_lz4_block(struct unwrap_end *x)
{
	const uint32_t size = le32_get(x->head);

	if (size == 0) {
		end_frame(x, x->flags & 4);
		return;
	}
	x->skip = (uint64_t)(size & INT32_MAX) + (x->flags >> 2 & 4);
	gather(x, 4, judge_lz4_block);
}

/* "Frame Descriptor": two bytes, perhaps a size and a dictionary, a sum. */
static void judge_lz4_header(struct unwrap_end *x)
{
	x->flags = x->head[4];
	x->skip = (uint64_t)(x->flags & 8) + (x->flags << 2 & 4) + 1;
	gather(x, 4, judge_lz4_block);
}

/* "Legacy frame": blocks that follow each other, and no end. */
static void judge_lz4_old_block(struct unwrap_end *x)
{
	const uint32_t size = le32_get(x->head);

	if (size > LZ4_OLD_BLOCK) {
		judge_frame(x);
		return;
	}
	x->skip = size;
	gather(x, 4, judge_lz4_old_block);
	x->held = true;
}

static void judge_lz4_old(struct unwrap_end *x)
{
	gather(x, 4, judge_lz4_old_block);
	x->held = true;
}

static void judge_skippable(struct unwrap_end *x)
{
	x->skip = le32_get(x->head + 4);
	end_frame(x, 0);
}

static void judge_frame(struct unwrap_end *x)
{
	const uint32_t magic = le32_get(x->head);
	const bool zstd = x->kind == UNWRAP_ZSTD;

	if ((magic & ~UINT32_C(15)) == 0x184d2a50)
		gather_on(x, 8, judge_skippable);
	else if (zstd && magic == ZSTD_MAGIC)
		gather_on(x, 5, judge_zstd_header);
	else if (!zstd && magic == LZ4_MAGIC)
		gather_on(x, 6, judge_lz4_header);
	else if (!zstd && magic == LZ4_OLD_MAGIC)
		judge_lz4_old(x);
	else
		x->ended = true;
}

/* ---- 7z ------------------------------------------------------------------ */

static void judge_7z_end(struct unwrap_end *x)
{
	x->ended = true;
}

/* Behind its header stand the packed files, and then the table. */
static void judge_7z(struct unwrap_end *x)
{
	const uint64_t table_at = le64_get(x->head + 12);
	const uint64_t table_len = le64_get(x->head + 20);

	x->skip = table_at + table_len;
	x->blind = x->skip < table_at;
	gather(x, 0, judge_7z_end);
}

/* ---- zip ----------------------------------------------------------------- */

/*
 * 4.3.14 and 4.3.15: the record of a zip64, behind which its locator must
 * stand; else a length that it says would lead over all that follows.
 */
static uint64_t zip64_record(struct slice s)
{
	const uint64_t len = le64_get(s.ptr + 4);
	struct slice locator;

	if (len < ZIP64_MIN || len > ZIP64_MAX)
		return 0;
	locator = slice_sub(s, (size_t)(12 + len), 4);
	return locator.len == 4 && le32_get(locator.ptr) == ZIP64_LOCATOR
		       ? 12 + len
		       : 0;
}

/* APPNOTE.TXT, 4.3.12 to 4.3.16: how long a record of the directory is; the
 * comment behind the last is no part of it. */
uint64_t unwrap_end_directory(struct slice s)
{
	const struct slice h = slice_sub(s, 0, 46);
	const uint32_t magic = h.len >= 22 ? le32_get(h.ptr) : 0;

	if (magic == 0x02014b50 && h.len == 46)
		return UINT64_C(46) + le16_get(h.ptr + 28) +
		       le16_get(h.ptr + 30) + le16_get(h.ptr + 32);
	if (magic == 0x06064b50)
		return zip64_record(s);
	if (magic == ZIP64_LOCATOR)
		return 20;
	if (magic == 0x05054b50)
		return UINT64_C(6) + le16_get(h.ptr + 4);
	return magic == 0x06054b50 ? 22 : 0;
}

/* ---- bytes that pass ----------------------------------------------------- */

void unwrap_end_init(struct unwrap_end *x, enum unwrap_kind kind)
{
	*x = (struct unwrap_end){ .kind = kind };
	if (kind == UNWRAP_XZ)
		gather(x, XZ_HEADER, judge_xz_header);
	else if (kind == UNWRAP_ZSTD || kind == UNWRAP_LZ4)
		gather(x, 4, judge_frame);
	else if (kind == UNWRAP_WHOLE)
		gather(x, UNWRAP_END_HEAD, judge_7z);
	else
		x->blind = true;
}

static size_t fill(struct unwrap_end *x, struct slice from)
{
	const struct slice part = slice_sub(from, 0, x->need - x->have);

	if (part.len > 0)
		memcpy(x->head + x->have, part.ptr, part.len);
	x->have += part.len;
	return part.len;
}

/* All up to what is held, or to the end. */
static size_t go_over(struct unwrap_end *x, struct slice bytes)
{
	size_t at = 0;

	while (!x->blind && !x->ended && (!x->held || x->skip > 0)) {
		const size_t left = bytes.len - at;

		if (x->skip > 0) {
			const size_t part =
				x->skip < left ? (size_t)x->skip : left;

			x->skip -= part;
			at += part;
		} else if (x->have < x->need) {
			at += fill(x, slice_sub(bytes, at, left));
		} else {
			x->judge(x);
			continue;
		}
		if (at == bytes.len && (x->skip > 0 || x->have < x->need))
			break;
	}
	return x->blind ? bytes.len : at;
}

/* What was held, if it goes on with what passed. */
static struct slice settle(struct unwrap_end *x, struct slice *bytes)
{
	const struct slice none = { NULL, 0 };
	const size_t part = fill(x, *bytes);
	const struct slice held = { x->head, x->have };

	*bytes = slice_sub(*bytes, part, bytes->len);
	if (x->have < x->need)
		return none;
	x->held = false;
	x->judge(x);
	return x->ended ? none : held;
}

struct slice unwrap_end_pass(struct unwrap_end *x, struct slice *bytes)
{
	struct slice out = { NULL, 0 };

	if (!x->ended && bytes->len > 0) {
		const size_t len = go_over(x, *bytes);

		out = slice_sub(*bytes, 0, len);
		*bytes = slice_sub(*bytes, len, bytes->len);
	}
	if (out.len == 0 && x->held && x->skip == 0)
		out = settle(x, bytes);
	x->taken += out.len;
	return out;
}
