/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon - ask, update, wait, for ever: in step with nobody, backing off when
 * it fails, stopping when asked to.
 */
#ifndef UPDATER_CLIENT_DAEMON_H
#define UPDATER_CLIENT_DAEMON_H

#include "updater-client/settings.h"
#include "updater-client/update.h"

/* What came of one round; failure: NULL if it did not fail. */
typedef void daemon_heard(const struct update_outcome *outcome,
			  const struct err *failure);

/* Returns when stop_fd becomes readable, or with what makes it hopeless.
 * heard: NULL if nobody listens but the log. */
int daemon_run(const struct settings *c, int stop_fd, daemon_heard *heard,
	       struct err *e) NODISCARD;

#endif
