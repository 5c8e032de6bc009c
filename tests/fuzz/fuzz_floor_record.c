/* SPDX-License-Identifier: Apache-2.0 */
/* A record that is accepted is formatted to the very same bytes. */
#include <assert.h>
#include <string.h>

#include "updater-client/floor_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(struct slice in)
{
	uint8_t again[FLOOR_RECORD_LEN];
	struct floor_record r;
	struct err e;
	uint64_t sequence;

	if (floor_record_parse(in, &r, &sequence, &e))
		return;
	floor_record_format(&r, sequence, again);
	assert(memcmp(again, in.ptr, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t summed[FLOOR_RECORD_LEN];
	struct sha256 sum;

	check((struct slice){ data, len });
	/* With the right checksum, too, so that the fields are reached. */
	if (len < FLOOR_RECORD_LEN)
		return 0;
	memcpy(summed, data, sizeof(summed));
	sha256_of((struct slice){ summed, sizeof(summed) - SHA256_LEN }, &sum);
	memcpy(summed + sizeof(summed) - SHA256_LEN, sum.bytes, SHA256_LEN);
	check((struct slice){ summed, sizeof(summed) });
	return 0;
}
