/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_piece.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/delta_layout.h"
#include "signer/delta_patch.h"

#define GAIN_COARSE 11

#define COVER_COST   16 /* bytes that a cover is about worth */
#define WAY_SHARE    16 /* by which another way must be better */
#define COSTLY_TEXT  32 /* one byte in so many inserted is much of a text, */
#define COSTLY_OTHER 4  /* and of other files */
#define TEXT_SAMPLE  65536

/*
 * How covers are found: the gain (delta_match.h), and how long they must be.
 * The first is right for most files. Where much is left to insert another may
 * cost less: that is measured, not guessed.
 */
static const struct way {
	unsigned gain;
	uint64_t least;
} ways[] = {
	{ GAIN_COARSE, 0 },
	{ 8, 0 },
	{ GAIN_COARSE, 64 },
	{ GAIN_COARSE, UINT64_MAX },
};

#define WAY_PLAIN (ARRAY_LEN(ways) - 1) /* no covers at all */

/* Cut the covers where the files they come from end. */
static void cut_covers(struct delta_piecer *w)
{
	w->parts.count = 0;
	for (size_t i = 0; i < w->covers.count; i++) {
		struct cover c = w->covers.at[i];

		while (c.len > 0) {
			uint64_t end = w->old->file_ends[delta_old_file_at(
				w->old, c.old_at)];
			struct cover part = c;

			if (part.len > end - c.old_at)
				part.len = end - c.old_at;
			cover_list_add(&w->parts, &part);
			c.new_at += part.len;
			c.old_at += part.len;
			c.len -= part.len;
		}
	}
}

/* The file that most of the covered bytes come from. */
static size_t find_home(const struct delta_piecer *w)
{
	uint64_t *sums = mem_alloc(w->old->file_count, sizeof(*sums));
	size_t best = 0;

	for (size_t i = 0; i < w->parts.count; i++) {
		size_t file = delta_old_file_at(w->old, w->parts.at[i].old_at);

		sums[file] += w->parts.at[i].len;
		if (sums[file] > sums[best])
			best = file;
	}
	free(sums);
	return best;
}

/* Not more covers than a segment may have: the shortest give way. */
static void limit_covers(struct delta_piecer *w)
{
	for (uint64_t shortest = 16; w->parts.count > DELTA_COVERS_MAX;
	     shortest *= 2) {
		size_t kept = 0;

		for (size_t i = 0; i < w->parts.count; i++)
			if (w->parts.at[i].len >= shortest)
				w->parts.at[kept++] = w->parts.at[i];
		w->parts.count = kept;
	}
}

static void find_patch(struct delta_piecer *w, const struct delta_piece *from,
		       struct delta_patch *out)
{
	const struct slice piece = from->bytes;
	const uint64_t within = from->within;
	struct delta_segment *s = &out->segment;
	size_t home;

	*s = (struct delta_segment){ .kind = DELTA_PATCH, .len = piece.len };
	out->fresh = piece;
	if (within + piece.len > DELTA_FILE_MAX)
		return;
	home = w->parts.count > 0 ? find_home(w) : w->likely;
	out->home_at =
		delta_old_stream_at(w->old, delta_old_file_begin(w->old, home));
	out->home = slice_sub((struct slice){ w->old->text, w->old->text_len },
			      (size_t)delta_old_file_begin(w->old, home),
			      (size_t)(w->old->file_ends[home] -
				       delta_old_file_begin(w->old, home)));
	if (w->parts.count == 0)
		return;
	if (within == 0)
		delta_find_layouts(out->home, piece, &w->layout);
	*s = w->layout;
	s->kind = DELTA_PATCH;
	s->len = piece.len;
	s->within = (uint32_t)within;
	s->old_at = out->home_at;
	s->old_len = out->home.len;
	s->cover_count = (uint32_t)w->parts.count;
}

static int write_patch(struct delta_piecer *w, struct delta_patch *p,
		       struct err *e)
{
	const size_t count = p->segment.cover_count;
	struct delta_cover *covers = mem_alloc(count + 1, sizeof(*covers));
	const uint8_t **old = mem_alloc(count + 1, sizeof(*old));
	uint64_t at = 0;
	int rc;

	for (size_t i = 0; i < count; i++) {
		const struct cover *c = &w->parts.at[i];

		covers[i] = (struct delta_cover){
			delta_old_stream_at(w->old, c->old_at),
			(uint32_t)(c->new_at - at), (uint32_t)c->len
		};
		old[i] = w->old->text + c->old_at;
		at = c->new_at + c->len;
	}
	p->covers = covers;
	p->old = old;
	rc = delta_patch_write(w->writer, p, e);
	free(covers);
	free(old);
	return rc;
}

static void find_parts(struct delta_piecer *w, struct slice piece,
		       uint64_t hint, unsigned gain)
{
	w->covers.count = 0;
	matcher_run(w->old->matcher, piece, hint, gain, &w->covers);
	cut_covers(w);
	limit_covers(w);
}

static bool is_text(struct slice piece)
{
	const size_t len = piece.len < TEXT_SAMPLE ? piece.len : TEXT_SAMPLE;

	return !memchr(piece.ptr, 0, len);
}

/* Text has short repetitions that covers are too dear for. */
static bool is_costly(const struct delta_piecer *w, struct slice piece)
{
	const uint64_t share = is_text(piece) ? COSTLY_TEXT : COSTLY_OTHER;
	uint64_t cost = piece.len;

	for (size_t i = 0; i < w->parts.count; i++)
		cost += COVER_COST - w->parts.at[i].len;
	return w->parts.count > 0 && cost > piece.len / share;
}

static int drop(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)e;
	return 0;
}

/* What the parts found would cost in records of their own. */
static int measure(struct delta_piecer *w, const struct delta_piece *piece,
		   bool fast, uint64_t *len, struct err *e)
{
	struct delta_writer_setup setup = *w->setup;
	struct delta_writer *writer = w->writer;
	struct delta_patch p = { .covers = NULL };
	int rc;

	setup.to.write = drop;
	setup.prefix_max = piece->bytes.len;
	setup.fast = fast;
	delta_writer_new(&setup, &w->writer);
	find_patch(w, piece, &p);
	rc = write_patch(w, &p, e);
	if (!rc)
		rc = delta_writer_end(w->writer, len, e);
	delta_writer_free(w->writer);
	w->writer = writer;
	return rc;
}

/* Leave out what agrees in less than `least` bytes: the prefix serves it. */
static void drop_short(struct delta_piecer *w, uint64_t least)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->parts.count; i++)
		if (w->parts.at[i].len >= least)
			w->parts.at[kept++] = w->parts.at[i];
	w->parts.count = kept;
}

static void find_way(struct delta_piecer *w, const struct delta_piece *p,
		     const struct way *way)
{
	find_parts(w, p->bytes, p->hint, way->gain);
	drop_short(w, way->least);
}

static int measure_way(struct delta_piecer *w, const struct delta_piece *p,
		       size_t way, bool fast, uint64_t *len, struct err *e)
{
	find_way(w, p, &ways[way]);
	return measure(w, p, fast, len, e);
}

/*
 * The fast setting misjudges what repeats itself much: where no covers at all
 * come near the best way, both are compressed as they would be in the end.
 */
static int prefer_plain(struct delta_piecer *w, const struct delta_piece *p,
			size_t *best, struct err *e)
{
	uint64_t best_len, plain_len;

	if (measure_way(w, p, *best, false, &best_len, e) ||
	    measure_way(w, p, WAY_PLAIN, false, &plain_len, e))
		return -1;
	if (plain_len < best_len)
		*best = WAY_PLAIN;
	return 0;
}

/* Leave the cheapest way as the parts found. */
static int choose_parts(struct delta_piecer *w, const struct delta_piece *p,
			struct err *e)
{
	uint64_t lens[ARRAY_LEN(ways)], best_len = UINT64_MAX;
	size_t best = 0;

	w->likely = find_home(w);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (measure_way(w, p, i, true, &lens[i], e))
			return -1;
		if (lens[i] + lens[i] / WAY_SHARE < best_len) {
			best_len = lens[i];
			best = i;
		}
	}
	if (best != WAY_PLAIN && lens[WAY_PLAIN] / 2 < best_len &&
	    prefer_plain(w, p, &best, e))
		return -1;
	find_way(w, p, &ways[best]);
	return 0;
}

/* ---- pieces -------------------------------------------------------------- */

void delta_piece_begin(struct delta_piecer *w)
{
	w->layout = (struct delta_segment){ .kind = DELTA_PATCH };
}

int delta_piece_put(struct delta_piecer *w, const struct delta_piece *piece,
		    struct err *e)
{
	struct delta_patch p = { .covers = NULL };

	find_parts(w, piece->bytes, piece->hint, GAIN_COARSE);
	w->likely = delta_old_file_at(w->old, piece->hint);
	if (is_costly(w, piece->bytes) && choose_parts(w, piece, e))
		return -1;
	find_patch(w, piece, &p);
	return write_patch(w, &p, e);
}

int delta_piece_cost(struct delta_piecer *w, const struct delta_piece *piece,
		     uint64_t *len, struct err *e)
{
	delta_piece_begin(w);
	find_parts(w, piece->bytes, piece->hint, GAIN_COARSE);
	w->likely = delta_old_file_at(w->old, piece->hint);
	return measure(w, piece, true, len, e);
}

void delta_piecer_done(struct delta_piecer *w)
{
	cover_list_done(&w->covers);
	cover_list_done(&w->parts);
}
