/* SPDX-License-Identifier: Apache-2.0 */
/*
 * urgency - how soon devices come back while an urgent release waits for them:
 * as soon as the server can bear all of them. Pure.
 */
#ifndef UPDATE_SERVER_URGENCY_H
#define UPDATE_SERVER_URGENCY_H

#include <stdint.h>

/* No sooner, however few they are. */
#define URGENCY_LEAST_SEC 30

/*
 * Seconds between two check-ins of each of so many devices, if the server takes
 * `per_sec` (above 0) check-ins a second in all; never more than poll_sec.
 */
uint32_t urgency_interval(uint32_t poll_sec, uint64_t devices,
			  uint64_t per_sec);

#endif
