/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_patch.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define AROUND (DELTA_BEFORE + DELTA_BLOCK + DELTA_AFTER)

/* Another predictor than the block before had must save so many bytes. */
#define CHANGE_MIN 2

struct work {
	struct delta_writer *writer;
	const struct delta_patch *patch;
	struct delta_map map;
	enum delta_predictor last;
	uint64_t spare; /* bytes around blocks that may still be read */
	uint8_t old[AROUND];
	uint8_t fresh[DELTA_BEFORE + DELTA_BLOCK];
	uint8_t diffs[2][DELTA_BLOCK]; /* the best so far, and the next */
};

static size_t count_wrong(const uint8_t *diff, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += diff[i] != 0;
	return count;
}

/* The best predictor; its differences are then in diffs[0]. */
static enum delta_predictor choose(struct work *w, const struct delta_block *b)
{
	enum delta_predictor best = DELTA_AS_IS;
	size_t best_count;

	delta_compare(DELTA_AS_IS, &w->map, b, w->fresh, w->diffs[0]);
	best_count = count_wrong(w->diffs[0], b->len);
	if (best_count == 0 || w->spare < DELTA_BEFORE + DELTA_AFTER)
		return DELTA_AS_IS;
	for (unsigned p = DELTA_AS_IS + 1; p < DELTA_PREDICTORS; p++) {
		size_t count;

		delta_compare(p, &w->map, b, w->fresh, w->diffs[1]);
		count = count_wrong(w->diffs[1], b->len);
		if (count + (p == w->last ? 0 : CHANGE_MIN) > best_count ||
		    count >= best_count)
			continue;
		best = p;
		best_count = count;
		memcpy(w->diffs[0], w->diffs[1], b->len);
	}
	w->last = best;
	if (best != DELTA_AS_IS)
		w->spare -= DELTA_BEFORE + DELTA_AFTER;
	return best;
}

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

static int put_home(struct work *w, uint64_t old_at, size_t at, size_t len,
		    struct err *e)
{
	const struct delta_segment *s = &w->patch->segment;
	struct delta_block block = { w->old, len,
				     (uint32_t)(old_at - s->old_at),
				     s->within + (uint32_t)at };
	enum delta_predictor choice;

	copy_around(w, block.old_at, len, w->old);
	copy_before(w, at, len, w->fresh);
	choice = choose(w, &block);
	return delta_writer_block(w->writer, true, choice,
				  (struct slice){ w->diffs[0], len }, e);
}

static int put_foreign(struct work *w, const uint8_t *old, size_t at,
		       size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++)
		w->diffs[0][i] =
			(uint8_t)(w->patch->fresh.ptr[at + i] - old[i]);
	return delta_writer_block(w->writer, false, DELTA_AS_IS,
				  (struct slice){ w->diffs[0], len }, e);
}

static int put_cover(struct work *w, uint32_t index, size_t at, struct err *e)
{
	const struct delta_segment *s = &w->patch->segment;
	const struct delta_cover *c = &w->patch->covers[index];
	const bool home = delta_is_home(s, c->old_at, c->len);
	uint32_t done = 0;

	while (done < c->len) {
		uint32_t place = s->within + (uint32_t)at + done;
		size_t len = DELTA_BLOCK - place % DELTA_BLOCK;

		if (len > c->len - done)
			len = c->len - done;
		if (home ? put_home(w, c->old_at + done, at + done, len, e)
			 : put_foreign(w, w->patch->old[index] + done,
				       at + done, len, e))
			return -1;
		done += (uint32_t)len;
	}
	return 0;
}

/* Where new bytes behind a cover, or without any, would stand in the old. */
static struct delta_near near_to(const struct delta_patch *p,
				 const struct delta_cover *before, size_t at)
{
	const struct delta_segment *s = &p->segment;
	const uint64_t len = p->home.len;
	struct delta_near near = { p->home_at, p->home_at, p->home_at + len };

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
	const struct delta_near near = near_to(p, before, at);

	return delta_writer_insert(w->writer, slice_sub(p->fresh, at, len),
				   &near, e);
}

static int put_all(struct work *w, struct err *e)
{
	const struct delta_patch *p = w->patch;
	const struct delta_cover *before = NULL;
	size_t at = 0;

	if (delta_writer_patch(w->writer, &p->segment, p->covers, e))
		return -1;
	for (uint32_t i = 0; i < p->segment.cover_count; i++) {
		const struct delta_cover *c = &p->covers[i];

		if (put_insert(w, before, at, c->gap, e) ||
		    put_cover(w, i, at + c->gap, e))
			return -1;
		at += c->gap + c->len;
		before = c;
	}
	return put_insert(w, before, at, p->fresh.len - at, e);
}

int delta_patch_write(struct delta_writer *w, const struct delta_patch *p,
		      struct err *e)
{
	struct work *work = mem_alloc(1, sizeof(*work));
	int rc;

	work->writer = w;
	work->patch = p;
	work->spare = p->segment.len / DELTA_AROUND_SHARE;
	work->map.spans = mem_alloc(delta_spans_max(&p->segment),
				    sizeof(*work->map.spans));
	delta_map_covers(&p->segment, p->covers, &work->map);
	rc = put_all(work, e);
	free(work->map.spans);
	free(work);
	return rc;
}
