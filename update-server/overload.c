/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/overload.h"

#include "common/random.h"

int overload_check(enum listener listener, enum route_kind kind,
		   uint64_t waited_ns, struct err *e)
{
	uint8_t spread;

	if (waited_ns < OVERLOAD_WAIT_NS || kind != ROUTE_PLAIN ||
	    (listener != LISTENER_DEVICE && listener != LISTENER_ENROLMENT))
		return 0;
	random_bytes(&spread, 1);
	(void)err_set(e, ERR_BUSY,
		      "more devices ask than this server can answer now: come "
		      "again");
	e->retry_sec = OVERLOAD_RETRY_SEC +
		       spread * 4U * OVERLOAD_RETRY_SEC / UINT8_MAX;
	return -1;
}
