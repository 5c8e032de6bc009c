/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says in what pieces the rest comes: the events are the same.
 */
#include <stdlib.h>

#include "update-server/events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct sum {
	uint64_t events, cursors, bytes;
};

static int add(void *ctx, const struct event *event, struct err *e)
{
	struct sum *s = ctx;

	(void)e;
	if (event->kind >= EVENT_KINDS || event->record.len == 0 ||
	    event->record.len > EVENTS_LINE_MAX)
		abort();
	s->events++;
	s->cursors += event->cursor;
	s->bytes += event->record.len;
	return 0;
}

static int read_in(struct slice in, size_t step, struct sum *s)
{
	struct events_reader r = EVENTS_READER_INIT;
	struct err e;
	int rc = 0;

	while (rc == 0 && in.len > 0) {
		size_t n = step < in.len ? step : in.len;

		rc = events_read(&r, slice_sub(in, 0, n), add, s, &e);
		in = slice_sub(in, n, in.len - n);
	}
	events_reader_done(&r);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sum whole = { 0 }, pieces = { 0 };
	struct slice in;

	if (len < 2)
		return 0;
	in = (struct slice){ data + 1, len - 1 };
	if (read_in(in, SIZE_MAX, &whole) !=
		    read_in(in, (size_t)data[0] + 1, &pieces) ||
	    whole.events != pieces.events || whole.cursors != pieces.cursors ||
	    whole.bytes != pieces.bytes)
		abort();
	return 0;
}
