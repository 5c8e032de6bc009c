/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - tell the service manager how we are, in systemd's protocol (a
 * datagram to NOTIFY_SOCKET) without its library. Nobody listening is fine.
 */
#ifndef UPDATER_CLIENT_NOTIFY_H
#define UPDATER_CLIENT_NOTIFY_H

/* "READY=1", "STOPPING=1", "STATUS=..." */
void notify_manager(const char *state);

/*
 * A manager may want a sign of life (WatchdogSec=), and so may the hardware
 * (watchdog.h). Whoever waits calls this before each poll and waits no longer
 * than it says: `wait_ms` (negative: without end) or less. Only the process
 * that the manager watches answers.
 */
int notify_alive(int wait_ms);

#endif
