/* SPDX-License-Identifier: Apache-2.0 */
/*
 * picture - everything that can be seen of a tree, as text with one line for
 * each entry: the test's own eyes, which share no code with the client's.
 */
#ifndef TESTS_CRASH_PICTURE_H
#define TESTS_CRASH_PICTURE_H

#include "common/buf.h"

#define PICTURE_MAX (4u << 20)

/*
 * Draw the tree below an open folder. `exact` also draws owners, times, names
 * and extended attributes, which only a slot with system attributes keeps.
 */
int picture_draw(int dirfd, bool exact, struct buf *out,
		 struct err *e) NODISCARD;

/* ERR_CONFLICT, naming the first line that differs. */
int picture_compare(const struct buf *is, const struct buf *wanted,
		    struct err *e) NODISCARD;

#endif
