/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload - whom a server turns away that cannot keep up.
 *
 * A request that waited too long for a worker is answered at once, without
 * being looked at, with a time to come again that is another one for each. So
 * the queue is short again before devices give up by themselves, all at once.
 * What a device did is heard in any case: nobody says it a second time for
 * nothing.
 */
#ifndef UPDATE_SERVER_OVERLOAD_H
#define UPDATE_SERVER_OVERLOAD_H

#include "update-server/route.h"

#define OVERLOAD_WAIT_NS   UINT64_C(2000000000)
#define OVERLOAD_RETRY_SEC 60 /* to five times that */

/* ERR_BUSY with retry_sec, or 0 if it shall be handled. */
int overload_check(enum listener listener, enum route_kind kind,
		   uint64_t waited_ns, struct err *e) NODISCARD;

#endif
