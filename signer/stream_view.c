/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/stream_view.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/member_find.h"
#include "signer/stream_scan.h"

#define NOTHING    SIZE_MAX
#define KEPT_MIN   64 /* bytes: less is no cheaper as a copy */
#define FILE_MAX   ((uint64_t)512 << 20) /* that are looked into */
#define ALIKE_MAX  4  /* times longer or shorter: still alike */
#define OPEN_SHARE 4  /* of a file that must have changed, to open all of it */
#define TRIES_MAX  16 /* units that no recipe makes, until no more are tried */

/* Contents of old members and blocks altogether, at most. */
#define OLD_MAX ((uint64_t)512 << 20)

/* ---- spans --------------------------------------------------------------- */

void view_add_span(struct stream_view *v, const struct view_span *s)
{
	if (v->span_count == v->span_cap) {
		v->span_cap = v->span_cap > 0 ? 2 * v->span_cap : 1024;
		v->spans = mem_resize(v->spans, v->span_cap, sizeof(*v->spans));
	}
	v->spans[v->span_count++] = *s;
}

static int read_inner(struct stream_view *v, size_t index, struct err *e)
{
	const struct view_inner *inner = &v->inner[index];
	const struct member *m = &inner->member;
	uint8_t *packed;
	int rc;

	if (v->cached == index)
		return 0;
	v->cached = NOTHING;
	free(v->cache);
	v->cache = mem_alloc((size_t)m->raw_len, 1);
	packed = mem_alloc((size_t)m->packed_len, 1);
	rc = map_read_file(&v->map, inner->file, m->at, packed,
			   (size_t)m->packed_len, e);
	if (!rc)
		rc = member_content(
			m, (struct slice){ packed, (size_t)m->packed_len },
			v->cache, e);
	free(packed);
	if (!rc)
		v->cached = index;
	return rc;
}

int view_read(struct stream_view *v, const struct view_span *s, uint64_t from,
	      void *out, size_t len, struct err *e)
{
	switch (s->source) {
	case SPAN_STREAM:
		return map_read_stream(&v->map, s->from + from, out, len, e);
	case SPAN_UNIT:
		return map_read_unit(&v->map, s->index, s->from + from, out,
				     len, e);
	case SPAN_FILE:
		return map_read_file(&v->map, (uint32_t)s->index,
				     s->from + from, out, len, e);
	case SPAN_INNER:
		if (read_inner(v, s->index, e))
			return -1;
		memcpy(out, v->cache + from, len);
		return 0;
	}
	return -1;
}

/* ---- members of files ---------------------------------------------------- */

void view_inner_of(const struct stream_view *v, uint32_t file, size_t *first,
		   size_t *count)
{
	size_t low = 0, high = v->inner_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v->inner[middle].file < file)
			low = middle + 1;
		else
			high = middle;
	}
	*first = low;
	while (low < v->inner_count && v->inner[low].file == file)
		low++;
	*count = low - *first;
}

struct map_name view_inner_name(const struct stream_view *v, size_t index,
				size_t first)
{
	const uint8_t number[] = { (uint8_t)((index - first) >> 8),
				   (uint8_t)(index - first), 0 };

	return map_name_below(v->map.files[v->inner[index].file].name,
			      (struct slice){ number, sizeof(number) });
}

static void add_inner(struct stream_view *v, uint32_t file,
		      const struct member *m)
{
	v->inner = mem_resize(v->inner, v->inner_count + 1, sizeof(*v->inner));
	v->inner[v->inner_count++] = (struct view_inner){ file, *m };
}

void view_drop_inner(struct stream_view *v, size_t index)
{
	v->inner_count--;
	memmove(&v->inner[index], &v->inner[index + 1],
		(v->inner_count - index) * sizeof(*v->inner));
	v->cached = NOTHING;
}

void view_keep_file(struct stream_view *v, uint32_t file)
{
	if (!v->whole)
		v->whole = mem_alloc(v->map.file_count + 1, sizeof(*v->whole));
	v->whole[file].kept = true;
}

/* Is it like a member that the new stream has? */
static bool is_like(const struct member *m, const struct stream_view *fresh)
{
	for (size_t i = 0; i < fresh->inner_count; i++) {
		const struct member *other = &fresh->inner[i].member;

		if (other->recipe.kind == m->recipe.kind &&
		    other->raw_len / ALIKE_MAX <= m->raw_len &&
		    m->raw_len / ALIKE_MAX <= other->raw_len)
			return true;
	}
	return false;
}

/* fresh: what an old member must be like; NULL: it is the new stream. */
static int look_into(struct stream_view *v, uint32_t file,
		     const struct stream_view *fresh, struct err *e)
{
	const size_t len = (size_t)v->map.files[file].len;
	uint8_t *bytes = mem_alloc(len, 1);
	struct member_list found = { .count = 0 };

	if (map_read_file(&v->map, file, 0, bytes, len, e)) {
		free(bytes);
		return -1;
	}
	member_find((struct slice){ bytes, len }, 0, !fresh, &found);
	for (size_t i = 0; i < found.count; i++)
		if (!fresh || is_like(&found.at[i], fresh))
			add_inner(v, file, &found.at[i]);
	free(found.at);
	free(bytes);
	return 0;
}

/* ---- which units are seen by their content ------------------------------- */

static int compare_units(const void *a, const void *b)
{
	const struct map_unit *x = *(struct map_unit *const *)a;
	const struct map_unit *y = *(struct map_unit *const *)b;

	return memcmp(x->digest.bytes, y->digest.bytes, SHA256_LEN);
}

/* The units of a map, sorted by digest; heap. */
static struct map_unit **sort_units(const struct stream_map *m)
{
	struct map_unit **out = mem_alloc(m->unit_count + 1, sizeof(void *));

	for (size_t i = 0; i < m->unit_count; i++)
		out[i] = &m->units[i];
	if (m->unit_count > 0)
		qsort(out, m->unit_count, sizeof(void *), compare_units);
	return out;
}

/* kept, by unit: does the other stream hold the very bytes? */
static bool *find_kept(const struct stream_map *m,
		       const struct stream_map *other)
{
	struct map_unit **sorted = sort_units(other);
	bool *kept = mem_alloc(m->unit_count + 1, sizeof(*kept));

	for (size_t i = 0; i < m->unit_count; i++) {
		const struct map_unit *u = &m->units[i];

		kept[i] = u->packed_len >= KEPT_MIN &&
			  bsearch(&u, sorted, other->unit_count, sizeof(void *),
				  compare_units) != NULL;
	}
	free(sorted);
	return kept;
}

static bool is_packed(const struct map_unit *u)
{
	return u->recipe.kind != 0;
}

/* A whole unit: of squashfs a block of data, not a tail among others. */
static bool is_whole(const struct stream_map *m, const struct map_piece *p)
{
	return p->len == m->units[p->unit].raw_len;
}

/* How far the proofs of an image have come. */
struct proofs {
	struct member_recipe last; /* that was right */
	unsigned failed;
};

static bool prove(struct stream_map *m, size_t index, struct proofs *p)
{
	struct map_unit *u = &m->units[index];
	const struct slice packed = { mem_alloc((size_t)u->packed_len, 1),
				      (size_t)u->packed_len };
	struct slice raw = { mem_alloc((size_t)u->raw_len, 1),
			     (size_t)u->raw_len };
	bool proven = false;
	struct err unused;

	if (map_read_stream(m, u->at, (uint8_t *)(uintptr_t)packed.ptr,
			    packed.len, &unused) == 0 &&
	    map_read_unit(m, index, 0, (uint8_t *)(uintptr_t)raw.ptr, raw.len,
			  &unused) == 0) {
		if (p->last.kind == u->recipe.kind &&
		    member_yields(&p->last, raw, packed)) {
			u->recipe = p->last;
			proven = true;
		} else if (p->failed < TRIES_MAX) {
			proven = member_prove(raw, packed, &u->recipe);
		}
	}
	if (proven)
		p->last = u->recipe;
	else
		p->failed++;
	free((uint8_t *)(uintptr_t)packed.ptr);
	free((uint8_t *)(uintptr_t)raw.ptr);
	return proven;
}

static void open_fresh_units(struct stream_view *v, struct proofs *p)
{
	for (size_t i = 0; i < v->map.unit_count; i++)
		v->open[i] = !v->kept[i] && (!is_packed(&v->map.units[i]) ||
					     prove(&v->map, i, p));
}

/* Bytes of a file that are open, of whole units. */
static uint64_t open_bytes(const struct stream_view *v,
			   const struct map_file *f)
{
	uint64_t len = 0;

	for (size_t i = 0; i < f->piece_count; i++) {
		const struct map_piece *p = &v->map.pieces[f->first_piece + i];

		if (v->open[p->unit] && is_whole(&v->map, p))
			len += p->len;
	}
	return len;
}

/*
 * A program of which much changed is looked at whole: what refers to each other
 * in it then moves together.
 */
static void open_files(struct stream_view *v, struct proofs *proofs)
{
	for (size_t i = 0; i < v->map.file_count; i++) {
		const struct map_file *f = &v->map.files[i];
		const uint64_t len = open_bytes(v, f);

		if (f->piece_count < 2 || len == 0 || len < f->len / OPEN_SHARE)
			continue;
		for (size_t j = 0; j < f->piece_count; j++) {
			const struct map_piece *p =
				&v->map.pieces[f->first_piece + j];

			if (v->open[p->unit] || !is_whole(&v->map, p))
				continue;
			v->open[p->unit] = !is_packed(&v->map.units[p->unit]) ||
					   !proofs ||
					   prove(&v->map, p->unit, proofs);
		}
	}
}

/* Old blocks need only be unpacked, and no more of them than there is room. */
static void open_old_units(struct stream_view *v)
{
	uint64_t sum = 0;
	struct err unused;

	for (size_t i = 0; i < v->map.unit_count; i++)
		v->open[i] = !is_packed(&v->map.units[i]) || !v->kept[i];
	open_files(v, NULL);
	for (size_t i = 0; i < v->map.unit_count; i++) {
		const struct map_unit *u = &v->map.units[i];
		uint8_t byte;

		if (!is_packed(u) || !v->open[i])
			continue;
		v->open[i] =
			u->raw_len <= OLD_MAX - sum &&
			map_read_unit(&v->map, i, 0, &byte, 1, &unused) == 0;
		if (v->open[i])
			sum += u->raw_len;
	}
}

/* Is any of it not in the other stream? */
static bool is_changed(const struct stream_view *v, uint32_t file)
{
	const struct map_file *f = &v->map.files[file];

	for (size_t i = 0; i < f->piece_count; i++)
		if (!v->kept[v->map.pieces[f->first_piece + i].unit])
			return true;
	return false;
}

static int look_into_files(struct stream_view *v,
			   const struct stream_view *fresh, struct err *e)
{
	for (uint32_t i = 0; i < v->map.file_count; i++) {
		const uint64_t len = v->map.files[i].len;

		if (len >= MEMBER_MIN && len <= FILE_MAX && is_changed(v, i) &&
		    look_into(v, i, fresh, e))
			return -1;
	}
	return 0;
}

static int choose(struct view_pair *v, const struct view_how *how,
		  struct err *e)
{
	struct stream_view *old = &v->old, *fresh = &v->fresh;
	struct proofs proofs = { .failed = 0 };
	int rc = 0;

	if (map_digest_units(&old->map, e) || map_digest_units(&fresh->map, e))
		return -1;
	old->kept = find_kept(&old->map, &fresh->map);
	fresh->kept = find_kept(&fresh->map, &old->map);
	open_fresh_units(fresh, &proofs);
	open_files(fresh, &proofs);
	map_filter(&fresh->map, fresh->open);
	open_old_units(old);
	map_filter(&old->map, old->open);
	if (!how->plain)
		rc = look_into_files(fresh, NULL, e);
	if (!rc && fresh->inner_count > 0)
		rc = look_into_files(old, fresh, e);
	if (!rc)
		view_forget_unused(v);
	return rc;
}

static bool has_packed(const struct stream_view *v)
{
	for (size_t i = 0; i < v->map.unit_count; i++)
		if (v->open[i] && is_packed(&v->map.units[i]))
			return true;
	return false;
}

void view_forget_unused(struct view_pair *v)
{
	struct stream_view *old = &v->old;

	if (v->fresh.inner_count > 0 || has_packed(&v->fresh))
		return;
	old->inner_count = 0;
	for (size_t i = 0; i < old->map.unit_count; i++)
		if (is_packed(&old->map.units[i]))
			old->open[i] = false;
	map_filter(&old->map, old->open);
}

/* ---- both ---------------------------------------------------------------- */

static int open_one(struct stream_view *v, const struct pack_tree *tree,
		    const struct pack_tree *other, const struct view_how *how,
		    struct err *e)
{
	v->cached = NOTHING;
	if (stream_scan(&v->map, tree, other, !how->plain, e))
		return -1;
	v->open = mem_alloc(v->map.unit_count + 1, sizeof(*v->open));
	return 0;
}

int view_pair_open(struct view_pair *v, const struct pack_tree *old,
		   const struct pack_tree *fresh, const struct view_how *how,
		   struct err *e)
{
	*v = (struct view_pair){ .members = { .recipe_count = 0 } };
	if (open_one(&v->old, old, fresh, how, e) ||
	    open_one(&v->fresh, fresh, old, how, e))
		return -1;
	return choose(v, how, e);
}

static void view_done(struct stream_view *v)
{
	stream_map_done(&v->map);
	free(v->open);
	free(v->kept);
	free(v->whole);
	free(v->inner);
	free(v->spans);
	free(v->cache);
	*v = (struct stream_view){ .cached = NOTHING };
}

void view_pair_done(struct view_pair *v)
{
	view_done(&v->old);
	view_done(&v->fresh);
	delta_members_done(&v->members);
}
