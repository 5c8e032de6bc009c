/* SPDX-License-Identifier: Apache-2.0 */
/* An assignment that is accepted is formatted to the very same bytes. */
#include <stdlib.h>

#include "common/assign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf again = BUF_INIT(ASSIGN_BYTES_MAX);
	struct slice in = { data, len };
	struct assign a;
	struct err e;

	if (assign_parse(in, &a, &e))
		return 0;
	if (assign_format(&a, &again, &e) ||
	    !slice_equal(buf_slice(&again), in) || a.version == 0)
		abort();
	buf_done(&again);
	return 0;
}
