/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/delta_record.h"
#include "common/mem.h"
#include "signer/stream_view.h"

#define NOWHERE UINT64_MAX

struct work {
	struct stream_view *v;
	struct delta_members *members;
	uint64_t *units; /* by unit: where its content stands in the view */
	uint64_t *files; /* by file, likewise */
};

static bool is_packed(const struct map_unit *u)
{
	return u->recipe.kind != 0;
}

static int add_part(struct work *w, uint64_t at, uint64_t packed_len,
		    uint64_t raw_len, const struct member_recipe *recipe,
		    struct err *e)
{
	struct delta_part part = { .at = at };

	if (recipe)
		part.recipe = delta_members_recipe(w->members, recipe);
	if ((recipe && part.recipe == DELTA_STORED) ||
	    w->members->part_count == DELTA_PARTS_MAX ||
	    packed_len > DELTA_FILE_MAX || raw_len > DELTA_FILE_MAX)
		return err_set(e, ERR_LIMIT, "too many members");
	part.packed_len = (uint32_t)packed_len;
	part.raw_len = (uint32_t)raw_len;
	delta_members_add_part(w->members, &part);
	w->v->len += raw_len;
	return 0;
}

/* ---- what stands in the stream ------------------------------------------- */

/* Is the file to be seen as a whole behind the stream? */
static bool is_gathered(const struct work *w, const struct map_file *f)
{
	const struct stream_map *m = &w->v->map;
	const struct map_piece *first = &m->pieces[f->first_piece];

	if (f->piece_count == 0)
		return false;
	if (f->piece_count == 1)
		return is_packed(&m->units[first->unit]) &&
		       first->len == m->units[first->unit].raw_len;
	for (size_t i = 0; i < f->piece_count; i++)
		if (!w->v->kept[first[i].unit])
			return true;
	return is_packed(&m->units[first->unit]);
}

static int see_stored(struct work *w, size_t index, struct err *e)
{
	struct stream_map *m = &w->v->map;
	const struct map_unit *u = &m->units[index];
	struct view_span s = { .at = u->at,
			       .len = u->packed_len,
			       .source = SPAN_STREAM,
			       .from = u->at,
			       .digest = u->digest,
			       .is_zero = u->is_zero };
	const struct map_piece *p;

	(void)e;
	if (u->piece_count == 1) {
		p = &m->pieces[m->by_unit[u->first_piece]];
		s.name = m->files[p->file].name;
		s.is_packed = is_gathered(w, &m->files[p->file]);
		if (m->files[p->file].piece_count == 1)
			w->files[p->file] = u->at;
	}
	view_add_span(w->v, &s);
	return 0;
}

static void see_packed(struct work *w, size_t index)
{
	const struct map_unit *u = &w->v->map.units[index];

	view_add_span(w->v, &(struct view_span){ .at = u->at,
						 .len = u->packed_len,
						 .source = SPAN_STREAM,
						 .from = u->at,
						 .digest = u->digest,
						 .is_packed = true });
}

static int see_stream(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->v->map.unit_count; i++) {
		if (!is_packed(&w->v->map.units[i])) {
			if (see_stored(w, i, e))
				return -1;
		} else if (!w->v->open[i]) {
			see_packed(w, i);
		}
	}
	return 0;
}

/* ---- what is unpacked, and gathered -------------------------------------- */

static int see_file(struct work *w, uint32_t file, struct err *e)
{
	struct map_file *f = &w->v->map.files[file];

	if (map_digest_file(&w->v->map, file, e))
		return -1;
	view_add_span(w->v, &(struct view_span){ .at = w->files[file],
						 .len = f->len,
						 .source = SPAN_FILE,
						 .index = file,
						 .name = f->name,
						 .digest = f->digest });
	return 0;
}

/* Units that hold pieces of several files. */
static int unpack_shared(struct work *w, struct err *e)
{
	struct stream_map *m = &w->v->map;

	for (size_t i = 0; i < m->unit_count; i++) {
		const struct map_unit *u = &m->units[i];
		const size_t *pieces = &m->by_unit[u->first_piece];

		if (!is_packed(u) || !w->v->open[i] ||
		    (u->piece_count == 1 &&
		     m->pieces[pieces[0]].len == u->raw_len))
			continue;
		w->units[i] = w->v->len;
		if (add_part(w, u->at, u->packed_len, u->raw_len, &u->recipe,
			     e))
			return -1;
		for (size_t j = 0; j < u->piece_count; j++) {
			const struct map_piece *p = &m->pieces[pieces[j]];

			if (m->files[p->file].piece_count > 1)
				continue;
			w->files[p->file] = w->units[i] + p->from;
			if (see_file(w, p->file, e))
				return -1;
		}
	}
	return 0;
}

static int gather_piece(struct work *w, const struct map_piece *p,
			struct err *e)
{
	const struct map_unit *u = &w->v->map.units[p->unit];

	if (!is_packed(u))
		return add_part(w, u->at + p->from, p->len, p->len, NULL, e);
	if (w->units[p->unit] != NOWHERE)
		return add_part(w, w->units[p->unit] + p->from, p->len, p->len,
				NULL, e);
	return add_part(w, u->at, u->packed_len, u->raw_len, &u->recipe, e);
}

static int gather_files(struct work *w, struct err *e)
{
	const struct stream_map *m = &w->v->map;

	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct map_file *f = &m->files[i];

		if (!is_gathered(w, f))
			continue;
		w->files[i] = w->v->len;
		for (size_t j = 0; j < f->piece_count; j++)
			if (gather_piece(w, &m->pieces[f->first_piece + j], e))
				return -1;
		if (see_file(w, i, e))
			return -1;
	}
	return 0;
}

static int unpack_inner(struct work *w, struct err *e)
{
	const struct stream_view *v = w->v;
	size_t first = 0;

	for (size_t i = 0; i < v->inner_count; i++) {
		const struct view_inner *inner = &v->inner[i];
		const struct member *m = &inner->member;
		struct view_span s = { .at = v->len,
				       .len = m->raw_len,
				       .source = SPAN_INNER,
				       .index = i };

		if (i > 0 && inner->file != v->inner[i - 1].file)
			first = i;
		s.name = view_inner_name(v, i, first);
		if (w->files[inner->file] == NOWHERE)
			continue;
		if (add_part(w, w->files[inner->file] + m->at, m->packed_len,
			     m->raw_len, &m->recipe, e))
			return -1;
		view_add_span(w->v, &s);
	}
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

static int compare_spans(const void *a, const void *b)
{
	const struct view_span *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

int view_old(struct view_pair *v, struct err *e)
{
	const struct stream_map *m = &v->old.map;
	struct work w = {
		.v = &v->old,
		.members = &v->members,
		.units = mem_alloc(m->unit_count + 1, sizeof(*w.units)),
		.files = mem_alloc(m->file_count + 1, sizeof(*w.files)),
	};
	int rc = -1;

	for (size_t i = 0; i < m->unit_count; i++)
		w.units[i] = NOWHERE;
	for (size_t i = 0; i < m->file_count; i++)
		w.files[i] = NOWHERE;
	w.v->len = m->len;
	w.v->span_count = 0;
	if (see_stream(&w, e) == 0 && unpack_shared(&w, e) == 0 &&
	    gather_files(&w, e) == 0 && unpack_inner(&w, e) == 0)
		rc = 0;
	if (rc == 0 && w.v->span_count > 0)
		qsort(w.v->spans, w.v->span_count, sizeof(*w.v->spans),
		      compare_spans);
	free(w.units);
	free(w.files);
	return rc;
}
