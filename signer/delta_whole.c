/* SPDX-License-Identifier: Apache-2.0 */
#include "signer/delta_whole.h"

#include <stdlib.h>

#include "common/mem.h"

/* With as much inserted, a record has room for all of the prefix. */
#define OLD_MAX ((uint64_t)5 << 19)
#define NEW_MAX ((uint64_t)8 << 20)

/*
 * What is told at once: spans that follow one another in the old stream, too,
 * are one copy, and those between two copies one patch. Of one of them there is
 * something.
 */
struct work {
	struct delta_writer *writer;
	struct stream_view *fresh;
	const struct delta_old *old;
	uint64_t copy_at, copy_len;
	struct buf bytes; /* of the patch */
};

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

bool delta_whole_is_tried(const struct view_pair *views)
{
	return views->old.len > 0 && views->old.len <= OLD_MAX &&
	       views->fresh.len <= NEW_MAX && is_all_there(&views->old);
}

static int flush_copy(struct work *w, struct err *e)
{
	const uint64_t len = w->copy_len;

	w->copy_len = 0;
	return delta_writer_copy(w->writer, w->copy_at, len, e);
}

static int put_copy(struct work *w, uint64_t at, uint64_t len, struct err *e)
{
	if (w->copy_len > 0 && w->copy_at + w->copy_len != at &&
	    flush_copy(w, e))
		return -1;
	if (w->copy_len == 0)
		w->copy_at = at;
	w->copy_len += len;
	return 0;
}

static int flush_bytes(struct work *w, struct err *e)
{
	const struct delta_segment all = { .kind = DELTA_PATCH,
					   .len = w->bytes.len };
	const struct delta_near near = { .to = w->old->view->len };

	if (w->bytes.len == 0)
		return 0;
	if (delta_writer_patch(w->writer, &all, NULL, e) ||
	    delta_writer_insert(w->writer, buf_slice(&w->bytes), &near, e))
		return -1;
	w->bytes.len = 0;
	return 0;
}

static int put_bytes(struct work *w, const struct view_span *s, struct err *e)
{
	uint8_t *to = buf_reserve(&w->bytes, (size_t)s->len, e);

	if (!to || view_read(w->fresh, s, 0, to, (size_t)s->len, e))
		return -1;
	w->bytes.len += (size_t)s->len;
	return 0;
}

static int put_span(struct work *w, const struct view_span *s, struct err *e)
{
	const uint64_t at = delta_old_find(w->old, s);

	if (at == DELTA_NOWHERE)
		return flush_copy(w, e) || put_bytes(w, s, e) ? -1 : 0;
	return flush_bytes(w, e) || put_copy(w, at, s->len, e) ? -1 : 0;
}

int delta_whole_write(const struct delta_writer_setup *setup,
		      struct stream_view *fresh, const struct delta_old *old,
		      enum package_codec *codec, uint64_t *len, struct err *e)
{
	struct work w = { .fresh = fresh,
			  .old = old,
			  .bytes = BUF_INIT((size_t)NEW_MAX) };
	int rc = 0;

	delta_writer_new(setup, &w.writer);
	for (size_t i = 0; i < fresh->span_count && !rc; i++)
		rc = put_span(&w, &fresh->spans[i], e);
	if (!rc)
		rc = flush_copy(&w, e) || flush_bytes(&w, e) ? -1 : 0;
	if (!rc)
		rc = delta_writer_end(w.writer, len, e);
	*codec = delta_writer_codec(w.writer);
	delta_writer_free(w.writer);
	buf_done(&w.bytes);
	return rc;
}
