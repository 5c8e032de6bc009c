/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_map - where the bytes of an old file went in the new one.
 *
 * Most bytes that differ between two builds of a program are addresses of
 * things that moved. The covers of a file (delta.h) say what moved where; here
 * they become a function from old to new offsets, and with the layouts of both
 * files one from old to new addresses. It is total and uses integers only, so
 * that every reader computes the same. docs/delta-format.md, "The map".
 */
#ifndef COMMON_DELTA_MAP_H
#define COMMON_DELTA_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base.h"

#define DELTA_REGIONS_MAX 16
#define DELTA_REACH       65536 /* bytes behind a cover that still follow it */

/* A part of a file that is mapped when it runs: its first byte's address. A
 * region behind the end of the file has addresses and no bytes. */
struct delta_region {
	uint32_t at, len;
	uint64_t address;
};

struct delta_layout {
	struct delta_region regions[DELTA_REGIONS_MAX];
	size_t count;
};

/* Old offsets from `at` to before `end` went to `to` and so on. */
struct delta_span {
	uint32_t at, end, to;
	uint32_t len; /* of the cover that it is of: a longer one wins */
};

struct delta_map {
	struct delta_layout old, fresh; /* equally many regions */
	uint64_t old_anchor, new_anchor;
	struct delta_span
		*spans; /* caller's, sorted and disjoint when sealed */
	size_t count;
};

/* Add a range while the map is open; spans must have room for it. The ends of
 * both ranges are at most UINT32_MAX. */
void delta_map_add(struct delta_map *m, uint32_t at, uint32_t to, uint32_t len);

/* All ranges are there: make them disjoint. */
void delta_map_seal(struct delta_map *m);

/* Where an old offset went; false when nothing near it is known. */
bool delta_map_offset(const struct delta_map *m, uint64_t old, uint64_t *fresh);

/* The same with the addresses of both files. */
bool delta_map_address(const struct delta_map *m, uint64_t old,
		       uint64_t *fresh);

/* The address of an offset; false outside all regions. */
bool delta_address_of(const struct delta_layout *l, uint64_t at, uint64_t *out);

#endif
