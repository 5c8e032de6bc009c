/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_old.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/delta_search.h"

/* Other texts than one for each part that has room, at most. */
#define MOVES_SPARE 8

/* A range of the text, and where it stands in the view. */
struct delta_stretch {
	uint64_t at, old_at, len;
};

/* ---- what is known ------------------------------------------------------- */

static bool has_digest(const struct view_span *s)
{
	static const struct sha256 none;

	return !sha256_equal(&s->digest, &none);
}

static int compare_digests(const void *a, const void *b)
{
	const struct view_span *x = *(const struct view_span *const *)a;
	const struct view_span *y = *(const struct view_span *const *)b;

	return memcmp(x->digest.bytes, y->digest.bytes, SHA256_LEN);
}

/* Of equal ones the first in the stream is the first. */
static int compare_known(const void *a, const void *b)
{
	const struct view_span *x = *(const struct view_span *const *)a;
	const struct view_span *y = *(const struct view_span *const *)b;
	const int order = compare_digests(a, b);

	return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

static int compare_exact(const void *a, const void *b)
{
	const struct view_span *x = *(const struct view_span *const *)a;
	const struct view_span *y = *(const struct view_span *const *)b;

	if (x->name.exact != y->name.exact)
		return x->name.exact < y->name.exact ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int compare_alike(const void *a, const void *b)
{
	const struct view_span *x = *(const struct view_span *const *)a;
	const struct view_span *y = *(const struct view_span *const *)b;

	if (x->name.alike != y->name.alike)
		return x->name.alike < y->name.alike ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static bool is_searched(const struct view_span *s)
{
	return !s->is_zero && !s->is_packed;
}

static void list_spans(struct delta_old *o)
{
	for (size_t i = 0; i < o->view->span_count; i++) {
		const struct view_span *s = &o->view->spans[i];

		if (has_digest(s))
			o->known[o->known_count++] = s;
		if (s->is_zero && (!o->zeroes || s->len > o->zeroes->len))
			o->zeroes = s;
		if (s->name.exact == 0 || !is_searched(s))
			continue;
		o->exact[o->named_count] = s;
		o->alike[o->named_count++] = s;
	}
}

static void sort(const struct view_span **list, size_t count,
		 int (*compare)(const void *a, const void *b))
{
	if (count > 0)
		qsort(list, count, sizeof(void *), compare);
}

void delta_old_init(struct delta_old *o, struct stream_view *view,
		    size_t search_max)
{
	const size_t count = view->span_count + 1;

	*o = (struct delta_old){ .view = view, .search_max = search_max };
	o->known = mem_alloc(count, sizeof(void *));
	o->exact = mem_alloc(count, sizeof(void *));
	o->alike = mem_alloc(count, sizeof(void *));
	list_spans(o);
	sort(o->known, o->known_count, compare_known);
	sort(o->exact, o->named_count, compare_exact);
	sort(o->alike, o->named_count, compare_alike);
}

/* The first of a sorted list that is not before s; NULL: none. */
static const struct view_span *
first_from(const struct view_span **list, size_t count,
	   const struct view_span *s,
	   int (*compare)(const void *a, const void *b))
{
	struct view_span key = *s;
	const struct view_span *at = &key;
	size_t low = 0, high = count;

	key.at = 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&list[middle], &at) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count ? list[low] : NULL;
}

uint64_t delta_old_find(const struct delta_old *o, const struct view_span *s)
{
	const struct view_span *found;

	if (!has_digest(s))
		return DELTA_NOWHERE;
	found = first_from(o->known, o->known_count, s, compare_known);
	return found && found->len == s->len &&
			       sha256_equal(&found->digest, &s->digest)
		       ? found->at
		       : DELTA_NOWHERE;
}

/* The member whose content is about as long. */
static const struct view_span *closest_inner(const struct delta_old *o,
					     const struct view_span *s)
{
	const struct view_span *best = NULL;
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < o->view->span_count; i++) {
		const struct view_span *old = &o->view->spans[i];
		const uint64_t off = old->len > s->len ? old->len - s->len
						       : s->len - old->len;

		if (old->source != SPAN_INNER || off >= least)
			continue;
		least = off;
		best = old;
	}
	return best;
}

const struct view_span *delta_old_home(const struct delta_old *o,
				       const struct view_span *s)
{
	const struct view_span *old = NULL;

	if (s->name.exact != 0) {
		old = first_from(o->exact, o->named_count, s, compare_exact);
		if (!old || old->name.exact != s->name.exact)
			old = first_from(o->alike, o->named_count, s,
					 compare_alike);
		if (old && old->name.alike != s->name.alike)
			old = NULL;
	}
	if (!old && s->source == SPAN_INNER)
		old = closest_inner(o, s);
	return old;
}

uint64_t delta_old_hint(const struct delta_old *o, const struct view_span *s)
{
	const struct view_span *home = delta_old_home(o, s);

	return home ? delta_old_text_at(o, home->at) : 0;
}

/* ---- the text ------------------------------------------------------------ */

static void add_stretch(struct delta_old *o, uint64_t old_at, uint64_t len)
{
	struct delta_stretch *next = o->stretches + o->stretch_count;

	if (o->stretch_count > 0 && next[-1].old_at + next[-1].len == old_at) {
		next[-1].len += len;
	} else {
		*next = (struct delta_stretch){ o->text_len, old_at, len };
		o->stretch_count++;
	}
	o->text_len += (size_t)len;
	o->file_ends[o->file_count++] = o->text_len;
}

/* The spans of the new view, sorted by digest; heap. */
static const struct view_span **sort_fresh(const struct stream_view *fresh)
{
	const struct view_span **out =
		mem_alloc(fresh->span_count + 1, sizeof(void *));

	for (size_t i = 0; i < fresh->span_count; i++)
		out[i] = &fresh->spans[i];
	sort(out, fresh->span_count, compare_known);
	return out;
}

/* By old span: the new view holds the very bytes. */
static void find_same(const struct delta_old *o,
		      const struct stream_view *fresh, bool *same)
{
	const struct view_span **sorted = sort_fresh(fresh);

	for (size_t i = 0; i < o->view->span_count; i++) {
		const struct view_span *s = &o->view->spans[i];

		same[i] = has_digest(s) &&
			  bsearch(&s, sorted, fresh->span_count, sizeof(void *),
				  compare_digests);
	}
	free(sorted);
}

/*
 * Choose what is searched, by span: what changed, as far as there is room, then
 * what of the rest has something to give. Returns how many bytes they have.
 */
static size_t choose_spans(const struct delta_old *o, const bool *same,
			   const bool *useful, bool *chosen)
{
	size_t len = 0;

	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < o->view->span_count; i++) {
			const struct view_span *s = &o->view->spans[i];

			if (!is_searched(s) || same[i] != (round == 1) ||
			    (same[i] && !useful[i]) ||
			    s->len > o->search_max - len)
				continue;
			chosen[i] = true;
			len += (size_t)s->len;
		}
	return len;
}

static int find_useful(struct delta_old *o, struct stream_view *fresh,
		       const bool *same, bool *useful, struct err *e)
{
	bool *fresh_same = mem_alloc(fresh->span_count + 1, 1);
	const struct delta_search search = { o->view, fresh, same, fresh_same };
	int rc;

	for (size_t i = 0; i < fresh->span_count; i++)
		fresh_same[i] =
			fresh->spans[i].is_zero ||
			delta_old_find(o, &fresh->spans[i]) != DELTA_NOWHERE;
	rc = delta_search_useful(&search, useful, e);
	free(fresh_same);
	return rc;
}

static int read_text(struct delta_old *o, const bool *chosen, size_t len,
		     struct err *e)
{
	const size_t count = o->view->span_count;
	int rc = 0;

	o->text = mem_alloc(len + 1, 1);
	o->stretches = mem_alloc(count + 1, sizeof(*o->stretches));
	o->file_ends = mem_alloc(count + 1, sizeof(*o->file_ends));
	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct view_span *s = &o->view->spans[i];

		if (!chosen[i])
			continue;
		rc = view_read(o->view, s, 0, o->text + o->text_len,
			       (size_t)s->len, e);
		add_stretch(o, s->at, s->len);
	}
	return rc;
}

static const struct delta_stretch *stretch_at(const struct delta_old *o,
					      uint64_t at)
{
	size_t low = 0, high = o->stretch_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (o->stretches[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return &o->stretches[low];
}

/* The stretch that holds a place of the view; NULL: the text has it not. */
static const struct delta_stretch *stretch_of(const struct delta_old *o,
					      uint64_t old_at)
{
	size_t low = 0, high = o->stretch_count;
	const struct delta_stretch *s = o->stretches;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (s[middle].old_at <= old_at)
			low = middle;
		else
			high = middle;
	}
	return high > 0 && old_at - s[low].old_at < s[low].len ? &s[low] : NULL;
}

uint64_t delta_old_text_at(const struct delta_old *o, uint64_t old_at)
{
	const struct delta_stretch *s = stretch_of(o, old_at);

	return s ? s->at + (old_at - s->old_at) : 0;
}

/* The span of the view that holds a place of a home file. */
static const struct view_span *span_of(const struct delta_old *o, uint64_t at)
{
	size_t low = 0, high = o->view->span_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (o->view->spans[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return &o->view->spans[low];
}

/*
 * Ranges of home files, or of all where all has spans. They stand in the text,
 * or did when it was another one; two that touch may come as one, and stand
 * apart.
 */
int delta_old_read(void *ctx, uint64_t at, void *out, size_t len, struct err *e)
{
	const struct delta_old *o = ctx;
	uint8_t *to = out;

	while (len > 0) {
		const struct delta_stretch *s = stretch_of(o, at);
		const struct view_span *span = s ? NULL : span_of(o, at);
		const uint64_t end =
			s ? s->old_at + s->len : span->at + span->len;
		const uint64_t left = end > at ? end - at : 0;
		const size_t some = left < len ? (size_t)left : len;

		if (some == 0)
			return err_set(e, ERR_FORMAT, "nothing stands there");
		if (s)
			memcpy(to, o->text + s->at + (at - s->old_at), some);
		else if (view_read(o->view, span, at - span->at, to, some, e))
			return -1;
		to += some;
		at += some;
		len -= some;
	}
	return 0;
}

/* Is all searched that changed? Else it will be, one part after another. */
static void see_what_is_left(struct delta_old *o, const bool *chosen)
{
	uint64_t changed = 0;

	o->whole = true;
	for (size_t i = 0; i < o->view->span_count; i++) {
		const struct view_span *s = &o->view->spans[i];

		if (o->same[i] || !is_searched(s))
			continue;
		changed += s->len;
		o->whole = o->whole && chosen[i];
	}
	o->moves_left = 2 * (changed / o->search_max) + MOVES_SPARE;
}

static int load_text(struct delta_old *o, struct stream_view *fresh,
		     struct err *e)
{
	const size_t count = o->view->span_count + 1;
	bool *useful = mem_alloc(count, 1), *chosen = mem_alloc(count, 1);
	int rc;

	o->same = mem_alloc(count, 1);
	find_same(o, fresh, o->same);
	rc = find_useful(o, fresh, o->same, useful, e);
	if (!rc) {
		const size_t len = choose_spans(o, o->same, useful, chosen);

		see_what_is_left(o, chosen);
		rc = read_text(o, chosen, len, e);
	}
	free(useful);
	free(chosen);
	return rc;
}

static int prepare(struct delta_old *o, struct err *e)
{
	return matcher_new((struct slice){ o->text, o->text_len }, &o->matcher,
			   e);
}

int delta_old_load(struct delta_old *o, struct stream_view *fresh,
		   struct err *e)
{
	if (o->matcher)
		return 0;
	if (load_text(o, fresh, e))
		return err_in(e, "old release");
	return prepare(o, e);
}

int delta_old_kin(struct delta_old *o, const struct delta_old *of,
		  struct slice bytes, uint64_t at, struct err *e)
{
	*o = (struct delta_old){ .view = of->view, .whole = true };
	o->text = mem_alloc(bytes.len + 1, 1);
	o->stretches = mem_alloc(1, sizeof(*o->stretches));
	o->file_ends = mem_alloc(1, sizeof(*o->file_ends));
	memcpy(o->text, bytes.ptr, bytes.len);
	add_stretch(o, at, bytes.len);
	if (prepare(o, e) == 0)
		return 0;
	delta_old_done(o);
	return -1;
}

void delta_old_found(struct delta_old *o)
{
	matcher_free(o->matcher);
	o->matcher = NULL;
}

/* ---- another text -------------------------------------------------------- */

bool delta_old_is_huge(const struct delta_old *o, const struct view_span *home)
{
	return home->len > o->search_max;
}

bool delta_old_has(const struct delta_old *o, const struct view_span *home)
{
	return o->whole || o->moves_left == 0 ||
	       (!delta_old_is_huge(o, home) && stretch_of(o, home->at));
}

static void drop_text(struct delta_old *o)
{
	matcher_free(o->matcher);
	free(o->text);
	free(o->stretches);
	free(o->file_ends);
	o->matcher = NULL;
	o->text = NULL;
	o->stretches = NULL;
	o->file_ends = NULL;
	o->text_len = 0;
	o->stretch_count = 0;
	o->file_count = 0;
}

size_t delta_old_part_max(const struct delta_old *o)
{
	return o->search_max / 2;
}

/* A part of a huge file, with as much on either side as there is room. */
static int read_part(struct delta_old *o, const struct view_span *home,
		     uint64_t at, struct err *e)
{
	const uint64_t before = o->search_max / 4;
	const uint64_t from = at > before ? at - before : 0;
	uint64_t len = home->len - from;

	if (len > o->search_max)
		len = o->search_max;
	o->text = mem_alloc((size_t)len, 1);
	o->stretches = mem_alloc(1, sizeof(*o->stretches));
	o->file_ends = mem_alloc(1, sizeof(*o->file_ends));
	if (view_read(o->view, home, from, o->text, (size_t)len, e))
		return -1;
	add_stretch(o, home->at + from, len);
	return 0;
}

/* A file, and of those that follow it what changed, as far as there is room. */
static int read_from(struct delta_old *o, const struct view_span *home,
		     struct err *e)
{
	const size_t count = o->view->span_count;
	const size_t first = (size_t)(home - o->view->spans);
	bool *chosen = mem_alloc(count + 1, 1);
	size_t len = 0;
	int rc;

	for (size_t i = first; i < count; i++) {
		const struct view_span *s = &o->view->spans[i];

		if (i > first && (o->same[i] || !is_searched(s)))
			continue;
		if (s->len > o->search_max - len)
			break;
		chosen[i] = true;
		len += (size_t)s->len;
	}
	rc = read_text(o, chosen, len, e);
	free(chosen);
	return rc;
}

int delta_old_move(struct delta_old *o, const struct view_span *home,
		   uint64_t at, struct err *e)
{
	drop_text(o);
	if (!delta_old_is_huge(o, home))
		o->moves_left--;
	if (delta_old_is_huge(o, home) ? read_part(o, home, at, e)
				       : read_from(o, home, e))
		return err_in(e, "old release");
	return prepare(o, e);
}

void delta_old_done(struct delta_old *o)
{
	drop_text(o);
	free(o->same);
	free(o->known);
	free(o->exact);
	free(o->alike);
	*o = (struct delta_old){ .view = NULL };
}

/* ---- places -------------------------------------------------------------- */

size_t delta_old_file_at(const struct delta_old *o, uint64_t at)
{
	size_t low = 0, high = o->file_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->file_ends[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t delta_old_file_begin(const struct delta_old *o, size_t file)
{
	return file > 0 ? o->file_ends[file - 1] : 0;
}

uint64_t delta_old_stream_at(const struct delta_old *o, uint64_t at)
{
	const struct delta_stretch *s = stretch_at(o, at);

	return s->old_at + (at - s->at);
}
