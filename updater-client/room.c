/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/room.h"

#include "common/delta_members.h"

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

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

/* What is there of it already is less than that, so it is enough. */
static uint64_t part_room(const struct room *r, const struct plan *p, size_t i)
{
	const struct slot_part *part = &p->release.parts[i];

	if (r->is_image[i])
		return SLOT_EXTRA + (r->image_holes[i] < part->content_len
					     ? r->image_holes[i]
					     : part->content_len);
	return less(slot_part_room(part),
		    i == r->complete ? r->begun.plain : 0);
}

/* For deltas; what lasts was there before anything was begun. */
static uint64_t scratch_room(const struct room *r, const struct plan *p,
			     size_t i, bool lasts)
{
	const uint64_t len = p->packages[i].scratch_len;

	if (len == 0 || (i == r->complete && r->begun.packed > 0))
		return 0;
	return len + (lasts ? DELTA_LIST_MAX : 0);
}

/* Where the slots' records are; trees are there, too. */
static uint64_t slot_room(const struct room *r, const struct plan *p,
			  bool stream)
{
	uint64_t room = r->keep_bytes;

	for (size_t i = r->complete; i < p->release.part_count; i++)
		room += scratch_room(r, p, i, stream) + part_room(r, p, i);
	return room;
}

static uint64_t slot_inodes_for(const struct room *r, const struct plan *p)
{
	uint64_t inodes = r->keep_inodes;

	for (size_t i = r->complete; i < p->release.part_count; i++)
		inodes += (uint64_t)p->release.parts[i].entries + SLOT_INODES;
	return less(inodes, r->begun.entry);
}

static uint64_t longest_head(const struct plan *p)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < p->release.part_count; i++)
		if (p->packages[i].head_len > longest)
			longest = p->packages[i].head_len;
	return longest;
}

static uint64_t sum_of(const uint64_t bytes[RELEASE_COMPONENTS_MAX])
{
	uint64_t sum = 0;

	for (size_t i = 0; i < RELEASE_COMPONENTS_MAX; i++)
		sum += bytes[i];
	return sum;
}

/* Beyond what is there already, which goes if it is of the other kind. */
static uint64_t state_room(const struct room *r, const struct plan *p,
			   uint32_t window)
{
	uint64_t room = 0, there = sum_of(r->windows);

	if (window > 0) {
		room = longest_head(p) + (uint64_t)window * PACKAGE_CHUNK_LEN;
		there += sum_of(r->spooled);
	} else {
		for (size_t i = 0; i < p->release.part_count; i++)
			room += less(p->packages[i].package_len, r->spooled[i]);
	}
	return STATE_EXTRA + r->data_bytes + less(room, there);
}

/* Of one that is there: another length would lose what is in it. */
static uint32_t window_of(const struct room *r, const struct plan *p)
{
	for (size_t i = 0; i < p->release.part_count; i++) {
		const uint64_t chunks =
			less(r->windows[i], p->packages[i].head_len) /
			PACKAGE_CHUNK_LEN;

		if (chunks >= ROOM_WINDOW_MIN &&
		    chunks <= r->window_max / PACKAGE_CHUNK_LEN)
			return (uint32_t)chunks;
	}
	return 0;
}

static uint64_t longest_payload(const struct plan *p)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < p->release.part_count; i++) {
		const uint64_t len =
			p->packages[i].package_len - p->packages[i].head_len;

		if (len > longest)
			longest = len;
	}
	return longest;
}

uint32_t room_window(const struct room *r, const struct plan *p)
{
	const uint64_t free_bytes =
		r->same_disk ? less(r->slot_bytes + r->freed_bytes,
				    slot_room(r, p, true))
			     : r->state_bytes;
	const uint64_t most = (longest_payload(p) + PACKAGE_CHUNK_LEN - 1) /
			      PACKAGE_CHUNK_LEN;
	uint64_t chunks = less(free_bytes + sum_of(r->spooled),
			       STATE_EXTRA + r->data_bytes + longest_head(p)) /
			  PACKAGE_CHUNK_LEN;

	if (window_of(r, p) > 0)
		return window_of(r, p);
	if (chunks > most)
		chunks = most;
	if (chunks > r->window_max / PACKAGE_CHUNK_LEN)
		chunks = r->window_max / PACKAGE_CHUNK_LEN;
	return chunks > ROOM_WINDOW_MIN ? (uint32_t)chunks : ROOM_WINDOW_MIN;
}

int room_judge(const struct room *r, const struct plan *p, uint32_t window,
	       struct err *e)
{
	uint64_t slot = slot_room(r, p, window > 0);
	uint64_t slot_inodes = slot_inodes_for(r, p);
	uint64_t state = state_room(r, p, window);
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
