/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/member_find.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/mem.h"

#define MAGIC_LEN     4
#define LZ4_MAGIC     0x184c2102u /* the "legacy" frame, which Linux reads */
#define XZ_MAGIC      0x587a37fdu /* and "Z", 0 */
#define ZSTD_MAGIC    0xfd2fb528u
#define LZ4_BLOCK_LEN (8u << 20) /* of that frame */
#define GZIP_HEAD_LEN 10

/* Of a gzip header: RFC 1952, 2.3.1. */
#define GZIP_CRC      0x02
#define GZIP_EXTRA    0x04
#define GZIP_NAME     0x08
#define GZIP_COMMENT  0x10
#define GZIP_RESERVED 0xe0

/* ---- LZ4 ----------------------------------------------------------------- */

/* The packed length of the blocks of a frame: all but the last are full. */
static size_t lz4_blocks(struct slice in, size_t *raw_len)
{
	uint8_t *raw = mem_alloc(LZ4_BLOCK_LEN, 1);
	size_t len = 0;
	int got = LZ4_BLOCK_LEN;

	*raw_len = 0;
	while (got == LZ4_BLOCK_LEN && in.len - len > MAGIC_LEN &&
	       *raw_len < MEMBER_MAX) {
		const size_t size = le32_get(in.ptr + len);

		if (size == 0 || size > in.len - len - MAGIC_LEN ||
		    size > INT32_MAX)
			break;
		got = LZ4_decompress_safe(
			(const char *)in.ptr + len + MAGIC_LEN, (char *)raw,
			(int)size, LZ4_BLOCK_LEN);
		if (got <= 0)
			break;
		len += MAGIC_LEN + size;
		*raw_len += (size_t)got;
	}
	free(raw);
	return len;
}

/* `in` is behind the magic number. */
static bool look_lz4(struct slice in, struct member *m)
{
	size_t raw_len;

	m->packed_len = lz4_blocks(in, &raw_len);
	m->raw_len = raw_len;
	m->recipe = (struct member_recipe){ MEMBER_LZ4, { 9, LZ4_BLOCK_LEN } };
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
	size_t head = 0;

	if (kind == 0)
		return false;
	if (kind == MEMBER_LZ4)
		head = MAGIC_LEN;
	else if (kind == MEMBER_DEFLATE && (head = gzip_head(in)) == 0)
		return false;
	in = slice_sub(in, head, in.len);
	m->at = at + head;
	return kind == MEMBER_LZ4 ? look_lz4(in, m) : look_whole(kind, in, m);
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
