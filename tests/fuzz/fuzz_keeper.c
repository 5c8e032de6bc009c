/* SPDX-License-Identifier: Apache-2.0 */
/* What a server that was taken over may send its keeper, and the reverse. */
#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "update-server/keeper_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void request(struct slice in)
{
	struct buf again = BUF_INIT(KEEPER_MESSAGE_MAX);
	struct keeper_request *q = mem_alloc(1, sizeof(*q));
	struct err e;

	if (keeper_parse_request(in, q, &e) == 0) {
		assert(keeper_format_request(q, &again, &e) == 0);
		assert(slice_equal(buf_slice(&again), in));
	}
	buf_done(&again);
	free(q);
}

static void answer(enum keeper_op op, struct slice in)
{
	struct buf again = BUF_INIT(KEEPER_MESSAGE_MAX);
	struct keeper_answer *a = mem_alloc(1, sizeof(*a));
	struct err e;

	if (keeper_parse_answer(op, in, a, &e) == 0) {
		assert(keeper_format_answer(op, a, &again, &e) == 0);
		assert(slice_equal(buf_slice(&again), in));
	}
	buf_done(&again);
	free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };

	request(in);
	answer(KEEPER_ENROL, in);
	answer(KEEPER_REFRESH, in);
	answer(KEEPER_RENEW, in);
	answer(KEEPER_HEAD, in);
	answer(KEEPER_CHECKPOINT, in);
	answer(KEEPER_WARRANT, in);
	return 0;
}
