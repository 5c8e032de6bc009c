/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/member_pair.h"

#include <stdlib.h>

#include "common/mem.h"

#define FILE_MAX  ((uint64_t)512 << 20) /* that are looked into */
#define ALIKE_MAX 4 /* times longer or shorter: still alike */

struct search {
	const struct pack_tree *tree;
	const void *ctx;
	bool (*wanted)(const void *ctx, const struct tree_entry *entry);
	bool proven;
	/* old members: what they must be like, and their contents */
	const struct delta_member_list *like;
	struct member_pair *pair;
};

static bool is_like(const struct delta_member *m,
		    const struct delta_member_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].recipe.kind == m->recipe.kind &&
		    list->at[i].raw_len / ALIKE_MAX <= m->raw_len &&
		    m->raw_len / ALIKE_MAX <= list->at[i].raw_len)
			return true;
	return false;
}

static int take_old(struct search *s, struct slice file, uint64_t at,
		    const struct delta_member *m, struct err *e)
{
	struct delta_member_list *old = &s->pair->lists.old;
	const size_t before = (size_t)old->raw_len;

	if (!is_like(m, s->like) || old->count == DELTA_MEMBERS_MAX ||
	    m->raw_len > MEMBER_OLD_MAX - before)
		return 0;
	s->pair->old_raw =
		mem_resize(s->pair->old_raw, before + (size_t)m->raw_len, 1);
	if (member_content(m,
			   slice_sub(file, (size_t)(m->at - at),
				     (size_t)m->packed_len),
			   s->pair->old_raw + before, e))
		return -1;
	delta_member_add(old, m);
	return 0;
}

static int look_into(struct search *s, struct slice file, uint64_t at,
		     struct err *e)
{
	struct delta_member_list found = { .count = 0 };
	int rc = 0;

	if (!s->like) {
		member_find(file, at, true, &s->pair->lists.fresh);
		return 0;
	}
	member_find(file, at, false, &found);
	for (size_t i = 0; i < found.count && rc == 0; i++)
		rc = take_old(s, file, at, &found.at[i], e);
	free(found.at);
	return rc;
}

static int search(struct search *s, struct err *e)
{
	const struct tree *t = &s->tree->tree;
	uint64_t at = t->bytes.len;

	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;
		uint8_t *bytes;
		int rc;

		tree_entry(t, i, &entry);
		at += entry.len;
		if (entry.type != TREE_FILE || entry.len < MEMBER_MIN ||
		    entry.len > FILE_MAX || !s->wanted(s->ctx, &entry))
			continue;
		bytes = mem_alloc((size_t)entry.len, 1);
		rc = pack_tree_read(s->tree, i, 0, bytes, (size_t)entry.len, e);
		if (!rc)
			rc = look_into(
				s, (struct slice){ bytes, (size_t)entry.len },
				at - entry.len, e);
		free(bytes);
		if (rc)
			return -1;
	}
	return 0;
}

int member_pair_find(const struct pack_tree *old, const struct pack_tree *fresh,
		     const struct member_filter *filter,
		     struct member_pair *out, struct err *e)
{
	struct search s = { .tree = fresh,
			    .ctx = filter->ctx,
			    .wanted = filter->fresh,
			    .pair = out };

	*out = (struct member_pair){ .old_raw = NULL };
	if (search(&s, e))
		return -1;
	if (out->lists.fresh.count == 0)
		return 0;
	s.tree = old;
	s.wanted = filter->old;
	s.like = &out->lists.fresh;
	return search(&s, e);
}

void member_pair_done(struct member_pair *p)
{
	delta_members_done(&p->lists);
	free(p->old_raw);
	*p = (struct member_pair){ .old_raw = NULL };
}
