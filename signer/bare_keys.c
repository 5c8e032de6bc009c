/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/bare_keys.h"

#include <string.h>

#define NEAR_STEP     4
#define FAR_STEP      16
#define QUIET_LEN     16
#define HIGH_BITS_MIN 3

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

static int match(const struct bare_keys *b, size_t at, struct err *e)
{
	const char *name = NULL;

	if (!b->is_told(b->ctx, at))
		name = scalars_match(b->known, b->bytes.ptr + at);
	return name ? b->found(b->ctx, name, at, e) : 0;
}

static int try_place(const struct bare_keys *b, size_t at, struct err *e)
{
	return at + EC_SCALAR_LEN <= b->bytes.len &&
			       is_random(b->bytes.ptr + at)
		       ? match(b, at, e)
		       : 0;
}

static int find_behind(const struct bare_keys *b, int tag, struct err *e)
{
	const uint8_t *p = b->bytes.ptr, *hit = p + b->from;
	size_t len;

	while ((hit = memchr(hit, tag, (size_t)(p + b->to - hit)))) {
		len = header_len(b->bytes, (size_t)(hit - p));
		if (len > 0 && try_place(b, (size_t)(hit - p) + len, e))
			return -1;
		hit++;
	}
	return 0;
}

/* 04 20, 02 20 and 02 21 00: OCTET STRING and INTEGER of 32 bytes. */
static int find_behind_headers(const struct bare_keys *b, struct err *e)
{
	if (b->from >= b->to)
		return 0;
	return find_behind(b, 4, e) || find_behind(b, 2, e) ? -1 : 0;
}

/* Where the next one may begin: compilers align, and so do most formats. */
static size_t next_place(const struct bare_keys *b, size_t at)
{
	const uint64_t offset = b->base + at;
	const uint64_t step = offset < BARE_KEYS_NEAR ? NEAR_STEP : FAR_STEP;

	return at + (size_t)((step - offset % step) % step);
}

static int find_islands(const struct bare_keys *b, struct err *e)
{
	for (size_t i = next_place(b, b->from); i < b->to;
	     i = next_place(b, i + 1))
		if (is_island(b->bytes, i) && try_place(b, i, e))
			return -1;
	return 0;
}

/* Text cannot hold one: about every other byte of it is above 127. */
static int search_all(const struct bare_keys *b, struct slice part,
		      struct err *e)
{
	const size_t from = (size_t)(part.ptr - b->bytes.ptr);
	const char *name = NULL;
	size_t at = 0;

	if (high_bits(part.ptr, part.len) >= HIGH_BITS_MIN)
		name = scalars_search(b->known, part, &at);
	return name ? b->found(b->ctx, name, from + at, e) : 0;
}

/* The places that are left within the first BARE_KEYS_EXHAUSTIVE bytes of it.
 */
static struct slice exhaustive_part(const struct bare_keys *b)
{
	const uint64_t base = b->decoded ? 0 : b->base;
	const uint64_t left =
		base < BARE_KEYS_EXHAUSTIVE ? BARE_KEYS_EXHAUSTIVE - base : 0;
	const size_t to = b->to < left ? b->to : (size_t)left;

	return slice_sub(b->bytes, b->from,
			 to > b->from ? to - b->from + EC_SCALAR_LEN - 1 : 0);
}

/* Of a word that was decoded, only what is a scalar and no more. */
static int find_word(const struct bare_keys *b, struct err *e)
{
	size_t lead = b->bytes.len == EC_SCALAR_LEN + 1 && b->bytes.ptr[0] == 0;

	return b->bytes.len == EC_SCALAR_LEN + lead ? match(b, lead, e) : 0;
}

int bare_keys_find(const struct bare_keys *b, struct err *e)
{
	if (scalars_count(b->known) == 0)
		return 0;
	if (b->exhaustive && search_all(b, exhaustive_part(b), e))
		return -1;
	if (b->decoded && b->whole && !b->exhaustive)
		return find_word(b, e);
	if (b->whole && b->bytes.len <= BARE_KEYS_SMALL)
		return b->exhaustive ? 0 : search_all(b, b->bytes, e);
	if (find_behind_headers(b, e))
		return -1;
	return b->decoded ? 0 : find_islands(b, e);
}
