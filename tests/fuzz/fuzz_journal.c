/* SPDX-License-Identifier: Apache-2.0 */
/* A record that is accepted is formatted to the very same bytes. */
#include <assert.h>
#include <string.h>

#include "updater-client/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(struct slice in)
{
	uint8_t again[JOURNAL_RECORD_LEN];
	struct journal j;
	struct err e;
	uint64_t sequence;

	if (journal_parse(in, &j, &sequence, &e))
		return;
	assert(j.machine.state < MACHINE_STATES);
	assert(j.refusals.count <= REFUSALS_MAX);
	assert(strlen(j.detail) < sizeof(j.detail));
	journal_format(&j, sequence, again);
	assert(memcmp(again, in.ptr, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t summed[JOURNAL_RECORD_LEN];
	struct sha256 sum;

	check((struct slice){ data, len });
	/* With the right checksum, too, so that the fields are reached. */
	if (len < JOURNAL_RECORD_LEN)
		return 0;
	memcpy(summed, data, sizeof(summed));
	sha256_of((struct slice){ summed, sizeof(summed) - SHA256_LEN }, &sum);
	memcpy(summed + sizeof(summed) - SHA256_LEN, sum.bytes, SHA256_LEN);
	check((struct slice){ summed, sizeof(summed) });
	return 0;
}
