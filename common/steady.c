/* SPDX-License-Identifier: Apache-2.0 */
#include "common/steady.h"

#include <time.h>

int64_t steady_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail here */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t steady_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* nor here */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
