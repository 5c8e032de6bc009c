/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_sight.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* About what bytes would cost by themselves. */
static int cost_of(struct delta_sight *s, struct slice bytes, uint64_t hint,
		   uint64_t *out, struct err *e)
{
	const struct delta_piece piece = { .bytes = bytes, .hint = hint };

	return delta_piece_cost(&s->pieces, &piece, out, e);
}

static int cost_of_content(struct delta_sight *s, const struct view_span *span,
			   uint64_t *out, struct err *e)
{
	const size_t len = (size_t)span->len;
	uint8_t *bytes = mem_alloc(len, 1);
	int rc = -1;

	if (!view_read(&s->views.fresh, span, 0, bytes, len, e) &&
	    !cost_of(s, (struct slice){ bytes, len },
		     delta_old_hint(&s->old, span), out, e))
		rc = 0;
	free(bytes);
	return rc;
}

static int cost_of_packed(struct delta_sight *s, const struct view_inner *inner,
			  uint64_t *out, struct err *e)
{
	const size_t len = (size_t)inner->member.packed_len;
	uint8_t *bytes = mem_alloc(len, 1);
	int rc = -1;

	if (!map_read_file(&s->views.fresh.map, inner->file, inner->member.at,
			   bytes, len, e) &&
	    !cost_of(s, (struct slice){ bytes, len }, 0, out, e))
		rc = 0;
	free(bytes);
	return rc;
}

/* Is a member's content cheaper to send than its compressed bytes? */
static int is_worth_it(struct delta_sight *s, const struct view_span *span,
		       bool *out, struct err *e)
{
	const struct view_inner *inner = &s->views.fresh.inner[span->index];
	uint64_t packed, content = 0;

	if (cost_of_packed(s, inner, &packed, e))
		return -1;
	if (span->len <= DELTA_PIECE_MAX &&
	    cost_of_content(s, span, &content, e))
		return -1;
	*out = content < packed;
	return 0;
}

/* Drop the new members that are not worth it; *dropped: there were any. */
static int sift_members(struct delta_sight *s, bool *dropped, struct err *e)
{
	struct stream_view *v = &s->views.fresh;
	bool *worth = mem_alloc(v->inner_count, sizeof(*worth));
	int rc = delta_old_load(&s->old, v, e);

	for (size_t i = 0; i < v->span_count && rc == 0; i++)
		if (v->spans[i].source == SPAN_INNER)
			rc = is_worth_it(s, &v->spans[i],
					 &worth[v->spans[i].index], e);
	for (size_t i = v->inner_count; i > 0 && rc == 0; i--)
		if (!worth[i - 1]) {
			view_drop_inner(v, i - 1);
			*dropped = true;
		}
	free(worth);
	return rc;
}

/* See both streams. */
static int see(struct delta_sight *s, struct err *e)
{
	delta_members_done(&s->views.members);
	if (view_old(&s->views, e) || view_fresh(&s->views, e) ||
	    delta_members_check_work(&s->views.members, s->views.old.map.len,
				     s->views.fresh.map.len, e))
		return -1;
	delta_old_done(&s->old);
	delta_old_init(&s->old, &s->views.old, s->search_max);
	return 0;
}

/* More members, or more work in them, than a delta may have: then none. */
static int open_views(struct delta_sight *s, const struct pack_tree *old,
		      const struct pack_tree *fresh, bool plain,
		      struct err *gave_up, struct err *e)
{
	struct view_how how = { .plain = plain };

	if (view_pair_open(&s->views, old, fresh, &how, e))
		return -1;
	if (see(s, e) == 0)
		return 0;
	if (how.plain || e->code != ERR_LIMIT)
		return -1;
	how.plain = true;
	*gave_up = *e;
	view_pair_done(&s->views);
	return view_pair_open(&s->views, old, fresh, &how, e) || see(s, e) ? -1
									   : 0;
}

static int see_sifted(struct delta_sight *s, struct err *e)
{
	bool dropped = false;

	if (s->views.fresh.inner_count == 0)
		return 0;
	if (sift_members(s, &dropped, e))
		return -1;
	if (!dropped)
		return 0;
	view_forget_unused(&s->views);
	return see(s, e);
}

/* Seen again, the new view has elders kept; of the old nothing changes. */
static int see_kin(struct delta_sight *s, struct err *e)
{
	struct delta_members *list = &s->views.members;

	if (delta_old_load(&s->old, &s->views.fresh, e) ||
	    delta_kin_find(&s->pieces, &s->views.fresh, &s->kin, e))
		return -1;
	if (s->kin.elder_count == 0)
		return 0;
	list->step_count = 0;
	list->kept_len = 0;
	if (view_fresh(&s->views, e) ||
	    delta_members_check_work(list, s->views.old.map.len,
				     s->views.fresh.map.len, e))
		return -1;
	delta_kin_place(&s->kin, &s->old, &s->views.fresh);
	return 0;
}

int delta_sight_read(void *ctx, uint64_t at, void *out, size_t len,
		     struct err *e)
{
	struct delta_sight *s = ctx;
	const uint64_t end = s->views.old.len;
	uint8_t *to = out;

	while (len > 0) {
		const struct kin_elder *elder =
			at < end ? NULL : delta_kin_at(&s->kin, at);
		const uint64_t left =
			elder ? elder->kept_at + elder->len - at : end - at;
		const size_t some = left < len ? (size_t)left : len;

		if (elder)
			memcpy(to, elder->bytes + (at - elder->kept_at), some);
		else if (delta_old_read(&s->old, at, to, some, e))
			return -1;
		to += some;
		at += some;
		len -= some;
	}
	return 0;
}

int delta_sight_open(struct delta_sight *s, const struct delta_sighted *of,
		     struct err *gave_up, struct err *e)
{
	s->search_max = of->search_max > 0 ? of->search_max : DELTA_SEARCH_MAX;
	s->pieces.old = &s->old;
	s->pieces.setup = of->setup;
	return open_views(s, of->old, of->fresh, of->plain, gave_up, e) ||
			       see_sifted(s, e) || (!of->plain && see_kin(s, e))
		       ? -1
		       : 0;
}

void delta_sight_done(struct delta_sight *s)
{
	delta_old_done(&s->old);
	delta_kin_done(&s->kin);
	view_pair_done(&s->views);
}
