/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retire - the command of who takes this device out of service: its keys go,
 * and with them what it could read or be. The server is told apart from that
 * (`pawl-server device retire`); that it said so is no reason to destroy keys.
 */
#ifndef UPDATER_CLIENT_RETIRE_H
#define UPDATER_CLIENT_RETIRE_H

#include "updater-client/settings.h"

/*
 * `device` is the id that whoever asks believes to be on: another one is
 * ERR_CONFLICT and nothing happens. What runs goes on running.
 */
int retire_device(const struct settings *c, const char *device, int stop_fd,
		  struct err *e) NODISCARD;

#endif
