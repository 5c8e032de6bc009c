/* SPDX-License-Identifier: Apache-2.0 */
/* advice - what a person can do about an update that failed. */
#ifndef UPDATER_CLIENT_ADVICE_H
#define UPDATER_CLIENT_ADVICE_H

#include "common/err.h"

/*
 * Add the way out to a message that does not name one itself (after a
 * semicolon). A message that would grow too long stays as it is.
 */
void advice_add(struct err *e);

#endif
