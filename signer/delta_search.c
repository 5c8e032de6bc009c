/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_search.h"

#include <stdlib.h>

#include "common/le.h"
#include "common/mem.h"

#define WINDOW     16 /* bytes that a sample is of */
#define SAMPLE     16 /* of so many places about one is sampled, */
#define CHUNK_LEN  ((size_t)1 << 20)
#define TABLE_MIN  16 /* powers of two, in bits */
#define TABLE_MAX  30
#define TABLE_ROOM 8  /* bits for each byte of new content */
#define AHEAD_MAX  32 /* samples for which the table is fetched early */

/* Found samples that make a span useful: so many, and a share of its own. What
 * is found by chance, for the table is a hash table, is less. */
#define FOUND_MIN   4
#define FOUND_SHARE 32

/* Samples, as a table of bits by their hash. */
struct samples {
	uint64_t *bits;
	unsigned log;
	size_t taken, found;       /* of the span under way */
	uint64_t ahead[AHEAD_MAX]; /* hashes that wait */
	size_t ahead_count;
	uint8_t *chunk;
};

enum action {
	ADD,
	REMOVE,
	COUNT
};

static uint64_t *word_of(const struct samples *t, uint64_t hash)
{
	return &t->bits[hash >> (64 - t->log) >> 6];
}

static void act(struct samples *t, enum action what, uint64_t hash)
{
	uint64_t *word = word_of(t, hash);
	const uint64_t bit = UINT64_C(1) << (hash >> (64 - t->log) & 63);

	switch (what) {
	case ADD:
		*word |= bit;
		break;
	case REMOVE:
		*word &= ~bit;
		break;
	case COUNT:
		t->taken++;
		t->found += (*word & bit) != 0;
		break;
	}
}

static void act_on_all(struct samples *t, enum action what)
{
	for (size_t i = 0; i < t->ahead_count; i++)
		act(t, what, t->ahead[i]);
	t->ahead_count = 0;
}

/* Each look is a walk through memory: many are begun before one is ended. */
static void add_sample(struct samples *t, enum action what, uint64_t hash)
{
	__builtin_prefetch(word_of(t, hash), 1);
	t->ahead[t->ahead_count++] = hash;
	if (t->ahead_count == AHEAD_MAX)
		act_on_all(t, what);
}

/* Which places are sampled depends on their bytes alone. */
static void each_sample(struct samples *t, size_t len, enum action what)
{
	for (size_t i = 0; i + WINDOW <= len; i++) {
		const uint64_t low = le64_get(t->chunk + i);
		const uint64_t high = le64_get(t->chunk + i + 8);
		const uint64_t mixed =
			(low ^ high * UINT64_C(0x9e3779b97f4a7c15)) *
			UINT64_C(0xd6e8feb86659fd93);

		if ((mixed >> 32) % SAMPLE == 0)
			add_sample(t, what,
				   mixed * UINT64_C(0x9e3779b97f4a7c15));
	}
	act_on_all(t, what);
}

static int scan(struct samples *t, struct stream_view *v,
		const struct view_span *s, enum action what, struct err *e)
{
	t->taken = 0;
	t->found = 0;
	for (uint64_t at = 0; at < s->len; at += CHUNK_LEN) {
		const uint64_t left = s->len - at;
		const size_t len = left < CHUNK_LEN ? (size_t)left : CHUNK_LEN;

		if (view_read(v, s, at, t->chunk, len, e))
			return -1;
		each_sample(t, len, what);
	}
	return 0;
}

static int scan_changed(struct samples *t, struct stream_view *v,
			const bool *same, enum action what, struct err *e)
{
	for (size_t i = 0; i < v->span_count; i++)
		if (!same[i] && !v->spans[i].is_packed &&
		    scan(t, v, &v->spans[i], what, e))
			return -1;
	return 0;
}

static void take_table(const struct delta_search *s, struct samples *t)
{
	uint64_t len = 0;

	for (size_t i = 0; i < s->fresh->span_count; i++)
		len += s->fresh_same[i] ? 0 : s->fresh->spans[i].len;
	t->log = TABLE_MIN;
	while (t->log < TABLE_MAX && UINT64_C(1) << t->log < TABLE_ROOM * len)
		t->log++;
	t->bits = mem_alloc((size_t)1 << (t->log - 6), sizeof(*t->bits));
	t->chunk = mem_alloc(CHUNK_LEN, 1);
}

static int look_for(const struct delta_search *s, struct samples *t,
		    bool *useful, struct err *e)
{
	struct stream_view *old = s->old;

	if (scan_changed(t, s->fresh, s->fresh_same, ADD, e) ||
	    scan_changed(t, old, s->old_same, REMOVE, e))
		return -1;
	for (size_t i = 0; i < old->span_count; i++) {
		const struct view_span *span = &old->spans[i];

		if (!s->old_same[i] || span->is_packed || span->is_zero)
			continue;
		if (scan(t, old, span, COUNT, e))
			return -1;
		useful[i] = t->found >= FOUND_MIN + t->taken / FOUND_SHARE;
	}
	return 0;
}

int delta_search_useful(const struct delta_search *s, bool *useful,
			struct err *e)
{
	struct samples t = { .bits = NULL };
	int rc;

	take_table(s, &t);
	rc = look_for(s, &t, useful, e);
	free(t.bits);
	free(t.chunk);
	return rc;
}
