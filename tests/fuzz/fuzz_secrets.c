/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: any window. A finding's anchor lies in what was judged, the search
 * moves on, and a decoded run lies within the window.
 */
#include <stdlib.h>

#include "signer/encoded.h"
#include "signer/secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void decode(struct slice window, size_t from, size_t to)
{
	struct encoded run;

	while (encoded_next(window, from, to, &run, &from)) {
		uint8_t *out;

		if (run.at + run.len > window.len || run.letters > run.len ||
		    run.word > run.letters || from > to)
			abort();
		for (size_t skip = 0; skip < 4; skip++) {
			out = malloc(run.letters);
			if (out && encoded_decode(window, &run, skip, out) >
					   run.letters)
				abort();
			free(out);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice window = { data, len };
	size_t from = len / 4, to = len - len / 4, before = from;
	struct secret found;

	(void)secrets_at_start(window);
	(void)encoded_is_all(window);
	while (secrets_next(window, from, to, &found, &from)) {
		if (found.at >= to || from <= before || from > to ||
		    !found.what)
			abort();
		before = from;
	}
	decode(window, len / 4, to);
	return 0;
}
