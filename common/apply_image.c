/* SPDX-License-Identifier: Apache-2.0 */
#include "common/apply_image.h"

#include "common/fs.h"
#include "common/image.h"
#include "common/image_disk.h"

struct work {
	const struct apply_image *apply;
	struct buf old_manifest; /* deltas */
	struct tree old;
	struct image_writer *writer;
	bool has_head; /* it lies in a file of its own */
};

static int old_read_at(void *ctx, uint32_t index, uint64_t offset, void *out,
		       size_t len, struct err *e)
{
	const struct work *w = ctx;
	size_t got;

	(void)index; /* there is one */
	if (fs_read_at(w->apply->old_fd, offset, out, len, &got, e))
		return -1;
	/* It was whole when it was checked. */
	return got == len ? 0 : err_set(e, ERR_CONFLICT, "old image changed");
}

/*
 * The whole base before the first write: a delta on top of other bytes would
 * be found only at its end, with the slot half written.
 */
static int check_base(struct work *w, struct err *e)
{
	const struct apply_image *a = w->apply;
	struct tree_prelude before = { a->watch, false };
	const struct tree_watch watch = tree_watch_prelude(&before);
	struct err why = { 0 };
	struct sha256 got;
	int rc;

	if (a->old_fd < 0)
		return err_set(e, ERR_CONFLICT, "there is no base");
	rc = image_digest(a->old_fd, a->old_len, false, &watch, &got, &why);
	if (before.stopped) {
		*e = why;
		return -1;
	}
	if (rc || !sha256_equal(&got, &a->release->base_digest))
		return err_set(e, ERR_CONFLICT,
			       "the old image is damaged or another one (%s), "
			       "take the full package",
			       why.code ? why.msg : "its digest differs");
	if (image_manifest(a->old_len, &got, &w->old_manifest, e))
		return -1;
	return tree_parse(buf_slice(&w->old_manifest), &w->old, e);
}

/* ---- going on ------------------------------------------------------------ */

static int go_on(struct work *w, uint64_t len, struct err *e)
{
	const struct apply_image *a = w->apply;
	struct buf head = BUF_INIT(IMAGE_BLOCK);
	int rc = -1;

	if (fs_read_file(a->scratch_dirfd, APPLY_IMAGE_HEAD, &head, e) == 0)
		rc = image_writer_resume(a->new_fd, len, buf_slice(&head),
					 a->resume->from.within, &w->writer, e);
	buf_done(&head);
	if (rc)
		e->code = ERR_CONFLICT;
	return rc;
}

/* The head goes first: without it nobody could go on from there. */
static int new_point(void *ctx, const struct package_point *at, struct err *e)
{
	struct work *w = ctx;
	const struct apply_resume *r = w->apply->resume;
	struct slice head;

	if (at->within < IMAGE_BLOCK)
		return 0;
	if (image_writer_keep(w->writer, &head, e) ||
	    (!w->has_head && fs_replace_file(w->apply->scratch_dirfd,
					     APPLY_IMAGE_HEAD, head, 0600, e)))
		return -1;
	w->has_head = true;
	return r->keep(r->ctx, at, e);
}

/* ---- the sink ------------------------------------------------------------ */

static int new_begin(void *ctx, const struct tree *t, struct err *e)
{
	struct work *w = ctx;

	return w->has_head ? go_on(w, t->content_len, e)
			   : image_writer_new(w->apply->new_fd, t->content_len,
					      &w->writer, e);
}

static int new_entry(void *ctx, const struct tree_entry *entry, struct err *e)
{
	(void)ctx;
	(void)entry;
	(void)e;
	return 0;
}

static int new_data(void *ctx, struct slice bytes, struct err *e)
{
	struct work *w = ctx;

	return image_writer_add(w->writer, bytes, e);
}

static int new_end(void *ctx, struct err *e)
{
	struct work *w = ctx;

	return image_writer_end(w->writer, e);
}

int apply_image(const struct apply_image *a, struct err *e)
{
	struct work w = { .apply = a,
			  .old_manifest = BUF_INIT(IMAGE_MANIFEST_MAX) };
	struct buf manifest = BUF_INIT(IMAGE_MANIFEST_MAX);
	const bool delta = a->release->kind == PACKAGE_DELTA;
	struct tree_sink sink = {
		.ctx = &w,
		.begin = new_begin,
		.entry = new_entry,
		.data = new_data,
		.end = new_end,
		/* A delta may make other bytes here than the signer's library
		   did; then, before the read-back, the full package helps. */
		.reads_back = !delta,
	};
	const struct delta_base base = { &w.old, &w, old_read_at };
	const struct apply_flow flow = {
		a->release, a->package, delta ? &base : NULL,
		&sink,      a->watch,   a->scratch_dirfd
	};
	int rc = -1;

	if (a->resume) {
		sink.from = a->resume->from;
		sink.every = a->resume->every;
		sink.point = new_point;
		w.has_head = sink.from.within > 0;
	}
	if (a->release->content == PACKAGE_TREE)
		err_set(e, ERR_REFUSED, "package holds a tree, not an image");
	else if (!delta || !check_base(&w, e))
		rc = apply_package(&flow, &manifest, e);
	image_writer_free(w.writer);
	tree_done(&w.old);
	buf_done(&w.old_manifest);
	buf_done(&manifest);
	return rc;
}
