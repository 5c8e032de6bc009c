/* SPDX-License-Identifier: Apache-2.0 */
/* x86-64: relative calls and jumps, RIP-relative operands, and 32-bit
 * addresses of the upper half (the kernel's). */
#include "common/delta_code.h"
#include "common/le.h"

/* Does the byte before a field of 4 bytes (or the two) announce a distance? */
static bool announces(const uint8_t *field, bool two)
{
	const uint8_t byte = field[-1];

	/* CALL and JMP; Jcc; a ModRM byte with the operand [RIP + disp32]. */
	return byte == 0xe8 || byte == 0xe9 ||
	       (two && field[-2] == 0x0f && (byte & 0xf0) == 0x80) ||
	       (byte & 0xc7) == 0x05;
}

void delta_move_x86(const struct delta_code *c)
{
	size_t i = 1;

	while (i + 4 <= c->len) {
		const uint8_t *field = c->old + i;
		uint64_t value = (uint64_t)(int32_t)le32_get(field);
		uint64_t fresh;

		if (announces(field, i >= 2) &&
		    delta_map_address(c->map, c->old_address + i + 4 + value,
				      &fresh)) {
			fresh -= c->new_address + i + 4;
		} else if ((int64_t)value >= 0 ||
			   !delta_map_address(c->map, value, &fresh)) {
			i++;
			continue;
		}
		le32_put(c->guess + i, (uint32_t)fresh);
		i += 4;
	}
}
