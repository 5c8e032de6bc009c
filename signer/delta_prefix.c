/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_prefix.h"

#include <stdlib.h>

#include "common/base.h"
#include "common/mem.h"

#define FIRST_ALLOC 256

/* Bytes on either side of an insert, from the whole file down. */
static const uint64_t widths[] = { UINT32_MAX, 1u << 20, 256u << 10, 64u << 10,
				   16u << 10,  4096,     1024 };

struct choice {
	struct delta_range *ranges;
	size_t count;
	uint64_t total;
};

void delta_prefix_done(struct delta_prefix *p)
{
	free(p->near);
	*p = (struct delta_prefix){ 0 };
}

void delta_prefix_add(struct delta_prefix *p, const struct delta_near *near)
{
	if (near->from >= near->to)
		return;
	if (p->count == p->cap) {
		p->cap = p->cap > 0 ? p->cap * 2 : FIRST_ALLOC;
		p->near = mem_resize(p->near, p->cap, sizeof(*p->near));
	}
	p->near[p->count++] = *near;
}

static int compare(const void *a, const void *b)
{
	const struct delta_near *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* The bytes around one insert that its file has. */
static struct delta_range around(const struct delta_near *n, uint64_t width)
{
	uint64_t from = n->from, to = n->to;

	if (n->at - from > width)
		from = n->at - width;
	if (to - n->at > width)
		to = n->at + width;
	return (struct delta_range){ from, to - from };
}

/* A range behind or over the end of the last one; false: there is no room. */
static bool join(struct choice *c, struct delta_range *last,
		 struct delta_range r, uint64_t limit)
{
	const uint64_t end = last->at + last->len;

	if (c->count > 0 && r.at + r.len <= end)
		return true;
	if (c->count > 0 && r.at <= end) {
		r.len = r.at + r.len - end;
		r.at = end;
	} else if (c->count == DELTA_RANGES_MAX) {
		return false;
	}
	if (r.len > limit - c->total)
		return false;
	if (c->count > 0 && r.at == end) {
		last->len += r.len;
	} else {
		*last = r;
		c->count++;
	}
	c->ranges[c->count - 1] = *last;
	c->total += r.len;
	return true;
}

/* Whether the ranges of this width all fit; else as many as do are taken. */
static bool choose(const struct delta_prefix *p, uint64_t width, uint64_t limit,
		   struct choice *c)
{
	struct delta_range last = { 0 };

	c->count = 0;
	c->total = 0;
	for (size_t i = 0; i < p->count; i++)
		if (!join(c, &last, around(&p->near[i], width), limit))
			return false;
	return true;
}

size_t delta_prefix_choose(struct delta_prefix *p, uint64_t limit,
			   struct delta_range out[DELTA_RANGES_MAX])
{
	struct choice c = { .ranges = out };

	if (p->count > 0)
		qsort(p->near, p->count, sizeof(*p->near), compare);
	for (size_t i = 0; i < ARRAY_LEN(widths); i++)
		if (choose(p, widths[i], limit, &c))
			break;
	p->count = 0;
	return c.count;
}
