/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_piece.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/delta_layout.h"
#include "signer/delta_noise.h"

#define GAIN_COARSE 11
#define GAIN_FINE   8

#define COVER_COST    16   /* bytes that a cover is about worth */
#define WAY_SHARE     16   /* by which another way must be better */
#define COSTLY_TEXT   64   /* one byte in so many inserted is much of a text, */
#define COSTLY_OTHER  4    /* of other files, */
#define COSTLY_DATA   1024 /* and of one file that is much of all */
#define DATA_SHARE    8    /* of the old view, at least */
#define DATA_MAX      ((size_t)4 << 20)
#define TEXT_SAMPLE   65536
#define EXACT_MIN     4 /* bytes between two wrong ones that a cover is for */
#define FEW_COVERED   4 /* one byte in so many: of noise, no more than that */
#define ALIGNED_SHARE 2 /* how much more of a kind differences must be */
#define SAMPLED_MIN   ((size_t)16 << 20) /* a piece that samples tell of */
#define SAMPLE_LEN    ((size_t)2 << 20)
#define SAMPLES       4
#define NEAR_SHARE    8  /* by which the fast setting misjudges a large file, */
#define SMALL_SHARE   32 /* and samples do */

/* What becomes of the covers that were found. */
enum way_kind {
	WAY_COVERS,
	WAY_EXACT,   /* their wrong bytes are left to inserts */
	WAY_ALIGNED, /* one instead, of the file as it was: samples and tables
		      * in which each number changed a little */
	WAY_NONE
};

/*
 * How covers are found: the gain (delta_match.h), and how long they must be.
 * The first is right for most files. Where much is left to insert another may
 * cost less: that is measured, not guessed.
 */
static const struct way {
	uint64_t least;
	enum way_kind kind;
	unsigned gain;
} ways[] = {
	{ 0, WAY_COVERS, GAIN_COARSE },  { 0, WAY_COVERS, GAIN_FINE },
	{ 64, WAY_COVERS, GAIN_COARSE }, { 0, WAY_EXACT, GAIN_COARSE },
	{ 0, WAY_ALIGNED, 0 },           { 0, WAY_NONE, 0 },
};

#define WAY_PLAIN (ARRAY_LEN(ways) - 1)

/* One piece being looked at. */
struct search {
	const struct delta_old *old;
	const struct delta_writer_setup *setup;
	const struct delta_piece *piece;
	const struct delta_segment *layout; /* NULL: that of its own covers */
	struct cover_list coarse, fine;     /* all that were found */
	bool has_fine;
	struct cover_list parts; /* those that are taken */
	bool aligned;            /* the file as it was is a way */
	size_t likely;           /* home of a piece without any cover */
};

/* ---- covers -------------------------------------------------------------- */

/* Find covers, cut where the files they come from end. */
static void find_covers(const struct search *s, unsigned gain,
			struct cover_list *out)
{
	struct cover_list covers = { .count = 0 };

	matcher_run(s->old->matcher, s->piece->bytes, s->piece->hint, gain,
		    &covers);
	for (size_t i = 0; i < covers.count; i++) {
		struct cover c = covers.at[i];

		while (c.len > 0) {
			uint64_t end = s->old->file_ends[delta_old_file_at(
				s->old, c.old_at)];
			struct cover part = c;

			if (part.len > end - c.old_at)
				part.len = end - c.old_at;
			cover_list_add(out, &part);
			c.new_at += part.len;
			c.old_at += part.len;
			c.len -= part.len;
		}
	}
	cover_list_done(&covers);
}

/* The file that most of the covered bytes come from. */
static size_t find_home(const struct search *s, const struct cover_list *covers)
{
	uint64_t *sums = mem_alloc(s->old->file_count, sizeof(*sums));
	size_t best = 0;

	for (size_t i = 0; i < covers->count; i++) {
		size_t file = delta_old_file_at(s->old, covers->at[i].old_at);

		sums[file] += covers->at[i].len;
		if (sums[file] > sums[best])
			best = file;
	}
	free(sums);
	return best;
}

/* Leave out what is shorter than `least`. */
static void drop_short(struct cover_list *list, uint64_t least)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].len >= least)
			list->at[kept++] = list->at[i];
	list->count = kept;
}

static bool is_text(struct slice piece)
{
	const size_t len = piece.len < TEXT_SAMPLE ? piece.len : TEXT_SAMPLE;

	return !memchr(piece.ptr, 0, len);
}

/*
 * Not more covers than a segment may have: the shortest give way. Of a text
 * segments follow one another instead: it needs no map from end to end.
 */
static void limit_covers(struct cover_list *list)
{
	for (uint64_t least = 16; list->count > DELTA_COVERS_MAX; least *= 2)
		drop_short(list, least);
}

/* The parts of a cover that are right, but for gaps of few bytes. */
static void add_exact(struct search *s, const struct cover *c)
{
	const uint8_t *fresh = s->piece->bytes.ptr + c->new_at;
	const uint8_t *old = s->old->text + c->old_at;
	uint64_t from = 0;

	for (uint64_t at = 0; at <= c->len; at++) {
		const struct cover part = { c->new_at + from, c->old_at + from,
					    at - from };

		if (at < c->len && fresh[at] == old[at])
			continue;
		if (part.len >= EXACT_MIN)
			cover_list_add(&s->parts, &part);
		from = at + 1;
	}
}

static uint64_t sum_of_squares(const uint64_t counts[256])
{
	uint64_t sum = 0;

	for (size_t i = 0; i < 256; i++)
		sum += counts[i] * counts[i];
	return sum;
}

/*
 * Only a file that is as long as it was, and if its differences are of fewer
 * kinds than its bytes: the more equal ones, the higher are their squares.
 */
static bool can_align(const struct search *s)
{
	const struct slice piece = s->piece->bytes;
	const uint64_t at = s->piece->hint;
	const size_t file = delta_old_file_at(s->old, at);
	uint64_t plain[256] = { 0 }, diffs[256] = { 0 };

	if (file >= s->old->file_count ||
	    s->old->file_ends[file] - at != piece.len)
		return false;
	for (size_t i = 0; i < piece.len; i++) {
		plain[piece.ptr[i]]++;
		diffs[(uint8_t)(piece.ptr[i] - s->old->text[at + i])]++;
	}
	return sum_of_squares(diffs) / ALIGNED_SHARE > sum_of_squares(plain);
}

static void add_aligned(struct search *s)
{
	const struct cover c = { 0, s->piece->hint, s->piece->bytes.len };

	cover_list_add(&s->parts, &c);
}

/* Only when they are asked for. */
static const struct cover_list *find_fine(struct search *s)
{
	if (!s->has_fine)
		find_covers(s, GAIN_FINE, &s->fine);
	s->has_fine = true;
	return &s->fine;
}

static void take_way(struct search *s, const struct way *way)
{
	const struct cover_list *from = &s->coarse;

	s->parts.count = 0;
	if (way->kind == WAY_ALIGNED)
		add_aligned(s);
	if (way->kind == WAY_ALIGNED || way->kind == WAY_NONE)
		return;
	if (way->gain == GAIN_FINE)
		from = find_fine(s);
	for (size_t i = 0; i < from->count; i++) {
		const struct cover *c = &from->at[i];

		if (way->kind == WAY_EXACT)
			add_exact(s, c);
		else if (c->len >= way->least)
			cover_list_add(&s->parts, c);
	}
	if (!is_text(s->piece->bytes))
		limit_covers(&s->parts);
}

/* ---- a plan -------------------------------------------------------------- */

static void set_covers(const struct search *s, struct delta_plan *out)
{
	const size_t count = s->parts.count;
	uint64_t at = 0;

	out->covers = mem_alloc(count + 1, sizeof(*out->covers));
	out->old = mem_alloc(count + 1, sizeof(*out->old));
	for (size_t i = 0; i < count; i++) {
		const struct cover *c = &s->parts.at[i];

		out->covers[i] = (struct delta_cover){
			delta_old_stream_at(s->old, c->old_at),
			(uint32_t)(c->new_at - at), (uint32_t)c->len
		};
		out->old[i] = s->old->text + c->old_at;
		at = c->new_at + c->len;
	}
}

static void set_home(const struct search *s, struct delta_patch *p)
{
	const size_t home =
		s->parts.count > 0 ? find_home(s, &s->parts) : s->likely;
	const uint64_t begin = delta_old_file_begin(s->old, home);

	p->home_at = delta_old_stream_at(s->old, begin);
	p->home = (struct slice){ s->old->text + begin,
				  (size_t)(s->old->file_ends[home] - begin) };
}

/* Of the whole piece. */
static void set_segment(const struct search *s, struct delta_patch *p,
			struct delta_segment *layout)
{
	if (s->layout)
		*layout = *s->layout;
	else
		delta_find_layouts(p->home, s->piece->bytes, layout);
	p->segment = *layout;
	p->segment.kind = DELTA_PATCH;
	p->segment.within = (uint32_t)s->piece->within;
	p->segment.old_at = p->home_at;
	p->segment.old_len = p->home.len;
}

/* Covers from `first` on, as many as a patch may have; the last has the rest
 * of the piece. Returns where it ends. */
static size_t cut_patch(const struct search *s, const struct delta_plan *plan,
			size_t first, size_t begin, struct delta_patch *p)
{
	const size_t left = s->parts.count - first;
	const bool is_last = left <= DELTA_COVERS_MAX;
	const size_t count = is_last ? left : DELTA_COVERS_MAX;
	size_t end = s->piece->bytes.len;

	if (!is_last)
		end = (size_t)(s->parts.at[first + count - 1].new_at +
			       s->parts.at[first + count - 1].len);
	p->covers = plan->covers + first;
	p->old = plan->old + first;
	p->fresh = slice_sub(s->piece->bytes, begin, end - begin);
	p->segment.len = end - begin;
	p->segment.within += (uint32_t)begin;
	p->segment.cover_count = (uint32_t)count;
	return end;
}

/* Of the parts that were taken. */
static void make_plan(const struct search *s, struct delta_plan *out)
{
	const struct delta_piece *piece = s->piece;
	struct delta_patch whole = { .segment = { .kind = DELTA_PATCH } };
	size_t first = 0, begin = 0;

	*out = (struct delta_plan){ .layout = { .kind = DELTA_PATCH } };
	if (piece->within + piece->bytes.len <= DELTA_FILE_MAX) {
		set_home(s, &whole);
		if (s->parts.count > 0)
			set_segment(s, &whole, &out->layout);
	}
	set_covers(s, out);
	out->patches = mem_alloc(s->parts.count / DELTA_COVERS_MAX + 1,
				 sizeof(*out->patches));
	do {
		struct delta_patch *p = &out->patches[out->patch_count++];

		*p = whole;
		begin = cut_patch(s, out, first, begin, p);
		first += p->segment.cover_count;
	} while (begin < piece->bytes.len);
}

int delta_plan_write(const struct delta_plan *plan, struct delta_writer *w,
		     struct err *e)
{
	for (size_t i = 0; i < plan->patch_count; i++)
		if (delta_patch_write(w, &plan->patches[i], e))
			return -1;
	return 0;
}

void delta_plan_done(struct delta_plan *plan)
{
	free(plan->patches);
	free(plan->covers);
	free(plan->old);
	*plan = (struct delta_plan){ .covers = NULL };
}

/* ---- which way ----------------------------------------------------------- */

static uint64_t count_wrong(const struct search *s, const struct cover *c)
{
	const uint8_t *fresh = s->piece->bytes.ptr + c->new_at;
	const uint8_t *old = s->old->text + c->old_at;
	uint64_t count = 0;

	for (uint64_t i = 0; i < c->len; i++)
		count += fresh[i] != old[i];
	return count;
}

static bool is_program(struct slice piece)
{
	static const uint8_t elf[] = { 0x7f, 'E', 'L', 'F' };

	return slice_equal(slice_sub(piece, 0, sizeof(elf)),
			   (struct slice){ elf, sizeof(elf) });
}

/*
 * Is it much of what there is, and soon tried? Among others it is better judged
 * with its neighbours, whose records it shares, than alone.
 */
static bool is_data(const struct search *s)
{
	const struct slice piece = s->piece->bytes;

	return piece.len <= DATA_MAX && !is_program(piece) &&
	       piece.len >= s->old->view->len / DATA_SHARE;
}

/* An archive of stored files, a file system, a table: samples tell of it what
 * all of it would, and so cost little. */
static bool is_large(const struct search *s)
{
	return s->piece->bytes.len >= SAMPLED_MIN &&
	       !is_program(s->piece->bytes);
}

/*
 * Text and data have short repetitions that covers are too dear for; and of
 * what is no program no predictor puts the wrong bytes right.
 */
static bool is_costly(const struct search *s)
{
	const struct slice piece = s->piece->bytes;
	const bool text = is_text(piece), data = is_data(s),
		   program = is_program(piece);
	const unsigned share = data                  ? COSTLY_DATA
			       : text || is_large(s) ? COSTLY_TEXT
						     : COSTLY_OTHER;
	uint64_t cost = piece.len;

	for (size_t i = 0; i < s->coarse.count; i++) {
		const struct cover *c = &s->coarse.at[i];

		cost += COVER_COST - c->len;
		if (!program)
			cost += count_wrong(s, c);
	}
	return (s->coarse.count > 0 || s->aligned) && cost > piece.len / share;
}

static int drop(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)e;
	return 0;
}

/* What the parts taken would cost in records of their own. */
static int measure_all(const struct search *s, bool fast, uint64_t *len,
		       struct err *e)
{
	struct delta_writer_setup setup = *s->setup;
	struct delta_writer *writer;
	struct delta_plan plan;
	int rc;

	setup.to.write = drop;
	setup.prefix_max = s->piece->bytes.len;
	setup.fast = fast;
	/* Where costs are only compared, the fast codec tells as well. */
	if (fast && setup.codec == PACKAGE_LZMA)
		setup.codec = PACKAGE_ZSTD;
	setup.any_codec = false;
	setup.crew = NULL;
	delta_writer_new(&setup, &writer);
	make_plan(s, &plan);
	rc = delta_plan_write(&plan, writer, e);
	if (!rc)
		rc = delta_writer_end(writer, len, e);
	delta_plan_done(&plan);
	delta_writer_free(writer);
	return rc;
}

/* The parts between two places of the piece, as parts of what is there. */
static void clip_parts(const struct search *s, uint64_t from, uint64_t to,
		       struct cover_list *out)
{
	for (size_t i = 0; i < s->parts.count; i++) {
		struct cover c = s->parts.at[i];
		const uint64_t skip = c.new_at < from ? from - c.new_at : 0;

		if (c.new_at >= to || skip >= c.len)
			continue;
		c.new_at += skip - from;
		c.old_at += skip;
		c.len -= skip;
		if (c.len > to - from - c.new_at)
			c.len = to - from - c.new_at;
		cover_list_add(out, &c);
	}
}

static int measure_sample(const struct search *s,
			  const struct delta_segment *layout, uint64_t at,
			  bool fast, uint64_t *len, struct err *e)
{
	struct delta_piece piece = *s->piece;
	struct search sample = *s;
	int rc;

	piece.bytes = slice_sub(piece.bytes, (size_t)at, SAMPLE_LEN);
	piece.within += at;
	sample.piece = &piece;
	sample.layout = layout;
	sample.parts = (struct cover_list){ .count = 0 };
	clip_parts(s, at, at + piece.bytes.len, &sample.parts);
	rc = measure_all(&sample, fast, len, e);
	cover_list_done(&sample.parts);
	return rc;
}

/*
 * Of much, samples tell which way is better as well as all of it does, which
 * would be compressed seven times or more.
 */
static int measure(const struct search *s, bool fast, uint64_t *len,
		   struct err *e)
{
	const uint64_t step = s->piece->bytes.len / SAMPLES;
	struct delta_patch whole = { .home_at = 0 };
	struct delta_segment layout = { .kind = DELTA_PATCH };
	uint64_t sum = 0, one;

	if (s->piece->bytes.len < SAMPLED_MIN)
		return measure_all(s, fast, len, e);
	if (s->parts.count > 0) {
		set_home(s, &whole);
		set_segment(s, &whole, &layout);
	}
	for (unsigned i = 0; i < SAMPLES; i++) {
		if (measure_sample(s, &layout,
				   i * step + (step - SAMPLE_LEN) / 2, fast,
				   &one, e))
			return -1;
		sum += one;
	}
	*len = sum * s->piece->bytes.len / (SAMPLES * SAMPLE_LEN);
	return 0;
}

static int measure_way(struct search *s, size_t way, bool fast, uint64_t *len,
		       struct err *e)
{
	take_way(s, &ways[way]);
	return measure(s, fast, len, e);
}

/*
 * The fast setting misjudges what repeats itself much: where no covers at all
 * come near the best way, both are compressed as they would be in the end.
 */
static int prefer_plain(struct search *s, size_t *best, struct err *e)
{
	uint64_t best_len, plain_len;

	if (measure_way(s, *best, false, &best_len, e) ||
	    measure_way(s, WAY_PLAIN, false, &plain_len, e))
		return -1;
	if (plain_len < best_len)
		*best = WAY_PLAIN;
	return 0;
}

/* Likewise of a large file: which of the ways that are near the best one is it
 * really? */
static int prefer_small(struct search *s, const uint64_t *lens, size_t *best,
			struct err *e)
{
	const uint64_t most = lens[*best] + lens[*best] / NEAR_SHARE;
	uint64_t best_len = UINT64_MAX / 2, len;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (lens[i] > most)
			continue;
		if (measure_way(s, i, false, &len, e))
			return -1;
		if (len + len / SMALL_SHARE < best_len) {
			best_len = len;
			*best = i;
		}
	}
	return 0;
}

static uint64_t count_inserted(const struct search *s,
			       const struct cover_list *covers)
{
	uint64_t left = s->piece->bytes.len;

	for (size_t i = 0; i < covers->count; i++)
		left -= covers->at[i].len;
	return left;
}

/*
 * Nearly all is inserted, finer covers hardly change that, and what is inserted
 * costs its length: then no way is better than another by as much as counts.
 */
static int is_settled(struct search *s, bool *out, struct err *e)
{
	const uint64_t len = s->piece->bytes.len;
	const uint64_t coarse = count_inserted(s, &s->coarse);

	*out = false;
	if (s->aligned || coarse < len - len / FEW_COVERED)
		return 0;
	if (delta_noise_is(s->piece->bytes, out, e))
		return -1;
	if (*out)
		*out = count_inserted(s, find_fine(s)) >=
		       coarse - coarse / WAY_SHARE;
	return 0;
}

/* Some would be the same as none. */
static bool is_way(const struct search *s, const struct way *way)
{
	switch (way->kind) {
	case WAY_COVERS:
	case WAY_EXACT:
		return s->coarse.count > 0;
	case WAY_ALIGNED:
		return s->aligned;
	case WAY_NONE:
		break;
	}
	return true;
}

static int choose_way(struct search *s, size_t *out, struct err *e)
{
	uint64_t lens[ARRAY_LEN(ways)], best_len = UINT64_MAX;
	size_t best = 0;

	if (s->coarse.count > 0)
		s->likely = find_home(s, &s->coarse);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		lens[i] = UINT64_MAX;
		if (!is_way(s, &ways[i]))
			continue;
		if (measure_way(s, i, true, &lens[i], e))
			return -1;
		if (lens[i] + lens[i] / WAY_SHARE < best_len) {
			best_len = lens[i];
			best = i;
		}
	}
	if (is_large(s) && prefer_small(s, lens, &best, e))
		return -1;
	if (best != WAY_PLAIN && lens[WAY_PLAIN] / 2 < best_len &&
	    prefer_plain(s, &best, e))
		return -1;
	*out = best;
	return 0;
}

/* ---- pieces -------------------------------------------------------------- */

static void begin(struct search *s, const struct delta_piecer *w,
		  const struct delta_piece *piece)
{
	*s = (struct search){ .old = w->old,
			      .setup = w->setup,
			      .piece = piece };
	s->likely = delta_old_file_at(w->old, piece->hint);
	find_covers(s, GAIN_COARSE, &s->coarse);
	s->aligned = can_align(s);
}

static void end(struct search *s)
{
	cover_list_done(&s->coarse);
	cover_list_done(&s->fine);
	cover_list_done(&s->parts);
}

int delta_piece_plan(const struct delta_piecer *w,
		     const struct delta_piece *piece,
		     const struct delta_segment *layout, struct delta_plan *out,
		     struct err *e)
{
	struct search s;
	size_t way = 0;
	bool settled = true;
	int rc = 0;

	begin(&s, w, piece);
	s.layout = piece->within > 0 ? layout : NULL;
	if (is_costly(&s))
		rc = is_settled(&s, &settled, e);
	if (!rc && !settled)
		rc = choose_way(&s, &way, e);
	if (!rc) {
		take_way(&s, &ways[way]);
		make_plan(&s, out);
	}
	end(&s);
	return rc;
}

int delta_piece_cost(const struct delta_piecer *w,
		     const struct delta_piece *piece, uint64_t *len,
		     struct err *e)
{
	struct search s;
	int rc;

	begin(&s, w, piece);
	rc = measure_way(&s, 0, true, len, e);
	end(&s);
	return rc;
}
