/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/room.h"

/* Journal, reports, history and folders beside the package. */
#define STATE_EXTRA  (1u << 20)
#define STATE_INODES 80
#define SLOT_EXTRA   (4u * SLOT_BLOCK)
#define SLOT_INODES  8

static int judge(const char *where, uint64_t needed, uint64_t free,
		 struct err *e)
{
	char have[16], want[16];

	if (needed <= free)
		return 0;
	text_size(needed, want);
	text_size(free, have);
	return err_set(e, ERR_SPACE, "no room %s: %s needed, %s free", where,
		       want, have);
}

static int judge_inodes(const char *where, uint64_t needed, uint64_t free,
			struct err *e)
{
	if (needed <= free)
		return 0;
	return err_set(e, ERR_SPACE,
		       "no room %s: %llu files needed, %llu can be made", where,
		       (unsigned long long)needed, (unsigned long long)free);
}

/* Where the slots' records are; trees are there, too. */
static uint64_t slot_room(const struct room *r, const struct plan *p)
{
	uint64_t room = r->keep_bytes;

	for (size_t i = 0; i < p->release.part_count; i++) {
		room += p->packages[i].scratch_len;
		room += r->is_image[i] ? (uint64_t)SLOT_EXTRA
				       : slot_part_room(&p->release.parts[i]);
	}
	return room;
}

static uint64_t slot_inodes_for(const struct room *r, const struct plan *p)
{
	uint64_t inodes = r->keep_inodes;

	for (size_t i = 0; i < p->release.part_count; i++)
		inodes += (uint64_t)p->release.parts[i].entries + SLOT_INODES;
	return inodes;
}

static uint64_t state_room(const struct room *r, const struct plan *p)
{
	uint64_t room = STATE_EXTRA + r->data_bytes;

	for (size_t i = 0; i < p->release.part_count; i++)
		if (p->packages[i].package_len > r->spooled[i])
			room += p->packages[i].package_len - r->spooled[i];
	return room;
}

int room_judge(const struct room *r, const struct plan *p, struct err *e)
{
	uint64_t slot = slot_room(r, p);
	uint64_t slot_inodes = slot_inodes_for(r, p);
	uint64_t state = state_room(r, p);
	uint64_t slot_free = r->slot_bytes + r->freed_bytes;
	uint64_t inodes_free = r->slot_inodes + r->freed_inodes;

	for (size_t i = 0; i < p->release.part_count; i++)
		if (r->is_image[i] &&
		    judge("in the slot", p->release.parts[i].content_len,
			  r->image_bytes[i], e))
			return -1;
	if (r->same_disk)
		return judge("for the slot and the package", slot + state,
			     slot_free, e) ||
				       judge_inodes("for the slot",
						    slot_inodes + STATE_INODES,
						    inodes_free, e)
			       ? -1
			       : 0;
	if (judge("for the slot", slot, slot_free, e) ||
	    judge_inodes("for the slot", slot_inodes, inodes_free, e) ||
	    judge("for the package", state, r->state_bytes, e) ||
	    judge_inodes("for the package", STATE_INODES, r->state_inodes, e))
		return -1;
	return 0;
}
