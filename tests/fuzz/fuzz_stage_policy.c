/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a policy: what is taken is written and read again the same. */
#include <assert.h>
#include <string.h>

#include "update-server/stage_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { data, size };
	struct stage_policy p = stage_usual, again = stage_usual;
	char text[STAGE_POLICY_TEXT], other[STAGE_POLICY_TEXT];
	struct err e = { 0 };

	if (stage_policy_read(in, &p, &e)) {
		assert(stage_policy_write(&p, text, &e) == 0);
		assert(stage_policy_write(&stage_usual, other, &e) == 0);
		assert(strcmp(text, other) == 0);
		return 0;
	}
	assert(stage_policy_write(&p, text, &e) == 0);
	assert(stage_policy_read(slice_of(text), &again, &e) == 0);
	assert(stage_policy_write(&again, other, &e) == 0);
	assert(strcmp(text, other) == 0);
	return 0;
}
