/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_whole.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* As readers see it: what will be kept stands behind the old view. */
static uint64_t old_len(const struct view_pair *views)
{
	return views->old.len + views->members.kept_len;
}

/* Of what was unpacked, not all need be content that can be read again. */
static bool is_all_there(const struct stream_view *v)
{
	uint64_t at = 0;

	for (size_t i = 0; i < v->span_count; i++) {
		if (v->spans[i].at != at)
			return false;
		at += v->spans[i].len;
	}
	return at == v->len;
}

bool delta_whole_is_tried(const struct view_pair *views,
			  const struct delta_writer_setup *setup)
{
	return setup->codec != PACKAGE_RAW &&
	       views->fresh.len <= DELTA_PREFIX_MAX &&
	       old_len(views) <= DELTA_PREFIX_MAX - views->fresh.len &&
	       is_all_there(&views->old);
}

/* All of a view, and zeroes up to len bytes. */
static int read_all(struct stream_view *v, uint64_t len, struct buf *out,
		    struct err *e)
{
	*out = (struct buf)BUF_INIT((size_t)len + 1);
	if (!buf_reserve(out, (size_t)len + 1, e))
		return -1;
	for (size_t i = 0; i < v->span_count; i++) {
		const struct view_span *s = &v->spans[i];
		uint8_t *to = buf_reserve(out, (size_t)s->len, e);

		if (!to || view_read(v, s, 0, to, (size_t)s->len, e))
			return -1;
		out->len += (size_t)s->len;
	}
	memset(out->ptr + out->len, 0, (size_t)len - out->len);
	out->len = (size_t)len;
	return 0;
}

/* What was made so, if it is less than *best. */
static int try_one(const struct encode_how *how, struct slice in,
		   struct buf *best, enum package_codec *codec, struct err *e)
{
	struct buf out = BUF_INIT(SIZE_MAX);
	int rc = encode_with(how, in, &out, e);

	if (!rc && (best->len == 0 || out.len < best->len)) {
		struct buf larger = *best;

		*best = out;
		out = larger;
		*codec = how->codec;
	}
	buf_done(&out);
	return rc;
}

/*
 * Readers have the prefix, but nobody must refer to it: one of which little
 * comes again only misleads.
 */
static int try_codec(enum package_codec codec, struct slice prefix,
		     struct slice in, struct buf *best,
		     enum package_codec *best_codec, struct err *e)
{
	struct encode_how how = { .codec = codec,
				  .window_len = DELTA_WINDOW,
				  .prefix = prefix,
				  .bare = true };

	if (try_one(&how, in, best, best_codec, e))
		return -1;
	how.prefix = (struct slice){ 0 };
	return best->len > in.len / 2 ? try_one(&how, in, best, best_codec, e)
				      : 0;
}

int delta_whole_make(const struct delta_writer_setup *setup,
		     struct view_pair *views, struct buf *out,
		     enum package_codec *codec, struct err *e)
{
	struct buf old = { 0 }, fresh = { 0 };
	int rc = -1;

	if (read_all(&views->old, old_len(views), &old, e) ||
	    read_all(&views->fresh, views->fresh.len, &fresh, e))
		goto out;
	rc = try_codec(setup->codec, buf_slice(&old), buf_slice(&fresh), out,
		       codec, e);
	if (!rc && setup->any_codec && setup->codec != PACKAGE_ZSTD)
		rc = try_codec(PACKAGE_ZSTD, buf_slice(&old), buf_slice(&fresh),
			       out, codec, e);
out:
	buf_done(&old);
	buf_done(&fresh);
	return rc;
}
