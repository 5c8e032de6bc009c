/* SPDX-License-Identifier: Apache-2.0 */
#include "update-server/urgency.h"

uint32_t urgency_interval(uint32_t poll_sec, uint64_t devices, uint64_t per_sec)
{
	uint64_t sec = devices / per_sec + (devices % per_sec != 0);

	if (sec < URGENCY_LEAST_SEC)
		sec = URGENCY_LEAST_SEC;
	return sec < poll_sec ? (uint32_t)sec : poll_sec;
}
