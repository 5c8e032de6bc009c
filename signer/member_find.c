/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/member_find.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/mem.h"

#define MAGIC_LEN     4
#define LZ4_MAGIC     0x184c2102u /* the "legacy" frame, which Linux reads */
#define LZ4_BLOCK_LEN (8u << 20)  /* of that frame */
#define GZIP_HEAD_LEN 10

/* Of a gzip header: RFC 1952, 2.3.1. */
#define GZIP_CRC      0x02
#define GZIP_EXTRA    0x04
#define GZIP_NAME     0x08
#define GZIP_COMMENT  0x10
#define GZIP_RESERVED 0xe0

/* ---- unpacking and packing ----------------------------------------------- */

/* What comes out is kept, or compared with what there should be. */
struct content {
	uint8_t *bytes; /* heap */
	size_t len, cap;
};

static int keep(void *ctx, struct slice bytes, struct err *e)
{
	struct content *c = ctx;

	(void)e;
	while (bytes.len > c->cap - c->len) {
		c->cap = c->cap ? 2 * c->cap : 1u << 20;
		c->bytes = mem_resize(c->bytes, c->cap, 1);
	}
	memcpy(c->bytes + c->len, bytes.ptr, bytes.len);
	c->len += bytes.len;
	return 0;
}

static int compare(void *ctx, struct slice bytes, struct err *e)
{
	struct slice *expected = ctx;

	if (bytes.len > expected->len ||
	    memcmp(bytes.ptr, expected->ptr, bytes.len) != 0)
		return err_set(e, ERR_FORMAT, "another recipe");
	*expected = slice_sub(*expected, bytes.len, expected->len);
	return 0;
}

/* Run a stream over all of in; *used is what it took. */
static int run(struct member_task *t, struct slice in, size_t *used,
	       struct err *e)
{
	struct member_stream *s = NULL;
	const size_t room = (size_t)member_room(&t->recipe);
	int rc;

	t->room = room ? mem_alloc(room, 1) : NULL;
	t->memory_max = MEMBER_MEMORY;
	rc = member_start(t, &s, e);
	if (!rc)
		rc = member_add(s, in, used, e);
	/* How long the content is may be what is asked for. */
	if (!rc && t->raw_len < MEMBER_MAX)
		rc = member_end(s, e);
	member_free(s);
	free(t->room);
	return rc;
}

int member_content(const struct delta_member *m, struct slice packed,
		   uint8_t *out, struct err *e)
{
	struct content c = { out, 0, (size_t)m->raw_len };
	struct member_task t = { .recipe = m->recipe,
				 .raw_len = m->raw_len,
				 .ctx = &c,
				 .put = keep };
	size_t used;

	return run(&t, packed, &used, e);
}

static bool yields(const struct member_recipe *r, struct slice raw,
		   struct slice packed)
{
	struct slice expected = packed;
	struct member_task t = { .recipe = *r,
				 .pack = true,
				 .raw_len = raw.len,
				 .ctx = &expected,
				 .put = compare };
	struct err unused;
	size_t used;

	return run(&t, raw, &used, &unused) == 0 && expected.len == 0;
}

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
static bool look_lz4(struct slice in, struct delta_member *m)
{
	size_t raw_len;

	m->packed_len = lz4_blocks(in, &raw_len);
	m->raw_len = raw_len;
	m->recipe = (struct member_recipe){ MEMBER_LZ4,
					    { 9, LZ4_BLOCK_LEN, 0, 0 } };
	return m->packed_len >= MEMBER_MIN && raw_len < MEMBER_MAX;
}

static bool prove_lz4(struct slice raw, struct slice packed,
		      struct member_recipe *r)
{
	/* What is said to be the best first. */
	static const uint8_t levels[] = { 9, 12, 8, 10, 11, 3, 4, 5, 6, 7 };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		r->params[LZ4_LEVEL] = levels[i];
		if (yields(r, raw, packed))
			return true;
	}
	return false;
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

/* `in` is behind the header. */
static bool look_gzip(struct slice in, struct delta_member *m)
{
	struct content c = { .len = 0 };
	struct member_task t = { .recipe = { MEMBER_DEFLATE, { 9, 8, 0, 0 } },
				 .raw_len = MEMBER_MAX,
				 .ctx = &c,
				 .put = keep };
	struct err unused;
	size_t used = 0;
	int rc = run(&t, in, &used, &unused);

	free(c.bytes);
	m->packed_len = used;
	m->raw_len = c.len;
	m->recipe = t.recipe;
	return rc == 0 && used >= MEMBER_MIN && c.len > 0 && c.len < MEMBER_MAX;
}

static bool prove_gzip(struct slice raw, struct slice packed,
		       struct member_recipe *r)
{
	static const uint8_t levels[] = { 9, 6, 1, 8, 7, 5, 4, 3, 2 };
	static const uint8_t memories[] = { 8, 9 };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		for (size_t j = 0; j < ARRAY_LEN(memories); j++) {
			r->params[DEFLATE_LEVEL] = levels[i];
			r->params[DEFLATE_MEMORY] = memories[j];
			if (yields(r, raw, packed))
				return true;
		}
	}
	return false;
}

/* ---- both ---------------------------------------------------------------- */

static bool prove(struct slice packed, struct delta_member *m)
{
	uint8_t *raw = mem_alloc((size_t)m->raw_len, 1);
	const struct slice content = { raw, (size_t)m->raw_len };
	struct err unused;
	bool proven = false;

	if (member_content(m, packed, raw, &unused) == 0)
		proven = m->recipe.kind == MEMBER_LZ4
				 ? prove_lz4(content, packed, &m->recipe)
				 : prove_gzip(content, packed, &m->recipe);
	free(raw);
	return proven;
}

/* Does a member begin here? m->at is where within the file. */
static bool look(struct slice file, size_t at, struct delta_member *m)
{
	const struct slice in = slice_sub(file, at, file.len);
	size_t head;

	if (le32_get(in.ptr) == LZ4_MAGIC) {
		m->at = at + MAGIC_LEN;
		return look_lz4(slice_sub(in, MAGIC_LEN, in.len), m);
	}
	head = gzip_head(in);
	m->at = at + head;
	return head > 0 && look_gzip(slice_sub(in, head, in.len), m);
}

static bool is_magic(const uint8_t *p)
{
	return (p[0] == 0x1f && p[1] == 0x8b && p[2] == 0x08) ||
	       le32_get(p) == LZ4_MAGIC;
}

void member_find(struct slice file, uint64_t at, bool proven,
		 struct delta_member_list *out)
{
	for (size_t i = 0;
	     i + MEMBER_MIN <= file.len && out->count < DELTA_MEMBERS_MAX;
	     i++) {
		struct delta_member m;
		struct slice packed;

		if (!is_magic(file.ptr + i) || !look(file, i, &m))
			continue;
		packed = slice_sub(file, (size_t)m.at, (size_t)m.packed_len);
		i = (size_t)(m.at + m.packed_len) - 1;
		m.at += at;
		if (!proven || prove(packed, &m))
			delta_member_add(out, &m);
	}
}
