/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_cover.h"

bool delta_is_home(const struct delta_segment *s, uint64_t at, uint64_t len)
{
	return at >= s->old_at && at - s->old_at <= s->old_len &&
	       len <= s->old_len - (at - s->old_at);
}

size_t delta_spans_max(const struct delta_segment *s)
{
	return (size_t)s->cover_count + DELTA_REGIONS_MAX;
}

/* Regions without bytes map onto each other as they are. */
static void map_regions(const struct delta_segment *s, struct delta_map *map)
{
	for (size_t i = 0; i < s->old.count; i++) {
		const struct delta_region *old = &s->old.regions[i];
		const struct delta_region *fresh = &s->fresh.regions[i];
		uint32_t len = old->len < fresh->len ? old->len : fresh->len;

		if (old->at >= s->old_len && len > 0)
			delta_map_add(map, old->at, fresh->at, len);
	}
}

void delta_map_covers(const struct delta_segment *s,
		      const struct delta_cover *covers, struct delta_map *map)
{
	uint32_t at = s->within;

	map->old = s->old;
	map->fresh = s->fresh;
	map->old_anchor = s->old_anchor;
	map->new_anchor = s->new_anchor;
	map->count = 0;
	map_regions(s, map);
	for (uint32_t i = 0; i < s->cover_count; i++) {
		const struct delta_cover *c = &covers[i];

		at += c->gap;
		if (delta_is_home(s, c->old_at, c->len))
			delta_map_add(map, (uint32_t)(c->old_at - s->old_at),
				      at, c->len);
		at += c->len;
	}
	delta_map_seal(map);
}
