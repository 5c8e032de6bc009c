/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: codec (1 byte), length of the old and of the new stream (2 bytes
 * each), then records. The decoder never reads beside the old stream and
 * emits the whole new one or fails.
 */
#include <stdlib.h>
#include <string.h>

#include "common/delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

struct world {
	struct rd records;
	uint64_t old_len, new_len, emitted;
};

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct world *w = ctx;

	(void)e;
	*got = len < w->records.rest.len ? len : w->records.rest.len;
	rd_copy(&w->records, out, *got);
	return 0;
}

static int old_at(void *ctx, uint64_t offset, void *out, size_t len,
		  struct err *e)
{
	struct world *w = ctx;

	(void)e;
	MUST(offset <= w->old_len && len <= w->old_len - offset);
	memset(out, (int)offset, len);
	return 0;
}

static int emit(void *ctx, struct slice bytes, struct err *e)
{
	struct world *w = ctx;

	(void)e;
	MUST(bytes.len > 0 && bytes.len <= w->new_len - w->emitted);
	w->emitted += bytes.len;
	return 0;
}

static int emit_old(void *ctx, uint64_t offset, uint64_t len, struct err *e)
{
	struct world *w = ctx;

	(void)e;
	MUST(offset <= w->old_len && len <= w->old_len - offset);
	MUST(len <= w->new_len - w->emitted);
	w->emitted += len;
	return 0;
}

static void run(enum package_codec codec, struct world w, bool clones)
{
	struct delta_io io = { &w, more, old_at, emit, NULL };
	struct err e;

	if (clones)
		io.emit_old = emit_old;
	if (delta_apply(codec, w.old_len, w.new_len, &io, &e) == 0)
		MUST(w.emitted == w.new_len && w.records.rest.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world w = { .records = rd_init((struct slice){ data, len }) };
	enum package_codec codec = rd_u8(&w.records) % 3;

	w.old_len = rd_le16(&w.records);
	w.new_len = rd_le16(&w.records);
	if (w.records.bad)
		return 0;
	run(codec, w, false);
	run(codec, w, true);
	return 0;
}
