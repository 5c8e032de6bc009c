/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chance - could this bucket limit really open the share that was asked for?
 *
 * A limit comes from a server that knows the fleet's buckets, and that server
 * may lie. Honest limits are the m-th smallest of N uniform buckets, m =
 * max(1, ceil(share x N)), so how far above the share one may lie is known.
 * Integers in, a verdict out.
 */
#ifndef COMMON_CHANCE_H
#define COMMON_CHANCE_H

#include <stdint.h>

#include "common/err.h"

#define CHANCE_DEVICES_MAX 100000000

/*
 * ERR_REFUSED when the m-th smallest of so many buckets is as large as the
 * limit with a probability below 0.001 (exact binomial, one-sided). share is
 * in basis points, 1 to 10000.
 */
int chance_check(uint64_t limit, uint32_t share, uint64_t devices,
		 struct err *e) NODISCARD;

#endif
