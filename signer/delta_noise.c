/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_noise.h"

#include "common/rd.h"
#include "signer/encode.h"

#define LITTLE     ((size_t)64 << 10)
#define PART_LEN   (1u << 20) /* compressed at a time */
#define LEAST_GAIN 8          /* one byte of so many */

static int pack(struct slice bytes, size_t *len, struct err *e)
{
	const struct encode_how how = { .codec = PACKAGE_ZSTD,
					.window_len = PART_LEN,
					.fast = true };
	struct buf packed = BUF_INIT(SIZE_MAX);
	int rc = encode_with(&how, bytes, &packed, e);

	*len = packed.len;
	buf_done(&packed);
	return rc;
}

int delta_noise_is(struct slice bytes, bool *out, struct err *e)
{
	const size_t least = bytes.len - bytes.len / LEAST_GAIN;
	size_t most = bytes.len; /* that the packed parts may come to */
	size_t len;

	*out = false;
	if (bytes.len < LITTLE)
		return 0;
	for (size_t at = 0; at < bytes.len && most >= least; at += PART_LEN) {
		const struct slice part = slice_sub(bytes, at, PART_LEN);

		if (pack(part, &len, e))
			return -1;
		most = most - part.len + len;
	}
	*out = most >= least;
	return 0;
}
