/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: predictor, block length, offsets, a layout and three covers, then the
 * bytes that the predictor sees, old and new. Whatever they are, what the
 * writer computes must lead the reader back to the new bytes.
 */
#include <string.h>

#include "common/delta_predict.h"
#include "common/rd.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SPANS 3
#define VIEW  (DELTA_BEFORE + DELTA_BLOCK + DELTA_AFTER)

static void read_layout(struct rd *r, struct delta_layout *l)
{
	l->count = 2;
	for (size_t i = 0; i < l->count; i++) {
		l->regions[i].at = (uint32_t)rd_le16(r);
		l->regions[i].len = (uint32_t)rd_le16(r);
		l->regions[i].address = rd_le64(r);
	}
}

/* Bytes of the input as long as there are any, then a pattern of them. */
static void fill(struct rd *r, uint8_t *out, size_t len)
{
	size_t some = r->rest.len < len ? r->rest.len : len;

	rd_copy(r, out, some);
	for (size_t i = some; i < len; i++)
		out[i] = (uint8_t)(i * (some > 0 ? out[i % some] : 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t old[VIEW], fresh[VIEW], back[VIEW], diff[DELTA_BLOCK];
	struct rd r = rd_init((struct slice){ data, len });
	struct delta_span spans[SPANS];
	struct delta_map map = { .spans = spans };
	struct delta_block block = { .old = old };
	enum delta_predictor predictor = rd_u8(&r) % DELTA_PREDICTORS;

	block.len = rd_le16(&r) % DELTA_BLOCK + 1u;
	block.old_at = rd_le16(&r);
	block.new_at = rd_le16(&r);
	map.old_anchor = rd_le16(&r);
	map.new_anchor = rd_le16(&r);
	read_layout(&r, &map.old);
	read_layout(&r, &map.fresh);
	for (size_t i = 0; i < SPANS; i++) {
		uint32_t at = rd_le16(&r), to = rd_le16(&r);

		delta_map_add(&map, at, to, rd_le16(&r) + 1u);
	}
	delta_map_seal(&map);
	for (size_t i = 1; i < map.count; i++)
		MUST(spans[i].at >= spans[i - 1].end);
	fill(&r, old, VIEW);
	fill(&r, fresh, VIEW);
	memcpy(back, fresh, DELTA_BEFORE);
	delta_compare(predictor, &map, &block, fresh, diff);
	delta_rebuild(predictor, &map, &block, diff, back);
	MUST(memcmp(back, fresh, DELTA_BEFORE + block.len) == 0);
	return 0;
}
