/* SPDX-License-Identifier: Apache-2.0 */
#include "updater-client/pending.h"

#include <stdio.h>

#include "updater-client/install.h"
#include "updater-client/ratchet.h"
#include "updater-client/undo.h"

bool pending_is(const struct session *s)
{
	return s->journal.machine.state == MACHINE_REBOOT;
}

bool pending_yields(const struct session *s, const struct plan *plan)
{
	const struct machine *m = &s->journal.machine;
	struct slot_release waits;
	struct err unused;
	bool found = false;

	/* On the way back the slot that is to be written still runs. */
	if (m->reason != REASON_NONE || s->current == m->to)
		return false;
	/* What runs may not run again: the boot has to come first. */
	if (s->has_running && ratchet_check_back(s, &s->running, &unused))
		return false;
	/* A damaged one is none to wait for. */
	return slot_tree_release(&s->slots, m->to, &waits, &found, &unused) ||
	       !found || plan->release.seq > waits.seq;
}

int pending_replace(struct session *s, struct plan *plan,
		    const struct message_choose *choose, struct err *e)
{
	/* What can be missing is there before the other has lost its place. */
	if (undo_check(s, e) || install_prepare(s, plan, choose, e))
		return -1;
	(void)snprintf(s->journal.detail, sizeof(s->journal.detail), "by %s",
		       plan->release.id);
	return install_take_back(s, EVENT_REPLACED, e);
}

int pending_let_go(struct session *s, struct err *e)
{
	const struct machine *m = &s->journal.machine;

	if (m->reason != REASON_NONE || s->current == m->to ||
	    !ratchet_has_overtaken(s))
		return 0;
	install_say_overtaken(s);
	return install_take_back(s, EVENT_REPLACED, e);
}
