/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps of bytes in any text: runs lie in it, in order, and fit their room. */
#include <stdint.h>
#include <stdlib.h>

#include "common/mem.h"
#include "signer/hexdump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice text = { data, len };
	struct hexdump run;
	size_t from = 0, next;

	while (hexdump_next(text, from, len, &run, &next)) {
		uint8_t *out = mem_alloc(run.bytes, 1);

		if (run.at + run.len > len || run.bytes > run.len ||
		    run.bytes < HEXDUMP_MIN || next <= from || next > len)
			abort();
		hexdump_decode(text, &run, out);
		free(out);
		from = next;
	}
	return 0;
}
