/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install - drives the state machine: fetch, apply, read back, switch, try,
 * keep or go back. Every step is in the journal before it is done.
 */
#ifndef UPDATER_CLIENT_INSTALL_H
#define UPDATER_CLIENT_INSTALL_H

#include "updater-client/session.h"

/*
 * What a former run left behind: a trial goes on, or a way back is finished.
 * Call it at the start of whatever changes something. ERR_HEALTH when a trial
 * ended with the old release; ERR_BUSY when asked to stop.
 */
int install_recover(struct session *s, struct err *e) NODISCARD;

/*
 * Install the planned release and try it. For a delta whose base turns out to
 * be damaged, ask for the full package with *choose. ERR_HEALTH: it was rolled
 * back; anything else: nothing was activated.
 */
int install_release(struct session *s, struct plan *plan,
		    const struct message_choose *choose,
		    struct err *e) NODISCARD;

/* A person's decisions. The other slot is read whole before going back. */
int install_confirm(struct session *s, struct err *e) NODISCARD;
int install_rollback(struct session *s, struct err *e) NODISCARD;

/*
 * What can be missing is there: room, and the packages, as far as they can be
 * fetched before the slot is written. The plan may become that of the full one.
 */
int install_prepare(struct session *s, struct plan *plan,
		    const struct message_choose *choose,
		    struct err *e) NODISCARD;

/* The release under way goes: EVENT_ROLLBACK, EVENT_REPLACED. */
int install_take_back(struct session *s, enum machine_event why,
		      struct err *e) NODISCARD;
/* Why: the floor has risen over it. For who reads the history. */
void install_say_overtaken(struct session *s);

#endif
