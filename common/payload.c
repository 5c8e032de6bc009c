/* SPDX-License-Identifier: Apache-2.0 */
#include "common/payload.h"

#include <stdlib.h>

#include "common/compress.h"
#include "common/mem.h"

#define BUFFER_LEN 65536

struct payload {
	struct package_reader *package;
	struct decompressor *decompressor;
	uint64_t left;  /* plain bytes still to come */
	uint64_t begun; /* how many were, when this frame began */
	uint64_t taken; /* bytes of payload read so far */
	size_t in_len, in_used;
	bool in_ended, ended;
	uint8_t in[BUFFER_LEN];
	uint8_t out[BUFFER_LEN];
};

int payload_open(struct package_reader *package, struct payload **out,
		 struct err *e)
{
	const struct package_header *h = package_header(package);
	struct payload *p = mem_alloc(1, sizeof(*p));

	p->package = package;
	p->left = p->begun = h->plain_len;
	if (decompress_new(h->codec, h->window_len, &p->decompressor, e)) {
		payload_close(p);
		return -1;
	}
	/* Without a frame there is no end but that of the package. */
	p->ended = h->codec == PACKAGE_RAW;
	*out = p;
	return 0;
}

void payload_close(struct payload *p)
{
	if (!p)
		return;
	decompress_free(p->decompressor);
	free(p);
}

static int fill(struct payload *p, struct err *e)
{
	if (p->in_used < p->in_len || p->in_ended)
		return 0;
	p->in_used = 0;
	if (package_read(p->package, p->in, sizeof(p->in), &p->in_len, e))
		return -1;
	p->taken += p->in_len;
	p->in_ended = p->in_len == 0;
	return 0;
}

/* One step with what was filled in: *got may be 0 without the end being
 * reached. */
static int step(struct payload *p, size_t *got, struct err *e)
{
	struct decompress_step s = { .out = p->out, .out_len = BUFFER_LEN };

	s.in = (struct slice){ p->in + p->in_used, p->in_len - p->in_used };
	if (decompress(p->decompressor, &s, e))
		return -1;
	p->in_used += s.used;
	if (s.ended)
		p->ended = true;
	else if (p->in_ended && s.got == 0)
		return err_set(e, ERR_FORMAT, "payload is cut off");
	if (s.got > p->left)
		return err_set(e, ERR_LIMIT, "payload is longer than signed");
	p->left -= s.got;
	if (s.ended && p->begun > 0 && p->left == p->begun)
		return err_set(e, ERR_FORMAT, "payload has an empty frame");
	*got = s.got;
	return 0;
}

static int check_end(struct payload *p, struct err *e)
{
	if (p->left > 0 || !p->in_ended)
		return err_set(e, ERR_FORMAT, "payload has a wrong length");
	return 0;
}

static bool is_raw(const struct payload *p)
{
	return package_header(p->package)->codec == PACKAGE_RAW;
}

/* More is to come, so another frame begins, which knows nothing of this one. */
static int next_frame(struct payload *p, struct err *e)
{
	p->ended = false;
	p->begun = p->left;
	return decompress_reset(p->decompressor, e);
}

int payload_next(struct payload *p, struct slice *out, struct err *e)
{
	const bool raw = is_raw(p);
	size_t got = 0;

	while (got == 0) {
		if (fill(p, e))
			return -1;
		if (p->ended && (p->in_ended || (!raw && p->left == 0))) {
			*out = (struct slice){ 0 };
			return check_end(p, e);
		}
		if ((p->ended && !raw && next_frame(p, e)) || step(p, &got, e))
			return -1;
	}
	*out = (struct slice){ p->out, got };
	return 0;
}

bool payload_point(const struct payload *p, struct package_point *out)
{
	if (!p->ended || p->left == 0)
		return false;
	out->packed = p->taken - (p->in_len - p->in_used);
	out->plain = package_header(p->package)->plain_len - p->left;
	return true;
}

int payload_resume(struct payload *p, const struct package_point *at,
		   struct err *e)
{
	if (at->plain >= p->left || (is_raw(p) && at->plain != at->packed))
		return err_set(e, ERR_FORMAT, "nothing begins there");
	if (package_seek(p->package, at->packed, e))
		return -1;
	p->left -= at->plain;
	p->begun = p->left;
	p->taken = at->packed;
	return 0;
}
