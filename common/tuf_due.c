/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tuf_due.h"

#include <stdbool.h>

#include "common/utc.h"

/* In time to call the people who must sign; not all the life of short ones. */
int tuf_due(int64_t issued, int64_t expires, int64_t now)
{
	int64_t left = expires - now;
	bool second_half = left < (expires - issued) / 2;

	if (left <= 0)
		return 0;
	if (left < 7 * UTC_DAY)
		return 7;
	if (second_half && left < 30 * UTC_DAY)
		return 30;
	return second_half && left < 60 * UTC_DAY ? 60 : -1;
}

int tuf_due_certificate(int64_t expires, int64_t now)
{
	int64_t left = expires - now;

	if (left <= 0)
		return 0;
	if (left < 7 * UTC_DAY)
		return 7;
	return left < 30 * UTC_DAY ? 30 : -1;
}
