/* SPDX-License-Identifier: Apache-2.0 */
/* A record that is accepted is formatted to the very same bytes. */
#include <assert.h>
#include <string.h>

#include "updater-client/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(struct slice in)
{
	uint8_t again[CHECKPOINT_LEN];
	struct checkpoint c;
	struct err e;
	uint64_t sequence;

	if (checkpoint_parse(in, &c, &sequence, &e))
		return;
	checkpoint_format(&c, sequence, again);
	assert(memcmp(again, in.ptr, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t summed[CHECKPOINT_LEN];
	struct sha256 sum;

	check((struct slice){ data, len });
	/* With the right checksum, too, so that the fields are reached. */
	if (len < CHECKPOINT_LEN)
		return 0;
	memcpy(summed, data, sizeof(summed));
	sha256_of((struct slice){ summed, sizeof(summed) - SHA256_LEN }, &sum);
	memcpy(summed + sizeof(summed) - SHA256_LEN, sum.bytes, SHA256_LEN);
	check((struct slice){ summed, sizeof(summed) });
	return 0;
}
