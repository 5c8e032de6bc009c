/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/undo.h"

#include <string.h>

#include "updater-client/fill.h"
#include "updater-client/ratchet.h"

/* Going back is to something: a whole slot. */
static int check_way_back(struct session *s, struct slot_release *release,
			  struct err *e)
{
	enum slot back = slot_other(s->current);
	bool found;

	if (s->current == SLOT_NONE)
		return err_set(e, ERR_CONFLICT, "nothing is installed");
	if (slot_tree_release(&s->slots, back, release, &found, e))
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND,
			       "slot %s holds no release to go back to",
			       slot_name(back));
	if (ratchet_begin(s, e) || ratchet_check_back(s, release, e))
		return -1;
	return fill_check(s, back, release, e);
}

/* From what runs; or, where it never proved itself here, to what is tried. The
 * server's attempt was another's then. */
int undo_begin(struct session *s, struct err *e)
{
	const bool proven =
		machine_has_proven(&s->journal.machine, slot_other(s->current));
	struct slot_release other = { .id = "" };
	const struct slot_release *about = proven ? &s->running : &other;

	if (check_way_back(s, &other, e))
		return -1;
	/* Said twice, it would go to what the first one left. */
	if (!s->retry && refusals_have(&s->journal.refusals, &other.digest))
		return err_set(e, ERR_REFUSED,
			       "%s was rolled back on this device (rollback "
			       "--retry goes there all the same)",
			       other.id);
	s->journal.digest = about->digest;
	memcpy(s->journal.release, about->id, sizeof(s->journal.release));
	if (!proven)
		s->journal.attempt = 0;
	return 0;
}

/*
 * The release under way is taken back to what ran before. If that lies below
 * the floor it never starts again, and nothing is begun that could not end.
 */
int undo_check(struct session *s, struct err *e)
{
	const enum slot back = s->journal.machine.from;
	struct slot_release release;
	bool found = false;

	if (back == SLOT_NONE || ratchet_begin(s, e) ||
	    slot_tree_release(&s->slots, back, &release, &found, e))
		return back == SLOT_NONE ? 0 : -1;
	return found ? ratchet_check_back(s, &release, e) : 0;
}
