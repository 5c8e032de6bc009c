/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/surprise.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* All costs and gains are in eighths of a bit. */
#define UNIT      8
#define GAIN_MIN  (SURPRISE_BITS * UNIT)
#define TABLE_LEN 65536
/* Frequencies are counted anew so often, and are halved beyond so many. */
#define RENEW_FIRST 256
#define RENEW_MAX   4096
#define COUNT_MAX   (1u << 16)

/* What followed last time, and how well that was foreseen before. */
struct guess {
	uint8_t byte, sure;
};

#define SURE_MAX 7

/*
 * What is guessed has this part of the code, by how sure that is: 20 %, 42 %,
 * 62 %, 72 % or 95 %. That saves log2(256 * part) bits; all other bytes have
 * their share of the rest, which costs each of them.
 */
static const uint8_t hit_gains[SURE_MAX + 1] = {
	45, 53, 58, 60, 60, 60, 60, 63
};
static const uint8_t miss_costs[SURE_MAX + 1] = {
	3, 7, 12, 15, 15, 15, 15, 35
};

struct model {
	struct guess guesses[TABLE_LEN]; /* by the three bytes before */
	uint32_t counts[256], total;
	int16_t gains[256]; /* of a byte that is a miss; may be below 0 */
};

/* Below log2(n) by less than an eighth and 0.09 of a bit. */
static int log_below(uint32_t n)
{
	int bits = 31;

	while ((n >> bits & 1) == 0)
		bits--;
	return bits * UNIT + (int)((((uint64_t)n << 3) >> bits) - UNIT);
}

static void renew(struct model *m)
{
	/* Above log2(total) / 256 by as little. */
	const int whole = log_below(m->total) + 2;

	for (size_t i = 0; i < 256; i++)
		m->gains[i] =
			(int16_t)(8 * UNIT + log_below(m->counts[i]) - whole);
	if (m->total < COUNT_MAX)
		return;
	m->total = 0;
	for (size_t i = 0; i < 256; i++) {
		m->counts[i] = (m->counts[i] + 1) / 2;
		m->total += m->counts[i];
	}
}

/* As if some text, zeroes and blanks had been seen, before anything was. */
static void begin(struct model *m)
{
	static const char likely[] = "eeeeetttaaooiinnssrrllddhccuummppffgybv"
				     "_-.,:;()/\"0123456789*=<>\n\n   ";

	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < 256; i++)
		m->counts[i] = i >= ' ' && i <= '~' ? 2 : 1;
	for (size_t i = 0; i < sizeof(likely) - 1; i++)
		m->counts[(uint8_t)likely[i]] += 4;
	m->counts[0] += 64;
	m->counts[255] += 16;
	for (size_t i = 0; i < 256; i++)
		m->total += m->counts[i];
	renew(m);
}

static size_t context(const uint8_t *at)
{
	const uint32_t three = (uint32_t)at[-1] | (uint32_t)at[-2] << 8 |
			       (uint32_t)at[-3] << 16;

	return three * UINT32_C(2654435761) >> 16;
}

/* ---- text ---------------------------------------------------------------- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Of eight bytes at once: is each 0, or from 8 to 15, or from 32 to 127? */
static bool is_text(const uint8_t *at)
{
	uint64_t x, control, blank, nonzero;

	memcpy(&x, at, sizeof(x));
	/* Bit 6 of each: neither 5 nor 6 is set; 3 is set and not 4. */
	control = ~(x | x << 1);
	blank = (x << 3) & ~(x << 2);
	nonzero = ((x & EACH(0x7f)) + EACH(0x7f)) >> 1;
	return ((x & EACH(0x80)) | (control & ~blank & nonzero & EACH(0x40))) ==
	       0;
}

/* Where, from `at` on, it is text no more, in steps of eight bytes. */
static size_t text_end(struct slice bytes, size_t at)
{
	while (at + 8 <= bytes.len && is_text(bytes.ptr + at))
		at += 8;
	return at;
}

/* ---- all of it ----------------------------------------------------------- */

/* What a walk over the bytes goes by. */
struct walk {
	struct model model;
	size_t fresh, every; /* bytes since frequencies were counted, until */
	size_t at;           /* the next byte */
	int16_t gains[SURPRISE_LEN];
	int sum; /* of these */
};

/* What the byte saves, and what is learnt from it. */
static inline int take(struct model *m, const uint8_t *at)
{
	struct guess *g = &m->guesses[context(at)];
	const uint8_t byte = *at, sure = g->sure;
	const bool hit = g->byte == byte;

	m->counts[byte]++;
	g->byte = hit || sure > 1 ? g->byte : byte;
	g->sure = hit        ? (uint8_t)(sure + (sure < SURE_MAX))
		  : sure > 1 ? sure / 2
			     : 0;
	return hit ? hit_gains[sure] : m->gains[byte] - miss_costs[sure];
}

static inline void take_next(struct walk *w, struct slice bytes)
{
	int16_t *slot = &w->gains[w->at % SURPRISE_LEN];

	w->sum -= *slot;
	*slot = (int16_t)(w->at < 3 ? 0 : take(&w->model, bytes.ptr + w->at));
	w->sum += *slot;
	w->at++;
	if (++w->fresh < w->every)
		return;
	w->model.total += (uint32_t)w->fresh;
	renew(&w->model);
	w->fresh = 0;
	w->every = w->every < RENEW_MAX ? 2 * w->every : RENEW_MAX;
}

static void mark(uint8_t *places, size_t at)
{
	places[at >> 3] |= (uint8_t)(1u << (at & 7));
}

/*
 * Long text ahead? Then the walk goes on to `until`, for windows that begin
 * before the text, and from there to *beyond, where windows that end behind it
 * begin. Windows between these two are text.
 */
static bool may_jump(const struct walk *w, struct slice bytes, size_t *until,
		     size_t *beyond)
{
	const size_t end = text_end(bytes, w->at);

	if (end < w->at + 4 * SURPRISE_LEN)
		return false;
	*until = w->at + SURPRISE_LEN;
	*beyond = end - SURPRISE_LEN;
	return true;
}

size_t surprise_mark(struct slice bytes, size_t from, size_t to, size_t max,
		     uint8_t *places)
{
	struct walk *w = mem_alloc(1, sizeof(*w));
	const size_t end = to + SURPRISE_LEN - 1;
	size_t until = from, beyond = from, marked = 0;

	begin(&w->model);
	w->every = RENEW_FIRST;
	w->at = from;
	while (w->at < end && marked < max) {
		if (w->at == until) {
			w->at = beyond;
			if (!may_jump(w, bytes, &until, &beyond))
				until = beyond = w->at + SURPRISE_LEN;
		}
		take_next(w, bytes);
		if (w->sum >= GAIN_MIN || w->at < from + SURPRISE_LEN)
			continue;
		mark(places, w->at - SURPRISE_LEN);
		marked++;
	}
	free(w);
	return marked;
}
