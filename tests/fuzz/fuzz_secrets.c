/* SPDX-License-Identifier: Apache-2.0 */
/* Input: any content. A finding lies within what was looked at. */
#include <stdlib.h>

#include "signer/secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t at = 0;

	if (secrets_find((struct slice){ data, len }, len, true, &at) &&
	    at >= len)
		abort();
	if (secrets_find((struct slice){ data, len }, len / 2, false, &at) &&
	    at >= len / 2)
		abort();
	return 0;
}
