/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* what a context takes, before it does */
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "common/mem.h"
#include "common/member_codec.h"

#define OUT_LEN    (16u << 10)
#define LEVEL_MAX  22
#define WINDOW_MIN 10 /* bits */
#define WINDOW_MAX 27

struct state {
	ZSTD_CCtx *packer;
	ZSTD_DCtx *unpacker;
	int level;
	bool whole;
	uint8_t out[OUT_LEN];
};

static bool is_whole(const uint64_t *params)
{
	return params[ZSTD_WHOLE] == 1;
}

static bool is_valid(const uint64_t *params)
{
	return params[ZSTD_LEVEL] >= 1 && params[ZSTD_LEVEL] <= LEVEL_MAX &&
	       params[ZSTD_CHECKSUM] <= 1 && params[ZSTD_SIZE] <= 1 &&
	       params[ZSTD_WHOLE] <= 1 && params[4] == 0 &&
	       (!is_whole(params) ||
		(params[ZSTD_CHECKSUM] == 0 && params[ZSTD_SIZE] == 1));
}

static uint64_t memory(const uint64_t *params, uint64_t raw_len)
{
	const bool known = params[ZSTD_SIZE] == 1;
	const ZSTD_compressionParameters how =
		ZSTD_getCParams((int)params[ZSTD_LEVEL],
				known ? raw_len : ZSTD_CONTENTSIZE_UNKNOWN, 0);

	if (is_whole(params))
		return ZSTD_estimateCCtxSize_usingCParams(how) +
		       ZSTD_COMPRESSBOUND(raw_len) + sizeof(struct state);
	return ZSTD_estimateCStreamSize_usingCParams(how) +
	       sizeof(struct state);
}

static bool set(struct state *s, ZSTD_cParameter parameter, uint64_t value)
{
	return !ZSTD_isError(
		ZSTD_CCtx_setParameter(s->packer, parameter, (int)value));
}

static bool start_packer(struct state *s, const struct member_task *t)
{
	const uint64_t *params = t->recipe.params;

	s->packer = ZSTD_createCCtx();
	s->level = (int)params[ZSTD_LEVEL];
	s->whole = is_whole(params);
	return s->packer &&
	       set(s, ZSTD_c_compressionLevel, params[ZSTD_LEVEL]) &&
	       set(s, ZSTD_c_checksumFlag, params[ZSTD_CHECKSUM]) &&
	       set(s, ZSTD_c_contentSizeFlag, params[ZSTD_SIZE]) &&
	       (params[ZSTD_SIZE] == 0 ||
		!ZSTD_isError(
			ZSTD_CCtx_setPledgedSrcSize(s->packer, t->raw_len)));
}

/* A window that is too large for the memory is refused by the library. */
static bool start_unpacker(struct state *s, const struct member_task *t)
{
	int bits = WINDOW_MIN;

	while (bits < WINDOW_MAX && (UINT64_C(2) << bits) <= t->memory_max)
		bits++;
	s->unpacker = ZSTD_createDCtx();
	return s->unpacker && !ZSTD_isError(ZSTD_DCtx_setParameter(
				      s->unpacker, ZSTD_d_windowLogMax, bits));
}

static void stop(void *state)
{
	struct state *s = state;

	ZSTD_freeCCtx(s->packer);
	ZSTD_freeDCtx(s->unpacker);
	free(s);
}

static int start(const struct member_task *t, void **out, struct err *e)
{
	struct state *s = mem_alloc(1, sizeof(*s));

	if (!(t->pack ? start_packer(s, t) : start_unpacker(s, t))) {
		stop(s);
		return err_set(e, ERR_SYSTEM, "zstd: cannot start");
	}
	*out = s;
	return 0;
}

static int pack_whole(struct state *s, struct slice in, struct member_out *to,
		      struct err *e)
{
	const size_t cap = ZSTD_compressBound(in.len);
	uint8_t *bytes = mem_alloc(cap, 1);
	const size_t len = ZSTD_compressCCtx(s->packer, bytes, cap, in.ptr,
					     in.len, s->level);
	int rc;

	if (ZSTD_isError(len))
		rc = err_set(e, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(len));
	else
		rc = member_put(to, bytes, len, e);
	free(bytes);
	return rc;
}

static int pack(void *state, struct slice in, bool last, struct member_out *to,
		struct err *e)
{
	struct state *s = state;
	ZSTD_inBuffer from = { in.ptr, in.len, 0 };
	size_t left;

	if (s->whole)
		return pack_whole(s, in, to, e);
	do {
		ZSTD_outBuffer out = { s->out, OUT_LEN, 0 };

		left = ZSTD_compressStream2(s->packer, &out, &from,
					    last ? ZSTD_e_end
						 : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return err_set(e, ERR_SYSTEM, "zstd: %s",
				       ZSTD_getErrorName(left));
		if (member_put(to, s->out, out.pos, e))
			return -1;
	} while (last ? left > 0 : from.pos < from.size);
	return 0;
}

static int unpack(void *state, struct slice in, size_t *used, bool *ended,
		  struct member_out *to, struct err *e)
{
	struct state *s = state;
	ZSTD_inBuffer from = { in.ptr, in.len, 0 };
	ZSTD_outBuffer out;
	size_t rc;

	do {
		out = (ZSTD_outBuffer){ s->out, OUT_LEN, 0 };
		rc = ZSTD_decompressStream(s->unpacker, &out, &from);
		if (ZSTD_isError(rc))
			return err_set(e, ERR_FORMAT, "zstd: %s",
				       ZSTD_getErrorName(rc));
		if (member_put(to, s->out, out.pos, e))
			return -1;
	} while (rc != 0 && (from.pos < from.size || out.pos == OUT_LEN));
	*used = from.pos;
	*ended = rc == 0;
	return 0;
}

const struct member_codec member_zstd = {
	"zstd",   ZSTD_versionString,
	is_valid, memory,
	NULL,     is_whole,
	start,    pack,
	unpack,   stop,
};
