/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody says that an officer signed. */
#include <assert.h>

#include "update-server/warrant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct ec_public nobody = { { 4 } };
	struct slice in = { data, len };
	struct warrant w, again;
	struct err e;

	if (warrant_parse(in, &w, &e))
		return 0;
	/* One spelling: whatever is read is read the same again. */
	assert(warrant_parse(in, &again, &e) == 0);
	assert(warrant_same(&w, &again, &e) == 0);
	assert(warrant_verify(in, &nobody, &e));
	return 0;
}
