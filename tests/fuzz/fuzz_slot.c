/* SPDX-License-Identifier: Apache-2.0 */
/* A slot's release.json that is accepted says the same when written again. */
#include <assert.h>
#include <stdlib.h>

#include "updater-client/slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf text = BUF_INIT(4 * SLOT_RECORD_MAX);
	struct buf twice = BUF_INIT(4 * SLOT_RECORD_MAX);
	struct slot_release r, again;
	struct err e;

	if (len > SLOT_RECORD_MAX ||
	    slot_release_parse((struct slice){ data, len }, &r, &e))
		return 0;
	if (slot_release_format(&r, &text, &e) ||
	    slot_release_parse(buf_slice(&text), &again, &e) ||
	    slot_release_format(&again, &twice, &e))
		abort();
	assert(slice_equal(buf_slice(&text), buf_slice(&twice)));
	buf_done(&text);
	buf_done(&twice);
	return 0;
}
