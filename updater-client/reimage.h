/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reimage - what first_use.h wants, done: both slots are written from signed
 * content, or are found to hold it.
 */
#ifndef UPDATER_CLIENT_REIMAGE_H
#define UPDATER_CLIENT_REIMAGE_H

#include "updater-client/session.h"

/*
 * When nothing else is to be done: take the next step, by `ask`, which chooses
 * the release that runs. *busy: a slot was written, so there may be another. If
 * nobody asked for it, consent.h says when.
 */
int reimage_step(struct session *s, struct message_choose *ask, bool unattended,
		 bool *busy, struct err *e) NODISCARD;

#endif
