/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/embedded.h"

#include <string.h>

#include "common/le.h"
#include "signer/anchor.h"
#include "signer/unwrap_end.h"

#define BLOCK 512 /* where file systems begin */
#define PAGE  4096

static uint8_t byte_at(struct slice s, size_t at)
{
	return at < s.len ? s.ptr[at] : 0;
}

static uint32_t word_at(struct slice s, size_t at)
{
	const struct slice part = slice_sub(s, at, 4);

	return part.len == 4 ? le32_get(part.ptr) : 0;
}

/* ---- compressed streams -------------------------------------------------- */

/* RFC 1952, 2.3: deflate, known flags, how hard it tried, a known system. */
static bool is_gzip(struct slice s)
{
	const uint8_t effort = byte_at(s, 8), system = byte_at(s, 9);

	return byte_at(s, 2) == 8 && byte_at(s, 3) < 0x20 &&
	       (effort == 0 || effort == 2 || effort == 4) &&
	       (system <= 13 || system == 255) && s.len >= 18;
}

/* .xz format, 2.1.1: the flags, and their CRC32. */
static bool is_xz(struct slice s)
{
	const struct slice magic = slice_sub(s, 0, 12);

	return magic.len == 12 &&
	       memcmp(magic.ptr, "\xfd\x37zXZ\0\0", 7) == 0 &&
	       magic.ptr[7] < 0x10 &&
	       unwrap_end_crc32(magic.ptr + 6, 2) == le32_get(magic.ptr + 8);
}

/* RFC 8878, 3.1.1.1.1: the reserved bit of the descriptor. */
static bool is_zstd(struct slice s)
{
	return word_at(s, 0) == 0xfd2fb528 && (byte_at(s, 4) & 0x08) == 0 &&
	       s.len >= 9;
}

/* LZ4 frame format: version 1, no reserved bit, a size of blocks. */
static bool is_lz4(struct slice s)
{
	const uint8_t flags = byte_at(s, 4), blocks = byte_at(s, 5);

	return word_at(s, 0) == 0x184d2204 && (flags & 0xc2) == 0x40 &&
	       (blocks & 0x8f) == 0 && blocks >= 0x40;
}

/* As kernels have it: the magic, then the length of the first block. */
static bool is_old_lz4(struct slice s)
{
	const uint32_t len = word_at(s, 4);

	return word_at(s, 0) == 0x184c2102 && len > 0 && len <= 8421520;
}

/* A level, and the magic of a block: pi; or of the end: its root. */
static bool is_bzip2(struct slice s)
{
	const struct slice magic = slice_sub(s, 0, 10);

	return magic.len == 10 && memcmp(magic.ptr, "BZh", 3) == 0 &&
	       magic.ptr[3] >= '1' && magic.ptr[3] <= '9' &&
	       memcmp(magic.ptr + 4, "1AY&SY", 6) == 0;
}

/*
 * Properties as everybody has them, a dictionary of a power of two from 4 KiB
 * on, a size that is not known or below 1 TiB; and the coder's first byte is 0.
 */
static bool is_lzma(struct slice s)
{
	const uint32_t dictionary = word_at(s, 1), high = word_at(s, 9);

	return byte_at(s, 0) == 0x5d && s.len > 18 && dictionary >= 4096 &&
	       (dictionary & (dictionary - 1)) == 0 && byte_at(s, 13) == 0 &&
	       (high < 256 ? word_at(s, 5) > 0 || high > 0
			   : high == UINT32_MAX && word_at(s, 5) == UINT32_MAX);
}

static bool is_lzip(struct slice s)
{
	const struct slice magic = slice_sub(s, 0, 6);
	const uint8_t dictionary = byte_at(s, 5) & 31;

	return magic.len == 6 && memcmp(magic.ptr, "LZIP\1", 5) == 0 &&
	       dictionary >= 12 && dictionary <= 29;
}

/* What is stored as it is needs no opening, but if it is encrypted. */
static bool is_packed(uint32_t method, bool encrypted)
{
	static const uint8_t methods[] = { 8, 9, 12, 14, 93, 95, 98, 99 };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (method == methods[i])
			return true;
	return method == 0 && encrypted;
}

/* The header of a member: version, no bit that is not used, packed, a name. */
static bool is_zip(struct slice s)
{
	const struct slice h = slice_sub(s, 0, 30);
	uint32_t name;

	if (h.len < 30 || le32_get(h.ptr) != 0x04034b50)
		return false;
	name = le16_get(h.ptr + 26);
	return le16_get(h.ptr + 4) <= 63 && (h.ptr[6] & 0xb0) == 0 &&
	       (h.ptr[7] & 0xf7) == 0 &&
	       is_packed(le16_get(h.ptr + 8), (h.ptr[6] & 1) != 0) &&
	       name > 0 && name < 4096;
}

/* ---- images -------------------------------------------------------------- */

/* Its two sizes of a block agree, and it has inodes and a length. */
static bool is_squashfs(struct slice s)
{
	const struct slice h = slice_sub(s, 0, 96);
	const uint32_t log = h.len == 96 ? le16_get(h.ptr + 22) : 0;

	return log >= 12 && log <= 20 &&
	       le32_get(h.ptr + 12) == UINT32_C(1) << log &&
	       le32_get(h.ptr + 4) > 0 && le64_get(h.ptr + 40) > 96 &&
	       peek_kind(h) == PEEK_SQUASHFS;
}

/* The first superblock: the copies say which group they belong to. */
static bool is_ext(struct slice s)
{
	const struct slice h = slice_sub(s, 1024, 264);

	return h.len == 264 && le16_get(h.ptr + 56) == 0xef53 &&
	       le16_get(h.ptr + 90) == 0 && peek_kind(s) == PEEK_EXT;
}

/* ---- all of them --------------------------------------------------------- */

/* Two bytes by which each is found, and how far from its start they are. */
static const struct anchor {
	bool (*judge)(struct slice s);
	enum unwrap_kind archive;
	uint8_t first, second, back;
} anchors[] = {
	{ is_gzip, UNWRAP_GZIP, 0x1f, 0x8b, 0 },
	{ is_xz, UNWRAP_XZ, '7', 'z', 1 },
	{ is_zstd, UNWRAP_ZSTD, 0xb5, 0x2f, 1 },
	{ is_lz4, UNWRAP_LZ4, 0x4d, 0x18, 2 },
	{ is_old_lz4, UNWRAP_LZ4, 0x4c, 0x18, 2 },
	{ is_bzip2, UNWRAP_BZIP2, 'Y', '&', 6 },
	{ is_lzip, UNWRAP_LZIP, 'I', 'P', 2 },
	{ is_lzma, UNWRAP_LZMA, 0x5d, 0, 0 },
	{ is_zip, UNWRAP_ARCHIVE, 0x4b, 0x03, 1 },
	{ is_squashfs, UNWRAP_NONE, 'q', 's', 2 },
};

/* The same, as bits: the quick look that nearly all bytes fail. Two share one,
 * for there are nine. */
static const struct anchor_pairs pairs = {
	.first = { [0x1f] = 1,
		   ['7'] = 2,
		   [0xb5] = 1,
		   [0x4d] = 4,
		   [0x4c] = 4,
		   ['Y'] = 8,
		   ['I'] = 16,
		   [0x5d] = 32,
		   [0x4b] = 64,
		   ['q'] = 128 },
	.second = { [0x8b] = 1,
		    ['z'] = 2,
		    [0x2f] = 1,
		    [0x18] = 4,
		    ['&'] = 8,
		    ['P'] = 16,
		    [0] = 32,
		    [0x03] = 64,
		    ['s'] = 128 },
};

static bool judge(struct slice window, size_t anchor, struct embedded *out)
{
	for (size_t i = 0; i < ARRAY_LEN(anchors); i++) {
		const struct anchor *a = &anchors[i];

		if (a->first != window.ptr[anchor] ||
		    a->second != window.ptr[anchor + 1] || anchor < a->back ||
		    !a->judge(
			    slice_sub(window, anchor - a->back, EMBEDDED_HEAD)))
			continue;
		*out = (struct embedded){
			.at = anchor - a->back,
			.archive = a->archive,
			.image = a->archive == UNWRAP_NONE ? PEEK_SQUASHFS
							   : PEEK_NONE,
		};
		if (out->image == PEEK_SQUASHFS)
			out->len = le64_get(window.ptr + out->at + 40);
		return true;
	}
	return false;
}

/*
 * What cannot be opened. The four letters of an old squashfs begin the name of
 * an instruction of ARM, too: not believed here.
 */
static const char *closed_at(struct slice head)
{
	static const struct slice old = { (const uint8_t *)"a squashfs", 10 };
	const char *name = unwrap_closed(head);

	return name && slice_equal(slice_sub(slice_of(name), 0, old.len), old)
		       ? NULL
		       : name;
}

/* What begins at a multiple of so much, and has its magic further on. */
static bool judge_block(struct slice window, uint64_t base, size_t at,
			struct embedded *out)
{
	const struct slice head = slice_sub(window, at, EMBEDDED_HEAD);

	*out = (struct embedded){ .at = at };
	if (is_ext(head))
		out->image = PEEK_EXT;
	else if ((base + at) % PAGE == 0)
		out->closed = closed_at(head);
	return out->image != PEEK_NONE || out->closed;
}

bool embedded_next(struct slice window, uint64_t base, size_t from, size_t to,
		   struct embedded *out, size_t *next)
{
	const size_t last = window.len > 0 ? window.len - 1 : 0;
	const size_t end = to < last ? to : last;
	size_t block = from + (size_t)((BLOCK - (base + from) % BLOCK) % BLOCK);
	size_t i = from;

	while (i < end) {
		bool found = false;

		if (i == block) {
			block += BLOCK;
			found = judge_block(window, base, i, out);
		}
		if (!found && anchor_at(&pairs, window.ptr + i) != 0)
			found = judge(window, i, out);
		i++;
		if (found) {
			*next = i;
			return true;
		}
		i = anchor_next(&pairs, window.ptr, i,
				block < end ? block : end);
	}
	*next = to;
	return false;
}
