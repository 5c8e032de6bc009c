/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_old - the old stream as who writes a delta knows it: which contents it
 * holds whole, and the text in which all else is searched.
 *
 * The text is what of the view of the old stream (stream_view.h) is worth
 * searching (delta_search.h), as far as there is room. A place in it is not a
 * place of the view; both are known here.
 */
#ifndef SIGNER_DELTA_OLD_H
#define SIGNER_DELTA_OLD_H

#include "signer/delta_match.h"
#include "signer/stream_view.h"

/*
 * Old content to search in, at most: the search takes five times as much
 * memory. When there is more, other parts of it come later.
 */
#define DELTA_SEARCH_MAX ((size_t)300 << 20)

#define DELTA_NOWHERE UINT64_MAX

struct delta_stretch;

struct delta_old {
	struct stream_view *view; /* borrowed */
	/* its spans, sorted: by digest, and by both names */
	const struct view_span **known, **exact, **alike;
	size_t known_count, named_count;
	const struct view_span *zeroes; /* the longest ones; or NULL */
	/* once loaded */
	uint8_t *text;
	size_t text_len;
	struct delta_stretch *stretches; /* ascending in both places */
	size_t stretch_count;
	uint64_t *file_ends; /* where the files of the text end, ascending */
	size_t file_count;
	struct matcher *matcher;
	bool *same; /* by span of the view: the new view holds it too */
	bool whole; /* all that changed is searched */
	size_t search_max;
	uint64_t moves_left;
};

/* The view is borrowed; search_max: DELTA_SEARCH_MAX, or less for tests. */
void delta_old_init(struct delta_old *o, struct stream_view *view,
		    size_t search_max);
void delta_old_done(struct delta_old *o);

/* Where the view holds these very bytes, or DELTA_NOWHERE. */
uint64_t delta_old_find(const struct delta_old *o, const struct view_span *s);

/* The file that a span likely comes from; NULL: nobody knows. */
const struct view_span *delta_old_home(const struct delta_old *o,
				       const struct view_span *s);

/* Where in the text that file begins, or 0. */
uint64_t delta_old_hint(const struct delta_old *o, const struct view_span *s);

/*
 * Read the text and prepare the search, unless that was done. What the new view
 * holds too counts as unchanged.
 */
int delta_old_load(struct delta_old *o, struct stream_view *fresh,
		   struct err *e) NODISCARD;

/*
 * A text of one file alone, copied: one that readers have at `at`, behind the
 * view of the same old stream.
 */
int delta_old_kin(struct delta_old *o, const struct delta_old *of,
		  struct slice bytes, uint64_t at, struct err *e) NODISCARD;

/* Nothing is searched any more; the text stays. */
void delta_old_found(struct delta_old *o);

/*
 * When there is more than can be searched at once, another text may be wanted
 * for a span: is its home in this one? A huge one is in none as a whole.
 */
bool delta_old_has(const struct delta_old *o, const struct view_span *home);
bool delta_old_is_huge(const struct delta_old *o, const struct view_span *home);

/* New bytes that are searched together in a part of a huge file. */
size_t delta_old_part_max(const struct delta_old *o);

/*
 * Search around a place of a home: in what of a huge file is about there; of
 * another one in it and what follows it. What points to the text dies.
 */
int delta_old_move(struct delta_old *o, const struct view_span *home,
		   uint64_t at, struct err *e) NODISCARD;

/* A place of the old stream in the text, 0 if it is not there; the reverse. */
uint64_t delta_old_text_at(const struct delta_old *o, uint64_t old_at);
uint64_t delta_old_stream_at(const struct delta_old *o, uint64_t at);

/* Which file of the text holds a place, and where that begins. */
size_t delta_old_file_at(const struct delta_old *o, uint64_t at);
uint64_t delta_old_file_begin(const struct delta_old *o, size_t file);

/* For delta_writer: bytes of home files, of this text or one before. */
int delta_old_read(void *ctx, uint64_t at, void *out, size_t len,
		   struct err *e) NODISCARD;

#endif
