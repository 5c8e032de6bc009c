/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_code - references in machine code, moved along a map.
 *
 * `guess` begins as a copy of `old`; both have len bytes and begin at the
 * given offset of the old and of the new file, which may lie before its
 * beginning by less than DELTA_BEFORE (then they hold zeroes there).
 */
#ifndef COMMON_DELTA_CODE_H
#define COMMON_DELTA_CODE_H

#include "common/delta_map.h"

struct delta_code {
	const struct delta_map *map;
	const uint8_t *old;
	uint8_t *guess;
	size_t len;
	/* addresses of the first byte; and its old offset modulo 4096 */
	uint64_t old_address, new_address;
	uint32_t phase;
};

void delta_move_x86(const struct delta_code *c);   /* delta_x86.c */
void delta_move_arm64(const struct delta_code *c); /* delta_arm64.c */
void delta_move_arm(const struct delta_code *c);   /* delta_arm.c */
void delta_move_thumb(const struct delta_code *c);

#endif
