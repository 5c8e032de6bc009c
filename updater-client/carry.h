/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carry - a device that is updated from a medium leaves its word there, signed,
 * for people to carry to the server: <medium>/devices/<id>.word
 * (common/hand.h).
 */
#ifndef UPDATER_CLIENT_CARRY_H
#define UPDATER_CLIENT_CARRY_H

#include "updater-client/session.h"

/* What runs now. A medium that cannot be written is none to carry it: that is
 * logged, and no failure. Nothing for one that is no folder. */
void carry_word(const struct session *s, const char *folder);

#endif
