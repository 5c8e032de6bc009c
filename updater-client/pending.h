/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending - a release that is installed and waits for the boot that starts it,
 * which may be long in coming. What is let go meanwhile was never tried, and
 * may come again.
 */
#ifndef UPDATER_CLIENT_PENDING_H
#define UPDATER_CLIENT_PENDING_H

#include "updater-client/session.h"

/* Is a boot awaited, there or back? */
bool pending_is(const struct session *s);

/* Does what waits make room for this one, which is not that one? */
bool pending_yields(const struct session *s, const struct plan *plan);
/*
 * It does: once this one has room and is fetched (as far as it can be before
 * the slot is written), what waits is let go. Then this one is installed as any
 * other. Failing before, what waits goes on waiting.
 */
int pending_replace(struct session *s, struct plan *plan,
		    const struct message_choose *choose,
		    struct err *e) NODISCARD;

/* What waits goes if the floor has risen over it since. */
int pending_let_go(struct session *s, struct err *e) NODISCARD;

#endif
