/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon - ask, update, wait, for ever: in step with nobody, backing off when
 * it fails, stopping when asked to.
 */
#ifndef UPDATER_CLIENT_DAEMON_H
#define UPDATER_CLIENT_DAEMON_H

#include "updater-client/settings.h"

/* Returns when stop_fd becomes readable, or with what makes it hopeless. */
int daemon_run(const struct settings *c, int stop_fd, struct err *e) NODISCARD;

#endif
