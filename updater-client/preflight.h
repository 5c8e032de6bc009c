/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preflight - before the first byte is fetched: what former runs left behind is
 * cleared away, space is measured, and it is decided whether packages lie in
 * the state whole or pass through a window.
 */
#ifndef UPDATER_CLIENT_PREFLIGHT_H
#define UPDATER_CLIENT_PREFLIGHT_H

#include "updater-client/intake.h"
#include "updater-client/session.h"

/*
 * Is there room for this plan? Sets s->window. What waits whole for its boot in
 * the slot that it would take is not touched.
 * ERR_SPACE says where how much is missing.
 */
int preflight_room(struct session *s, const struct plan *plan,
		   struct err *e) NODISCARD;

/* Of what lies in the spool only packages, or windows, of this plan stay. */
int preflight_tidy(const struct session *s, const struct plan *plan,
		   enum intake_kind kind, struct err *e) NODISCARD;

#endif
