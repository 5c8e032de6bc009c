/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_make.h"

#include <stdlib.h>
#include <string.h>

#include "common/delta.h"
#include "common/mem.h"
#include "signer/delta_blank.h"
#include "signer/delta_kin.h"
#include "signer/delta_old.h"
#include "signer/delta_patch.h"
#include "signer/delta_piece.h"
#include "signer/delta_whole.h"

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

struct maker {
	const struct tree_watch *watch;
	struct delta_writer_setup setup;
	struct delta_writer *writer;
	struct view_pair views;
	struct delta_blank blank;
	bool is_blank;
	size_t search_max;
	struct delta_old old;
	struct delta_kin kin;
	struct delta_piecer pieces;
	struct step *steps;
	size_t step_count, step_bytes;
	struct delta_segment layout; /* of the file under way */
	/* an exact copy that may still grow */
	uint64_t copy_at, copy_len;
	uint64_t done;
};

/* ---- steps --------------------------------------------------------------- */

static int flush_copy(struct maker *m, struct err *e)
{
	uint64_t len = m->copy_len;

	m->copy_len = 0;
	return delta_writer_copy(m->writer, m->copy_at, len, e);
}

/* Copies that follow one another in both streams become one. */
static int write_copy(struct maker *m, uint64_t old_at, uint64_t len,
		      struct err *e)
{
	if (m->copy_len > 0 && m->copy_at + m->copy_len == old_at) {
		m->copy_len += len;
		return 0;
	}
	if (flush_copy(m, e))
		return -1;
	m->copy_at = old_at;
	m->copy_len = len;
	return 0;
}

/* Members make the view longer than what is counted. */
static int advance(struct maker *m, uint64_t len, struct err *e)
{
	const uint64_t all = m->views.fresh.map.len;

	m->done = len < all - m->done ? m->done + len : all;
	return tree_watch_tell(m->watch, m->done, e);
}

/*
 * Readers read a record's prefix before they make anything of the record: the
 * first that refers to an elder begins one, so that no prefix holds what its
 * own record makes.
 */
static int cut_behind(struct maker *m, struct kin_elder *elder, struct err *e)
{
	if (!elder || elder->cut)
		return 0;
	elder->cut = true;
	return delta_writer_cut(m->writer, e);
}

static int write_step(struct maker *m, const struct step *step, struct err *e)
{
	if (!step->bytes)
		return write_copy(m, step->old_at, step->len, e) ||
				       advance(m, step->len, e)
			       ? -1
			       : 0;
	if (step->piece.within == 0)
		m->layout = step->plan.layout;
	if (flush_copy(m, e) || cut_behind(m, step->elder, e) ||
	    delta_plan_write(&step->plan, m->writer, e))
		return -1;
	return advance(m, step->piece.bytes.len, e);
}

/* The search takes much memory and is done with; what was found stays. */
static int plan_kin(struct maker *m, struct step *step, struct err *e)
{
	const struct kin_elder *elder = step->elder;
	struct delta_piecer pieces = m->pieces;
	int rc;

	pieces.old = &step->kin;
	if (delta_old_kin(&step->kin, &m->old,
			  (struct slice){ elder->bytes, elder->len },
			  elder->kept_at, e))
		return -1;
	rc = delta_piece_plan(&pieces, &step->piece, &m->layout, &step->plan,
			      e);
	delta_old_found(&step->kin);
	return rc;
}

static int plan_step(void *ctx, size_t index, struct err *e)
{
	struct maker *m = ctx;
	struct step *step = &m->steps[index];

	if (!step->bytes)
		return 0;
	if (step->elder)
		return plan_kin(m, step, e);
	return delta_piece_plan(&m->pieces, &step->piece, &m->layout,
				&step->plan, e);
}

static void drop_steps(struct maker *m)
{
	for (size_t i = 0; i < m->step_count; i++) {
		delta_plan_done(&m->steps[i].plan);
		delta_old_done(&m->steps[i].kin);
		free(m->steps[i].bytes);
		m->steps[i] = (struct step){ .bytes = NULL };
	}
	m->step_count = 0;
	m->step_bytes = 0;
}

/* Plan what is there, all at the same time, and write it in its order. */
static int run_steps(struct maker *m, struct err *e)
{
	int rc = crew_run(m->setup.crew, m->step_count, plan_step, m, e);

	for (size_t i = 0; i < m->step_count && !rc; i++)
		rc = write_step(m, &m->steps[i], e);
	drop_steps(m);
	return rc;
}

/* Takes what the step owns, also on failure. */
static int add_step(struct maker *m, const struct step *step, struct err *e)
{
	m->steps[m->step_count++] = *step;
	m->step_bytes += step->piece.bytes.len;
	if (m->step_count == STEPS_MAX || m->step_bytes >= STEPS_LEN)
		return run_steps(m, e);
	return 0;
}

static int put_copy(struct maker *m, uint64_t old_at, uint64_t len,
		    struct err *e)
{
	const struct step step = { .old_at = old_at, .len = len };

	return add_step(m, &step, e);
}

/* The bytes are heap, and given away. */
static int put_piece(struct maker *m, uint8_t *bytes,
		     const struct delta_piece *piece, struct kin_elder *elder,
		     struct err *e)
{
	const struct step step = { .bytes = bytes,
				   .piece = *piece,
				   .elder = elder };

	/* Later pieces of a file need what came of its first one. */
	if (piece->within > 0 && run_steps(m, e)) {
		free(bytes);
		return -1;
	}
	return add_step(m, &step, e);
}

/* ---- the new stream ------------------------------------------------------ */

/* A piece of a span: len bytes from `at` on. */
static int put_some(struct maker *m, const struct view_span *s, uint64_t at,
		    const struct delta_piece *like, struct err *e)
{
	uint8_t *bytes = mem_alloc(like->bytes.len, 1);
	struct delta_piece piece = *like;

	piece.bytes.ptr = bytes;
	if (view_read(&m->views.fresh, s, at, bytes, piece.bytes.len, e)) {
		free(bytes);
		return -1;
	}
	return put_piece(m, bytes, &piece, delta_kin_of(&m->kin, s), e);
}

static size_t piece_len(const struct view_span *s, uint64_t at, size_t most)
{
	return s->len - at < most ? (size_t)(s->len - at) : most;
}

/* Each piece is matched against the part of its home that it comes from, as if
 * both were files. */
static int put_parts(struct maker *m, const struct view_span *s,
		     const struct view_span *home, struct err *e)
{
	const size_t most = delta_old_part_max(&m->old);

	for (uint64_t at = 0; at < s->len; at += most) {
		const uint64_t from = at < home->len ? at : home->len - 1;
		struct delta_piece piece = { .within = 0 };

		/* Those before still point to the text. */
		if (run_steps(m, e) || delta_old_move(&m->old, home, from, e))
			return -1;
		piece.bytes.len = piece_len(s, at, most);
		piece.hint = delta_old_text_at(&m->old, home->at + from);
		if (put_some(m, s, at, &piece, e))
			return -1;
	}
	return 0;
}

/* A span that the old view does not hold, in pieces. */
static int put_changed(struct maker *m, const struct view_span *s,
		       struct err *e)
{
	const struct view_span *home;
	struct delta_piece piece = { .within = 0 };
	uint64_t hint;

	if (delta_old_load(&m->old, &m->views.fresh, e))
		return -1;
	if (delta_kin_of(&m->kin, s)) {
		piece.bytes.len = (size_t)s->len;
		return put_some(m, s, 0, &piece, e);
	}
	home = delta_old_home(&m->old, s);
	if (home && delta_old_is_huge(&m->old, home))
		return put_parts(m, s, home, e);
	if (home && !delta_old_has(&m->old, home) &&
	    (run_steps(m, e) || delta_old_move(&m->old, home, 0, e)))
		return -1;
	hint = delta_old_hint(&m->old, s);
	for (uint64_t at = 0; at < s->len; at += piece.bytes.len) {
		piece.bytes.len = piece_len(s, at, DELTA_PIECE_MAX);
		piece.within = at;
		piece.hint = hint + at;
		if (put_some(m, s, at, &piece, e))
			return -1;
	}
	return 0;
}

/* Zeroes come from wherever the old view has many of them. */
static int put_zeroes(struct maker *m, const struct view_span *s, struct err *e)
{
	const struct view_span *old = m->old.zeroes;
	uint64_t left = s->len;

	while (left > 0) {
		const uint64_t len = left < old->len ? left : old->len;

		if (put_copy(m, old->at, len, e))
			return -1;
		left -= len;
	}
	return 0;
}

static int put_span(struct maker *m, const struct view_span *s, struct err *e)
{
	const uint64_t at = delta_old_find(&m->old, s);

	if (at != DELTA_NOWHERE)
		return put_copy(m, at, s->len, e);
	if (s->is_zero && m->old.zeroes)
		return put_zeroes(m, s, e);
	return put_changed(m, s, e);
}

static int put_all(struct maker *m, uint64_t *len, struct err *e)
{
	for (size_t i = 0; i < m->views.fresh.span_count; i++)
		if (put_span(m, &m->views.fresh.spans[i], e))
			return -1;
	if (run_steps(m, e) || flush_copy(m, e))
		return -1;
	return delta_writer_end(m->writer, len, e);
}

/* ---- members ------------------------------------------------------------- */

/* About what bytes would cost by themselves. */
static int cost_of(struct maker *m, struct slice bytes, uint64_t hint,
		   uint64_t *out, struct err *e)
{
	const struct delta_piece piece = { .bytes = bytes, .hint = hint };

	return delta_piece_cost(&m->pieces, &piece, out, e);
}

static int cost_of_content(struct maker *m, const struct view_span *s,
			   uint64_t *out, struct err *e)
{
	const size_t len = (size_t)s->len;
	uint8_t *bytes = mem_alloc(len, 1);
	int rc = -1;

	if (!view_read(&m->views.fresh, s, 0, bytes, len, e) &&
	    !cost_of(m, (struct slice){ bytes, len },
		     delta_old_hint(&m->old, s), out, e))
		rc = 0;
	free(bytes);
	return rc;
}

static int cost_of_packed(struct maker *m, const struct view_inner *inner,
			  uint64_t *out, struct err *e)
{
	const size_t len = (size_t)inner->member.packed_len;
	uint8_t *bytes = mem_alloc(len, 1);
	int rc = -1;

	if (!map_read_file(&m->views.fresh.map, inner->file, inner->member.at,
			   bytes, len, e) &&
	    !cost_of(m, (struct slice){ bytes, len }, 0, out, e))
		rc = 0;
	free(bytes);
	return rc;
}

/* Is a member's content cheaper to send than its compressed bytes? */
static int is_worth_it(struct maker *m, const struct view_span *s, bool *out,
		       struct err *e)
{
	const struct view_inner *inner = &m->views.fresh.inner[s->index];
	uint64_t packed, content = 0;

	if (cost_of_packed(m, inner, &packed, e))
		return -1;
	if (s->len <= DELTA_PIECE_MAX && cost_of_content(m, s, &content, e))
		return -1;
	*out = content < packed;
	return 0;
}

/* Drop the new members that are not worth it; *dropped: there were any. */
static int sift_members(struct maker *m, bool *dropped, struct err *e)
{
	struct stream_view *v = &m->views.fresh;
	bool *worth = mem_alloc(v->inner_count, sizeof(*worth));
	int rc = delta_old_load(&m->old, v, e);

	for (size_t i = 0; i < v->span_count && rc == 0; i++)
		if (v->spans[i].source == SPAN_INNER)
			rc = is_worth_it(m, &v->spans[i],
					 &worth[v->spans[i].index], e);
	for (size_t i = v->inner_count; i > 0 && rc == 0; i--)
		if (!worth[i - 1]) {
			view_drop_inner(v, i - 1);
			*dropped = true;
		}
	free(worth);
	return rc;
}

/* See both streams. */
static int see(struct maker *m, struct err *e)
{
	delta_members_done(&m->views.members);
	if (view_old(&m->views, e) || view_fresh(&m->views, e) ||
	    delta_members_check_work(&m->views.members, m->views.old.map.len,
				     m->views.fresh.map.len, e))
		return -1;
	delta_old_done(&m->old);
	delta_old_init(&m->old, &m->views.old, m->search_max);
	return 0;
}

/* More members, or more work in them, than a delta may have: then none. */
static int open_views(struct maker *m, const struct delta_job *job,
		      struct err *gave_up, struct err *e)
{
	const struct pack_tree *fresh =
		m->is_blank ? &m->blank.tree : job->fresh;
	struct view_how how = { .plain = job->plain };

	if (view_pair_open(&m->views, job->old, fresh, &how, e))
		return -1;
	if (see(m, e) == 0)
		return 0;
	if (how.plain || e->code != ERR_LIMIT)
		return -1;
	how.plain = true;
	*gave_up = *e;
	view_pair_done(&m->views);
	return view_pair_open(&m->views, job->old, fresh, &how, e) || see(m, e)
		       ? -1
		       : 0;
}

static int see_sifted(struct maker *m, struct err *e)
{
	bool dropped = false;

	if (m->views.fresh.inner_count == 0)
		return 0;
	if (sift_members(m, &dropped, e))
		return -1;
	if (!dropped)
		return 0;
	view_forget_unused(&m->views);
	return see(m, e);
}

/* Seen again, the new view has elders kept; of the old nothing changes. */
static int see_kin(struct maker *m, struct err *e)
{
	struct delta_members *list = &m->views.members;

	if (delta_old_load(&m->old, &m->views.fresh, e) ||
	    delta_kin_find(&m->pieces, &m->views.fresh, &m->kin, e))
		return -1;
	if (m->kin.elder_count == 0)
		return 0;
	list->step_count = 0;
	list->kept_len = 0;
	if (view_fresh(&m->views, e) ||
	    delta_members_check_work(list, m->views.old.map.len,
				     m->views.fresh.map.len, e))
		return -1;
	delta_kin_place(&m->kin, &m->old, &m->views.fresh);
	return 0;
}

/* For the writer: of the old view, and of what stands kept behind it. */
static int read_old(void *ctx, uint64_t at, void *out, size_t len,
		    struct err *e)
{
	struct maker *m = ctx;
	const uint64_t end = m->views.old.len;
	uint8_t *to = out;

	while (len > 0) {
		const struct kin_elder *elder =
			at < end ? NULL : delta_kin_at(&m->kin, at);
		const uint64_t left =
			elder ? elder->kept_at + elder->len - at : end - at;
		const size_t some = left < len ? (size_t)left : len;

		if (elder)
			memcpy(to, elder->bytes + (at - elder->kept_at), some);
		else if (delta_old_read(&m->old, at, to, some, e))
			return -1;
		to += some;
		at += some;
		len -= some;
	}
	return 0;
}

/* What the payload begins with. */
static int put_head(struct maker *m, const struct encoder_sink *to, bool whole,
		    uint64_t *len, struct err *e)
{
	struct buf raw = BUF_INIT(DELTA_LIST_MAX);
	struct buf packed = BUF_INIT(2 * (size_t)DELTA_LIST_MAX);
	const struct encode_how how = { .codec = m->setup.codec,
					.window_len = DELTA_WINDOW,
					.bare = true };
	struct slice list;
	uint8_t head[DELTA_HEAD_MAX];
	size_t head_len;
	int rc = -1;

	if (delta_format_members(&m->views.members, &raw, e) ||
	    (raw.len > 0 && encode_with(&how, buf_slice(&raw), &packed, e)))
		goto out;
	list = packed.len < raw.len ? buf_slice(&packed) : buf_slice(&raw);
	head_len = delta_format_head(&(struct delta_head){ (uint32_t)raw.len,
							   (uint32_t)list.len,
							   m->is_blank, whole },
				     head);
	*len = head_len + list.len;
	if (to->write(to->ctx, (struct slice){ head, head_len }, e) == 0 &&
	    (list.len == 0 || to->write(to->ctx, list, e) == 0))
		rc = 0;
out:
	buf_done(&raw);
	buf_done(&packed);
	return rc;
}

static uint64_t raw_len_of(const struct delta_step *s)
{
	uint64_t len = 0;

	if (s->kind != DELTA_PACK)
		return s->len;
	for (uint64_t i = 1; i <= s->len; i++)
		len += s[i].len;
	return len;
}

/* What compressing takes, one member at a time. */
static uint64_t memory_of(const struct delta_members *list)
{
	uint64_t most = 0;

	for (size_t i = 0; i < list->step_count; i++) {
		const struct delta_step *s = &list->steps[i];
		uint64_t memory;

		if (s->recipe == DELTA_STORED)
			continue;
		memory = member_memory(&list->recipes[s->recipe - 1],
				       raw_len_of(s));
		if (memory > most)
			most = memory;
	}
	return most;
}

static void describe(const struct maker *m, struct delta_made *out)
{
	const struct delta_members *list = &m->views.members;

	out->blank_pays =
		!m->is_blank && delta_blank_would_pay(&m->blank, out->len);
	if (delta_members_is_empty(list))
		return;
	for (size_t i = 0; i < list->recipe_count; i++)
		out->kinds[list->recipes[i].kind] = true;
	out->memory = memory_of(list) +
		      list->part_count * sizeof(*list->parts) +
		      list->step_count * sizeof(*list->steps) +
		      2 * (size_t)DELTA_LIST_MAX;
	out->scratch_len = delta_members_scratch(list);
}

/* ---- the whole ----------------------------------------------------------- */

/*
 * What readers may read of the old beside what is covered, less what
 * predictors look at.
 */
static uint64_t spare_reads(const struct maker *m)
{
	const uint64_t old_len = m->views.old.len, new_len = m->views.fresh.len;

	return (old_len > new_len ? old_len : new_len) / 2 -
	       new_len / DELTA_AROUND_SHARE + DELTA_READS_FREE;
}

static int add_bytes(void *ctx, struct slice bytes, struct err *e)
{
	return buf_add(ctx, bytes, e);
}

/* What is little is made in two ways, of which the smaller one counts. */
static int make_little(struct maker *m, const struct delta_job *job,
		       struct delta_made *made, struct err *e)
{
	struct buf records = BUF_INIT(SIZE_MAX), whole = BUF_INIT(SIZE_MAX);
	const struct encoder_sink *to = &job->to;
	enum package_codec codec;
	const struct buf *best;
	uint64_t len;
	int rc = -1;

	m->setup.to = (struct encoder_sink){ &records, add_bytes };
	delta_writer_new(&m->setup, &m->writer);
	if (put_all(m, &len, e) ||
	    delta_whole_make(&m->setup, &m->views, &whole, &codec, e))
		goto out;
	best = whole.len < records.len ? &whole : &records;
	made->codec = best == &whole ? codec : delta_writer_codec(m->writer);
	if (put_head(m, to, best == &whole, &made->len, e) == 0)
		rc = to->write(to->ctx, buf_slice(best), e);
	made->len += best->len;
out:
	buf_done(&records);
	buf_done(&whole);
	return rc;
}

static int make_records(struct maker *m, const struct delta_job *job,
			struct delta_made *made, struct err *e)
{
	uint64_t len;

	if (delta_whole_is_tried(&m->views, &m->setup))
		return make_little(m, job, made, e);
	delta_writer_new(&m->setup, &m->writer);
	if (put_head(m, &job->to, false, &made->len, e) || put_all(m, &len, e))
		return -1;
	made->len += len;
	made->codec = delta_writer_codec(m->writer);
	return 0;
}

static int run(struct maker *m, const struct delta_job *job,
	       struct delta_made *out, struct err *e)
{
	struct delta_made made = { .len = 0 };
	struct err *gave_up = &made.gave_up;

	m->setup = (struct delta_writer_setup){
		.codec = job->codec, .to = job->to, .ctx = m, .old_at = read_old
	};
	m->pieces.old = &m->old;
	m->pieces.setup = &m->setup;
	if (!job->plain && job->fresh->content != PACKAGE_IMAGE)
		delta_blank_make(job->old, job->fresh, &m->blank);
	m->is_blank = job->blank || delta_blank_pays(&m->blank);
	if (crew_new(job->jobs, &m->setup.crew, e) ||
	    open_views(m, job, gave_up, e) || see_sifted(m, e) ||
	    (!job->plain && see_kin(m, e)))
		return -1;
	m->setup.prefix_max = spare_reads(m);
	/* The list is of the codec that was asked for. */
	m->setup.any_codec = delta_members_is_empty(&m->views.members);
	if (make_records(m, job, &made, e))
		return -1;
	describe(m, &made);
	*out = made;
	return 0;
}

int delta_make(const struct delta_job *job, struct delta_made *out,
	       struct err *e)
{
	struct maker m = { .watch = job->watch,
			   .search_max = job->search_max > 0
						 ? job->search_max
						 : DELTA_SEARCH_MAX };
	int rc;

	m.steps = mem_alloc(STEPS_MAX, sizeof(*m.steps));
	rc = run(&m, job, out, e);
	drop_steps(&m);
	free(m.steps);
	delta_writer_free(m.writer);
	crew_free(m.setup.crew);
	delta_old_done(&m.old);
	delta_kin_done(&m.kin);
	view_pair_done(&m.views);
	delta_blank_done(&m.blank);
	return rc;
}
