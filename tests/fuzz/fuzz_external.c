/* SPDX-License-Identifier: Apache-2.0 */
/* Files of external keys, as somebody hands them over; nothing is run. */
#include <stdlib.h>

#include "common/external.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf text = BUF_INIT(4 * EXTERNAL_MAX_LEN);
	struct slice in = { data, len };
	struct external x;
	struct err e = { 0 };

	/* Whatever is accepted has a program, a usable key and can be told. */
	if (external_parse(in, &x, &e) == 0 &&
	    (!external_is(in) || !x.argv[0] ||
	     ec_public_check(&x.info.public_key, &e) ||
	     external_format(&x, &text, &e)))
		abort();
	external_done(&x);
	buf_done(&text);
	return 0;
}
