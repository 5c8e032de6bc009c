/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: kind (1 byte), length of the content (2 bytes), then a list of
 * members, which must not crash, or compressed bytes: no more comes out than
 * was told, and what unpacks whole has exactly that length.
 */
#include <stdlib.h>
#include <string.h>

#include "common/delta_members.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ROOM_LEN (1u << 18)

#define PARSE 5 /* the kind of an input that is a list of members */

static int count(void *ctx, struct slice bytes, struct err *e)
{
	uint64_t *sum = ctx;

	(void)e;
	*sum += bytes.len;
	return 0;
}

static void unpack(const struct member_recipe *r, uint64_t raw_len,
		   struct slice in)
{
	static uint8_t room[ROOM_LEN];
	uint64_t sum = 0;
	const struct member_task t = { .recipe = *r,
				       .raw_len = raw_len,
				       .packed_len = in.len,
				       .memory_max = 1u << 20,
				       .room = room,
				       .ctx = &sum,
				       .put = count };
	struct member_stream *s = NULL;
	struct err e;
	size_t used;

	if (member_room(r) > ROOM_LEN)
		abort();
	if (member_start(&t, &s, &e)) {
		/* One block may be too long. */
		if (e.code != ERR_LIMIT || r->params[LZ4_BARE] == 0)
			abort();
		return;
	}
	if (member_add(s, in, &used, &e) == 0 && member_end(s, &e) == 0 &&
	    (sum != raw_len || used > in.len))
		abort();
	if (sum > raw_len)
		abort();
	member_free(s);
}

static void parse(struct slice in, uint64_t len)
{
	struct delta_members m = { .recipe_count = 0 };
	struct buf again = BUF_INIT(2 * (size_t)DELTA_LIST_MAX);
	struct err e;

	if (in.len <= DELTA_LIST_MAX &&
	    delta_parse_members(in, len, len, &m, &e) == 0 &&
	    !delta_members_is_empty(&m) &&
	    (delta_format_members(&m, &again, &e) ||
	     !slice_equal(buf_slice(&again), in)))
		abort();
	delta_members_done(&m);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct member_recipe recipes[] = {
		{ MEMBER_DEFLATE, { 9, 8, 0, 0 } },
		{ MEMBER_DEFLATE, { 9, 8, 0, 1 } },
		{ MEMBER_LZ4, { 9, 4096, 0, 0 } },
		{ MEMBER_XZ, { 6, 4096, 0, 0 } },
		{ MEMBER_ZSTD, { 3, 0, 0, 0 } },
		{ MEMBER_LZ4, { 9, 4096, 1, 0 } },
	};
	struct rd r = rd_init((struct slice){ data, len });
	const uint8_t kind = rd_u8(&r) % (ARRAY_LEN(recipes) + 1);
	const uint64_t raw_len = rd_le16(&r);

	if (r.bad)
		return 0;
	if (kind == PARSE)
		parse(r.rest, raw_len);
	else
		unpack(&recipes[kind < PARSE ? kind : kind - 1], raw_len,
		       r.rest);
	return 0;
}
