/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/preflight.h"

#include "common/fs.h"
#include "updater-client/fill.h"
#include "updater-client/keep.h"
#include "updater-client/relay.h"
#include "updater-client/room.h"
#include "updater-client/slot_image.h"

/* Also: may it be written at all? */
static int measure_image(const struct session *s, size_t i, dev_t slots,
			 struct room *r, struct err *e)
{
	struct stat st;
	int fd = -1;
	int rc;

	if (slot_image_open_new(&s->config->slots[i], s->journal.machine.to,
				&fd, e))
		return -1;
	r->is_image[i] = true;
	rc = slot_image_room(fd, &r->image_bytes[i], e);
	/* A file may be sparse, and all are on one disk. */
	if (fstat(fd, &st) == 0 && st.st_dev == slots &&
	    st.st_size > st.st_blocks * STAT_BLOCK)
		r->image_holes[i] =
			(uint64_t)(st.st_size - st.st_blocks * STAT_BLOCK);
	fs_close(&fd);
	return rc;
}

/* What stands in the slot's own folder and goes when it is emptied. */
static void measure_old(const struct session *s, const struct slot_release *old,
			struct room *r)
{
	const struct settings *c = s->config;

	for (size_t i = 0; i < old->part_count; i++) {
		const struct slot_part *part = &old->parts[i];
		size_t slot = settings_slot_of(c, part->component);

		if (slot == c->slot_count || c->slots[slot].kind == SLOT_IMAGE)
			continue;
		/* Less than it will be: blocks are not known for sure. */
		r->freed_bytes += part->content_len;
		r->freed_inodes += part->entries;
	}
}

static void measure_package(const struct session *s, const struct plan *plan,
			    size_t i, struct room *r)
{
	const struct sha256 *digest = &plan->packages[i].package_digest;

	r->spooled[i] = intake_size(s->spool_fd, digest, false);
	r->windows[i] = intake_size(s->spool_fd, digest, true);
}

static int measure(const struct session *s, const struct plan *plan,
		   struct room *r, struct err *e)
{
	struct tree_copy_size kept;
	struct slot_release old;
	struct stat slots, state;
	bool found;

	if (fs_free_space(s->slots.dirfd, &r->slot_bytes, &r->slot_inodes, e) ||
	    fs_free_space(s->state_fd, &r->state_bytes, &r->state_inodes, e) ||
	    slot_tree_release(&s->slots, s->journal.machine.to, &old, &found,
			      e))
		return -1;
	if (fstat(s->slots.dirfd, &slots) || fstat(s->state_fd, &state))
		return err_sys(e, "measuring free space");
	r->same_disk = slots.st_dev == state.st_dev;
	/* With a loader the copy is made anew beside itself. */
	r->data_bytes =
		s->config->data_space * (s->boot.control->reboots ? 2 : 1);
	if (keep_measure(s, &kept, e))
		return -1;
	r->keep_bytes = kept.bytes;
	r->keep_inodes = kept.inodes;
	for (size_t i = 0; i < plan->release.part_count; i++) {
		if (s->config->slots[i].kind == SLOT_IMAGE &&
		    measure_image(s, i, slots.st_dev, r, e))
			return -1;
		measure_package(s, plan, i, r);
	}
	r->complete = s->checkpoint.part;
	r->begun = s->checkpoint.at;
	r->window_max = s->config->spool_window;
	if (found)
		measure_old(s, &old, r);
	return 0;
}

/* Whole if there is room, else in passing; as configured. */
static int choose_window(struct session *s, const struct plan *plan,
			 const struct room *r, struct err *e)
{
	const enum spool_mode mode = s->config->spool;
	uint32_t window;

	s->window = 0;
	if (mode != SPOOL_NEVER && room_judge(r, plan, 0, e) == 0)
		return 0;
	if (mode == SPOOL_ALWAYS ||
	    (mode == SPOOL_AUTO && e->code != ERR_SPACE))
		return -1;
	window = room_window(r, plan);
	if (room_judge(r, plan, window, e))
		return -1;
	s->window = window;
	return 0;
}

/*
 * What a former run has left half written there, and with which this one does
 * not go on, gives its room back: nobody else would ever do that. What has a
 * record is whole, and stays until the slot is begun.
 */
static int tidy_slot(struct session *s, const struct plan *plan, struct err *e)
{
	const enum slot to = s->journal.machine.to;
	struct slot_release whole;
	bool found;

	if (fill_may(s, to, e) ||
	    slot_tree_release(&s->slots, to, &whole, &found, e))
		return -1;
	if (found)
		return 0;
	if (s->checkpoint.slot == SLOT_NONE)
		return slot_tree_sweep(&s->slots, to, e);
	if (s->checkpoint.at.packed == 0 && fill_end(s, to, e))
		return -1;
	for (size_t i = s->checkpoint.part + (s->checkpoint.at.packed > 0);
	     i < plan->release.part_count; i++)
		if (fill_clear(s, to, &plan->release.parts[i], e))
			return -1;
	return 0;
}

/* What a former run has left there is of use only if it is one of these. */
int preflight_tidy(const struct session *s, const struct plan *plan,
		   enum intake_kind kind, struct err *e)
{
	struct sha256 keep[RELEASE_COMPONENTS_MAX];
	const size_t count = plan->release.part_count;

	for (size_t i = 0; i < count; i++)
		keep[i] = plan->packages[i].package_digest;
	return intake_clean(s->spool_fd, keep, count, kind, e);
}

static int find_room(struct session *s, const struct plan *plan, struct err *e)
{
	struct room room = { 0 };

	/* As if there were a window: what is complete takes no more room. */
	s->window = ROOM_WINDOW_MIN;
	if (relay_open(s, plan, e) || tidy_slot(s, plan, e) ||
	    preflight_tidy(s, plan, INTAKE_EITHER, e) ||
	    measure(s, plan, &room, e) || choose_window(s, plan, &room, e))
		return -1;
	return relay_open(s, plan, e);
}

int preflight_room(struct session *s, const struct plan *plan, struct err *e)
{
	if (find_room(s, plan, e) == 0)
		return 0;
	/* What was begun may stand in its own way. */
	if (e->code != ERR_SPACE || s->checkpoint.at.packed == 0 ||
	    relay_forget(s, e))
		return -1;
	return find_room(s, plan, e);
}
