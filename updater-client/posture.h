/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posture - how this device is built, for the server's picture of the fleet:
 * the few facts of wire.h, looked up and not believed to be more than what they
 * are. A fact that cannot be told here is not known.
 */
#ifndef UPDATER_CLIENT_POSTURE_H
#define UPDATER_CLIENT_POSTURE_H

#include "common/wire.h"
#include "updater-client/settings.h"

/* Of its file system; false when it cannot be told, too. */
bool posture_root_is_read_only(void);

struct wire_posture posture_look(const struct settings *c, bool hardware_keys);

/* What the UEFI variable SecureBoot holds: four bytes of attributes, and one
 * that is 1 or 0 (UEFI 2.10, section 3.3). Pure; nothing else is known. */
void posture_read_secure_boot(struct slice variable, struct wire_posture *p);

#endif
