/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog - a timer of the hardware that resets the device unless it is fed.
 *
 * It is armed through a trial, from before what goes along is written until
 * what was decided is done: a release that hangs the system, or kills the
 * client, is taken back by the reset and by whoever counts starts. Then, either
 * way, it is disarmed with the word that the kernel wants for that (the "magic
 * close"); a process that dies says no such word.
 */
#ifndef UPDATER_CLIENT_WATCHDOG_H
#define UPDATER_CLIENT_WATCHDOG_H

#include "common/err.h"

/*
 * Arm the device at path for so many seconds. Anything but a character device
 * is written to like one, and has no timeout. ERR_CONFIG: it is not there, or
 * somebody else (a service manager, say) has it.
 */
int watchdog_arm(const char *path, unsigned sec, struct err *e) NODISCARD;

/*
 * Feed it if that is due. Returns how long the caller may wait before the next
 * time: `wait_ms` (negative: without end) or less. Only the process that armed
 * it feeds it; without one nothing happens.
 */
int watchdog_feed(int wait_ms);

/* Disarm. Nothing armed is fine. */
void watchdog_disarm(void);

#endif
