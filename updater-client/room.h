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
	/* Bytes of each package that are there already. */
	uint64_t spooled[RELEASE_COMPONENTS_MAX];
	/* What emptying the slot will give back. */
	uint64_t freed_bytes, freed_inodes;
	/* The component's slot has a length, and can take: */
	bool is_image[RELEASE_COMPONENTS_MAX];
	uint64_t image_bytes[RELEASE_COMPONENTS_MAX];
};

/* ERR_SPACE, saying where and how much is missing. */
int room_judge(const struct room *r, const struct plan *p,
	       struct err *e) NODISCARD;

#endif
