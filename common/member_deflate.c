/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <zlib.h>

#include "common/mem.h"
#include "common/member_codec.h"

#define OUT_LEN     16384
#define WINDOW_BITS 15
#define STATE_LEN   8192 /* of the library, beside its tables */

struct state {
	z_stream z;
	bool pack;
	uint8_t out[OUT_LEN];
};

static bool is_valid(const uint64_t *params)
{
	return params[DEFLATE_LEVEL] >= 1 && params[DEFLATE_LEVEL] <= 9 &&
	       params[DEFLATE_MEMORY] >= 1 && params[DEFLATE_MEMORY] <= 9 &&
	       params[DEFLATE_STRATEGY] <= Z_RLE &&
	       params[DEFLATE_FRAMED] <= 1 && params[4] == 0;
}

/* As zconf.h says it. */
static uint64_t memory(const uint64_t *params, uint64_t raw_len)
{
	(void)raw_len;
	return (1u << (WINDOW_BITS + 2)) +
	       (UINT64_C(1) << (params[DEFLATE_MEMORY] + 9)) + STATE_LEN +
	       sizeof(struct state);
}

static int start(const struct member_task *t, void **out, struct err *e)
{
	const uint64_t *params = t->recipe.params;
	const int bits = params[DEFLATE_FRAMED] ? WINDOW_BITS : -WINDOW_BITS;
	struct state *s = mem_alloc(1, sizeof(*s));
	int rc;

	s->pack = t->pack;
	if (t->pack)
		rc = deflateInit2(&s->z, (int)params[DEFLATE_LEVEL], Z_DEFLATED,
				  bits, (int)params[DEFLATE_MEMORY],
				  (int)params[DEFLATE_STRATEGY]);
	else
		rc = inflateInit2(&s->z, bits);
	if (rc != Z_OK) {
		free(s);
		return err_set(e, ERR_SYSTEM, "zlib: cannot start (%d)", rc);
	}
	*out = s;
	return 0;
}

static void set_input(z_stream *z, struct slice in)
{
	z->next_in = (z_const Bytef *)(uintptr_t)in.ptr;
	z->avail_in = (uInt)in.len;
}

static int pack(void *state, struct slice in, bool last, struct member_out *to,
		struct err *e)
{
	struct state *s = state;
	int rc;

	set_input(&s->z, in);
	do {
		s->z.next_out = s->out;
		s->z.avail_out = OUT_LEN;
		rc = deflate(&s->z, last ? Z_FINISH : Z_NO_FLUSH);
		if (rc == Z_STREAM_ERROR)
			return err_set(e, ERR_SYSTEM, "zlib: broken state");
		if (member_put(to, s->out, OUT_LEN - s->z.avail_out, e))
			return -1;
	} while (s->z.avail_out == 0);
	return 0;
}

static int unpack(void *state, struct slice in, size_t *used, bool *ended,
		  struct member_out *to, struct err *e)
{
	struct state *s = state;
	int rc;

	set_input(&s->z, in);
	do {
		s->z.next_out = s->out;
		s->z.avail_out = OUT_LEN;
		rc = inflate(&s->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return err_set(e, ERR_FORMAT, "zlib: damaged content");
		if (member_put(to, s->out, OUT_LEN - s->z.avail_out, e))
			return -1;
	} while (rc == Z_OK && s->z.avail_out == 0);
	*used = in.len - s->z.avail_in;
	*ended = rc == Z_STREAM_END;
	return 0;
}

static void stop(void *state)
{
	struct state *s = state;

	if (s->pack)
		(void)deflateEnd(&s->z); /* only says that some was pending */
	else
		(void)inflateEnd(&s->z);
	free(s);
}

const struct member_codec member_deflate = {
	"zlib", zlibVersion, is_valid, memory, NULL,
	NULL,   start,       pack,     unpack, stop,
};
