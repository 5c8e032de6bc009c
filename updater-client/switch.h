/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch - what the machine's steps mean to boot control: there, back, keep.
 *
 * Each ends with the record read back and the session looked at again. The
 * journal said before why it happens.
 */
#ifndef UPDATER_CLIENT_SWITCH_H
#define UPDATER_CLIENT_SWITCH_H

#include "updater-client/session.h"

/* The slot that runs is told to boot control once more: can it be told? */
int switch_prove(struct session *s, struct err *e) NODISCARD;

/* To the new slot, on trial. */
int switch_there(struct session *s, struct err *e) NODISCARD;

/*
 * To the one before. ERR_ROLLBACK where that may not run again and a loader
 * needs some slot; the link is then taken away.
 */
int switch_back(struct session *s, struct err *e) NODISCARD;

/* The new slot is no longer on trial. */
int switch_keep(struct session *s, struct err *e) NODISCARD;

/* A clean stop ended a start that the loader has counted. */
int switch_renew(struct session *s, struct err *e) NODISCARD;

/*
 * A boot is near, of this machine if not ours: what the new slot takes along is
 * copied once more, if that boot leads there. Failing is logged.
 */
void switch_take_along(const struct session *s);

/* Run [reboot] command, within its window. Failing is logged. */
void switch_reboot(struct session *s);

#endif
