/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_patch.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define AROUND (DELTA_BEFORE + DELTA_BLOCK + DELTA_AFTER)

/* Another predictor than the block before had must save so many bytes. */
#define CHANGE_MIN 2

#define APART_MIN   ((size_t)256 << 10)
#define APART_SHARE 4
#define SAMPLE_LEN  ((size_t)256 << 10)
#define SEEN_MAX    ((size_t)5 << 20) /* what a sample is compressed behind */

/* About what a region costs, in wrong bytes that predictors must save. */
#define REGION_COST 8

struct work {
	struct delta_writer *writer;
	const struct delta_patch *patch;
	struct delta_segment segment; /* the patch's, maybe without regions */
	struct delta_map map;
	/* Of the blocks of the home file, chosen before the first is written.
	 */
	uint8_t *choices;
	size_t choice_count;
	uint64_t saved; /* wrong bytes, by predictors that need regions */
	enum delta_predictor last;
	uint64_t spare; /* bytes around blocks that may still be read */
	bool homeless;  /* its inserts resemble those before, not its home */
	/* Old bytes of the cover under way, if it is of no home, from here. */
	const uint8_t *foreign;
	uint64_t foreign_at;
	uint8_t old[AROUND];
	uint8_t fresh[DELTA_BEFORE + DELTA_BLOCK];
	uint8_t diff[DELTA_BLOCK];
};

/* A block of a cover: where it stands in the old stream and in the segment. */
struct place {
	uint64_t old_at;
	size_t at, len;
};

/* ---- blocks -------------------------------------------------------------- */

/* The bytes of the home file from at on that exist; zeroes for the others. */
static void copy_around(const struct work *w, uint64_t at, size_t len,
			uint8_t *out)
{
	struct slice s = w->patch->home;
	size_t skip = at < DELTA_BEFORE ? DELTA_BEFORE - (size_t)at : 0;

	memset(out, 0, AROUND);
	s = slice_sub(s, (size_t)at + skip - DELTA_BEFORE,
		      DELTA_BEFORE - skip + len + DELTA_AFTER);
	memcpy(out + skip, s.ptr, s.len);
}

static void copy_before(const struct work *w, size_t at, size_t len,
			uint8_t *out)
{
	size_t before = at < DELTA_BEFORE ? at : DELTA_BEFORE;

	memset(out, 0, DELTA_BEFORE);
	memcpy(out + DELTA_BEFORE - before, w->patch->fresh.ptr + at - before,
	       before + len);
}

/* What predictors see of a block of the home file. */
static struct delta_block look_at(struct work *w, const struct place *p)
{
	const struct delta_block block = {
		w->old, p->len, (uint32_t)(p->old_at - w->segment.old_at),
		w->segment.within + (uint32_t)p->at
	};

	copy_around(w, block.old_at, p->len, w->old);
	copy_before(w, p->at, p->len, w->fresh);
	return block;
}

/* The blocks of a cover, one after another; at: where it begins. */
static int each_block(struct work *w, const struct delta_cover *c, size_t at,
		      int (*visit)(struct work *w, const struct place *p,
				   struct err *e),
		      struct err *e)
{
	uint32_t done = 0;

	while (done < c->len) {
		struct place p = { c->old_at + done, at + done, 0 };

		p.len = DELTA_BLOCK - (w->segment.within + p.at) % DELTA_BLOCK;
		if (p.len > c->len - done)
			p.len = c->len - done;
		if (visit(w, &p, e))
			return -1;
		done += (uint32_t)p.len;
	}
	return 0;
}

/* ---- predictors ---------------------------------------------------------- */

static bool needs_regions(enum delta_predictor p)
{
	return p > DELTA_AS_IS && p < DELTA_CARRY4;
}

static size_t count_wrong(struct work *w, const struct delta_block *b,
			  enum delta_predictor p)
{
	size_t count = 0;

	delta_compare(p, &w->map, b, w->fresh, w->diff);
	for (size_t i = 0; i < b->len; i++)
		count += w->diff[i] != 0;
	return count;
}

static enum delta_predictor best_for(struct work *w,
				     const struct delta_block *b)
{
	const size_t plain = count_wrong(w, b, DELTA_AS_IS);
	enum delta_predictor best = DELTA_AS_IS;
	size_t least = plain;

	if (plain == 0 || w->spare < DELTA_BEFORE + DELTA_AFTER)
		return DELTA_AS_IS;
	for (unsigned p = DELTA_AS_IS + 1; p < DELTA_PREDICTORS; p++) {
		size_t count;

		if (w->segment.old.count == 0 && needs_regions(p))
			continue;
		count = count_wrong(w, b, p);
		if (count + (p == w->last ? 0 : CHANGE_MIN) > least ||
		    count >= least)
			continue;
		best = p;
		least = count;
	}
	w->last = best;
	if (best != DELTA_AS_IS)
		w->spare -= DELTA_BEFORE + DELTA_AFTER;
	if (needs_regions(best))
		w->saved += plain - least;
	return best;
}

static int choose(struct work *w, const struct place *p, struct err *e)
{
	const struct delta_block block = look_at(w, p);

	(void)e;
	w->choices[w->choice_count++] = (uint8_t)best_for(w, &block);
	return 0;
}

static int choose_all(struct work *w, struct err *e)
{
	size_t at = 0;

	w->choice_count = 0;
	w->saved = 0;
	w->last = DELTA_AS_IS;
	w->spare = w->segment.len / DELTA_AROUND_SHARE;
	delta_map_covers(&w->segment, w->patch->covers, &w->map);
	for (uint32_t i = 0; i < w->segment.cover_count; i++) {
		const struct delta_cover *c = &w->patch->covers[i];

		at += c->gap;
		if (delta_is_home(&w->segment, c->old_at, c->len) &&
		    each_block(w, c, at, choose, e))
			return -1;
		at += c->len;
	}
	return 0;
}

/* Choose again without regions, if they do not pay for themselves. */
static int plan(struct work *w, struct err *e)
{
	struct delta_segment *s = &w->segment;

	if (choose_all(w, e))
		return -1;
	if (s->old.count == 0 || w->saved > REGION_COST * s->old.count)
		return 0;
	s->old.count = 0;
	s->fresh.count = 0;
	return w->saved > 0 ? choose_all(w, e) : 0;
}

/* ---- writing ------------------------------------------------------------- */

static int put_home(struct work *w, const struct place *p, struct err *e)
{
	const struct delta_block block = look_at(w, p);
	const enum delta_predictor choice = w->choices[w->choice_count++];

	delta_compare(choice, &w->map, &block, w->fresh, w->diff);
	return delta_writer_block(w->writer, true, choice,
				  (struct slice){ w->diff, p->len }, e);
}

static int put_foreign(struct work *w, const struct place *p, struct err *e)
{
	const uint8_t *old = w->foreign + (p->old_at - w->foreign_at);

	for (size_t i = 0; i < p->len; i++)
		w->diff[i] = (uint8_t)(w->patch->fresh.ptr[p->at + i] - old[i]);
	return delta_writer_block(w->writer, false, DELTA_AS_IS,
				  (struct slice){ w->diff, p->len }, e);
}

static int put_cover(struct work *w, uint32_t index, size_t at, struct err *e)
{
	const struct delta_cover *c = &w->patch->covers[index];

	if (delta_is_home(&w->segment, c->old_at, c->len))
		return each_block(w, c, at, put_home, e);
	w->foreign = w->patch->old[index];
	w->foreign_at = c->old_at;
	return each_block(w, c, at, put_foreign, e);
}

/* Where new bytes behind a cover, or without any, would stand in the old. */
static struct delta_near near_to(const struct work *w,
				 const struct delta_cover *before, size_t at)
{
	const struct delta_patch *p = w->patch;
	const struct delta_segment *s = &p->segment;
	const uint64_t len = w->homeless ? 0 : p->home.len;
	struct delta_near near = { p->home_at, p->home_at, p->home_at + len };

	if (w->homeless)
		return near;
	if (before && delta_is_home(s, before->old_at, before->len))
		near.at = before->old_at + before->len;
	else if (!before)
		near.at += s->within + at < len ? s->within + at : len;
	return near;
}

static int put_insert(struct work *w, const struct delta_cover *before,
		      size_t at, size_t len, struct err *e)
{
	const struct delta_patch *p = w->patch;
	const struct delta_near near = near_to(w, before, at);

	return delta_writer_insert(w->writer, slice_sub(p->fresh, at, len),
				   &near, e);
}

static int put_all(struct work *w, struct err *e)
{
	const struct delta_patch *p = w->patch;
	const struct delta_cover *before = NULL;
	size_t at = 0;

	if (plan(w, e) ||
	    delta_writer_patch(w->writer, &w->segment, p->covers, e))
		return -1;
	w->choice_count = 0;
	for (uint32_t i = 0; i < w->segment.cover_count; i++) {
		const struct delta_cover *c = &p->covers[i];

		if (put_insert(w, before, at, c->gap, e) ||
		    put_cover(w, i, at + c->gap, e))
			return -1;
		at += c->gap + c->len;
		before = c;
	}
	return put_insert(w, before, at, p->fresh.len - at, e);
}

/* ---- records of its own -------------------------------------------------- */

/*
 * Much of it inserted, with a home that may have the same in another order: the
 * prefix of its records should hold nothing but the home.
 */
static bool is_apart(const struct delta_patch *p)
{
	size_t len = p->fresh.len;

	for (uint32_t i = 0; i < p->segment.cover_count; i++)
		len -= p->covers[i].len;
	return len >= APART_MIN && len >= p->home.len / APART_SHARE;
}

/* The first of what is inserted. */
static int take_sample(const struct delta_patch *p, struct buf *out,
		       struct err *e)
{
	size_t at = 0;

	for (uint32_t i = 0; i <= p->segment.cover_count; i++) {
		const bool last = i == p->segment.cover_count;
		const size_t gap = last ? p->fresh.len - at : p->covers[i].gap;
		const size_t room = SAMPLE_LEN - out->len;

		if (buf_add(out,
			    slice_sub(p->fresh, at, gap < room ? gap : room),
			    e))
			return -1;
		at += last ? gap : gap + p->covers[i].len;
	}
	return 0;
}

static int cost_behind(const struct delta_writer *w, struct slice prefix,
		       struct slice sample, size_t *out, struct err *e)
{
	const struct encode_how how = { .codec = delta_writer_codec(w),
					.window_len = DELTA_WINDOW,
					.prefix = prefix,
					.fast = true };
	struct buf packed = BUF_INIT(2 * SAMPLE_LEN);
	const int rc = encode_with(&how, sample, &packed, e);

	*out = packed.len;
	buf_done(&packed);
	return rc;
}

/*
 * A release may hold the same several times, in new files that resemble each
 * other and nothing of before: then what the record under way has inserted is
 * worth more than a prefix.
 */
static int resembles_record(const struct delta_writer *w,
			    const struct delta_patch *p, bool *out,
			    struct err *e)
{
	struct slice before = delta_writer_inserts(w);
	struct buf sample = BUF_INIT(SAMPLE_LEN);
	size_t behind = 0, alone = 0;
	int rc = -1;

	if (before.len > SEEN_MAX)
		before = slice_sub(before, before.len - SEEN_MAX, SEEN_MAX);
	if (take_sample(p, &sample, e) ||
	    cost_behind(w, before, buf_slice(&sample), &behind, e) ||
	    cost_behind(w, slice_sub(p->home, 0, SEEN_MAX), buf_slice(&sample),
			&alone, e))
		goto out;
	*out = behind < alone;
	rc = 0;
out:
	buf_done(&sample);
	return rc;
}

/* End the record under way where this is, or that was, better alone. */
static int part_records(struct work *w, struct err *e)
{
	struct delta_writer *writer = w->writer;
	const bool apart = is_apart(w->patch);

	if (!apart && !delta_writer_is_apart(writer))
		return 0;
	if (delta_writer_inserts(writer).len > 0 &&
	    resembles_record(writer, w->patch, &w->homeless, e))
		return -1;
	if (!w->homeless && delta_writer_cut(writer, e))
		return -1;
	if (apart)
		delta_writer_set_apart(writer);
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

/* Each cover has one block more than whole ones, at each of its ends. */
static size_t blocks_max(const struct delta_segment *s)
{
	return (size_t)(s->len / DELTA_BLOCK) + 2 * (size_t)s->cover_count;
}

int delta_patch_write(struct delta_writer *w, const struct delta_patch *p,
		      struct err *e)
{
	struct work *work = mem_alloc(1, sizeof(*work));
	int rc;

	work->writer = w;
	work->patch = p;
	work->segment = p->segment;
	work->choices = mem_alloc(blocks_max(&p->segment) + 1, 1);
	work->map.spans = mem_alloc(delta_spans_max(&p->segment),
				    sizeof(*work->map.spans));
	rc = part_records(work, e) || put_all(work, e) ? -1 : 0;
	free(work->map.spans);
	free(work->choices);
	free(work);
	return rc;
}
