/* SPDX-License-Identifier: Apache-2.0 */
#include "common/member.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/member_codec.h"
#include "common/text.h"

/*
 * Libraries may compress otherwise when input comes in other pieces, so it
 * always comes in these.
 */
#define PIECE_LEN (128u << 10)

static const struct member_codec *const codecs[MEMBER_KINDS] = {
	[MEMBER_DEFLATE] = &member_deflate,
	[MEMBER_LZ4] = &member_lz4,
	[MEMBER_XZ] = &member_xz,
	[MEMBER_ZSTD] = &member_zstd,
};

struct member_out {
	const struct member_task *task;
	uint64_t len, max;
};

struct member_stream {
	const struct member_codec *codec;
	struct member_task task;
	void *state;
	struct member_out out;
	uint64_t in_len;
	bool ended;
	size_t piece_len, piece_cap;
	uint8_t *piece; /* packing: what did not fill one yet */
};

bool member_is_valid(const struct member_recipe *r)
{
	return r->kind >= MEMBER_DEFLATE && r->kind < MEMBER_KINDS &&
	       codecs[r->kind]->is_valid(r->params);
}

void member_library(enum member_kind kind, char out[MEMBER_LIBRARY_MAX + 1])
{
	struct err unused;

	out[0] = 0;
	/* What does not fit names no library that anybody has. */
	if (text_format(out, MEMBER_LIBRARY_MAX + 1, &unused, "%s %s",
			codecs[kind]->library, codecs[kind]->version()))
		out[0] = 0;
}

bool member_library_is_here(const char *text)
{
	char mine[MEMBER_LIBRARY_MAX + 1];

	for (unsigned kind = MEMBER_DEFLATE; kind < MEMBER_KINDS; kind++) {
		member_library(kind, mine);
		if (mine[0] && strcmp(mine, text) == 0)
			return true;
	}
	return false;
}

static bool is_whole(const struct member_recipe *r)
{
	const struct member_codec *codec = codecs[r->kind];

	return codec->is_whole && codec->is_whole(r->params);
}

/* What is made in one go stands in memory, both sides of it. */
uint64_t member_memory(const struct member_recipe *r, uint64_t raw_len)
{
	const uint64_t piece = is_whole(r) ? raw_len : PIECE_LEN;

	return codecs[r->kind]->memory(r->params, raw_len) + piece;
}

uint64_t member_room(const struct member_recipe *r)
{
	const struct member_codec *codec = codecs[r->kind];

	return codec->room ? codec->room(r->params) : 0;
}

int member_put(struct member_out *to, const void *bytes, size_t len,
	       struct err *e)
{
	if (len == 0)
		return 0;
	if (len > to->max - to->len)
		return err_set(e, ERR_LIMIT, "compressed content is too long");
	to->len += len;
	return to->task->put(to->task->ctx, (struct slice){ bytes, len }, e);
}

int member_start(const struct member_task *t, struct member_stream **out,
		 struct err *e)
{
	struct member_stream *s;

	if (t->pack && member_memory(&t->recipe, t->raw_len) > t->memory_max)
		return err_set(e, ERR_LIMIT,
			       "compressing again takes too much memory");
	if (is_whole(&t->recipe) && t->raw_len > MEMBER_WHOLE_MAX)
		return err_set(e, ERR_LIMIT, "compressed content is too long");
	s = mem_alloc(1, sizeof(*s));
	s->codec = codecs[t->recipe.kind];
	s->task = *t;
	s->out.task = &s->task;
	/* What packing gives is limited by whom it is given to. */
	s->out.max = t->pack ? UINT64_MAX : t->raw_len;
	s->piece_cap = is_whole(&t->recipe) ? (size_t)t->raw_len : PIECE_LEN;
	if (t->pack)
		s->piece = mem_alloc(s->piece_cap + 1, 1);
	if (s->codec->start(&s->task, &s->state, e)) {
		member_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

static int flush_piece(struct member_stream *s, bool last, struct err *e)
{
	struct slice piece = { s->piece, s->piece_len };

	s->piece_len = 0;
	return s->codec->pack(s->state, piece, last, &s->out, e);
}

static int add_packing(struct member_stream *s, struct slice bytes,
		       struct err *e)
{
	if (bytes.len > s->task.raw_len - s->in_len)
		return err_set(e, ERR_FORMAT, "content is too long");
	s->in_len += bytes.len;
	while (bytes.len > 0) {
		struct slice part;

		/* Full, and it is not the last one. */
		if (s->piece_len == s->piece_cap && flush_piece(s, false, e))
			return -1;
		part = slice_sub(bytes, 0, s->piece_cap - s->piece_len);
		memcpy(s->piece + s->piece_len, part.ptr, part.len);
		s->piece_len += part.len;
		bytes = slice_sub(bytes, part.len, bytes.len);
	}
	return 0;
}

int member_add(struct member_stream *s, struct slice bytes, size_t *used,
	       struct err *e)
{
	if (s->task.pack) {
		*used = bytes.len;
		return add_packing(s, bytes, e);
	}
	*used = 0;
	if (s->ended)
		return 0;
	return s->codec->unpack(s->state, bytes, used, &s->ended, &s->out, e);
}

bool member_has_ended(const struct member_stream *s)
{
	return s->ended;
}

int member_end(struct member_stream *s, struct err *e)
{
	if (s->task.pack) {
		if (s->in_len != s->task.raw_len)
			return err_set(e, ERR_FORMAT, "content is cut off");
		return flush_piece(s, true, e);
	}
	if (!s->ended || s->out.len != s->task.raw_len)
		return err_set(e, ERR_FORMAT,
			       "compressed content has a wrong length");
	return 0;
}

void member_free(struct member_stream *s)
{
	if (!s)
		return;
	if (s->state)
		s->codec->stop(s->state);
	free(s->piece);
	free(s);
}
