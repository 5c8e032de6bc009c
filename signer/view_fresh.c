/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/delta_record.h"
#include "common/mem.h"
#include "signer/stream_view.h"

#define NOWHERE UINT64_MAX

/* What became of a file so far. */
struct fate {
	bool begun;
	uint64_t kept_at;   /* where what is kept of it stands */
	uint64_t kept_from; /* from this place of it on; NOWHERE: nothing is */
};

struct work {
	struct stream_view *v;
	struct delta_members *members;
	struct fate *fates; /* by file */
	uint64_t kept_len;
	/* a file of which pieces follow one another; next: piece of it */
	uint32_t current;
	size_t next;
	bool packing;
	size_t packed; /* steps of which the last one belongs to a pack */
};

/* ---- steps --------------------------------------------------------------- */

static int add_step(struct work *w, const struct delta_step *s, struct err *e)
{
	struct delta_members *m = w->members;
	struct delta_step *last =
		m->step_count > 0 ? &m->steps[m->step_count - 1] : NULL;

	if (s->kind == DELTA_PASS && !w->packing && m->step_count > w->packed &&
	    last->kind == DELTA_PASS) {
		last->len += s->len;
		return 0;
	}
	if (m->step_count == DELTA_PARTS_MAX)
		return err_set(e, ERR_LIMIT, "too many members");
	delta_members_add_step(m, s);
	if (w->packing)
		w->packed = m->step_count;
	return 0;
}

static int pass(struct work *w, uint64_t len, struct err *e)
{
	w->v->len += len;
	return add_step(
		w, &(struct delta_step){ .kind = DELTA_PASS, .len = len }, e);
}

static int keep(struct work *w, uint64_t len, struct err *e)
{
	if (len > DELTA_FILE_MAX)
		return err_set(e, ERR_LIMIT, "a file in pieces is too long");
	w->v->len += len;
	w->kept_len += len;
	return add_step(w,
			&(struct delta_step){ .kind = DELTA_KEEP,
					      .len = len,
					      .packed_len = (uint32_t)len },
			e);
}

static int take(struct work *w, uint64_t at, uint64_t len, struct err *e)
{
	return add_step(w,
			&(struct delta_step){
				.kind = DELTA_TAKE, .len = len, .at = at },
			e);
}

/* A step that packs: into the stream, or into what is kept. */
static int add_packing(struct work *w, enum delta_step_kind kind,
		       const struct member_recipe *recipe, uint64_t packed_len,
		       uint64_t len, struct err *e)
{
	const uint8_t number = delta_members_recipe(w->members, recipe);

	if (number == DELTA_STORED || packed_len > DELTA_FILE_MAX)
		return err_set(e, ERR_LIMIT, "too many members");
	return add_step(
		w,
		&(struct delta_step){ .kind = kind,
				      .len = len,
				      .packed_len = (uint32_t)packed_len,
				      .recipe = number },
		e);
}

/* ---- files --------------------------------------------------------------- */

static void see(struct work *w, enum span_source source, size_t index,
		uint64_t from, uint64_t len)
{
	struct view_span s = { .at = w->v->len,
			       .len = len,
			       .source = source,
			       .index = index,
			       .from = from };

	if (source == SPAN_FILE)
		s.name = w->v->map.files[index].name;
	view_add_span(w->v, &s);
}

/* What stands between the members of a file, or all of it. */
static int put_plain(struct work *w, uint32_t file, uint64_t from, uint64_t end,
		     bool kept, struct err *e)
{
	if (from == end)
		return 0;
	see(w, SPAN_FILE, file, from, end - from);
	return kept ? keep(w, end - from, e) : pass(w, end - from, e);
}

static int put_inner(struct work *w, size_t index, size_t first, bool kept,
		     struct err *e)
{
	const struct member *m = &w->v->inner[index].member;
	int rc;

	see(w, SPAN_INNER, index, 0, m->raw_len);
	w->v->spans[w->v->span_count - 1].name =
		view_inner_name(w->v, index, first);
	if (kept) {
		w->v->len += m->raw_len;
		w->kept_len += m->packed_len;
		return add_packing(w, DELTA_KEEP, &m->recipe, m->packed_len,
				   m->raw_len, e);
	}
	if (add_packing(w, DELTA_PACK, &m->recipe, m->packed_len, 1, e))
		return -1;
	w->packing = true;
	rc = pass(w, m->raw_len, e);
	w->packing = false;
	return rc;
}

/* All of a file, with its members. */
static int put_file(struct work *w, uint32_t file, bool kept, struct err *e)
{
	const uint64_t len = w->v->map.files[file].len;
	size_t first, count;
	uint64_t at = 0;

	view_inner_of(w->v, file, &first, &count);
	w->fates[file].begun = true;
	w->fates[file].kept_from = kept ? 0 : NOWHERE;
	w->fates[file].kept_at = w->kept_len;
	for (size_t i = first; i < first + count; i++) {
		const struct member *m = &w->v->inner[i].member;

		if (put_plain(w, file, at, m->at, kept, e) ||
		    put_inner(w, i, first, kept, e))
			return -1;
		at = m->at + m->packed_len;
	}
	return put_plain(w, file, at, len, kept, e);
}

/* Something else comes: what is left of the file under way is kept. */
static int leave(struct work *w, struct err *e)
{
	const struct stream_map *m = &w->v->map;
	const uint32_t file = w->current;
	const struct map_piece *p;

	if (file == MAP_NO_FILE)
		return 0;
	w->current = MAP_NO_FILE;
	if (w->next == m->files[file].piece_count)
		return 0;
	p = &m->pieces[m->files[file].first_piece + w->next];
	w->fates[file].kept_at = w->kept_len;
	w->fates[file].kept_from = p->at;
	return keep(w, m->files[file].len - p->at, e);
}

static bool has_inner(const struct work *w, uint32_t file)
{
	size_t first, count;

	view_inner_of(w->v, file, &first, &count);
	return count > 0;
}

static bool is_next(const struct work *w, size_t piece)
{
	return w->current != MAP_NO_FILE &&
	       w->v->map.pieces[piece].file == w->current &&
	       w->v->map.files[w->current].first_piece + w->next == piece;
}

/* May this piece begin its file, the rest of which follows? */
static bool may_begin(const struct work *w, size_t piece)
{
	const uint32_t file = w->v->map.pieces[piece].file;

	return !w->fates[file].begun && !has_inner(w, file) &&
	       w->v->map.files[file].first_piece == piece;
}

/*
 * Before a unit whose content comes from these pieces: what cannot come when it
 * is its turn is kept before.
 */
static int prepare(struct work *w, const size_t *pieces, size_t count,
		   struct err *e)
{
	const struct stream_map *m = &w->v->map;

	if (count == 1 && is_next(w, pieces[0]))
		return 0;
	if (leave(w, e))
		return -1;
	for (size_t i = 0; i < count; i++) {
		const uint32_t file = m->pieces[pieces[i]].file;
		const bool alone = m->files[file].piece_count == 1;

		if (w->fates[file].begun ||
		    (may_begin(w, pieces[i]) && (alone || count == 1)))
			continue;
		if (put_file(w, file, true, e))
			return -1;
	}
	return 0;
}

/* The piece's bytes, now. */
static int put_piece(struct work *w, size_t index, struct err *e)
{
	const struct map_piece *p = &w->v->map.pieces[index];
	const struct map_file *f = &w->v->map.files[p->file];
	struct fate *fate = &w->fates[p->file];

	if (is_next(w, index)) {
		w->next++;
		return pass(w, p->len, e);
	}
	if (fate->begun)
		return take(w, fate->kept_at + (p->at - fate->kept_from),
			    p->len, e);
	fate->begun = true;
	fate->kept_from = NOWHERE;
	see(w, SPAN_FILE, p->file, 0, f->len);
	if (f->piece_count > 1) {
		w->current = p->file;
		w->next = 1;
	}
	return pass(w, p->len, e);
}

/* ---- units --------------------------------------------------------------- */

static int put_as_is(struct work *w, size_t index, struct err *e)
{
	const struct map_unit *u = &w->v->map.units[index];

	if (leave(w, e))
		return -1;
	see(w, SPAN_STREAM, 0, u->at, u->packed_len);
	w->v->spans[w->v->span_count - 1].digest = u->digest;
	w->v->spans[w->v->span_count - 1].is_zero = u->is_zero;
	return pass(w, u->packed_len, e);
}

/* A file as it is, now. */
static int put_whole(struct work *w, uint32_t file, struct err *e)
{
	struct view_whole *whole = w->v->whole;
	const uint64_t len = w->v->map.files[file].len;

	if (!whole || !whole[file].kept)
		return put_file(w, file, false, e);
	whole[file].kept_at = w->kept_len;
	return put_file(w, file, true, e) ||
			       take(w, whole[file].kept_at, len, e)
		       ? -1
		       : 0;
}

static int put_stored(struct work *w, size_t index, struct err *e)
{
	const struct stream_map *m = &w->v->map;
	const struct map_unit *u = &m->units[index];
	const size_t *pieces = &m->by_unit[u->first_piece];
	uint32_t file;

	if (u->piece_count != 1 || m->pieces[pieces[0]].len != u->raw_len)
		return put_as_is(w, index, e);
	file = m->pieces[pieces[0]].file;
	if (m->files[file].piece_count == 1)
		return leave(w, e) || put_whole(w, file, e) ? -1 : 0;
	return prepare(w, pieces, 1, e) || put_piece(w, pieces[0], e) ? -1 : 0;
}

/* How many steps the content of a unit takes. */
static uint64_t count_steps(const struct stream_map *m,
			    const struct map_unit *u)
{
	const size_t *pieces = &m->by_unit[u->first_piece];
	uint64_t at = 0, count = u->piece_count;

	for (size_t i = 0; i < u->piece_count; i++) {
		const struct map_piece *p = &m->pieces[pieces[i]];

		count += p->from > at;
		at = p->from + p->len;
	}
	return count + (u->raw_len > at);
}

/* What is of no file. */
static int put_gap(struct work *w, size_t unit, uint64_t from, uint64_t end,
		   struct err *e)
{
	if (from == end)
		return 0;
	see(w, SPAN_UNIT, unit, from, end - from);
	return pass(w, end - from, e);
}

static int put_content(struct work *w, size_t index, struct err *e)
{
	const struct stream_map *m = &w->v->map;
	const struct map_unit *u = &m->units[index];
	const size_t *pieces = &m->by_unit[u->first_piece];
	uint64_t at = 0;

	for (size_t i = 0; i < u->piece_count; i++) {
		const struct map_piece *p = &m->pieces[pieces[i]];

		if (put_gap(w, index, at, p->from, e) ||
		    put_piece(w, pieces[i], e))
			return -1;
		at = p->from + p->len;
	}
	return put_gap(w, index, at, u->raw_len, e);
}

static int put_packed(struct work *w, size_t index, struct err *e)
{
	const struct stream_map *m = &w->v->map;
	const struct map_unit *u = &m->units[index];
	int rc;

	if (prepare(w, &m->by_unit[u->first_piece], u->piece_count, e) ||
	    add_packing(w, DELTA_PACK, &u->recipe, u->packed_len,
			count_steps(m, u), e))
		return -1;
	w->packing = true;
	rc = put_content(w, index, e);
	w->packing = false;
	return rc;
}

static int put_unit(struct work *w, size_t index, struct err *e)
{
	if (!w->v->open[index])
		return put_as_is(w, index, e);
	return w->v->map.units[index].recipe.kind == 0
		       ? put_stored(w, index, e)
		       : put_packed(w, index, e);
}

/* ---- the whole ----------------------------------------------------------- */

/* All that still comes goes out by itself. */
static void drop_last_pass(const struct work *w)
{
	struct delta_members *m = w->members;

	if (m->step_count > w->packed &&
	    m->steps[m->step_count - 1].kind == DELTA_PASS)
		m->step_count--;
}

static int digest_spans(struct stream_view *v, struct err *e)
{
	for (size_t i = 0; i < v->span_count; i++) {
		struct view_span *s = &v->spans[i];

		if (s->source != SPAN_FILE || s->from > 0 ||
		    s->len != v->map.files[s->index].len)
			continue;
		if (map_digest_file(&v->map, (uint32_t)s->index, e))
			return -1;
		s->digest = v->map.files[s->index].digest;
	}
	return 0;
}

int view_fresh(struct view_pair *v, struct err *e)
{
	const struct stream_map *m = &v->fresh.map;
	struct work w = {
		.v = &v->fresh,
		.members = &v->members,
		.fates = mem_alloc(m->file_count + 1, sizeof(*w.fates)),
		.current = MAP_NO_FILE,
	};
	int rc = 0;

	v->fresh.len = 0;
	v->fresh.span_count = 0;
	for (size_t i = 0; i < m->unit_count && rc == 0; i++)
		rc = put_unit(&w, i, e);
	if (rc == 0)
		rc = leave(&w, e);
	free(w.fates);
	if (rc)
		return -1;
	drop_last_pass(&w);
	return digest_spans(&v->fresh, e);
}
