/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A good text with one part exchanged, so that a refusal has one reason: what
 * lacks several things at once is refused for whichever is looked at first.
 */
#ifndef TESTS_UNIT_CHANGED_H
#define TESTS_UNIT_CHANGED_H

#include <stdio.h>

#include "common/rd.h"
#include "tests/unit/check.h"

struct change {
	const char *from, *to;
};

/* Its bytes stand in room, and `from` in the text exactly once. */
static inline struct slice changed(const char *text, struct change c,
				   char *room, size_t size)
{
	const char *at = strstr(text, c.from);
	int len;

	assert_non_null(at);
	assert_null(strstr(at + 1, c.from));
	len = snprintf(room, size, "%.*s%s%s", (int)(at - text), text, c.to,
		       at + strlen(c.from));
	assert_in_range(len, 0, size - 1);
	return (struct slice){ (const uint8_t *)room, (size_t)len };
}

#endif
