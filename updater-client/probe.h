/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - asks one vital sign of the device, once.
 *
 * What answers on a port is foreign: a confined process of its own talks to it,
 * and nothing but 127.0.0.1 is ever asked.
 */
#ifndef UPDATER_CLIENT_PROBE_H
#define UPDATER_CLIENT_PROBE_H

#include "common/vital.h"

#define PROBE_DAEMON_LOCK "daemon.lock" /* in the state folder */

/*
 * 0 when it is so now. ERR_HEALTH says what is not; ERR_BUSY when asked to
 * stop; within limit_ms.
 */
int probe_ask(const struct vital *v, int limit_ms, int stop_fd,
	      struct err *e) NODISCARD;

#endif
