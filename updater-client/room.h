/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room - is there space for an update? Pure: signed numbers and free space in,
 * decision out. Nothing is written before it said yes.
 */
#ifndef UPDATER_CLIENT_ROOM_H
#define UPDATER_CLIENT_ROOM_H

#include "updater-client/plan.h"

struct room {
	uint64_t slot_bytes, slot_inodes;   /* free where the slots are */
	uint64_t state_bytes, state_inodes; /* free where the spool is */
	bool same_disk;
	uint64_t data_bytes; /* what saving data before the switch may take */
	uint64_t keep_bytes, keep_inodes; /* what is taken along: keep.h */
	/* Bytes of each package, or of its window, that are there already. */
	uint64_t spooled[RELEASE_COMPONENTS_MAX];
	uint64_t windows[RELEASE_COMPONENTS_MAX];
	uint64_t window_max; /* bytes that a window may have, as configured */
	/* Components in the slot that a former run has completed. */
	size_t complete;
	/* And of the next one this. */
	struct package_point begun;
	/* What emptying the slot will give back. */
	uint64_t freed_bytes, freed_inodes;
	/* The component's slot has a length, and can take: */
	bool is_image[RELEASE_COMPONENTS_MAX];
	uint64_t image_bytes[RELEASE_COMPONENTS_MAX];
	/* What it has not yet of its length, and takes where the slots are. */
	uint64_t image_holes[RELEASE_COMPONENTS_MAX];
};

/*
 * ERR_SPACE, saying where and how much is missing: when packages lie in the
 * state whole (window 0), or one at a time passes through a window of so many
 * chunks.
 */
int room_judge(const struct room *r, const struct plan *p, uint32_t window,
	       struct err *e) NODISCARD;

/*
 * How large a window there is room for, no larger than allowed or the longest
 * package: of one that is there already, its own. At least ROOM_WINDOW_MIN
 * chunks, whether there is room or not.
 */
#define ROOM_WINDOW_MIN 4
uint32_t room_window(const struct room *r, const struct plan *p);

#endif
