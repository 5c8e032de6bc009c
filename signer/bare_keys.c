/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/bare_keys.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "signer/surprise.h"

#define STEP      16 /* compilers align, and so do most formats */
#define QUIET_LEN 16

/* ---- what random bytes look like ----------------------------------------- */

/* Bytes above 127, eight at a time. */
static unsigned high_bits(const uint8_t *bytes, size_t len)
{
	uint64_t part;
	unsigned count = 0;

	for (; len >= sizeof(part); len -= sizeof(part)) {
		memcpy(&part, bytes, sizeof(part));
		bytes += sizeof(part);
		part = (part & UINT64_C(0x8080808080808080)) >> 7;
		count += (unsigned)(part * UINT64_C(0x0101010101010101) >> 56);
	}
	while (len-- > 0)
		count += *bytes++ >> 7;
	return count;
}

/* Does no more than `max` of these bytes repeat one before it? */
static bool repeats_little(const uint8_t *bytes, size_t len, unsigned max)
{
	uint64_t seen[4] = { 0 };
	size_t repeated = 0, fresh = 0;

	for (size_t i = 0; repeated <= max && fresh < len - max; i++) {
		uint64_t *word = &seen[bytes[i] >> 6];
		const size_t again = *word >> (bytes[i] & 63) & 1;

		repeated += again;
		fresh += 1 - again;
		*word |= UINT64_C(1) << (bytes[i] & 63);
	}
	return repeated <= max;
}

/* About half of them are above 127: a quick look, before others. */
static bool is_even(const uint8_t *bytes)
{
	unsigned high = high_bits(bytes, EC_SCALAR_LEN);

	return high >= 7 && high <= 25;
}

/* Of 32 random bytes, 99 in 100 are so: and hardly one comes twice. */
static bool is_random(const uint8_t *bytes)
{
	return is_even(bytes) && repeats_little(bytes, EC_SCALAR_LEN, 5);
}

/* Text, padding, tables of small numbers: neither code nor compressed. */
static bool is_quiet(struct slice s, size_t at)
{
	struct slice part = slice_sub(s, at, QUIET_LEN);

	return high_bits(part.ptr, part.len) == 0 ||
	       !repeats_little(part.ptr, part.len, QUIET_LEN / 2);
}

/* An island: what is code, compressed or encrypted goes on on both sides. */
static bool is_island(struct slice s, size_t at)
{
	return at + EC_SCALAR_LEN <= s.len && is_even(s.ptr + at) &&
	       (at < QUIET_LEN || is_quiet(s, at - QUIET_LEN)) &&
	       is_random(s.ptr + at) && is_quiet(s, at + EC_SCALAR_LEN);
}

/* ---- places -------------------------------------------------------------- */

/* Bytes of a DER header of 32 bytes that may be a scalar; 0 for none. */
static size_t header_len(struct slice s, size_t at)
{
	struct slice h = slice_sub(s, at, 3);

	if (h.len < 3)
		return 0;
	if (h.ptr[1] == 0x20)
		return 2;
	return h.ptr[0] == 2 && h.ptr[1] == 0x21 && h.ptr[2] == 0 ? 3 : 0;
}

static void mark(uint8_t *places, size_t at)
{
	places[at >> 3] |= (uint8_t)(1u << (at & 7));
}

static void mark_behind(const struct bare_keys *b, int tag, uint8_t *places)
{
	const uint8_t *p = b->bytes.ptr, *hit = p + b->from;

	while ((hit = memchr(hit, tag, (size_t)(p + b->to - hit)))) {
		const size_t at = (size_t)(hit++ - p);
		const size_t len = header_len(b->bytes, at);

		if (len > 0 && at + len + EC_SCALAR_LEN <= b->bytes.len &&
		    is_random(p + at + len))
			mark(places, at + len);
	}
}

static void mark_islands(const struct bare_keys *b, uint8_t *places)
{
	const size_t off = (size_t)((b->base + b->from) % STEP);

	for (size_t i = b->from + (STEP - off) % STEP; i < b->to; i += STEP)
		if (is_island(b->bytes, i))
			mark(places, i);
}

/* Whatever begins in [from, to) and ends within the bytes. */
static uint64_t mark_random(const struct bare_keys *b, uint8_t *places)
{
	const size_t last = b->bytes.len - EC_SCALAR_LEN + 1;
	const size_t to = b->to < last ? b->to : last;
	const size_t max = b->places < SIZE_MAX ? (size_t)b->places : SIZE_MAX;

	if (b->decoded && b->places != BARE_KEYS_ALL)
		return 0;
	return surprise_mark(b->bytes, b->from, to, max, places);
}

static int find_places(const struct bare_keys *b, uint64_t *used, struct err *e)
{
	uint8_t *places = mem_alloc(b->bytes.len / 8 + 1, 1);
	bool scarce;
	const struct scalars_search search = {
		.bytes = b->bytes,
		.places = places,
		.count = b->bytes.len - EC_SCALAR_LEN + 1,
		.found = b->found,
		.ctx = b->ctx,
	};
	int rc;

	*used = mark_random(b, places);
	scarce = *used == b->places;
	if (scarce && b->all_or_none) {
		memset(places, 0, b->bytes.len / 8 + 1);
		*used = 0;
	}
	if (scarce || b->decoded) {
		/* 04 20, 02 20 and 02 21 00: of 32 bytes. */
		mark_behind(b, 4, places);
		mark_behind(b, 2, places);
		if (!b->decoded)
			mark_islands(b, places);
	}
	rc = scalars_search(b->known, &search, e);
	free(places);
	return rc;
}

/* Of a word that was decoded, only what is a scalar and no more. */
static int find_word(const struct bare_keys *b, struct err *e)
{
	const size_t lead =
		b->bytes.len == EC_SCALAR_LEN + 1 && b->bytes.ptr[0] == 0;
	const char *name = NULL;

	if (b->bytes.len == EC_SCALAR_LEN + lead)
		name = scalars_match(b->known, b->bytes.ptr + lead);
	return name ? b->found(b->ctx, name, lead, e) : 0;
}

int bare_keys_find(const struct bare_keys *b, uint64_t *used, struct err *e)
{
	*used = 0;
	if (scalars_count(b->known) == 0 || b->from >= b->to ||
	    b->bytes.len < EC_SCALAR_LEN)
		return 0;
	if (b->decoded && b->whole)
		return find_word(b, e);
	return find_places(b, used, e);
}
