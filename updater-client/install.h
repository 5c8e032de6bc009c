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
 * While a boot into another release is awaited: does this one, which is not
 * that one, take its place? And do it: once this one has room and is fetched
 * (as far as it can be before the slot is written), what waits is let go, as
 * something that was never tried and may come again. Then this one is installed
 * as any other. Failing before, what waits goes on waiting.
 */
bool install_replaces(const struct session *s, const struct plan *plan);
int install_replace(struct session *s, struct plan *plan,
		    const struct message_choose *choose,
		    struct err *e) NODISCARD;

/* The same for what waits, if the floor has risen over it since. */
int install_let_go(struct session *s, struct err *e) NODISCARD;

#endif
