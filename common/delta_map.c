/* SPDX-License-Identifier: Apache-2.0 */
#include "common/delta_map.h"

#include <stdlib.h>

void delta_map_add(struct delta_map *m, uint32_t at, uint32_t to, uint32_t len)
{
	m->spans[m->count++] = (struct delta_span){ at, at + len, to, len };
}

/* A total order, so that the sort has one result. */
static int compare_spans(const void *a, const void *b)
{
	const struct delta_span *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

/* Put a span behind those at the end of the table: where it meets one of a
 * shorter cover that one gives way, else the new one. */
static void settle(struct delta_map *m, struct delta_span s)
{
	while (m->count > 0 && s.at < m->spans[m->count - 1].end) {
		struct delta_span *last = &m->spans[m->count - 1];

		if (s.len <= last->len) {
			s.to += last->end - s.at;
			s.at = last->end;
		} else if (s.at > last->at) {
			last->end = s.at;
		} else {
			m->count--;
		}
		if (s.at >= s.end)
			return;
	}
	m->spans[m->count++] = s;
}

void delta_map_seal(struct delta_map *m)
{
	size_t count = m->count;

	if (count == 0)
		return;
	qsort(m->spans, count, sizeof(*m->spans), compare_spans);
	m->count = 0;
	for (size_t i = 0; i < count; i++)
		settle(m, m->spans[i]);
}

/* The last span that begins at an offset or before; NULL if none does. */
static const struct delta_span *span_at(const struct delta_map *m, uint64_t at)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->spans[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &m->spans[low - 1] : NULL;
}

bool delta_map_offset(const struct delta_map *m, uint64_t old, uint64_t *fresh)
{
	const struct delta_span *s = span_at(m, old);

	if (!s || (old >= s->end && old - s->end >= DELTA_REACH))
		return false;
	*fresh = s->to + (old - s->at);
	return true;
}

bool delta_address_of(const struct delta_layout *l, uint64_t at, uint64_t *out)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct delta_region *r = &l->regions[i];

		if (at - r->at < r->len) {
			*out = r->address + (at - r->at);
			return true;
		}
	}
	return false;
}

static bool offset_of(const struct delta_layout *l, uint64_t address,
		      uint64_t *out)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct delta_region *r = &l->regions[i];

		if (address - r->address < r->len) {
			*out = r->at + (address - r->address);
			return true;
		}
	}
	return false;
}

bool delta_map_address(const struct delta_map *m, uint64_t old, uint64_t *fresh)
{
	uint64_t from, to;

	return offset_of(&m->old, old, &from) &&
	       delta_map_offset(m, from, &to) &&
	       delta_address_of(&m->fresh, to, fresh);
}
