/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An order that is accepted is formatted to the very same bytes, and whatever
 * it says, a decision over it neither crashes nor opens a halted release.
 */
#include <string.h>

#include "common/order.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_decision(const struct order *o)
{
	struct release r = { .digest = o->digest };
	struct order_device d = { .cohort = "canary", .clock = o->issued + 1 };
	struct order_set set = { .at = { NULL } };
	struct order_grant grant;
	struct err e;

	memcpy(r.product, o->product, sizeof(r.product));
	memcpy(r.id, o->release, sizeof(r.id));
	for (size_t i = 0; i < ORDER_PLACES; i++) {
		set.at[i] = o;
		if (order_allows(&set, &r, &d, &grant, &e) == 0)
			MUST(o->kind != ORDER_HALT && i != ORDER_ONE);
		set.at[i] = NULL;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf again = BUF_INIT(ORDER_BYTES_MAX);
	struct slice in = { data, len };
	struct order o;
	struct err e;

	if (order_parse(in, &o, &e))
		return 0;
	MUST(order_format(&o, &again, &e) == 0);
	MUST(slice_equal(buf_slice(&again), in));
	check_decision(&o);
	order_done(&o);
	buf_done(&again);
	return 0;
}
