/* SPDX-License-Identifier: Apache-2.0 */
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>

#include "common/le.h"
#include "common/mem.h"
#include "common/member_codec.h"

#define SIZE_LEN   4
#define BLOCK_MIN  16
#define LEVEL_FAST 1

/* A block is compressed whole, so both sides of it stand in the room. */
struct state {
	LZ4_streamHC_t *hc; /* packing */
	int level;
	bool bare;
	size_t bare_len; /* unpacking: of the one block */
	size_t block_len;
	uint64_t raw_left; /* unpacking: content that is still to come */
	uint8_t *raw, *packed;
	size_t raw_len, packed_len;
};

static bool is_valid(const uint64_t *params)
{
	return params[LZ4_LEVEL] != 0 && params[LZ4_LEVEL] != 2 &&
	       params[LZ4_LEVEL] <= LZ4HC_CLEVEL_MAX &&
	       params[LZ4_BLOCK] >= BLOCK_MIN &&
	       params[LZ4_BLOCK] <= MEMBER_BLOCK_MAX && params[LZ4_BARE] <= 1 &&
	       params[3] == 0 && params[4] == 0;
}

static uint64_t memory(const uint64_t *params, uint64_t raw_len)
{
	(void)params;
	(void)raw_len;
	return sizeof(LZ4_streamHC_t) + sizeof(struct state);
}

static size_t packed_max(size_t block_len)
{
	return SIZE_LEN + (size_t)LZ4_compressBound((int)block_len);
}

static uint64_t room(const uint64_t *params)
{
	size_t block_len = (size_t)params[LZ4_BLOCK];

	return block_len + packed_max(block_len);
}

/* One block holds all of it. */
static bool fits(const struct member_task *t)
{
	const uint64_t *params = t->recipe.params;

	return params[LZ4_BARE] == 0 ||
	       (t->raw_len <= params[LZ4_BLOCK] &&
		t->packed_len <= packed_max((size_t)params[LZ4_BLOCK]));
}

static int start(const struct member_task *t, void **out, struct err *e)
{
	struct state *s;

	if (!fits(t))
		return err_set(e, ERR_LIMIT, "compressed content is too long");
	s = mem_alloc(1, sizeof(*s));

	s->level = (int)t->recipe.params[LZ4_LEVEL];
	s->bare = t->recipe.params[LZ4_BARE] != 0;
	s->bare_len = (size_t)t->packed_len;
	s->block_len = (size_t)t->recipe.params[LZ4_BLOCK];
	s->raw_left = t->raw_len;
	s->raw = t->room;
	s->packed = t->room + s->block_len;
	if (t->pack)
		s->hc = LZ4_createStreamHC();
	if (t->pack && !s->hc) {
		free(s);
		return err_set(e, ERR_SYSTEM, "lz4: out of memory");
	}
	*out = s;
	return 0;
}

/* ---- packing ------------------------------------------------------------- */

static int compress(struct state *s)
{
	const char *raw = (const char *)s->raw;
	char *packed = (char *)s->packed;
	const int most = (int)packed_max(s->block_len);

	if (s->level == LEVEL_FAST)
		return LZ4_compress_default(raw, packed, (int)s->raw_len, most);
	return LZ4_compress_HC_extStateHC(s->hc, raw, packed, (int)s->raw_len,
					  most, s->level);
}

static int pack_block(struct state *s, struct member_out *to, struct err *e)
{
	uint8_t size[SIZE_LEN];
	int len;

	if (s->raw_len == 0)
		return 0;
	len = compress(s);
	if (len <= 0)
		return err_set(e, ERR_SYSTEM, "lz4: cannot compress");
	s->raw_len = 0;
	le32_put(size, (uint32_t)len);
	if (!s->bare && member_put(to, size, SIZE_LEN, e))
		return -1;
	return member_put(to, s->packed, (size_t)len, e);
}

static int pack(void *state, struct slice in, bool last, struct member_out *to,
		struct err *e)
{
	struct state *s = state;

	while (in.len > 0) {
		struct slice part = slice_sub(in, 0, s->block_len - s->raw_len);

		memcpy(s->raw + s->raw_len, part.ptr, part.len);
		s->raw_len += part.len;
		in = slice_sub(in, part.len, in.len);
		if (s->raw_len == s->block_len && pack_block(s, to, e))
			return -1;
	}
	return last ? pack_block(s, to, e) : 0;
}

/* ---- unpacking ----------------------------------------------------------- */

/* How much content there is, who asks may not know. */
static int unpack_bare(struct state *s, struct member_out *to, struct err *e)
{
	const int len =
		LZ4_decompress_safe((const char *)s->packed, (char *)s->raw,
				    (int)s->packed_len, (int)s->block_len);

	if (len < 0)
		return err_set(e, ERR_FORMAT, "lz4: damaged content");
	return member_put(to, s->raw, (size_t)len, e);
}

static int unpack_block(struct state *s, struct member_out *to, struct err *e)
{
	const size_t wanted =
		s->raw_left < s->block_len ? (size_t)s->raw_left : s->block_len;
	int len = LZ4_decompress_safe(
		(const char *)s->packed + SIZE_LEN, (char *)s->raw,
		(int)(s->packed_len - SIZE_LEN), (int)wanted);

	if (len < 0 || (size_t)len != wanted)
		return err_set(e, ERR_FORMAT, "lz4: damaged content");
	s->packed_len = 0;
	s->raw_left -= wanted;
	return member_put(to, s->raw, wanted, e);
}

/* Put bytes behind the packed ones there are, up to `wanted` altogether. */
static size_t gather(struct state *s, struct slice *in, size_t wanted)
{
	struct slice part = slice_sub(*in, 0, wanted - s->packed_len);

	memcpy(s->packed + s->packed_len, part.ptr, part.len);
	s->packed_len += part.len;
	*in = slice_sub(*in, part.len, in->len);
	return part.len;
}

static int unpack(void *state, struct slice in, size_t *used, bool *ended,
		  struct member_out *to, struct err *e)
{
	struct state *s = state;

	if (s->bare) {
		if (in.len > 0)
			*used += gather(s, &in, s->bare_len);
		*ended = s->packed_len == s->bare_len;
		return *ended ? unpack_bare(s, to, e) : 0;
	}
	while (in.len > 0 && s->raw_left > 0) {
		size_t len;

		if (s->packed_len < SIZE_LEN) {
			*used += gather(s, &in, SIZE_LEN);
			continue;
		}
		len = le32_get(s->packed);
		if (len > packed_max(s->block_len) - SIZE_LEN)
			return err_set(e, ERR_FORMAT, "lz4: damaged content");
		*used += gather(s, &in, SIZE_LEN + len);
		if (s->packed_len == SIZE_LEN + len && unpack_block(s, to, e))
			return -1;
	}
	*ended = s->raw_left == 0;
	return 0;
}

static void stop(void *state)
{
	struct state *s = state;

	if (s->hc)
		(void)LZ4_freeStreamHC(s->hc); /* always 0 */
	free(s);
}

const struct member_codec member_lz4 = {
	"lz4",    LZ4_versionString,
	is_valid, memory,
	room,     NULL,
	start,    pack,
	unpack,   stop,
};
