/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ear - who watches an apply, and counts what it hears before the first byte of
 * the new content was counted.
 */
#ifndef TESTS_UNIT_EAR_H
#define TESTS_UNIT_EAR_H

#include "common/tree_watch.h"

struct ear {
	unsigned alive, limit; /* beyond that it says "stop": ERR_BUSY */
	bool begun;
};

static inline int ear_hear(void *ctx, uint64_t bytes, struct err *e)
{
	struct ear *ear = ctx;

	ear->begun |= bytes > 0;
	if (!ear->begun && ++ear->alive > ear->limit)
		return err_set(e, ERR_BUSY, "stop");
	return 0;
}

#endif
