/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/member_find.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/mem.h"

#define MAGIC_LEN      4
#define LZ4_MAGIC      0x184d2204u /* the frame of the lz4 program */
#define LZ4_OLD_MAGIC  0x184c2102u /* the "legacy" one, which Linux reads */
#define XZ_MAGIC       0x587a37fdu /* and "Z", 0 */
#define ZSTD_MAGIC     0xfd2fb528u
#define LZ4_OLD_BLOCK  (8u << 20)
#define LZ4_BLOCK_BITS 8 /* of 64 KiB, which is code 4, up to 4 MiB: 7 */
#define GZIP_HEAD_LEN  10

/* Of a frame's first byte behind the magic number: doc/lz4_Frame_format.md. */
#define LZ4_VERSION_MASK 0xc0
#define LZ4_VERSION      0x40
#define LZ4_BLOCK_CHECK  0x10 /* a checksum behind each block */
#define LZ4_HAS_SIZE     0x08
#define LZ4_RESERVED     0x02
#define LZ4_HAS_DICT     0x01

/* Of a gzip header: RFC 1952, 2.3.1. */
#define GZIP_CRC      0x02
#define GZIP_EXTRA    0x04
#define GZIP_NAME     0x08
#define GZIP_COMMENT  0x10
#define GZIP_RESERVED 0xe0

/* ---- LZ4 ----------------------------------------------------------------- */

/*
 * The packed length of the blocks of a frame: all but the last are full. One
 * that is not compressed, or goes on from the one before, is none.
 */
static size_t lz4_blocks(struct slice in, size_t block_len, size_t *raw_len)
{
	uint8_t *raw = mem_alloc(block_len, 1);
	size_t len = 0;
	int got = (int)block_len;

	*raw_len = 0;
	while (got == (int)block_len && in.len - len > MAGIC_LEN &&
	       *raw_len < MEMBER_MAX) {
		const size_t size = le32_get(in.ptr + len);

		if (size == 0 || size > in.len - len - MAGIC_LEN ||
		    size > INT32_MAX)
			break;
		got = LZ4_decompress_safe(
			(const char *)in.ptr + len + MAGIC_LEN, (char *)raw,
			(int)size, (int)block_len);
		if (got <= 0)
			break;
		len += MAGIC_LEN + size;
		*raw_len += (size_t)got;
	}
	free(raw);
	return len;
}

/* How long the blocks of the frame that begins here are at most, and where
 * behind its header the first one is; 0: it has none that a recipe can tell. */
static size_t lz4_head(struct slice in, size_t *block_len)
{
	const uint8_t flags = in.ptr[MAGIC_LEN], code = in.ptr[MAGIC_LEN + 1];

	*block_len = LZ4_OLD_BLOCK;
	if (le32_get(in.ptr) == LZ4_OLD_MAGIC)
		return MAGIC_LEN;
	if ((flags & LZ4_VERSION_MASK) != LZ4_VERSION ||
	    (flags & (LZ4_BLOCK_CHECK | LZ4_RESERVED | LZ4_HAS_DICT)) != 0 ||
	    (code & 0x8f) != 0 || code >> 4 < 4)
		return 0;
	*block_len = (size_t)1 << (LZ4_BLOCK_BITS + 2 * (code >> 4));
	/* Two bytes, perhaps the content's size, and the header's checksum. */
	return MAGIC_LEN + 2 + ((flags & LZ4_HAS_SIZE) != 0 ? 8 : 0) + 1;
}

static bool look_lz4(struct slice in, size_t *head, struct member *m)
{
	size_t block_len, raw_len;

	*head = lz4_head(in, &block_len);
	if (*head == 0)
		return false;
	m->packed_len =
		lz4_blocks(slice_sub(in, *head, in.len), block_len, &raw_len);
	m->raw_len = raw_len;
	m->recipe = (struct member_recipe){ MEMBER_LZ4, { 9, block_len } };
	return m->packed_len >= MEMBER_MIN && raw_len < MEMBER_MAX;
}

/* ---- gzip ---------------------------------------------------------------- */

static size_t skip_text(struct slice in, size_t at)
{
	while (at < in.len && in.ptr[at] != 0)
		at++;
	return at + 1;
}

/* Where behind a gzip header the compressed bytes begin; 0: it is none. */
static size_t gzip_head(struct slice in)
{
	size_t at = GZIP_HEAD_LEN;
	uint8_t flags;

	if (in.len < GZIP_HEAD_LEN + 2)
		return 0;
	flags = in.ptr[3];
	if ((flags & GZIP_RESERVED) != 0)
		return 0;
	if ((flags & GZIP_EXTRA) != 0)
		at += 2 + (size_t)le16_get(in.ptr + at);
	if ((flags & GZIP_NAME) != 0)
		at = skip_text(in, at);
	if ((flags & GZIP_COMMENT) != 0)
		at = skip_text(in, at);
	if ((flags & GZIP_CRC) != 0)
		at += 2;
	return at < in.len ? at : 0;
}

/* ---- all ----------------------------------------------------------------- */

/* A whole stream or frame whose end is told by itself. */
static bool look_whole(enum member_kind kind, struct slice in, struct member *m)
{
	struct member_raw raw = { .len = 0 };
	struct err unused;
	size_t used = 0;
	int rc;

	m->recipe = member_unpacker(kind);
	rc = member_unpack(&m->recipe, in, MEMBER_MAX, &raw, &used, &unused);
	free(raw.bytes);
	m->packed_len = used;
	m->raw_len = raw.len;
	return rc == 0 && used >= MEMBER_MIN && raw.len > 0 &&
	       raw.len < MEMBER_MAX;
}

static bool prove(struct slice packed, struct member *m)
{
	uint8_t *raw = mem_alloc((size_t)m->raw_len, 1);
	const struct slice content = { raw, (size_t)m->raw_len };
	struct err unused;
	bool proven = member_content(m, packed, raw, &unused) == 0 &&
		      member_prove(content, packed, &m->recipe);

	free(raw);
	return proven;
}

/* What a magic number announces; 0: nothing. */
static enum member_kind announced(const uint8_t *p)
{
	switch (le32_get(p)) {
	case LZ4_MAGIC:
	case LZ4_OLD_MAGIC:
		return MEMBER_LZ4;
	case XZ_MAGIC:
		return p[4] == 'Z' && p[5] == 0 ? MEMBER_XZ : 0;
	case ZSTD_MAGIC:
		return MEMBER_ZSTD;
	default:
		return p[0] == 0x1f && p[1] == 0x8b && p[2] == 8
			       ? MEMBER_DEFLATE
			       : 0;
	}
}

/* Does a member begin here? m->at is where within the file. */
static bool look(struct slice file, size_t at, struct member *m)
{
	struct slice in = slice_sub(file, at, file.len);
	const enum member_kind kind = announced(in.ptr);
	bool found = false;
	size_t head = 0;

	if (kind == 0)
		return false;
	if (kind == MEMBER_LZ4) {
		found = look_lz4(in, &head, m);
	} else if (kind != MEMBER_DEFLATE || (head = gzip_head(in)) > 0) {
		in = slice_sub(in, head, in.len);
		found = look_whole(kind, in, m);
	}
	m->at = at + head;
	return found;
}

void member_find(struct slice file, uint64_t at, bool proven,
		 struct member_list *out)
{
	for (size_t i = 0;
	     i + MEMBER_MIN <= file.len && out->count < MEMBERS_MAX; i++) {
		struct member m;
		struct slice packed;

		if (!look(file, i, &m))
			continue;
		packed = slice_sub(file, (size_t)m.at, (size_t)m.packed_len);
		i = (size_t)(m.at + m.packed_len) - 1;
		m.at += at;
		if (!proven || prove(packed, &m))
			member_list_add(out, &m);
	}
}
