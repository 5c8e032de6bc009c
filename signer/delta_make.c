/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_make.h"

#include <stdlib.h>
#include <string.h>

#include "common/delta.h"
#include "common/mem.h"
#include "signer/delta_old.h"
#include "signer/delta_patch.h"
#include "signer/delta_piece.h"

struct maker {
	const struct pack_tree *fresh;
	const struct tree_watch *watch;
	struct delta_writer_setup setup;
	struct delta_old old;
	struct delta_piecer pieces;
	uint8_t *piece;
	size_t piece_cap;
	struct member_pair members;
	size_t next_member; /* of the new ones */
	uint64_t new_at;    /* in the new stream as it is */
	/* an exact copy that may still grow */
	uint64_t copy_at, copy_len;
	uint64_t done;
};

/* ---- operations ---------------------------------------------------------- */

static int flush_copy(struct maker *m, struct err *e)
{
	uint64_t len = m->copy_len;

	m->copy_len = 0;
	return delta_writer_copy(m->pieces.writer, m->copy_at, len, e);
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

static int put_piece(struct maker *m, const struct delta_piece *piece,
		     struct err *e)
{
	return flush_copy(m, e) || delta_piece_put(&m->pieces, piece, e) ? -1
									 : 0;
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

/* The old file of the same path is where a changed file likely came from. */
static uint64_t hint_for(const struct maker *m, const struct tree_entry *entry)
{
	int64_t index = tree_find(&m->old.tree->tree, entry->path);

	return index < 0 ? 0 : delta_old_text_at(&m->old, m->old.starts[index]);
}

/* A range of a changed file, in pieces. */
static int put_range(struct maker *m, uint32_t index, uint64_t from,
		     uint64_t end, uint64_t hint, struct err *e)
{
	uint64_t at = from;

	delta_piece_begin(&m->pieces);
	while (at < end) {
		size_t len = end - at < DELTA_PIECE_MAX ? (size_t)(end - at)
							: DELTA_PIECE_MAX;
		struct delta_piece piece;

		reserve(m, len);
		piece = (struct delta_piece){ { m->piece, len },
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
	uint64_t at =
		m->old.tree->tree.bytes.len + m->old.tree->tree.content_len;
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
	return delta_old_text_at(&m->old, best_at);
}

static int put_content(struct maker *m, const struct delta_member *member,
		       const uint8_t *raw, struct err *e)
{
	const uint64_t hint = hint_for_member(m, member);
	uint64_t at = 0;

	delta_piece_begin(&m->pieces);
	while (at < member->raw_len) {
		const uint64_t left = member->raw_len - at;
		const size_t len =
			left < DELTA_PIECE_MAX ? (size_t)left : DELTA_PIECE_MAX;

		if (put_piece(m,
			      &(struct delta_piece){
				      { raw + at, len }, at, hint + at },
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

	if (delta_old_load(&m->old, &m->members, e))
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
	uint64_t at = delta_old_find(&m->old, entry);

	if (entry->len == 0)
		return 0;
	if (at == DELTA_NOWHERE)
		return put_changed(m, index, entry, e);
	if (put_copy(m, at, entry->len, e))
		return -1;
	return advance(m, entry->len, e);
}

static int put_manifest(struct maker *m, struct err *e)
{
	struct slice bytes = buf_slice(&m->fresh->manifest);
	const struct delta_piece piece = { .bytes = bytes };

	if (slice_equal(bytes, m->old.tree->tree.bytes))
		return put_copy(m, 0, bytes.len, e);
	if (delta_old_load(&m->old, &m->members, e))
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
	return delta_writer_end(m->pieces.writer, len, e);
}

/* ---- members ------------------------------------------------------------- */

static bool is_changed_old(const void *ctx, const struct tree_entry *entry)
{
	return !delta_old_is_kept(ctx, entry);
}

static bool is_changed_new(const void *ctx, const struct tree_entry *entry)
{
	return delta_old_find(ctx, entry) == DELTA_NOWHERE;
}

/* Is a member's content cheaper to send than its compressed bytes? */
static int is_worth_it(struct maker *m, uint32_t index, uint64_t file_at_new,
		       const struct delta_member *member, bool *out,
		       struct err *e)
{
	struct delta_piece packed, content;
	uint64_t packed_cost = 0, content_cost = 0;
	uint8_t *raw;
	int rc;

	if (read_member(m, index, file_at_new, member, &raw, e))
		return -1;
	packed = (struct delta_piece){
		.bytes = { m->piece, (size_t)member->packed_len },
	};
	content = (struct delta_piece){
		.bytes = { raw, (size_t)member->raw_len },
		.hint = hint_for_member(m, member),
	};
	rc = delta_piece_cost(&m->pieces, &packed, &packed_cost, e);
	if (!rc && member->raw_len <= DELTA_PIECE_MAX)
		rc = delta_piece_cost(&m->pieces, &content, &content_cost, e);
	free(raw);
	*out = content_cost < packed_cost;
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
	delta_old_unload(&m->old);
}

static int choose_members(struct maker *m, struct err *e)
{
	const struct member_filter filter = { &m->old, is_changed_old,
					      is_changed_new };

	if (member_pair_find(m->old.tree, m->fresh, &filter, &m->members, e))
		return -1;
	if (m->members.lists.fresh.count == 0)
		return 0;
	if (delta_old_load(&m->old, &m->members, e) || sift_members(m, e))
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
	struct maker m = { .fresh = job->fresh,
			   .watch = job->watch,
			   .setup = { .codec = job->codec,
				      .to = job->to,
				      .old_at = delta_old_read } };
	int rc;

	delta_old_init(&m.old, job->old, job->fresh);
	m.setup.ctx = &m.old;
	m.setup.prefix_max = spare_reads(job);
	m.pieces.old = &m.old;
	m.pieces.setup = &m.setup;
	delta_writer_new(&m.setup, &m.pieces.writer);
	rc = run(&m, &job->to, out, e);
	delta_writer_free(m.pieces.writer);
	delta_piecer_done(&m.pieces);
	delta_old_done(&m.old);
	member_pair_done(&m.members);
	free(m.piece);
	return rc;
}
