/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted is formatted to the very same bytes. */
#include <assert.h>
#include <stdlib.h>

#include "common/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf again = BUF_INIT(STATEMENT_MAX_LEN);
	struct slice in = { data, len };
	struct site document;
	struct json *j;
	struct err e;

	if (site_parse(in, &document, &e))
		return 0;
	j = site_format(&document);
	if (json_canonical(j, &again, &e))
		abort();
	assert(slice_equal(buf_slice(&again), in));
	json_free(j);
	buf_done(&again);
	return 0;
}
