/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_match.h"

#include <divsufsort.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/le.h"
#include "common/mem.h"

#define PREFIX_LEN  3 /* bytes that choose a bucket of the suffix array */
#define BUCKETS     (1u << (8 * PREFIX_LEN))
#define KEY_STEP    32
#define FIRST_ALLOC 1024
#define LONG_MATCH  1024 /* from here on positions are sampled */
#define LONG_STEPS  64
#define LARGE_PAGE  ((size_t)2 << 20)
#define COVER_AGREE 12 /* fewer agreeing bytes do not pay for a cover */

/*
 * Which windows of so many bytes the old has, as a table of bits by their hash.
 * Much of what is looked for is not there: the table says so at once, where the
 * suffix array is a walk through all of memory.
 */
#define WINDOW     8
#define TABLE_MIN  16 /* powers of two, in bits */
#define TABLE_MAX  31
#define TABLE_ROOM 4  /* bits for each byte of the old */
#define AHEAD      16 /* positions for which the table is fetched early */

struct matcher {
	struct slice old;
	int32_t *suffixes;
	uint32_t *buckets; /* BUCKETS + 1 indices into suffixes */
	uint64_t *keys;    /* of each KEY_STEP'th suffix, behind the prefix */
	uint64_t *windows; /* 2^table_log bits */
	unsigned table_log;
};

void cover_list_add(struct cover_list *list, const struct cover *c)
{
	if (list->count == list->cap) {
		list->cap = list->cap > 0 ? list->cap * 2 : FIRST_ALLOC;
		list->at = mem_resize(list->at, list->cap, sizeof(*list->at));
	}
	list->at[list->count++] = *c;
}

void cover_list_done(struct cover_list *list)
{
	free(list->at);
	*list = (struct cover_list){ 0 };
}

/*
 * A table that is looked at everywhere: in large pages, where the system has
 * them, a look costs half. It works without.
 */
static void *take_table(size_t count, size_t size)
{
	uint8_t *table = mem_alloc(count, size);
	const size_t skip = -(uintptr_t)table % LARGE_PAGE;

	if (count * size > skip)
		(void)madvise(table + skip, count * size - skip, MADV_HUGEPAGE);
	return table;
}

/* ---- the suffix array ---------------------------------------------------- */

/* The bucket of a suffix; one shorter than a prefix sorts as if zeroes
 * followed, which is where the suffix array has it. */
static uint32_t bucket_of(struct slice old, size_t at)
{
	uint32_t bucket = 0;

	for (size_t i = 0; i < PREFIX_LEN; i++)
		bucket = bucket << 8 | (at + i < old.len ? old.ptr[at + i] : 0);
	return bucket;
}

/* Counted in the order of the bytes: in that of the suffixes each look would be
 * a walk through all of memory. */
static void fill_buckets(struct matcher *m)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < m->old.len; i++) {
		__builtin_prefetch(&m->buckets[bucket_of(m->old, i + AHEAD)],
				   1);
		m->buckets[bucket_of(m->old, i)]++;
	}
	for (uint32_t i = 0; i <= BUCKETS; i++) {
		const uint32_t count = m->buckets[i];

		m->buckets[i] = sum;
		sum += count;
	}
}

/* The eight bytes behind a prefix, as a number that sorts as they do; what is
 * not there as zeroes. */
static uint64_t key_of(struct slice text)
{
	const struct slice s = slice_sub(text, PREFIX_LEN, sizeof(uint64_t));
	uint64_t key = 0;

	for (size_t i = 0; i < s.len; i++)
		key |= (uint64_t)s.ptr[i] << (56 - 8 * i);
	return key;
}

/* Begin to fetch the bytes of a suffix behind those before `from`. */
static void fetch(const struct matcher *m, uint32_t index, size_t from)
{
	__builtin_prefetch(m->old.ptr + m->suffixes[index] + from);
}

static void fill_keys(struct matcher *m)
{
	const size_t count = m->old.len / KEY_STEP + 1;

	m->keys = take_table(count, sizeof(*m->keys));
	for (size_t i = 0; i < count; i++) {
		const size_t at = i * KEY_STEP, ahead = at + AHEAD * KEY_STEP;

		if (ahead < m->old.len)
			fetch(m, (uint32_t)ahead, 0);
		if (at < m->old.len)
			m->keys[i] = key_of(slice_sub(
				m->old, (size_t)m->suffixes[at], m->old.len));
	}
}

/* The first of keys from..end that is not less than `key`; end: none is. */
static uint32_t first_key(const struct matcher *m, uint32_t from, uint32_t end,
			  uint64_t key)
{
	while (from < end) {
		const uint32_t middle = from + (end - from) / 2;

		if (m->keys[middle] < key)
			from = middle + 1;
		else
			end = middle;
	}
	return from;
}

/*
 * Suffixes low to high begin with the text's prefix: draw both near to it, by
 * keys that lie side by side, for each look at a suffix is two far away.
 */
static void narrow(const struct matcher *m, struct slice text, uint32_t *low,
		   uint32_t *high)
{
	const uint64_t key = key_of(text);
	const uint32_t begin = (*low + KEY_STEP - 1) / KEY_STEP;
	const uint32_t end = *high / KEY_STEP + 1;
	const uint32_t first = first_key(m, begin, end, key);
	const uint32_t behind =
		key < UINT64_MAX ? first_key(m, first, end, key + 1) : end;

	if (first > begin)
		*low = (first - 1) * KEY_STEP;
	if (behind < end)
		*high = behind * KEY_STEP;
}

/* ---- windows ------------------------------------------------------------- */

static uint64_t hash_of(const struct matcher *m, const uint8_t *window)
{
	return le64_get(window) * UINT64_C(0x9e3779b97f4a7c15) >>
	       (64 - m->table_log);
}

static void fill_windows(struct matcher *m)
{
	uint64_t ahead[AHEAD] = { 0 };

	m->table_log = TABLE_MIN;
	while (m->table_log < TABLE_MAX &&
	       UINT64_C(1) << m->table_log < TABLE_ROOM * (uint64_t)m->old.len)
		m->table_log++;
	m->windows = take_table((size_t)1 << (m->table_log - 6),
				sizeof(*m->windows));
	for (size_t i = 0; i + WINDOW <= m->old.len; i++) {
		const uint64_t hash = hash_of(m, m->old.ptr + i);
		const uint64_t late = ahead[i % AHEAD];

		__builtin_prefetch(&m->windows[hash / 64], 1);
		ahead[i % AHEAD] = hash;
		m->windows[late / 64] |= UINT64_C(1) << late % 64;
	}
	for (size_t i = 0; i < AHEAD; i++)
		m->windows[ahead[i] / 64] |= UINT64_C(1) << ahead[i] % 64;
}

/* May the old have the first `len` bytes of text? At least a window. */
static bool may_have(const struct matcher *m, struct slice text, size_t len)
{
	const uint64_t first = hash_of(m, text.ptr);
	const uint64_t last = hash_of(m, text.ptr + len - WINDOW);

	if (text.len >= AHEAD + len)
		__builtin_prefetch(
			&m->windows[hash_of(m,
					    text.ptr + AHEAD + len - WINDOW) /
				    64]);
	return (m->windows[first / 64] >> first % 64 & 1) != 0 &&
	       (m->windows[last / 64] >> last % 64 & 1) != 0;
}

int matcher_new(struct slice old, struct matcher **out, struct err *e)
{
	struct matcher *m;

	if (old.len > MATCHER_OLD_MAX)
		return err_set(e, ERR_LIMIT, "old content is too large");
	m = mem_alloc(1, sizeof(*m));
	m->old = old;
	m->suffixes = take_table(old.len + 1, sizeof(*m->suffixes));
	m->buckets = take_table(BUCKETS + 1, sizeof(*m->buckets));
	if (old.len > 0 &&
	    divsufsort(old.ptr, m->suffixes, (int32_t)old.len) != 0) {
		matcher_free(m);
		return err_set(e, ERR_SYSTEM, "suffix array: out of memory");
	}
	fill_buckets(m);
	fill_keys(m);
	fill_windows(m);
	*out = m;
	return 0;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	free(m->suffixes);
	free(m->buckets);
	free(m->keys);
	free(m->windows);
	free(m);
}

/* How many bytes agree, from `from` on, of which those before do. */
static size_t agree_len(struct slice a, struct slice b, size_t from)
{
	size_t len = a.len < b.len ? a.len : b.len;
	size_t i = from;

	while (i + sizeof(uint64_t) <= len &&
	       memcmp(a.ptr + i, b.ptr + i, sizeof(uint64_t)) == 0)
		i += sizeof(uint64_t);
	while (i < len && a.ptr[i] == b.ptr[i])
		i++;
	return i;
}

static struct slice suffix(const struct matcher *m, uint32_t index)
{
	return slice_sub(m->old, (size_t)m->suffixes[index], m->old.len);
}

/* Longest exact match of the beginning of `text`; *at is where in the old. */
static size_t longest(const struct matcher *m, struct slice text, uint64_t *at)
{
	uint32_t low, high, best;
	size_t low_len = PREFIX_LEN, high_len = PREFIX_LEN, len;

	if (text.len < PREFIX_LEN)
		return 0;
	low = m->buckets[bucket_of(text, 0)];
	high = m->buckets[bucket_of(text, 0) + 1];
	if (low == high)
		return 0;
	high--;
	if (high - low > KEY_STEP)
		narrow(m, text, &low, &high);
	fetch(m, high, 0);
	fetch(m, low + (high - low) / 2, 0);
	/* Suffixes at the very end may be shorter than the prefix. */
	low_len = agree_len(text, suffix(m, low), 0);
	high_len = agree_len(text, suffix(m, high), 0);
	while (high - low > 1) {
		const uint32_t middle = low + (high - low) / 2;
		const size_t same = low_len < high_len ? low_len : high_len;
		const struct slice s = suffix(m, middle);

		/* One of these two is looked at next. */
		fetch(m, low + (middle - low) / 2, same);
		fetch(m, middle + (high - middle) / 2, same);
		len = agree_len(text, s, same);
		if (len == s.len ||
		    (len < text.len && s.ptr[len] < text.ptr[len])) {
			low = middle;
			low_len = len;
		} else {
			high = middle;
			high_len = len;
		}
	}
	best = low_len >= high_len ? low : high;
	*at = (uint64_t)m->suffixes[best];
	return low_len >= high_len ? low_len : high_len;
}

/* ---- one pass over a piece ----------------------------------------------- */

struct pass {
	const struct matcher *m;
	struct slice piece;
	unsigned gain;
	/* the cover under way: where it began, and old - new position */
	uint64_t begin;
	int64_t shift;
	/* the match that will end it */
	uint64_t at, old_at, len;
};

/* Does the new byte at i agree with the cover under way? */
static bool agrees(const struct pass *p, uint64_t i)
{
	int64_t old = (int64_t)i + p->shift;

	return old >= 0 && (uint64_t)old < p->m->old.len &&
	       p->m->old.ptr[old] == p->piece.ptr[i];
}

/*
 * The longest match at p->at; of equal ones that of the cover under way. One
 * that could not end that cover is not looked for.
 */
static void match_here(struct pass *p)
{
	const struct slice text =
		slice_sub(p->piece, (size_t)p->at, p->piece.len);
	const int64_t old = (int64_t)p->at + p->shift;
	const size_t least = (size_t)p->gain + 1;
	size_t same = 0;

	if (old >= 0 && (uint64_t)old < p->m->old.len)
		same = agree_len(
			text, slice_sub(p->m->old, (size_t)old, p->m->old.len),
			0);
	p->len = 0;
	if (least < WINDOW || text.len < least || may_have(p->m, text, least))
		p->len = longest(p->m, text, &p->old_at);
	if (same >= p->len) {
		p->len = same;
		p->old_at = (uint64_t)old;
	}
}

/*
 * Go forward to the next match that explains clearly more than the cover under
 * way would; false at the end of the piece. A long match that is not better is
 * not looked at from each of its positions, or the time would be quadratic.
 */
static bool next_match(struct pass *p)
{
	uint64_t counted = p->at + p->len;
	uint64_t agreeing = 0; /* of the bytes from p->at to counted */

	p->at += p->len;
	while (p->at < p->piece.len) {
		uint64_t step;

		match_here(p);
		for (; counted < p->at + p->len; counted++)
			agreeing += agrees(p, counted);
		if (p->len > agreeing + p->gain)
			return true;
		if (p->len == agreeing && p->len > 0) {
			p->at += p->len;
			counted = p->at;
			agreeing = 0;
			continue;
		}
		step = p->len > LONG_MATCH ? p->len / LONG_STEPS : 1;
		for (uint64_t i = p->at; i < p->at + step && i < counted; i++)
			agreeing -= agrees(p, i);
		p->at += step;
		if (counted < p->at)
			counted = p->at;
	}
	p->at = p->piece.len;
	p->len = 0;
	return false;
}

/* How far to grow the cover under way: to where most bytes agreed last. */
static uint64_t grow_forward(const struct pass *p)
{
	int64_t score = 0, best = 0;
	uint64_t len = 0;

	for (uint64_t i = p->begin; i < p->at; i++) {
		int64_t old = (int64_t)i + p->shift;

		if (old < 0 || (uint64_t)old >= p->m->old.len)
			break;
		score += agrees(p, i) ? 1 : -1;
		if (score > best) {
			best = score;
			len = i + 1 - p->begin;
		}
	}
	return len;
}

static uint64_t grow_backward(const struct pass *p)
{
	int64_t score = 0, best = 0;
	uint64_t len = 0;

	for (uint64_t i = 1; i <= p->at - p->begin && i <= p->old_at; i++) {
		score += p->m->old.ptr[p->old_at - i] == p->piece.ptr[p->at - i]
				 ? 1
				 : -1;
		if (score > best) {
			best = score;
			len = i;
		}
	}
	return len;
}

/* Both covers want the same bytes: cut where the first stops being better. */
static uint64_t share(const struct pass *p, uint64_t from, uint64_t to)
{
	int64_t score = 0, best = 0;
	uint64_t cut = from;

	for (uint64_t i = from; i < to; i++) {
		uint64_t old = p->old_at - (p->at - i);

		score += agrees(p, i);
		score -= p->m->old.ptr[old] == p->piece.ptr[i];
		if (score > best) {
			best = score;
			cut = i + 1;
		}
	}
	return cut;
}

static void add_cover(const struct pass *p, uint64_t end,
		      struct cover_list *out)
{
	const struct cover c = { p->begin,
				 (uint64_t)((int64_t)p->begin + p->shift),
				 end - p->begin };
	unsigned agreeing = 0;

	for (uint64_t i = p->begin; i < end && agreeing < COVER_AGREE; i++)
		agreeing += agrees(p, i);
	if (agreeing >= COVER_AGREE)
		cover_list_add(out, &c);
}

void matcher_run(const struct matcher *m, struct slice piece, uint64_t hint,
		 unsigned gain, struct cover_list *out)
{
	struct pass p = {
		.m = m, .piece = piece, .gain = gain, .shift = (int64_t)hint
	};
	bool more;

	do {
		uint64_t end, next;

		more = next_match(&p);
		end = p.begin + grow_forward(&p);
		next = p.at;
		if (more)
			next -= grow_backward(&p);
		if (next < end)
			next = end = share(&p, next, end);
		add_cover(&p, end, out);
		p.begin = next;
		p.shift = (int64_t)p.old_at - (int64_t)p.at;
	} while (more);
}
