/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit Arm: B, BL and BLX in both encodings (Arm Architecture Reference
 * Manual ARMv7-A, A8.8.18 and A8.8.25). */
#include "common/delta_code.h"
#include "common/le.h"

void delta_move_arm(const struct delta_code *c)
{
	for (size_t i = (0 - c->phase) & 3; i + 4 <= c->len; i += 4) {
		const uint32_t word = le32_get(c->old + i);
		uint64_t distance, fresh;

		if ((word & 0x0e000000) != 0x0a000000)
			continue;
		distance = ((uint64_t)(word & 0xffffff) ^ 0x800000) - 0x800000;
		if (!delta_map_address(c->map,
				       c->old_address + i + 8 + (distance << 2),
				       &fresh))
			continue;
		fresh = (fresh - (c->new_address + i + 8)) >> 2;
		le32_put(c->guess + i,
			 (word & 0xff000000) | ((uint32_t)fresh & 0xffffff));
	}
}

/* The two halves of BL, BLX and B.W (encoding T4); bits S, J1, J2 as in the
 * manual: I1 = NOT(J1 XOR S). */
static uint64_t thumb_distance(uint32_t first, uint32_t second)
{
	const uint32_t s = first >> 10 & 1;
	const uint32_t i1 = 1 ^ (second >> 13 & 1) ^ s;
	const uint32_t i2 = 1 ^ (second >> 11 & 1) ^ s;
	const uint32_t value = s << 24 | i1 << 23 | i2 << 22 |
			       (first & 0x3ff) << 12 | (second & 0x7ff) << 1;

	return ((uint64_t)value ^ 0x1000000) - 0x1000000;
}

static void put_thumb(uint8_t *p, uint32_t second, uint64_t distance)
{
	const uint32_t value = (uint32_t)distance;
	const uint32_t s = value >> 24 & 1;
	const uint32_t j1 = 1 ^ (value >> 23 & 1) ^ s;
	const uint32_t j2 = 1 ^ (value >> 22 & 1) ^ s;

	le16_put(p, 0xf000 | s << 10 | (value >> 12 & 0x3ff));
	le16_put(p + 2, (second & 0xd000) | j1 << 13 | j2 << 11 |
				(value >> 1 & 0x7ff));
}

void delta_move_thumb(const struct delta_code *c)
{
	size_t i = c->phase & 1;

	while (i + 4 <= c->len) {
		const uint32_t first = le16_get(c->old + i);
		const uint32_t second = le16_get(c->old + i + 2);
		uint64_t align = 0, new_align = 0, fresh;

		if ((first & 0xf800) != 0xf000 ||
		    ((second & 0xc000) != 0xc000 &&
		     (second & 0xd000) != 0x9000)) {
			i += 2;
			continue;
		}
		/* BLX counts from an address that is a multiple of 4. */
		if ((second & 0xd000) == 0xc000) {
			align = (c->old_address + i) & 2;
			new_align = (c->new_address + i) & 2;
		}
		if (delta_map_address(c->map,
				      c->old_address + i + 4 - align +
					      thumb_distance(first, second),
				      &fresh))
			put_thumb(c->guess + i, second,
				  fresh - (c->new_address + i + 4 - new_align));
		i += 4;
	}
}
