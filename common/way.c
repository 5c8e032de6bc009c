/* SPDX-License-Identifier: Apache-2.0 */
#include "common/way.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void way_add(struct way *w, const struct release *r)
{
	struct way_release *to;

	w->at = mem_resize(w->at, w->count + 1, sizeof(*w->at));
	to = &w->at[w->count++];
	*to = (struct way_release){ .digest = r->digest,
				    .seq = r->seq,
				    .content_seq = r->content_seq,
				    .requires_seq = r->requires_seq };
	memcpy(to->id, r->id, sizeof(to->id));
	memcpy(to->stepping_stone, r->stepping_stone,
	       sizeof(to->stepping_stone));
}

void way_add_back(struct way *w, uint64_t seq)
{
	if (w->back_count < WAY_BACK_MAX)
		w->back[w->back_count++] = seq;
}

void way_done(struct way *w)
{
	free(w->at);
	*w = (struct way){ .count = 0 };
}

bool way_is_stone(const struct way *w, uint64_t floor, const char *id)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->at[i].content_seq >= floor &&
		    strcmp(w->at[i].stepping_stone, id) == 0)
			return true;
	return false;
}

static const struct way_release *find(const struct way *w, const char *id)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->at[i].id, id) == 0)
			return &w->at[i];
	return NULL;
}

const struct way_release *way_find(const struct way *w, const char *id,
				   const struct sha256 *digest)
{
	const struct way_release *r = find(w, id);

	return r && sha256_equal(&r->digest, digest) ? r : NULL;
}

const char *way_first(const struct way *w, const char *id,
		      const struct sha256 *digest, uint64_t content_seq)
{
	const struct way_release *r = way_find(w, id, digest);
	const char *first = NULL;

	if (!r)
		return NULL;
	/* As many hops as there are entries: a circle ends, too. */
	for (size_t i = 0; i < w->count; i++) {
		if (r->requires_seq <= content_seq)
			return first;
		r = find(w, r->stepping_stone);
		if (!r)
			return NULL;
		first = r->id;
	}
	return NULL;
}

bool way_is_closed(const struct way *w, const char *id,
		   const struct sha256 *digest, uint64_t content_seq)
{
	const struct way_release *r = way_find(w, id, digest);

	return r && r->requires_seq > content_seq &&
	       !way_first(w, id, digest, content_seq);
}

bool way_may_step_back(const struct way *w, uint64_t seq)
{
	for (size_t i = 0; i < w->back_count; i++)
		if (w->back[i] == seq)
			return true;
	return false;
}
