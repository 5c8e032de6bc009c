/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_old.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* A stretch of the old stream that is searched. */
struct delta_stretch {
	uint64_t at; /* in the text */
	uint64_t old_at;
	uint64_t len;
};

/* A file's content in the old stream, for look-up by digest. */
struct delta_known {
	struct sha256 digest;
	uint64_t at, len;
};

/* ---- whole contents ------------------------------------------------------ */

static int compare_known(const void *a, const void *b)
{
	const struct delta_known *x = a, *y = b;
	int order = memcmp(x->digest.bytes, y->digest.bytes, SHA256_LEN);

	/* Of equal contents the first, so that the result is one and the same.
	 */
	if (order == 0)
		order = x->at < y->at ? -1 : x->at > y->at;
	return order;
}

void delta_old_init(struct delta_old *o, const struct pack_tree *tree,
		    const struct pack_tree *fresh)
{
	const struct tree *t = &tree->tree;
	uint64_t at = t->bytes.len;

	*o = (struct delta_old){ .tree = tree, .fresh = fresh };
	o->starts = mem_alloc(t->count, sizeof(*o->starts));
	o->known = mem_alloc(t->count, sizeof(*o->known));
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		o->starts[i] = at;
		if (entry.type == TREE_FILE && entry.len > 0)
			o->known[o->known_count++] =
				(struct delta_known){ entry.digest, at,
						      entry.len };
		at += entry.len;
	}
	if (o->known_count > 0)
		qsort(o->known, o->known_count, sizeof(*o->known),
		      compare_known);
}

uint64_t delta_old_find(const struct delta_old *o,
			const struct tree_entry *entry)
{
	size_t low = 0, high = o->known_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(o->known[middle].digest.bytes,
				   entry->digest.bytes, SHA256_LEN);

		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < o->known_count && o->known[low].len == entry->len &&
	    sha256_equal(&o->known[low].digest, &entry->digest))
		return o->known[low].at;
	return DELTA_NOWHERE;
}

/* ---- the text ------------------------------------------------------------ */

bool delta_old_is_kept(const struct delta_old *o, const struct tree_entry *old)
{
	int64_t index = tree_find(&o->fresh->tree, old->path);
	struct tree_entry entry;

	if (index < 0)
		return false;
	tree_entry(&o->fresh->tree, (uint32_t)index, &entry);
	return entry.type == TREE_FILE && entry.len == old->len &&
	       sha256_equal(&entry.digest, &old->digest);
}

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

/* Unpacked old members stand behind the old stream, and so do they here. */
static void add_unpacked(struct delta_old *o, const struct member_pair *members)
{
	const struct delta_member_list *old = &members->lists.old;
	uint64_t at = 0;

	for (size_t i = 0; i < old->count; i++) {
		const size_t len = (size_t)old->at[i].raw_len;

		memcpy(o->text + o->text_len, members->old_raw + at, len);
		add_stretch(o,
			    o->tree->tree.bytes.len +
				    o->tree->tree.content_len + at,
			    len);
		at += len;
	}
}

static int read_text(struct delta_old *o, const struct member_pair *members,
		     struct err *e)
{
	const struct tree *t = &o->tree->tree;
	const size_t unpacked = (size_t)members->lists.old.raw_len;
	const size_t first = t->bytes.len + unpacked;
	const bool all = first < DELTA_SEARCH_MAX &&
			 t->content_len <= DELTA_SEARCH_MAX - first;
	const size_t most = DELTA_SEARCH_MAX - unpacked; /* for files */
	const size_t parts = t->count + members->lists.old.count + 1;

	if (t->bytes.len >= DELTA_SEARCH_MAX / 2 || first >= DELTA_SEARCH_MAX)
		return err_set(e, ERR_LIMIT, "manifest is too large");
	o->text = mem_alloc(
		all ? first + (size_t)t->content_len : DELTA_SEARCH_MAX, 1);
	o->stretches = mem_alloc(parts, sizeof(*o->stretches));
	o->file_ends = mem_alloc(parts, sizeof(*o->file_ends));
	memcpy(o->text, t->bytes.ptr, t->bytes.len);
	add_stretch(o, 0, t->bytes.len);
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		if (entry.len == 0 ||
		    (!all && (entry.len > most - o->text_len ||
			      delta_old_is_kept(o, &entry))))
			continue;
		if (pack_tree_read(o->tree, i, 0, o->text + o->text_len,
				   (size_t)entry.len, e))
			return -1;
		add_stretch(o, o->starts[i], entry.len);
	}
	add_unpacked(o, members);
	return 0;
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

uint64_t delta_old_text_at(const struct delta_old *o, uint64_t old_at)
{
	size_t low = 0, high = o->stretch_count;
	const struct delta_stretch *s;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (o->stretches[middle].old_at <= old_at)
			low = middle;
		else
			high = middle;
	}
	s = &o->stretches[low];
	return old_at - s->old_at < s->len ? s->at + (old_at - s->old_at) : 0;
}

/*
 * Ranges of home files, all of which are searched; two that touch may come as
 * one, and stand apart in what is searched.
 */
int delta_old_read(void *ctx, uint64_t at, void *out, size_t len, struct err *e)
{
	const struct delta_old *o = ctx;
	uint8_t *to = out;

	(void)e;
	while (len > 0) {
		const uint64_t from = delta_old_text_at(o, at);
		const struct delta_stretch *s = stretch_at(o, from);
		const uint64_t left = s->at + s->len - from;
		const size_t some = left < len ? (size_t)left : len;

		memcpy(to, o->text + from, some);
		to += some;
		at += some;
		len -= some;
	}
	return 0;
}

int delta_old_load(struct delta_old *o, const struct member_pair *members,
		   struct err *e)
{
	if (o->matcher)
		return 0;
	if (read_text(o, members, e))
		return err_in(e, "old release");
	return matcher_new((struct slice){ o->text, o->text_len }, &o->matcher,
			   e);
}

void delta_old_unload(struct delta_old *o)
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

void delta_old_done(struct delta_old *o)
{
	delta_old_unload(o);
	free(o->known);
	free(o->starts);
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
