/* SPDX-License-Identifier: Apache-2.0 */
/* Key files as somebody hands them over: what they say in the clear. */
#include <stdlib.h>

#include "common/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct keyfile_info info;
	struct err e = { 0 };

	/* Whatever is accepted has a key that can be used. */
	if (keyfile_inspect((struct slice){ data, len }, &info, &e) == 0 &&
	    ec_public_check(&info.public_key, &e))
		abort();
	return 0;
}
