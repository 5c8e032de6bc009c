/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify - tell the service manager how we are, in systemd's protocol (a
 * datagram to NOTIFY_SOCKET) without its library. Nobody listening is fine.
 */
#ifndef UPDATER_CLIENT_NOTIFY_H
#define UPDATER_CLIENT_NOTIFY_H

/* "READY=1", "STOPPING=1", "STATUS=..." */
void notify_manager(const char *state);

#endif
