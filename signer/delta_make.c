/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_make.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/delta_match.h"
#include "signer/delta_record.h"

#define PIECE_MAX ((size_t)128 << 20) /* of a new file looked at together */
#define EXACT_MIN 512 /* a shorter run of equal bytes stays in its cover */
#define NOWHERE   UINT64_MAX

/* A stretch of the old stream that is searched. */
struct stretch {
	uint64_t at; /* in what is searched */
	uint64_t old_at;
	uint64_t len;
};

/* A file's content in the old stream, for look-up by digest. */
struct known {
	struct sha256 digest;
	uint64_t at, len;
};

struct maker {
	const struct pack_tree *old, *fresh;
	const struct tree_watch *watch;
	struct delta_writer *writer;
	struct known *known; /* old files, sorted by digest */
	size_t known_count;
	uint64_t *starts; /* by old entry, where its content begins */
	/* what is searched */
	uint8_t *text;
	size_t text_len;
	struct stretch *stretches;
	size_t stretch_count;
	struct matcher *matcher;
	uint8_t *piece, *diff;
	size_t piece_cap;
	struct cover_list covers;
	/* an exact copy that may still grow */
	uint64_t copy_at, copy_len;
	uint64_t done;
};

/* ---- what the old tree holds --------------------------------------------- */

static int compare_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int order = memcmp(x->digest.bytes, y->digest.bytes, SHA256_LEN);

	/* Of equal contents the first, so that the result is one and the same.
	 */
	if (order == 0)
		order = x->at < y->at ? -1 : x->at > y->at;
	return order;
}

static void index_old(struct maker *m)
{
	const struct tree *t = &m->old->tree;
	uint64_t at = t->bytes.len;

	m->starts = mem_alloc(t->count, sizeof(*m->starts));
	m->known = mem_alloc(t->count, sizeof(*m->known));
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		m->starts[i] = at;
		if (entry.type == TREE_FILE && entry.len > 0)
			m->known[m->known_count++] =
				(struct known){ entry.digest, at, entry.len };
		at += entry.len;
	}
	if (m->known_count > 0)
		qsort(m->known, m->known_count, sizeof(*m->known),
		      compare_known);
}

/* Where the old stream holds this very content, or NOWHERE. */
static uint64_t find_known(const struct maker *m,
			   const struct tree_entry *entry)
{
	size_t low = 0, high = m->known_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(m->known[middle].digest.bytes,
				   entry->digest.bytes, SHA256_LEN);

		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < m->known_count && m->known[low].len == entry->len &&
	    sha256_equal(&m->known[low].digest, &entry->digest))
		return m->known[low].at;
	return NOWHERE;
}

/* ---- what is searched ---------------------------------------------------- */

/* Does the new tree hold the same content at the same path? */
static bool is_unchanged(const struct maker *m, const struct tree_entry *old)
{
	int64_t index = tree_find(&m->fresh->tree, old->path);
	struct tree_entry entry;

	if (index < 0)
		return false;
	tree_entry(&m->fresh->tree, (uint32_t)index, &entry);
	return entry.type == TREE_FILE && entry.len == old->len &&
	       sha256_equal(&entry.digest, &old->digest);
}

static void add_stretch(struct maker *m, uint64_t old_at, uint64_t len)
{
	struct stretch *next = m->stretches + m->stretch_count;

	if (m->stretch_count > 0 && next[-1].old_at + next[-1].len == old_at) {
		next[-1].len += len;
	} else {
		*next = (struct stretch){ m->text_len, old_at, len };
		m->stretch_count++;
	}
	m->text_len += (size_t)len;
}

static int read_text(struct maker *m, struct err *e)
{
	const struct tree *t = &m->old->tree;
	const bool all = t->content_len <= DELTA_SEARCH_MAX - t->bytes.len;

	if (t->bytes.len >= DELTA_SEARCH_MAX / 2)
		return err_set(e, ERR_LIMIT, "manifest is too large");
	m->text = mem_alloc(all ? t->bytes.len + (size_t)t->content_len
				: DELTA_SEARCH_MAX,
			    1);
	m->stretches = mem_alloc((size_t)t->count + 1, sizeof(*m->stretches));
	memcpy(m->text, t->bytes.ptr, t->bytes.len);
	add_stretch(m, 0, t->bytes.len);
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.len == 0 ||
		    (!all && (entry.len > DELTA_SEARCH_MAX - m->text_len ||
			      is_unchanged(m, &entry))))
			continue;
		if (pack_tree_read(m->old, i, 0, m->text + m->text_len,
				   (size_t)entry.len, e))
			return -1;
		add_stretch(m, m->starts[i], entry.len);
	}
	return 0;
}

static const struct stretch *stretch_at(const struct maker *m, uint64_t at)
{
	size_t low = 0, high = m->stretch_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (m->stretches[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return &m->stretches[low];
}

/* Where in what is searched a place of the old stream stands; 0 if nowhere. */
static uint64_t text_of_old(const struct maker *m, uint64_t old_at)
{
	for (size_t i = 0; i < m->stretch_count; i++) {
		const struct stretch *s = &m->stretches[i];

		if (old_at >= s->old_at && old_at - s->old_at < s->len)
			return s->at + (old_at - s->old_at);
	}
	return 0;
}

/* ---- operations ---------------------------------------------------------- */

static int flush_copy(struct maker *m, struct err *e)
{
	uint64_t len = m->copy_len;

	m->copy_len = 0;
	return delta_writer_copy(m->writer, m->copy_at, len, e);
}

/* Copies that follow one another in both streams become one. */
static int put_copy(struct maker *m, uint64_t old_at, uint64_t len,
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

static int put_change(struct maker *m, uint64_t old_at, struct slice diff,
		      struct err *e)
{
	if (flush_copy(m, e))
		return -1;
	return delta_writer_change(m->writer, old_at, diff, e);
}

static int put_insert(struct maker *m, struct slice bytes, struct err *e)
{
	if (bytes.len == 0)
		return 0;
	if (flush_copy(m, e))
		return -1;
	return delta_writer_insert(m->writer, bytes, e);
}

/* Length of the run of zeroes at the beginning of a difference. */
static size_t zero_run(struct slice diff)
{
	size_t len = 0;

	while (len < diff.len && diff.ptr[len] == 0)
		len++;
	return len;
}

/* A cover within one stretch: long equal runs as copies, the rest changed. */
static int put_cover(struct maker *m, uint64_t old_at, struct slice diff,
		     struct err *e)
{
	size_t begin = 0, at = 0;

	while (at < diff.len) {
		size_t run = zero_run(slice_sub(diff, at, diff.len));

		if (run < EXACT_MIN && run < diff.len) {
			at += run > 0 ? run : 1;
			continue;
		}
		if ((at > begin &&
		     put_change(m, old_at + begin,
				slice_sub(diff, begin, at - begin), e)) ||
		    put_copy(m, old_at + at, run, e))
			return -1;
		at += run;
		begin = at;
	}
	if (begin == diff.len)
		return 0;
	return put_change(m, old_at + begin, slice_sub(diff, begin, diff.len),
			  e);
}

static int put_match(struct maker *m, struct slice piece, const struct cover *c,
		     struct err *e)
{
	uint64_t done = 0;

	for (size_t i = 0; i < c->len; i++)
		m->diff[i] = (uint8_t)(piece.ptr[c->new_at + i] -
				       m->text[c->old_at + i]);
	while (done < c->len) {
		const struct stretch *s = stretch_at(m, c->old_at + done);
		uint64_t within = c->old_at + done - s->at;
		uint64_t len = s->len - within;

		if (len > c->len - done)
			len = c->len - done;
		if (put_cover(m, s->old_at + within,
			      (struct slice){ m->diff + done, (size_t)len }, e))
			return -1;
		done += len;
	}
	return 0;
}

static int put_piece(struct maker *m, struct slice piece, uint64_t hint,
		     struct err *e)
{
	uint64_t at = 0;

	m->covers.count = 0;
	matcher_run(m->matcher, piece, hint, &m->covers);
	for (size_t i = 0; i < m->covers.count; i++) {
		const struct cover *c = &m->covers.at[i];

		if (put_insert(m,
			       slice_sub(piece, (size_t)at,
					 (size_t)(c->new_at - at)),
			       e) ||
		    put_match(m, piece, c, e))
			return -1;
		at = c->new_at + c->len;
	}
	return put_insert(m, slice_sub(piece, (size_t)at, piece.len), e);
}

/* ---- the new stream ------------------------------------------------------ */

static int advance(struct maker *m, uint64_t len, struct err *e)
{
	m->done += len;
	return m->watch ? m->watch->advance(m->watch->ctx, m->done, e) : 0;
}

static void reserve(struct maker *m, size_t len)
{
	if (len <= m->piece_cap)
		return;
	free(m->piece);
	free(m->diff);
	m->piece = mem_alloc(len, 1);
	m->diff = mem_alloc(len, 1);
	m->piece_cap = len;
}

/* The search is prepared when the first content wants it. */
static int prepare(struct maker *m, struct err *e)
{
	if (m->matcher)
		return 0;
	if (read_text(m, e))
		return err_in(e, "old release");
	return matcher_new((struct slice){ m->text, m->text_len }, &m->matcher,
			   e);
}

/* The old file of the same path is where a changed file likely came from. */
static uint64_t hint_for(const struct maker *m, const struct tree_entry *entry)
{
	int64_t index = tree_find(&m->old->tree, entry->path);

	return index < 0 ? 0 : text_of_old(m, m->starts[index]);
}

static int put_changed(struct maker *m, uint32_t index,
		       const struct tree_entry *entry, struct err *e)
{
	uint64_t hint, at = 0;

	if (prepare(m, e))
		return -1;
	hint = hint_for(m, entry);
	while (at < entry->len) {
		size_t len = entry->len - at < PIECE_MAX
				     ? (size_t)(entry->len - at)
				     : PIECE_MAX;

		reserve(m, len);
		if (pack_tree_read(m->fresh, index, at, m->piece, len, e) ||
		    put_piece(m, (struct slice){ m->piece, len }, hint + at,
			      e) ||
		    advance(m, len, e))
			return -1;
		at += len;
	}
	return 0;
}

static int put_file(struct maker *m, uint32_t index,
		    const struct tree_entry *entry, struct err *e)
{
	uint64_t at = find_known(m, entry);

	if (entry->len == 0)
		return 0;
	if (at == NOWHERE)
		return put_changed(m, index, entry, e);
	if (put_copy(m, at, entry->len, e))
		return -1;
	return advance(m, entry->len, e);
}

static int put_manifest(struct maker *m, struct err *e)
{
	struct slice bytes = buf_slice(&m->fresh->manifest);

	if (slice_equal(bytes, m->old->tree.bytes))
		return put_copy(m, 0, bytes.len, e);
	if (prepare(m, e))
		return -1;
	reserve(m, bytes.len);
	if (put_piece(m, bytes, 0, e))
		return -1;
	return advance(m, bytes.len, e);
}

static int run(struct maker *m, uint64_t *len, struct err *e)
{
	const struct tree *t = &m->fresh->tree;

	index_old(m);
	if (put_manifest(m, e))
		return -1;
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.type == TREE_FILE && put_file(m, i, &entry, e))
			return -1;
	}
	if (flush_copy(m, e))
		return -1;
	return delta_writer_end(m->writer, len, e);
}

int delta_make(const struct delta_job *job, uint64_t *len, struct err *e)
{
	struct maker m = { .old = job->old,
			   .fresh = job->fresh,
			   .watch = job->watch };
	int rc;

	delta_writer_new(job->codec, &job->to, &m.writer);
	rc = run(&m, len, e);
	delta_writer_free(m.writer);
	matcher_free(m.matcher);
	cover_list_done(&m.covers);
	free(m.known);
	free(m.starts);
	free(m.text);
	free(m.stretches);
	free(m.piece);
	free(m.diff);
	return rc;
}
