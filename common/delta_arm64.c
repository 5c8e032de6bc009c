/* SPDX-License-Identifier: Apache-2.0 */
/* AArch64: branches, ADR, literals, and ADRP with the ADD or the load or store
 * that completes it (Arm Architecture Reference Manual, C4.1). */
#include "common/delta_code.h"
#include "common/le.h"

#define PAGE  UINT64_C(4095)
#define AHEAD 8 /* instructions from an ADRP to what completes it */

struct page {
	bool known;
	uint64_t old;
};

static uint64_t extend(uint32_t value, unsigned bits)
{
	const uint32_t sign = UINT32_C(1) << (bits - 1);

	return (uint64_t)(value ^ sign) - sign;
}

/* A distance in instructions, `bits` wide, from bit `low` on. */
static uint32_t move_branch(const struct delta_code *c, size_t i, unsigned low,
			    unsigned bits)
{
	const uint32_t word = le32_get(c->old + i);
	const uint32_t mask = (UINT32_C(1) << bits) - 1;
	uint64_t target =
		c->old_address + i + (extend(word >> low & mask, bits) << 2);
	uint64_t fresh;

	if (!delta_map_address(c->map, target, &fresh))
		return word;
	fresh = (fresh - (c->new_address + i)) >> 2;
	return (word & ~(mask << low)) | ((uint32_t)fresh & mask) << low;
}

static bool is_add(uint32_t word)
{
	return (word & 0xffc00000) == 0x91000000;
}

static bool is_load_store(uint32_t word)
{
	return (word & 0x3b000000) == 0x39000000;
}

/* By how many bits the 12-bit offset of an instruction is shifted. */
static unsigned scale_of(uint32_t word)
{
	if (is_add(word))
		return 0;
	return (word & 0x04800000) == 0x04800000 ? 4 : word >> 30;
}

static uint64_t low_of(uint32_t word)
{
	return (uint64_t)(word >> 10 & 0xfff) << scale_of(word);
}

static uint32_t with_distance(uint32_t word, uint64_t distance)
{
	return (word & 0x9f00001f) | (uint32_t)(distance & 3) << 29 |
	       (uint32_t)(distance >> 2 & 0x7ffff) << 5;
}

static uint64_t distance_of(uint32_t word)
{
	return extend((word >> 29 & 3) | (word >> 5 & 0x7ffff) << 2, 21);
}

/* What the page's address is completed to by one of the next instructions. */
static uint64_t completed(const struct delta_code *c, size_t i, uint64_t page)
{
	const uint32_t reg = le32_get(c->old + i) & 31;

	for (size_t k = 1; k <= AHEAD && i + 4 * k + 4 <= c->len; k++) {
		uint32_t word = le32_get(c->old + i + 4 * k);

		if ((word >> 5 & 31) == reg &&
		    (is_add(word) || is_load_store(word)))
			return page + low_of(word);
	}
	return page;
}

static uint32_t move_adrp(const struct delta_code *c, size_t i,
			  struct page pages[32])
{
	const uint32_t word = le32_get(c->old + i);
	struct page *page = &pages[word & 31];
	uint64_t fresh;

	page->old = ((c->old_address + i) & ~PAGE) + (distance_of(word) << 12);
	page->known =
		delta_map_address(c->map, completed(c, i, page->old), &fresh);
	if (!page->known)
		return word;
	return with_distance(word,
			     (fresh >> 12) - ((c->new_address + i) >> 12));
}

static uint32_t move_adr(const struct delta_code *c, size_t i)
{
	const uint32_t word = le32_get(c->old + i);
	uint64_t fresh;

	if (!delta_map_address(c->map, c->old_address + i + distance_of(word),
			       &fresh))
		return word;
	return with_distance(word, fresh - (c->new_address + i));
}

static uint32_t move_low(const struct delta_code *c, size_t i,
			 struct page pages[32])
{
	const uint32_t word = le32_get(c->old + i);
	const unsigned scale = scale_of(word);
	struct page *page = &pages[word >> 5 & 31];
	uint32_t moved = word;
	uint64_t fresh;

	if (page->known &&
	    delta_map_address(c->map, page->old + low_of(word), &fresh) &&
	    (fresh & ((1u << scale) - 1)) == 0)
		moved = (word & 0xffc003ff) |
			(uint32_t)((fresh & PAGE) >> scale) << 10;
	if (page->known && (word & 31) == (word >> 5 & 31))
		page->known = false;
	return moved;
}

static uint32_t moved(const struct delta_code *c, size_t i,
		      struct page pages[32])
{
	const uint32_t word = le32_get(c->old + i);

	if ((word & 0x7c000000) == 0x14000000) /* B, BL */
		return move_branch(c, i, 0, 26);
	if ((word & 0x9f000000) == 0x90000000)
		return move_adrp(c, i, pages);
	if ((word & 0x9f000000) == 0x10000000)
		return move_adr(c, i);
	if (is_add(word) || is_load_store(word))
		return move_low(c, i, pages);
	/* B.cond; CBZ, CBNZ; LDR (literal) */
	if ((word & 0xff000010) == 0x54000000 ||
	    (word & 0x7e000000) == 0x34000000 ||
	    (word & 0x3b000000) == 0x18000000)
		return move_branch(c, i, 5, 19);
	if ((word & 0x7e000000) == 0x36000000) /* TBZ, TBNZ */
		return move_branch(c, i, 5, 14);
	return word;
}

void delta_move_arm64(const struct delta_code *c)
{
	struct page pages[32] = { { false, 0 } };

	for (size_t i = (0 - c->phase) & 3; i + 4 <= c->len; i += 4)
		le32_put(c->guess + i, moved(c, i, pages));
}
