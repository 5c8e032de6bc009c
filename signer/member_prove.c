/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* what a frame's header says */
#include "signer/member_prove.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/mem.h"

#define ZSTD_LEVELS 22

struct member_recipe member_unpacker(enum member_kind kind)
{
	static const struct member_recipe recipes[MEMBER_KINDS] = {
		[MEMBER_DEFLATE] = { MEMBER_DEFLATE, { 9, 8 } },
		[MEMBER_LZ4] = { MEMBER_LZ4, { 9, MEMBER_BLOCK_MAX } },
		[MEMBER_XZ] = { MEMBER_XZ, { 6, 4096 } },
		[MEMBER_ZSTD] = { MEMBER_ZSTD, { 3 } },
	};

	return recipes[kind];
}

void member_list_add(struct member_list *list, const struct member *m)
{
	list->at = mem_resize(list->at, list->count + 1, sizeof(*list->at));
	list->at[list->count++] = *m;
}

/* ---- unpacking and packing ----------------------------------------------- */

static int keep(void *ctx, struct slice bytes, struct err *e)
{
	struct member_raw *c = ctx;

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

/* How long the content is may be what is asked for. */
static int end(struct member_stream *s, bool open_end, struct err *e)
{
	if (!open_end)
		return member_end(s, e);
	return member_has_ended(s) ? 0
				   : err_set(e, ERR_FORMAT,
					     "compressed content is cut off");
}

/* Run a stream over all of in; *used is what it took. */
static int run(struct member_task *t, struct slice in, bool open_end,
	       size_t *used, struct err *e)
{
	struct member_stream *s = NULL;
	const size_t room = (size_t)member_room(&t->recipe);
	int rc;

	t->packed_len = t->pack ? 0 : in.len;
	t->room = room ? mem_alloc(room, 1) : NULL;
	rc = member_start(t, &s, e);
	if (!rc)
		rc = member_add(s, in, used, e);
	if (!rc)
		rc = end(s, open_end, e);
	member_free(s);
	free(t->room);
	return rc;
}

int member_unpack(const struct member_recipe *r, struct slice packed,
		  size_t most, struct member_raw *out, size_t *used,
		  struct err *e)
{
	struct member_task t = { .recipe = *r,
				 .raw_len = most,
				 .memory_max = MEMBER_MEMORY,
				 .ctx = out,
				 .put = keep };

	*used = 0;
	return run(&t, packed, true, used, e);
}

int member_content(const struct member *m, struct slice packed, uint8_t *out,
		   struct err *e)
{
	struct member_raw c = { out, 0, (size_t)m->raw_len };
	struct member_task t = { .recipe = m->recipe,
				 .raw_len = m->raw_len,
				 .memory_max = MEMBER_MEMORY,
				 .ctx = &c,
				 .put = keep };
	size_t used;

	return run(&t, packed, false, &used, e);
}

bool member_yields(const struct member_recipe *r, struct slice raw,
		   struct slice packed)
{
	struct slice expected = packed;
	struct member_task t = { .recipe = *r,
				 .pack = true,
				 .raw_len = raw.len,
				 .memory_max = MEMBER_MEMORY,
				 .ctx = &expected,
				 .put = compare };
	struct err unused;
	size_t used;

	return member_is_valid(r) && run(&t, raw, false, &used, &unused) == 0 &&
	       expected.len == 0;
}

/* ---- by kind: what is said to be the best, or usual, first ----------------
 */

static bool prove_lz4(struct slice raw, struct slice packed,
		      struct member_recipe *r)
{
	static const uint8_t levels[] = { 9, 12, 1, 8, 10, 11, 3, 4, 5, 6, 7 };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		r->params[LZ4_LEVEL] = levels[i];
		if (member_yields(r, raw, packed))
			return true;
	}
	return false;
}

static bool prove_deflate(struct slice raw, struct slice packed,
			  struct member_recipe *r)
{
	static const uint8_t levels[] = { 9, 6, 1, 8, 7, 5, 4, 3, 2 };
	static const uint8_t memories[] = { 8, 9 };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		for (size_t j = 0; j < ARRAY_LEN(memories); j++) {
			r->params[DEFLATE_LEVEL] = levels[i];
			r->params[DEFLATE_MEMORY] = memories[j];
			if (member_yields(r, raw, packed))
				return true;
		}
	}
	return false;
}

/* A chain that a recipe can tell: LZMA2, and before it a branch filter that
 * begins at 0. */
static bool read_chain(const lzma_filter *f, struct member_recipe *r)
{
	const lzma_options_lzma *options;

	r->params[XZ_FILTER] = 0;
	if (f->id >= LZMA_FILTER_X86 && f->id <= LZMA_FILTER_SPARC) {
		if (f->options &&
		    ((const lzma_options_bcj *)f->options)->start_offset != 0)
			return false;
		r->params[XZ_FILTER] = f->id;
		f++;
	}
	if (f->id != LZMA_FILTER_LZMA2 || f[1].id != LZMA_VLI_UNKNOWN)
		return false;
	options = f->options;
	r->params[XZ_DICT] = options->dict_size;
	return true;
}

/* What the headers of a .xz stream say: check, chain; and whether lengths
 * stand there, which only who has all of it can write. */
static bool read_xz(struct slice packed, struct member_recipe *r)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_stream_flags flags;
	lzma_block block = { .version = 1, .filters = filters };
	const uint8_t *at = packed.ptr + LZMA_STREAM_HEADER_SIZE;
	bool known;

	if (packed.len <= LZMA_STREAM_HEADER_SIZE ||
	    lzma_stream_header_decode(&flags, packed.ptr) != LZMA_OK ||
	    at[0] == 0)
		return false;
	block.check = flags.check;
	block.header_size = lzma_block_header_size_decode(at[0]);
	if (block.header_size > packed.len - LZMA_STREAM_HEADER_SIZE ||
	    lzma_block_header_decode(&block, NULL, at) != LZMA_OK)
		return false;
	known = read_chain(filters, r);
	for (size_t i = 0; filters[i].id != LZMA_VLI_UNKNOWN; i++)
		free(filters[i].options);
	r->params[XZ_CHECK] = flags.check;
	r->params[XZ_WHOLE] = block.compressed_size != LZMA_VLI_UNKNOWN;
	return known;
}

static bool prove_xz(struct slice raw, struct slice packed,
		     struct member_recipe *r)
{
	/* From 6 to 9 only the dictionary differs; 16 more: "extreme". */
	static const uint8_t presets[] = { 6, 22, 5, 4, 3, 2, 1, 0, 19, 16 };

	if (!read_xz(packed, r))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
		r->params[XZ_PRESET] = presets[i];
		if (member_yields(r, raw, packed))
			return true;
	}
	return false;
}

static bool has_window(int level, uint64_t len, const ZSTD_frameHeader *h)
{
	return h->windowSize ==
	       UINT64_C(1) << ZSTD_getCParams(level, len, 0).windowLog;
}

/* Levels whose window is not the frame's need not be tried. What fits in one
 * piece is known to be short, even if the frame does not say so. */
static bool may_be_level(int level, uint64_t raw_len, const ZSTD_frameHeader *h)
{
	if (h->frameContentSize == raw_len && h->windowSize == raw_len)
		return true;
	return has_window(level, raw_len, h) ||
	       has_window(level, ZSTD_CONTENTSIZE_UNKNOWN, h);
}

static bool prove_zstd(struct slice raw, struct slice packed,
		       struct member_recipe *r)
{
	static const uint8_t first[] = { 19, 3, 15, 22, 9 };
	const uint64_t whole = r->params[ZSTD_WHOLE]; /* likely */
	ZSTD_frameHeader h;

	if (ZSTD_getFrameHeader(&h, packed.ptr, packed.len) != 0)
		return false;
	r->params[ZSTD_CHECKSUM] = h.checksumFlag;
	r->params[ZSTD_SIZE] = h.frameContentSize != ZSTD_CONTENTSIZE_UNKNOWN;
	for (unsigned i = 0; i < ARRAY_LEN(first) + ZSTD_LEVELS; i++) {
		r->params[ZSTD_LEVEL] = i < ARRAY_LEN(first)
						? first[i]
						: i + 1 - ARRAY_LEN(first);
		if (!may_be_level((int)r->params[ZSTD_LEVEL], raw.len, &h))
			continue;
		for (unsigned other = 0; other < 2; other++) {
			r->params[ZSTD_WHOLE] = whole ^ other;
			if (member_yields(r, raw, packed))
				return true;
		}
	}
	return false;
}

bool member_prove(struct slice raw, struct slice packed,
		  struct member_recipe *r)
{
	switch (r->kind) {
	case MEMBER_DEFLATE:
		return prove_deflate(raw, packed, r);
	case MEMBER_LZ4:
		return prove_lz4(raw, packed, r);
	case MEMBER_XZ:
		return prove_xz(raw, packed, r);
	case MEMBER_ZSTD:
		return prove_zstd(raw, packed, r);
	case MEMBER_KINDS:
		break;
	}
	return false;
}
