/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whence - the network that a stranger comes from, as limits count it: an IPv4
 * address, or the /64 that one customer has of IPv6. For strangers alone: a
 * whole fleet may stand behind one address. Pure.
 */
#ifndef UPDATE_SERVER_WHENCE_H
#define UPDATE_SERVER_WHENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct whence {
	bool known; /* else it is like nobody, and is not counted */
	bool v6;
	uint8_t network[8];
};

void whence_of(const struct sockaddr_storage *from, struct whence *out);
bool whence_same(const struct whence *a, const struct whence *b);

#endif
