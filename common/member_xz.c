/* SPDX-License-Identifier: Apache-2.0 */
#include <lzma.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/member_codec.h"

#define OUT_LEN  16384
#define DICT_MIN 4096
#define DICT_MAX (64u << 20)
#define EXTREME  16 /* in XZ_PRESET */

/* What liblzma does not count: the index, and its own small structures. */
#define FIXED_LEN (64u << 10)

struct state {
	lzma_stream z;
	const struct member_task *task;
	uint8_t out[OUT_LEN];
};

struct chain {
	lzma_options_lzma options;
	lzma_filter filters[3];
};

static bool is_valid(const uint64_t *params)
{
	const uint64_t check = params[XZ_CHECK], filter = params[XZ_FILTER];

	return params[XZ_PRESET] < 2 * EXTREME &&
	       params[XZ_PRESET] % EXTREME <= 9 &&
	       params[XZ_DICT] >= DICT_MIN && params[XZ_DICT] <= DICT_MAX &&
	       (check == LZMA_CHECK_NONE || check == LZMA_CHECK_CRC32 ||
		check == LZMA_CHECK_CRC64 || check == LZMA_CHECK_SHA256) &&
	       (filter == 0 ||
		(filter >= LZMA_FILTER_X86 && filter <= LZMA_FILTER_SPARC)) &&
	       params[XZ_WHOLE] <= 1;
}

static bool is_whole(const uint64_t *params)
{
	return params[XZ_WHOLE] == 1;
}

static void fill_chain(const uint64_t *params, struct chain *c)
{
	const uint32_t preset =
		(uint32_t)(params[XZ_PRESET] % EXTREME) |
		(params[XZ_PRESET] >= EXTREME ? LZMA_PRESET_EXTREME : 0);
	size_t count = 0;

	(void)lzma_lzma_preset(&c->options, preset); /* it was checked */
	c->options.dict_size = (uint32_t)params[XZ_DICT];
	if (params[XZ_FILTER] != 0)
		c->filters[count++] = (lzma_filter){ params[XZ_FILTER], NULL };
	c->filters[count++] = (lzma_filter){ LZMA_FILTER_LZMA2, &c->options };
	c->filters[count] = (lzma_filter){ LZMA_VLI_UNKNOWN, NULL };
}

static uint64_t memory(const uint64_t *params, uint64_t raw_len)
{
	const uint64_t whole =
		is_whole(params) ? lzma_stream_buffer_bound(
					   (size_t)(raw_len < MEMBER_WHOLE_MAX
							    ? raw_len
							    : MEMBER_WHOLE_MAX))
				 : 0;
	struct chain c;

	fill_chain(params, &c);
	return lzma_raw_encoder_memusage(c.filters) + whole + FIXED_LEN +
	       sizeof(struct state);
}

static int start(const struct member_task *t, void **out, struct err *e)
{
	static const lzma_stream lzma_init = LZMA_STREAM_INIT;
	struct state *s = mem_alloc(1, sizeof(*s));
	lzma_ret rc = LZMA_OK;
	struct chain c;

	s->z = lzma_init;
	s->task = t;
	fill_chain(t->recipe.params, &c);
	if (!t->pack)
		rc = lzma_stream_decoder(&s->z, t->memory_max, 0);
	else if (!is_whole(t->recipe.params))
		rc = lzma_stream_encoder(
			&s->z, c.filters,
			(lzma_check)t->recipe.params[XZ_CHECK]);
	if (rc != LZMA_OK) {
		free(s);
		return err_set(e, ERR_SYSTEM, "lzma: cannot start (%d)",
			       (int)rc);
	}
	*out = s;
	return 0;
}

static int run(struct state *s, lzma_action action, struct member_out *to,
	       lzma_ret *rc, struct err *e)
{
	do {
		s->z.next_out = s->out;
		s->z.avail_out = OUT_LEN;
		*rc = lzma_code(&s->z, action);
		if (member_put(to, s->out, OUT_LEN - s->z.avail_out, e))
			return -1;
	} while (*rc == LZMA_OK && (s->z.avail_out == 0 || s->z.avail_in > 0));
	return 0;
}

static int pack_whole(const struct state *s, struct slice in,
		      struct member_out *to, struct err *e)
{
	const uint64_t *params = s->task->recipe.params;
	const size_t cap = lzma_stream_buffer_bound(in.len);
	uint8_t *bytes = mem_alloc(cap, 1);
	size_t len = 0;
	struct chain c;
	lzma_ret rc;
	int put;

	fill_chain(params, &c);
	rc = lzma_stream_buffer_encode(c.filters, (lzma_check)params[XZ_CHECK],
				       NULL, in.ptr, in.len, bytes, &len, cap);
	put = rc == LZMA_OK ? member_put(to, bytes, len, e)
			    : err_set(e, ERR_SYSTEM,
				      "lzma: cannot compress (%d)", (int)rc);
	free(bytes);
	return put;
}

static int pack(void *state, struct slice in, bool last, struct member_out *to,
		struct err *e)
{
	struct state *s = state;
	lzma_ret rc;

	if (is_whole(s->task->recipe.params))
		return pack_whole(s, in, to, e);
	s->z.next_in = in.ptr;
	s->z.avail_in = in.len;
	if (run(s, last ? LZMA_FINISH : LZMA_RUN, to, &rc, e))
		return -1;
	if (rc != (last ? LZMA_STREAM_END : LZMA_OK))
		return err_set(e, ERR_SYSTEM, "lzma: cannot compress (%d)",
			       (int)rc);
	return 0;
}

static int unpack(void *state, struct slice in, size_t *used, bool *ended,
		  struct member_out *to, struct err *e)
{
	struct state *s = state;
	lzma_ret rc;

	s->z.next_in = in.ptr;
	s->z.avail_in = in.len;
	if (run(s, LZMA_RUN, to, &rc, e))
		return -1;
	if (rc == LZMA_MEMLIMIT_ERROR)
		return err_set(e, ERR_LIMIT, "lzma: takes too much memory");
	if (rc != LZMA_OK && rc != LZMA_STREAM_END && rc != LZMA_BUF_ERROR)
		return err_set(e, ERR_FORMAT, "lzma: damaged content");
	*used = in.len - s->z.avail_in;
	*ended = rc == LZMA_STREAM_END;
	return 0;
}

static void stop(void *state)
{
	struct state *s = state;

	lzma_end(&s->z);
	free(s);
}

const struct member_codec member_xz = {
	"liblzma", lzma_version_string,
	is_valid,  memory,
	NULL,      is_whole,
	start,     pack,
	unpack,    stop,
};
