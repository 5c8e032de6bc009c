/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a window of a file. What is found lies within it, and each place is
 * looked at once. Where a stream ends does not depend on the pieces in which it
 * comes, and what passes is its first bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "signer/embedded.h"
#include "signer/unwrap_end.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t passed(enum unwrap_kind kind, struct slice in, size_t step)
{
	struct unwrap_end x;
	uint64_t all = 0;

	unwrap_end_init(&x, kind);
	for (size_t at = 0; at < in.len; at += step) {
		struct slice piece = slice_sub(in, at, step), part;

		while ((part = unwrap_end_pass(&x, &piece)).len > 0) {
			if (part.len > in.len - all ||
			    memcmp(part.ptr, in.ptr + all, part.len) != 0)
				abort();
			all += part.len;
		}
		if (!x.ended && piece.len > 0)
			abort();
	}
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice window = { data, len };
	size_t from = 0, before;
	struct embedded one;

	for (before = 0; embedded_next(window, 0, from, len, &one, &from);
	     before = from) {
		const struct slice rest = slice_sub(window, one.at, len);

		if (one.at >= len || from <= before || from > len)
			abort();
		if (passed(one.archive, rest, 7) !=
		    passed(one.archive, rest, len))
			abort();
	}
	return 0;
}
