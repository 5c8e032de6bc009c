/* SPDX-License-Identifier: Apache-2.0 */
/*
 * undo - may the device go back? Judged before anything is begun that could not
 * end. ERR_ROLLBACK: what it would go back to lies below the floor.
 */
#ifndef UPDATER_CLIENT_UNDO_H
#define UPDATER_CLIENT_UNDO_H

#include "updater-client/session.h"

/* From rest: the other slot is read whole, and the journal says what leaves. */
int undo_begin(struct session *s, struct err *e) NODISCARD;

/* Out of what is under way. */
int undo_check(struct session *s, struct err *e) NODISCARD;

#endif
