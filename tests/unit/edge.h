/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that stand at the end of what may be read: whoever looks past them is
 * ended there, with no sanitizer as well. */
#ifndef TESTS_UNIT_EDGE_H
#define TESTS_UNIT_EDGE_H

#include <string.h>
#include <sys/mman.h>

#include "common/base.h"
#include "tests/unit/check.h"

#define EDGE_PAGE 65536 /* as large as any machine's */

/* Of at most EDGE_PAGE bytes. */
static inline struct slice edge_copy(const void *bytes, size_t len)
{
	static uint8_t *pages;

	if (!pages) {
		pages = mmap(NULL, 2 * (size_t)EDGE_PAGE,
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(pages, MAP_FAILED);
		assert_int_equal(
			mprotect(pages + EDGE_PAGE, EDGE_PAGE, PROT_NONE), 0);
	}
	assert_true(len <= EDGE_PAGE);
	if (len > 0)
		memcpy(pages + EDGE_PAGE - len, bytes, len);
	return (struct slice){ pages + EDGE_PAGE - len, len };
}

#endif
