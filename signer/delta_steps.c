/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_steps.h"

#include <stdlib.h>

#include "common/mem.h"
#include "signer/delta_patch.h"

/* Steps that are planned together: so many, or pieces of so many bytes. */
#define STEPS_MAX ((size_t)1024)
#define STEPS_LEN ((size_t)24 << 20)

/* What comes next in the new stream. */
struct step {
	uint8_t *bytes; /* heap: a piece; NULL: a copy of the old stream */
	struct delta_piece piece;
	struct delta_plan plan;
	struct kin_elder *elder; /* it refers to; or NULL */
	struct delta_old kin;    /* the text of that */
	uint64_t old_at, len;
};

struct walk {
	struct delta_sight *sight;
	struct crew *crew;
	const struct tree_watch *watch;
	struct delta_writer *writer;
	struct step *steps;
	size_t step_count, step_bytes;
	struct delta_segment layout; /* of the file under way */
	/* an exact copy that may still grow */
	uint64_t copy_at, copy_len;
	uint64_t done;
};

static int flush_copy(struct walk *w, struct err *e)
{
	uint64_t len = w->copy_len;

	w->copy_len = 0;
	return delta_writer_copy(w->writer, w->copy_at, len, e);
}

/* Copies that follow one another in both streams become one. */
static int write_copy(struct walk *w, uint64_t old_at, uint64_t len,
		      struct err *e)
{
	if (w->copy_len > 0 && w->copy_at + w->copy_len == old_at) {
		w->copy_len += len;
		return 0;
	}
	if (flush_copy(w, e))
		return -1;
	w->copy_at = old_at;
	w->copy_len = len;
	return 0;
}

/* Members make the view longer than what is counted. */
static int advance(struct walk *w, uint64_t len, struct err *e)
{
	const uint64_t all = w->sight->views.fresh.map.len;

	w->done = len < all - w->done ? w->done + len : all;
	return tree_watch_tell(w->watch, w->done, e);
}

/*
 * Readers read a record's prefix before they make anything of the record: the
 * first that refers to an elder begins one, so that no prefix holds what its
 * own record makes.
 */
static int cut_behind(struct walk *w, struct kin_elder *elder, struct err *e)
{
	if (!elder || elder->cut)
		return 0;
	elder->cut = true;
	return delta_writer_cut(w->writer, e);
}

static int write_step(struct walk *w, const struct step *step, struct err *e)
{
	if (!step->bytes)
		return write_copy(w, step->old_at, step->len, e) ||
				       advance(w, step->len, e)
			       ? -1
			       : 0;
	if (step->piece.within == 0)
		w->layout = step->plan.layout;
	if (flush_copy(w, e) || cut_behind(w, step->elder, e) ||
	    delta_plan_write(&step->plan, w->writer, e))
		return -1;
	return advance(w, step->piece.bytes.len, e);
}

/* The search takes much memory and is done with; what was found stays. */
static int plan_kin(struct walk *w, struct step *step, struct err *e)
{
	const struct kin_elder *elder = step->elder;
	struct delta_piecer pieces = w->sight->pieces;
	int rc;

	pieces.old = &step->kin;
	if (delta_old_kin(&step->kin, &w->sight->old,
			  (struct slice){ elder->bytes, elder->len },
			  elder->kept_at, e))
		return -1;
	rc = delta_piece_plan(&pieces, &step->piece, &w->layout, &step->plan,
			      e);
	delta_old_found(&step->kin);
	return rc;
}

static int plan_step(void *ctx, size_t index, struct err *e)
{
	struct walk *w = ctx;
	struct step *step = &w->steps[index];

	if (!step->bytes)
		return 0;
	if (step->elder)
		return plan_kin(w, step, e);
	return delta_piece_plan(&w->sight->pieces, &step->piece, &w->layout,
				&step->plan, e);
}

static void drop_steps(struct walk *w)
{
	for (size_t i = 0; i < w->step_count; i++) {
		delta_plan_done(&w->steps[i].plan);
		delta_old_done(&w->steps[i].kin);
		free(w->steps[i].bytes);
		w->steps[i] = (struct step){ .bytes = NULL };
	}
	w->step_count = 0;
	w->step_bytes = 0;
}

/* Plan what is there, all at the same time, and write it in its order. */
static int run_steps(struct walk *w, struct err *e)
{
	int rc = crew_run(w->crew, w->step_count, plan_step, w, e);

	for (size_t i = 0; i < w->step_count && !rc; i++)
		rc = write_step(w, &w->steps[i], e);
	drop_steps(w);
	return rc;
}

/* Takes what the step owns, also on failure. */
static int add_step(struct walk *w, const struct step *step, struct err *e)
{
	w->steps[w->step_count++] = *step;
	w->step_bytes += step->piece.bytes.len;
	if (w->step_count == STEPS_MAX || w->step_bytes >= STEPS_LEN)
		return run_steps(w, e);
	return 0;
}

static int put_copy(struct walk *w, uint64_t old_at, uint64_t len,
		    struct err *e)
{
	const struct step step = { .old_at = old_at, .len = len };

	return add_step(w, &step, e);
}

/* The bytes are heap, and given away. */
static int put_piece(struct walk *w, uint8_t *bytes,
		     const struct delta_piece *piece, struct kin_elder *elder,
		     struct err *e)
{
	const struct step step = { .bytes = bytes,
				   .piece = *piece,
				   .elder = elder };

	/* Later pieces of a file need what came of its first one. */
	if (piece->within > 0 && run_steps(w, e)) {
		free(bytes);
		return -1;
	}
	return add_step(w, &step, e);
}

/* ---- the new stream ------------------------------------------------------ */

/* A piece of a span: len bytes from `at` on. */
static int put_some(struct walk *w, const struct view_span *s, uint64_t at,
		    const struct delta_piece *like, struct err *e)
{
	uint8_t *bytes = mem_alloc(like->bytes.len, 1);
	struct delta_piece piece = *like;

	piece.bytes.ptr = bytes;
	if (view_read(&w->sight->views.fresh, s, at, bytes, piece.bytes.len,
		      e)) {
		free(bytes);
		return -1;
	}
	return put_piece(w, bytes, &piece, delta_kin_of(&w->sight->kin, s), e);
}

static size_t piece_len(const struct view_span *s, uint64_t at, size_t most)
{
	return s->len - at < most ? (size_t)(s->len - at) : most;
}

/* Each piece is matched against the part of its home that it comes from, as if
 * both were files. */
static int put_parts(struct walk *w, const struct view_span *s,
		     const struct view_span *home, struct err *e)
{
	const size_t most = delta_old_part_max(&w->sight->old);

	for (uint64_t at = 0; at < s->len; at += most) {
		const uint64_t from = at < home->len ? at : home->len - 1;
		struct delta_piece piece = { .within = 0 };

		/* Those before still point to the text. */
		if (run_steps(w, e) ||
		    delta_old_move(&w->sight->old, home, from, e))
			return -1;
		piece.bytes.len = piece_len(s, at, most);
		piece.hint = delta_old_text_at(&w->sight->old, home->at + from);
		if (put_some(w, s, at, &piece, e))
			return -1;
	}
	return 0;
}

/* A span that the old view does not hold, in pieces. */
static int put_changed(struct walk *w, const struct view_span *s, struct err *e)
{
	const struct view_span *home;
	struct delta_piece piece = { .within = 0 };
	uint64_t hint;

	if (delta_old_load(&w->sight->old, &w->sight->views.fresh, e))
		return -1;
	if (delta_kin_of(&w->sight->kin, s)) {
		piece.bytes.len = (size_t)s->len;
		return put_some(w, s, 0, &piece, e);
	}
	home = delta_old_home(&w->sight->old, s);
	if (home && delta_old_is_huge(&w->sight->old, home))
		return put_parts(w, s, home, e);
	if (home && !delta_old_has(&w->sight->old, home) &&
	    (run_steps(w, e) || delta_old_move(&w->sight->old, home, 0, e)))
		return -1;
	hint = delta_old_hint(&w->sight->old, s);
	for (uint64_t at = 0; at < s->len; at += piece.bytes.len) {
		piece.bytes.len = piece_len(s, at, DELTA_PIECE_MAX);
		piece.within = at;
		piece.hint = hint + at;
		if (put_some(w, s, at, &piece, e))
			return -1;
	}
	return 0;
}

/* Zeroes come from wherever the old view has many of them. */
static int put_zeroes(struct walk *w, const struct view_span *s, struct err *e)
{
	const struct view_span *old = w->sight->old.zeroes;
	uint64_t left = s->len;

	while (left > 0) {
		const uint64_t len = left < old->len ? left : old->len;

		if (put_copy(w, old->at, len, e))
			return -1;
		left -= len;
	}
	return 0;
}

static int put_span(struct walk *w, const struct view_span *s, struct err *e)
{
	const uint64_t at = delta_old_find(&w->sight->old, s);

	if (at != DELTA_NOWHERE)
		return put_copy(w, at, s->len, e);
	if (s->is_zero && w->sight->old.zeroes)
		return put_zeroes(w, s, e);
	return put_changed(w, s, e);
}

static int put_all(struct walk *w, uint64_t *len, struct err *e)
{
	for (size_t i = 0; i < w->sight->views.fresh.span_count; i++)
		if (put_span(w, &w->sight->views.fresh.spans[i], e))
			return -1;
	if (run_steps(w, e) || flush_copy(w, e))
		return -1;
	return delta_writer_end(w->writer, len, e);
}

int delta_steps_write(struct delta_sight *sight,
		      const struct delta_writer_setup *setup,
		      const struct tree_watch *watch, enum package_codec *codec,
		      uint64_t *len, struct err *e)
{
	struct walk w = { .sight = sight, .crew = setup->crew, .watch = watch };
	int rc;

	w.steps = mem_alloc(STEPS_MAX, sizeof(*w.steps));
	delta_writer_new(setup, &w.writer);
	rc = put_all(&w, len, e);
	*codec = delta_writer_codec(w.writer);
	drop_steps(&w);
	free(w.steps);
	delta_writer_free(w.writer);
	return rc;
}
