/* SPDX-License-Identifier: Apache-2.0 */
/* A message that is accepted can be sent on, and is then the same bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "updater-client/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void use_health(const struct slot_release *r)
{
	char *argv[RELEASE_ARGS_MAX + 1];
	size_t commands = 0;
	size_t at = 0;

	while (slot_health(r, &at, argv)) {
		assert(argv[0] && argv[0][0]);
		commands++;
	}
	assert(commands <= RELEASE_HEALTH_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice in = { data, len };
	struct buf again = BUF_INIT(MESSAGE_MAX);
	struct message m;
	struct err e;

	if (len > MESSAGE_MAX || message_parse(in, &m, &e))
		return 0;
	if (message_format(&m, &again, &e))
		abort();
	assert(slice_equal(buf_slice(&again), in));
	if (m.kind == MESSAGE_PLAN || m.kind == MESSAGE_APPLY)
		use_health(&m.plan.release);
	buf_done(&again);
	return 0;
}
