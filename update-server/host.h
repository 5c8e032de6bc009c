/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - whom a request is meant for: its Host against the names that our
 * certificate carries. A page whose name was led to our address (DNS rebinding)
 * has a Host and an Origin that agree, and neither is ours. Pure.
 */
#ifndef UPDATE_SERVER_HOST_H
#define UPDATE_SERVER_HOST_H

#include "common/rd.h"

#define HOST_NAMES_MAX 64

/* One of a certificate's, borrowed from it. */
struct host_name {
	bool is_address;    /* 4 or 16 bytes; else a DNS name */
	struct slice bytes; /* a name may begin with "*.": any one label */
};

struct host_names {
	struct host_name at[HOST_NAMES_MAX];
	size_t count;
};

/* Is "name", "name:port", "1.2.3.4:port" or "[::1]:port" one of them? The port
 * may be that of who passes connections on to us. */
bool host_is_named(struct slice host, const struct host_names *names);

#endif
