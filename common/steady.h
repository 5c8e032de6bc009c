/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steady - a clock that nobody sets and that never goes back, for deadlines.
 * It counts from an arbitrary start: only differences mean something.
 */
#ifndef COMMON_STEADY_H
#define COMMON_STEADY_H

#include <stdint.h>

/* Milliseconds, and nanoseconds of the same clock. */
int64_t steady_ms(void);
uint64_t steady_ns(void);

#endif
