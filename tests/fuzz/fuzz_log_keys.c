/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted is formatted to the very same bytes. */
#include <assert.h>
#include <stdlib.h>

#include "common/log_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf again = BUF_INIT(STATEMENT_MAX_LEN);
	struct slice in = { data, len };
	struct log_keys document;
	struct json *j;
	struct err e;

	if (log_keys_parse(in, &document, &e))
		return 0;
	j = log_keys_format(&document);
	if (json_canonical(j, &again, &e))
		abort();
	assert(slice_equal(buf_slice(&again), in));
	json_free(j);
	buf_done(&again);
	return 0;
}
