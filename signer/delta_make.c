/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_make.h"

#include <stdlib.h>
#include <string.h>

#include "common/delta.h"
#include "common/mem.h"
#include "signer/delta_layout.h"
#include "signer/delta_match.h"
#include "signer/delta_patch.h"
#include "signer/member_pair.h"

#define PIECE_MAX   ((size_t)128 << 20) /* of a new file looked at together */
#define NOWHERE     UINT64_MAX
#define GAIN_COARSE 11

#define COVER_COST   16 /* bytes that a cover is about worth */
#define WAY_SHARE    16 /* by which another way must be better */
#define COSTLY_TEXT  32 /* one byte in so many inserted is much of a text, */
#define COSTLY_OTHER 4  /* and of other files */
#define TEXT_SAMPLE  65536

/*
 * How covers are found: the gain (delta_match.h), and how long they must be.
 * The first is right for most files. Where much is left to insert another may
 * cost less: that is measured, not guessed.
 */
static const struct way {
	unsigned gain;
	uint64_t least;
} ways[] = {
	{ GAIN_COARSE, 0 },
	{ 8, 0 },
	{ GAIN_COARSE, 64 },
	{ GAIN_COARSE, UINT64_MAX },
};

#define WAY_PLAIN (ARRAY_LEN(ways) - 1) /* no covers at all */

/* Bytes of a new file, where in it, and where they likely come from. */
struct piece {
	struct slice bytes;
	uint64_t within, hint;
};

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
	struct delta_writer_setup setup;
	struct known *known; /* old files, sorted by digest */
	size_t known_count;
	uint64_t *starts; /* by old entry, where its content begins */
	/* what is searched */
	uint8_t *text;
	size_t text_len;
	struct stretch *stretches;
	size_t stretch_count;
	struct matcher *matcher;
	uint64_t *file_ends; /* where the files in it end, ascending */
	size_t file_count;
	uint8_t *piece;
	size_t piece_cap;
	struct cover_list covers, parts;
	size_t likely;               /* home of a piece without any */
	struct delta_segment layout; /* of the file under way */
	struct member_pair members;
	size_t next_member; /* of the new ones */
	uint64_t new_at;    /* in the new stream as it is */
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
	m->file_ends[m->file_count++] = m->text_len;
}

/* Unpacked old members stand behind the old stream, and so do they here. */
static void add_unpacked(struct maker *m)
{
	const struct delta_member_list *old = &m->members.lists.old;
	uint64_t at = 0;

	for (size_t i = 0; i < old->count; i++) {
		const size_t len = (size_t)old->at[i].raw_len;

		memcpy(m->text + m->text_len, m->members.old_raw + at, len);
		add_stretch(m,
			    m->old->tree.bytes.len + m->old->tree.content_len +
				    at,
			    len);
		at += len;
	}
}

static int read_text(struct maker *m, struct err *e)
{
	const struct tree *t = &m->old->tree;
	const size_t unpacked = (size_t)m->members.lists.old.raw_len;
	const size_t first = t->bytes.len + unpacked;
	const bool all = first < DELTA_SEARCH_MAX &&
			 t->content_len <= DELTA_SEARCH_MAX - first;
	const size_t most = DELTA_SEARCH_MAX - unpacked; /* for files */
	const size_t parts = t->count + m->members.lists.old.count + 1;

	if (t->bytes.len >= DELTA_SEARCH_MAX / 2 || first >= DELTA_SEARCH_MAX)
		return err_set(e, ERR_LIMIT, "manifest is too large");
	m->text = mem_alloc(
		all ? first + (size_t)t->content_len : DELTA_SEARCH_MAX, 1);
	m->stretches = mem_alloc(parts, sizeof(*m->stretches));
	m->file_ends = mem_alloc(parts, sizeof(*m->file_ends));
	memcpy(m->text, t->bytes.ptr, t->bytes.len);
	add_stretch(m, 0, t->bytes.len);
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.len == 0 ||
		    (!all && (entry.len > most - m->text_len ||
			      is_unchanged(m, &entry))))
			continue;
		if (pack_tree_read(m->old, i, 0, m->text + m->text_len,
				   (size_t)entry.len, e))
			return -1;
		add_stretch(m, m->starts[i], entry.len);
	}
	add_unpacked(m);
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
	size_t low = 0, high = m->stretch_count;
	const struct stretch *s;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (m->stretches[middle].old_at <= old_at)
			low = middle;
		else
			high = middle;
	}
	s = &m->stretches[low];
	return old_at - s->old_at < s->len ? s->at + (old_at - s->old_at) : 0;
}

/*
 * Ranges of home files, all of which are searched; two that touch may come as
 * one, and stand apart in what is searched.
 */
static int read_old_at(void *ctx, uint64_t at, void *out, size_t len,
		       struct err *e)
{
	const struct maker *m = ctx;
	uint8_t *to = out;

	(void)e;
	while (len > 0) {
		const uint64_t from = text_of_old(m, at);
		const struct stretch *s = stretch_at(m, from);
		const uint64_t left = s->at + s->len - from;
		const size_t some = left < len ? (size_t)left : len;

		memcpy(to, m->text + from, some);
		to += some;
		at += some;
		len -= some;
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

/* ---- a piece of a changed file ------------------------------------------- */

/* Which file of what is searched holds a place. */
static size_t file_at(const struct maker *m, uint64_t at)
{
	size_t low = 0, high = m->file_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->file_ends[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t file_begin(const struct maker *m, size_t file)
{
	return file > 0 ? m->file_ends[file - 1] : 0;
}

/* Cut the covers where the files they come from end. */
static void cut_covers(struct maker *m)
{
	m->parts.count = 0;
	for (size_t i = 0; i < m->covers.count; i++) {
		struct cover c = m->covers.at[i];

		while (c.len > 0) {
			uint64_t end = m->file_ends[file_at(m, c.old_at)];
			struct cover part = c;

			if (part.len > end - c.old_at)
				part.len = end - c.old_at;
			cover_list_add(&m->parts, &part);
			c.new_at += part.len;
			c.old_at += part.len;
			c.len -= part.len;
		}
	}
}

/* The file that most of the covered bytes come from. */
static size_t find_home(const struct maker *m)
{
	uint64_t *sums = mem_alloc(m->file_count, sizeof(*sums));
	size_t best = 0;

	for (size_t i = 0; i < m->parts.count; i++) {
		size_t file = file_at(m, m->parts.at[i].old_at);

		sums[file] += m->parts.at[i].len;
		if (sums[file] > sums[best])
			best = file;
	}
	free(sums);
	return best;
}

/* Not more covers than a segment may have: the shortest give way. */
static void limit_covers(struct maker *m)
{
	for (uint64_t shortest = 16; m->parts.count > DELTA_COVERS_MAX;
	     shortest *= 2) {
		size_t kept = 0;

		for (size_t i = 0; i < m->parts.count; i++)
			if (m->parts.at[i].len >= shortest)
				m->parts.at[kept++] = m->parts.at[i];
		m->parts.count = kept;
	}
}

static uint64_t old_of_text(const struct maker *m, uint64_t at)
{
	const struct stretch *s = stretch_at(m, at);

	return s->old_at + (at - s->at);
}

static void find_patch(struct maker *m, const struct piece *from,
		       struct delta_patch *out)
{
	const struct slice piece = from->bytes;
	const uint64_t within = from->within;
	struct delta_segment *s = &out->segment;
	size_t home;

	*s = (struct delta_segment){ .kind = DELTA_PATCH, .len = piece.len };
	out->fresh = piece;
	if (within + piece.len > DELTA_FILE_MAX)
		return;
	home = m->parts.count > 0 ? find_home(m) : m->likely;
	out->home_at = old_of_text(m, file_begin(m, home));
	out->home =
		slice_sub((struct slice){ m->text, m->text_len },
			  (size_t)file_begin(m, home),
			  (size_t)(m->file_ends[home] - file_begin(m, home)));
	if (m->parts.count == 0)
		return;
	if (within == 0)
		delta_find_layouts(out->home, piece, &m->layout);
	*s = m->layout;
	s->kind = DELTA_PATCH;
	s->len = piece.len;
	s->within = (uint32_t)within;
	s->old_at = out->home_at;
	s->old_len = out->home.len;
	s->cover_count = (uint32_t)m->parts.count;
}

static int write_patch(struct maker *m, struct delta_patch *p, struct err *e)
{
	const size_t count = p->segment.cover_count;
	struct delta_cover *covers = mem_alloc(count + 1, sizeof(*covers));
	const uint8_t **old = mem_alloc(count + 1, sizeof(*old));
	uint64_t at = 0;
	int rc;

	for (size_t i = 0; i < count; i++) {
		const struct cover *c = &m->parts.at[i];

		covers[i] = (struct delta_cover){ old_of_text(m, c->old_at),
						  (uint32_t)(c->new_at - at),
						  (uint32_t)c->len };
		old[i] = m->text + c->old_at;
		at = c->new_at + c->len;
	}
	p->covers = covers;
	p->old = old;
	rc = delta_patch_write(m->writer, p, e);
	free(covers);
	free(old);
	return rc;
}

static void find_parts(struct maker *m, struct slice piece, uint64_t hint,
		       unsigned gain)
{
	m->covers.count = 0;
	matcher_run(m->matcher, piece, hint, gain, &m->covers);
	cut_covers(m);
	limit_covers(m);
}

static bool is_text(struct slice piece)
{
	const size_t len = piece.len < TEXT_SAMPLE ? piece.len : TEXT_SAMPLE;

	return !memchr(piece.ptr, 0, len);
}

/* Text has short repetitions that covers are too dear for. */
static bool is_costly(const struct maker *m, struct slice piece)
{
	const uint64_t share = is_text(piece) ? COSTLY_TEXT : COSTLY_OTHER;
	uint64_t cost = piece.len;

	for (size_t i = 0; i < m->parts.count; i++)
		cost += COVER_COST - m->parts.at[i].len;
	return m->parts.count > 0 && cost > piece.len / share;
}

static int drop(void *ctx, struct slice bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	(void)e;
	return 0;
}

/* What the parts found would cost in records of their own. */
static int measure(struct maker *m, const struct piece *piece, bool fast,
		   uint64_t *len, struct err *e)
{
	struct delta_writer_setup setup = m->setup;
	struct delta_writer *writer = m->writer;
	struct delta_patch p = { .covers = NULL };
	int rc;

	setup.to.write = drop;
	setup.prefix_max = piece->bytes.len;
	setup.fast = fast;
	delta_writer_new(&setup, &m->writer);
	find_patch(m, piece, &p);
	rc = write_patch(m, &p, e);
	if (!rc)
		rc = delta_writer_end(m->writer, len, e);
	delta_writer_free(m->writer);
	m->writer = writer;
	return rc;
}

/* Leave out what agrees in less than `least` bytes: the prefix serves it. */
static void drop_short(struct maker *m, uint64_t least)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->parts.count; i++)
		if (m->parts.at[i].len >= least)
			m->parts.at[kept++] = m->parts.at[i];
	m->parts.count = kept;
}

static void find_way(struct maker *m, const struct piece *p,
		     const struct way *way)
{
	find_parts(m, p->bytes, p->hint, way->gain);
	drop_short(m, way->least);
}

static int measure_way(struct maker *m, const struct piece *p, size_t way,
		       bool fast, uint64_t *len, struct err *e)
{
	find_way(m, p, &ways[way]);
	return measure(m, p, fast, len, e);
}

/*
 * The fast setting misjudges what repeats itself much: where no covers at all
 * come near the best way, both are compressed as they would be in the end.
 */
static int prefer_plain(struct maker *m, const struct piece *p, size_t *best,
			struct err *e)
{
	uint64_t best_len, plain_len;

	if (measure_way(m, p, *best, false, &best_len, e) ||
	    measure_way(m, p, WAY_PLAIN, false, &plain_len, e))
		return -1;
	if (plain_len < best_len)
		*best = WAY_PLAIN;
	return 0;
}

/* Leave the cheapest way as the parts found. */
static int choose_parts(struct maker *m, const struct piece *p, struct err *e)
{
	uint64_t lens[ARRAY_LEN(ways)], best_len = UINT64_MAX;
	size_t best = 0;

	m->likely = find_home(m);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (measure_way(m, p, i, true, &lens[i], e))
			return -1;
		if (lens[i] + lens[i] / WAY_SHARE < best_len) {
			best_len = lens[i];
			best = i;
		}
	}
	if (best != WAY_PLAIN && lens[WAY_PLAIN] / 2 < best_len &&
	    prefer_plain(m, p, &best, e))
		return -1;
	find_way(m, p, &ways[best]);
	return 0;
}

static int put_piece(struct maker *m, const struct piece *piece, struct err *e)
{
	struct delta_patch p = { .covers = NULL };

	if (flush_copy(m, e))
		return -1;
	find_parts(m, piece->bytes, piece->hint, GAIN_COARSE);
	m->likely = file_at(m, piece->hint);
	if (is_costly(m, piece->bytes) && choose_parts(m, piece, e))
		return -1;
	find_patch(m, piece, &p);
	return write_patch(m, &p, e);
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
	m->piece = mem_alloc(len, 1);
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

/* A range of a changed file, in pieces. */
static int put_range(struct maker *m, uint32_t index, uint64_t from,
		     uint64_t end, uint64_t hint, struct err *e)
{
	uint64_t at = from;

	m->layout = (struct delta_segment){ .kind = DELTA_PATCH };
	while (at < end) {
		size_t len =
			end - at < PIECE_MAX ? (size_t)(end - at) : PIECE_MAX;
		struct piece piece;

		reserve(m, len);
		piece = (struct piece){ { m->piece, len },
					at - from,
					hint + at };
		if (pack_tree_read(m->fresh, index, at, m->piece, len, e) ||
		    put_piece(m, &piece, e) || advance(m, len, e))
			return -1;
		at += len;
	}
	return 0;
}

/* The content of a new member; *raw is heap. */
static int read_member(struct maker *m, uint32_t index, uint64_t file_at_new,
		       const struct delta_member *member, uint8_t **raw,
		       struct err *e)
{
	const size_t packed_len = (size_t)member->packed_len;
	uint8_t *out = mem_alloc((size_t)member->raw_len, 1);

	reserve(m, packed_len);
	if (pack_tree_read(m->fresh, index, member->at - file_at_new, m->piece,
			   packed_len, e) ||
	    member_content(member, (struct slice){ m->piece, packed_len }, out,
			   e)) {
		free(out);
		return -1;
	}
	*raw = out;
	return 0;
}

/* Where what is searched holds the old member that is most alike. */
static uint64_t hint_for_member(const struct maker *m,
				const struct delta_member *member)
{
	const struct delta_member_list *old = &m->members.lists.old;
	uint64_t at = m->old->tree.bytes.len + m->old->tree.content_len;
	uint64_t best_at = 0;
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < old->count; i++) {
		const uint64_t len = old->at[i].raw_len;
		const uint64_t off = len > member->raw_len
					     ? len - member->raw_len
					     : member->raw_len - len;

		if (off < best) {
			best = off;
			best_at = at;
		}
		at += len;
	}
	return text_of_old(m, best_at);
}

static int put_content(struct maker *m, const struct delta_member *member,
		       const uint8_t *raw, struct err *e)
{
	const uint64_t hint = hint_for_member(m, member);
	uint64_t at = 0;

	m->layout = (struct delta_segment){ .kind = DELTA_PATCH };
	while (at < member->raw_len) {
		const uint64_t left = member->raw_len - at;
		const size_t len = left < PIECE_MAX ? (size_t)left : PIECE_MAX;

		if (put_piece(
			    m,
			    &(struct piece){ { raw + at, len }, at, hint + at },
			    e))
			return -1;
		at += len;
	}
	return advance(m, member->packed_len, e);
}

static int put_changed(struct maker *m, uint32_t index,
		       const struct tree_entry *entry, struct err *e)
{
	const struct delta_member_list *list = &m->members.lists.fresh;
	const uint64_t begin = m->new_at;
	uint64_t hint, at = 0;

	if (prepare(m, e))
		return -1;
	hint = hint_for(m, entry);
	while (m->next_member < list->count &&
	       list->at[m->next_member].at < begin + entry->len) {
		const struct delta_member *member = &list->at[m->next_member++];
		uint8_t *raw;
		int rc;

		if (put_range(m, index, at, member->at - begin, hint, e) ||
		    read_member(m, index, begin, member, &raw, e))
			return -1;
		rc = put_content(m, member, raw, e);
		free(raw);
		if (rc)
			return -1;
		at = member->at - begin + member->packed_len;
	}
	return put_range(m, index, at, entry->len, hint, e);
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
	const struct piece piece = { .bytes = bytes };

	if (slice_equal(bytes, m->old->tree.bytes))
		return put_copy(m, 0, bytes.len, e);
	if (prepare(m, e))
		return -1;
	if (put_piece(m, &piece, e))
		return -1;
	return advance(m, bytes.len, e);
}

static int put_all(struct maker *m, uint64_t *len, struct err *e)
{
	const struct tree *t = &m->fresh->tree;

	if (put_manifest(m, e))
		return -1;
	m->new_at = m->fresh->manifest.len;
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.type == TREE_FILE && put_file(m, i, &entry, e))
			return -1;
		m->new_at += entry.len;
	}
	if (flush_copy(m, e))
		return -1;
	return delta_writer_end(m->writer, len, e);
}

/* ---- members ------------------------------------------------------------- */

static bool is_changed_old(const void *ctx, const struct tree_entry *entry)
{
	return !is_unchanged(ctx, entry);
}

static bool is_changed_new(const void *ctx, const struct tree_entry *entry)
{
	return find_known(ctx, entry) == NOWHERE;
}

/* What a piece costs by itself. */
static int cost(struct maker *m, struct slice bytes, uint64_t hint,
		uint64_t *out, struct err *e)
{
	const struct piece piece = { bytes, 0, hint };

	m->layout = (struct delta_segment){ .kind = DELTA_PATCH };
	find_parts(m, bytes, hint, GAIN_COARSE);
	m->likely = file_at(m, hint);
	return measure(m, &piece, true, out, e);
}

/* Is a member's content cheaper to send than its compressed bytes? */
static int is_worth_it(struct maker *m, uint32_t index, uint64_t file_at_new,
		       const struct delta_member *member, bool *out,
		       struct err *e)
{
	uint64_t packed = 0, content = 0;
	uint8_t *raw;
	int rc;

	if (read_member(m, index, file_at_new, member, &raw, e))
		return -1;
	rc = cost(m, (struct slice){ m->piece, (size_t)member->packed_len }, 0,
		  &packed, e);
	if (!rc && member->raw_len <= PIECE_MAX)
		rc = cost(m, (struct slice){ raw, (size_t)member->raw_len },
			  hint_for_member(m, member), &content, e);
	free(raw);
	*out = content < packed;
	return rc;
}

/* Keep the new members that are worth it. */
static int sift_members(struct maker *m, struct err *e)
{
	const struct tree *t = &m->fresh->tree;
	struct delta_member_list all = m->members.lists.fresh;
	uint64_t at = t->bytes.len;
	uint32_t index = 0;
	int rc = 0;

	m->members.lists.fresh = (struct delta_member_list){ .count = 0 };
	for (size_t i = 0; i < all.count && rc == 0; i++) {
		struct tree_entry entry;
		bool worth = false;

		for (tree_entry(t, index, &entry);
		     at + entry.len <= all.at[i].at;
		     tree_entry(t, ++index, &entry))
			at += entry.len;
		rc = is_worth_it(m, index, at, &all.at[i], &worth, e);
		if (worth)
			delta_member_add(&m->members.lists.fresh, &all.at[i]);
	}
	free(all.at);
	return rc;
}

/* Start again without members. */
static void forget_members(struct maker *m)
{
	member_pair_done(&m->members);
	matcher_free(m->matcher);
	m->matcher = NULL;
	free(m->text);
	free(m->stretches);
	free(m->file_ends);
	m->text = NULL;
	m->stretches = NULL;
	m->file_ends = NULL;
	m->text_len = 0;
	m->stretch_count = 0;
	m->file_count = 0;
}

static int choose_members(struct maker *m, struct err *e)
{
	const struct member_filter filter = { m, is_changed_old,
					      is_changed_new };

	if (member_pair_find(m->old, m->fresh, &filter, &m->members, e))
		return -1;
	if (m->members.lists.fresh.count == 0)
		return 0;
	if (prepare(m, e) || sift_members(m, e))
		return -1;
	if (m->members.lists.fresh.count == 0)
		forget_members(m);
	return 0;
}

static int put_head(struct maker *m, const struct encoder_sink *to,
		    uint64_t *len, struct err *e)
{
	struct buf raw = BUF_INIT(DELTA_LIST_MAX);
	struct buf packed = BUF_INIT(2 * (size_t)DELTA_LIST_MAX);
	struct slice list;
	uint8_t head[DELTA_HEAD_LEN];
	int rc = -1;

	if (delta_format_members(&m->members.lists, &raw, e) ||
	    (raw.len > 0 && encode_all(m->setup.codec, buf_slice(&raw),
				       DELTA_WINDOW, &packed, e)))
		goto out;
	list = packed.len < raw.len ? buf_slice(&packed) : buf_slice(&raw);
	delta_format_head(
		&(struct delta_head){ (uint32_t)raw.len, (uint32_t)list.len },
		head);
	*len = sizeof(head) + list.len;
	if (to->write(to->ctx, (struct slice){ head, sizeof(head) }, e) == 0 &&
	    (list.len == 0 || to->write(to->ctx, list, e) == 0))
		rc = 0;
out:
	buf_done(&raw);
	buf_done(&packed);
	return rc;
}

static void describe(const struct maker *m, struct delta_made *out)
{
	const struct delta_members *lists = &m->members.lists;

	for (size_t i = 0; i < lists->old.count; i++)
		out->kinds[lists->old.at[i].recipe.kind] = true;
	for (size_t i = 0; i < lists->fresh.count; i++)
		out->kinds[lists->fresh.at[i].recipe.kind] = true;
	if (lists->fresh.count > 0) {
		out->memory = MEMBER_MEMORY;
		out->scratch_len = delta_members_scratch(lists);
	}
}

/* ---- the whole ----------------------------------------------------------- */

static int run(struct maker *m, const struct encoder_sink *to,
	       struct delta_made *out, struct err *e)
{
	struct delta_made made = { .len = 0 };
	uint64_t len;

	index_old(m);
	if (choose_members(m, e) || put_head(m, to, &made.len, e) ||
	    put_all(m, &len, e))
		return -1;
	made.len += len;
	describe(m, &made);
	*out = made;
	return 0;
}

/*
 * What readers may read of the old beside what is covered, less what
 * predictors look at.
 */
static uint64_t spare_reads(const struct delta_job *job)
{
	const struct tree *old = &job->old->tree, *fresh = &job->fresh->tree;
	const uint64_t old_len = old->bytes.len + old->content_len;
	const uint64_t new_len = fresh->bytes.len + fresh->content_len;

	return (old_len > new_len ? old_len : new_len) / 2 -
	       new_len / DELTA_AROUND_SHARE + DELTA_READS_FREE;
}

int delta_make(const struct delta_job *job, struct delta_made *out,
	       struct err *e)
{
	struct maker m = { .old = job->old,
			   .fresh = job->fresh,
			   .watch = job->watch,
			   .setup = { .codec = job->codec,
				      .to = job->to,
				      .old_at = read_old_at } };
	int rc;

	m.setup.ctx = &m;
	m.setup.prefix_max = spare_reads(job);
	delta_writer_new(&m.setup, &m.writer);
	rc = run(&m, &job->to, out, e);
	delta_writer_free(m.writer);
	matcher_free(m.matcher);
	member_pair_done(&m.members);
	cover_list_done(&m.covers);
	cover_list_done(&m.parts);
	free(m.known);
	free(m.starts);
	free(m.text);
	free(m.stretches);
	free(m.file_ends);
	free(m.piece);
	return rc;
}
