/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_kin.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define FILE_MIN  ((uint64_t)64 << 10)
#define FILE_MAX  ((uint64_t)16 << 20)
#define KEPT_MAX  ((uint64_t)64 << 20)
#define NEAR_LEN  ((uint64_t)2 << 20)  /* one record sees them both */
#define GAIN_MIN  ((uint64_t)16 << 10) /* it takes disk space, and resuming */
#define COUNT_MAX ((size_t)4096)       /* files that are compared */
#define ALIKE_MIN 8                    /* one sample in so many is the same */

/*
 * Files are compared by samples: of the hashes of all windows of 32 bytes those
 * that end in zeroes, about one in 256.
 */
#define SAMPLE_BITS 8
#define TABLE_LOG   20
#define TABLE_LEN   ((size_t)1 << TABLE_LOG)
#define TABLE_FULL  (TABLE_LEN / 2)

struct sample {
	uint32_t hash;
	uint32_t owner; /* 1 + index of the candidate; 0: an empty place */
};

struct candidate {
	size_t span;
	uint32_t samples;
	uint32_t votes; /* of the file that is looked at */
	size_t elder;   /* 1 + index; 0: it is none */
};

struct search {
	const struct delta_piecer *pieces;
	struct stream_view *fresh;
	struct delta_kin *kin;
	struct candidate *list;
	size_t count;
	struct sample *table;
	size_t used;
	uint32_t gear[256];
	uint64_t kept;
};

/* ---- candidates ---------------------------------------------------------- */

/* A whole new file, as it stands in the stream, that is nowhere in the old. */
static bool is_candidate(const struct search *s, const struct view_span *span)
{
	const struct stream_map *m = &s->fresh->map;
	const struct map_file *f;
	size_t first, inner;

	if (span->source != SPAN_FILE || span->from > 0 || span->is_zero ||
	    span->len < FILE_MIN || span->len > FILE_MAX)
		return false;
	f = &m->files[span->index];
	view_inner_of(s->fresh, (uint32_t)span->index, &first, &inner);
	return f->len == span->len && f->piece_count == 1 && inner == 0 &&
	       m->units[m->pieces[f->first_piece].unit].recipe.kind == 0 &&
	       m->units[m->pieces[f->first_piece].unit].raw_len == f->len &&
	       delta_old_find(s->pieces->old, span) == DELTA_NOWHERE;
}

static void list_candidates(struct search *s)
{
	s->list = mem_alloc(COUNT_MAX, sizeof(*s->list));
	for (size_t i = 0; i < s->fresh->span_count && s->count < COUNT_MAX;
	     i++)
		if (is_candidate(s, &s->fresh->spans[i]))
			s->list[s->count++].span = i;
}

static int read_span(struct search *s, const struct view_span *span,
		     uint8_t **out, struct err *e)
{
	*out = mem_alloc((size_t)span->len, 1);
	return view_read(s->fresh, span, 0, *out, (size_t)span->len, e);
}

/* ---- samples ------------------------------------------------------------- */

static void fill_gear(struct search *s)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < ARRAY_LEN(s->gear); i++) {
		seed = seed * 1664525 + 1013904223;
		s->gear[i] = seed ^ seed >> 15;
	}
}

/* Who had this sample first? The one under way, if nobody. */
static uint32_t owner_of(struct search *s, uint32_t hash, uint32_t self)
{
	size_t at = hash * UINT32_C(0x9e3779b1) >> (32 - TABLE_LOG);

	while (s->table[at].owner != 0 && s->table[at].hash != hash)
		at = (at + 1) % TABLE_LEN;
	if (s->table[at].owner == 0 && s->used < TABLE_FULL) {
		s->table[at] = (struct sample){ hash, self };
		s->used++;
	}
	return s->table[at].owner;
}

/* Vote for the candidates that had its samples before. */
static void sample(struct search *s, size_t index, const uint8_t *bytes)
{
	struct candidate *c = &s->list[index];
	const size_t len = (size_t)s->fresh->spans[c->span].len;
	uint32_t hash = 0;

	for (size_t i = 0; i < index; i++)
		s->list[i].votes = 0;
	for (size_t i = 0; i < len; i++) {
		uint32_t owner;

		hash = (hash << 1) + s->gear[bytes[i]];
		if (hash >> (32 - SAMPLE_BITS) != 0)
			continue;
		owner = owner_of(s, hash, (uint32_t)index + 1);
		c->samples++;
		if (owner > 0 && owner <= index)
			s->list[owner - 1].votes++;
	}
}

/* The one with the most votes, if these are many. */
static bool most_alike(const struct search *s, size_t index, size_t *out)
{
	uint32_t most = 0;

	for (size_t i = 0; i < index; i++)
		if (s->list[i].votes > most) {
			most = s->list[i].votes;
			*out = i;
		}
	return most > 0 && most >= s->list[index].samples / ALIKE_MIN;
}

/* ---- elders -------------------------------------------------------------- */

/* Is it so much cheaper that it is worth keeping the other one? */
static int is_gain(const struct search *s, const struct kin_elder *elder,
		   struct slice bytes, uint64_t hint, bool *out, struct err *e)
{
	const struct delta_piece alone = { .bytes = bytes, .hint = hint };
	const struct delta_piece beside = { .bytes = bytes };
	struct delta_piecer pieces = *s->pieces;
	struct delta_old text;
	uint64_t plain, kin = 0;
	int rc;

	*out = false;
	if (delta_piece_cost(s->pieces, &alone, &plain, e))
		return -1;
	if (plain < GAIN_MIN)
		return 0;
	pieces.old = &text;
	if (delta_old_kin(&text, s->pieces->old,
			  (struct slice){ elder->bytes, elder->len },
			  elder->kept_at, e))
		return -1;
	rc = delta_piece_cost(&pieces, &beside, &kin, e);
	delta_old_done(&text);
	*out = kin + GAIN_MIN <= plain;
	return rc;
}

/* As an elder, the last one; where it will stand is not known yet. */
static int add_elder(struct search *s, const struct view_span *span,
		     struct err *e)
{
	struct kin_elder *elder = &s->kin->elders[s->kin->elder_count];

	*elder = (struct kin_elder){ .len = (size_t)span->len,
				     .file = (uint32_t)span->index,
				     .kept_at = s->pieces->old->view->len +
						s->kept };
	if (read_span(s, span, &elder->bytes, e)) {
		free(elder->bytes);
		return -1;
	}
	s->kin->elder_count++;
	s->kept += elder->len;
	return 0;
}

static void drop_elder(struct search *s)
{
	struct kin_elder *elder = &s->kin->elders[--s->kin->elder_count];

	s->kept -= elder->len;
	free(elder->bytes);
}

/* Let one refer to another, if that pays. */
static int try_elder(struct search *s, size_t index, size_t other,
		     struct slice bytes, struct err *e)
{
	struct candidate *o = &s->list[other];
	const struct view_span *span = &s->fresh->spans[s->list[index].span];
	const struct view_span *first = &s->fresh->spans[o->span];
	const bool is_new = o->elder == 0;
	bool gain = false;
	int rc;

	if (is_new && first->len > KEPT_MAX - s->kept)
		return 0;
	if (is_new && add_elder(s, first, e))
		return -1;
	if (is_new)
		o->elder = s->kin->elder_count;
	rc = is_gain(s, &s->kin->elders[o->elder - 1], bytes,
		     delta_old_hint(s->pieces->old, span), &gain, e);
	if (gain) {
		s->kin->of[span->index] = o->elder;
	} else if (is_new) {
		drop_elder(s);
		o->elder = 0;
	}
	return rc;
}

static int look_at(struct search *s, size_t index, struct err *e)
{
	const struct view_span *span = &s->fresh->spans[s->list[index].span];
	uint8_t *bytes;
	size_t other = 0;
	int rc = read_span(s, span, &bytes, e);

	if (!rc) {
		sample(s, index, bytes);
		if (most_alike(s, index, &other) &&
		    span->at + span->len -
				    s->fresh->spans[s->list[other].span].at >
			    NEAR_LEN)
			rc = try_elder(
				s, index, other,
				(struct slice){ bytes, (size_t)span->len }, e);
	}
	free(bytes);
	return rc;
}

int delta_kin_find(const struct delta_piecer *pieces, struct stream_view *fresh,
		   struct delta_kin *out, struct err *e)
{
	struct search s = { .pieces = pieces, .fresh = fresh, .kin = out };
	int rc = 0;

	/* Of what is not searched yet nobody knows what it costs. */
	if (!pieces->old->whole)
		return 0;
	list_candidates(&s);
	s.table = mem_alloc(TABLE_LEN, sizeof(*s.table));
	out->elders = mem_alloc(s.count + 1, sizeof(*out->elders));
	out->of = mem_alloc(fresh->map.file_count + 1, sizeof(*out->of));
	fill_gear(&s);
	for (size_t i = 0; i < s.count && !rc; i++)
		rc = look_at(&s, i, e);
	for (size_t i = 0; i < out->elder_count; i++)
		view_keep_file(fresh, out->elders[i].file);
	free(s.table);
	free(s.list);
	return rc;
}

void delta_kin_done(struct delta_kin *k)
{
	for (size_t i = 0; i < k->elder_count; i++)
		free(k->elders[i].bytes);
	free(k->elders);
	free(k->of);
	*k = (struct delta_kin){ .elders = NULL };
}

void delta_kin_place(struct delta_kin *k, const struct delta_old *old,
		     const struct stream_view *fresh)
{
	for (size_t i = 0; i < k->elder_count; i++)
		k->elders[i].kept_at = old->view->len +
				       fresh->whole[k->elders[i].file].kept_at;
}

struct kin_elder *delta_kin_of(const struct delta_kin *k,
			       const struct view_span *s)
{
	if (k->elder_count == 0 || s->source != SPAN_FILE ||
	    k->of[s->index] == 0)
		return NULL;
	return &k->elders[k->of[s->index] - 1];
}

const struct kin_elder *delta_kin_at(const struct delta_kin *k, uint64_t at)
{
	for (size_t i = 0; i < k->elder_count; i++)
		if (at - k->elders[i].kept_at < k->elders[i].len)
			return &k->elders[i];
	return NULL;
}
