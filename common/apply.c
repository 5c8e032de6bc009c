/* SPDX-License-Identifier: Apache-2.0 */
#include "common/apply.h"

#include <fcntl.h>

#include "common/apply_plain.h"
#include "common/apply_tar.h"
#include "common/fs.h"
#include "common/image.h"
#include "common/tree_disk.h"
#include "common/tree_write.h"

#define OPEN_FILES 64 /* old files kept open, for reads jump between them */

/* ---- any source, any sink ------------------------------------------------ */

static int check_header(const struct apply_flow *a, struct err *e)
{
	const struct package_header *h = package_header(a->package);
	const struct release *r = a->release;

	if (h->kind != r->kind || h->content != r->content)
		return err_set(e, ERR_UNTRUSTED,
			       "package is of another kind than signed");
	if ((h->cipher != PACKAGE_PLAIN) != r->encrypted)
		return err_set(e, ERR_UNTRUSTED,
			       r->encrypted ? "package is not encrypted as "
					      "signed"
					    : "package is encrypted, which "
					      "was not signed");
	if (h->window_len > r->window_len)
		return err_set(e, ERR_LIMIT, "window is larger than signed");
	if (r->manifest_len > TREE_MANIFEST_MAX ||
	    r->entries > TREE_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "manifest is too large");
	return 0;
}

static int apply_image_package(const struct apply_flow *a, struct buf *manifest,
			       struct err *e)
{
	const struct release *r = a->release;
	struct release as_tree;
	struct apply_flow flow = *a;

	if (image_manifest(r->content_len, &r->content_digest, manifest, e))
		return -1;
	image_as_tree(r, buf_slice(manifest), &as_tree);
	flow.release = &as_tree;
	if (r->kind == PACKAGE_DELTA)
		return apply_delta(&flow, manifest, e);
	return apply_plain(&as_tree, a->package, a->sink, a->watch,
			   buf_slice(manifest), e);
}

int apply_package(const struct apply_flow *a, struct buf *manifest,
		  struct err *e)
{
	const struct release *r = a->release;

	if (check_header(a, e))
		return -1;
	if (r->kind == PACKAGE_DELTA && !a->base)
		return err_set(e, ERR_CONFLICT, "a delta needs its old tree");
	if (r->content == PACKAGE_IMAGE)
		return apply_image_package(a, manifest, e);
	if (r->kind == PACKAGE_DELTA)
		return apply_delta(a, manifest, e);
	return apply_tar(r, a->package, a->sink, a->watch, manifest, e);
}

/* ---- folders ------------------------------------------------------------- */

struct open_file {
	uint32_t index;
	int fd;
};

struct folders {
	const struct apply *apply;
	struct tree old; /* deltas */
	struct open_file files[OPEN_FILES];
	struct tree_writer *writer;
};

static int open_old(struct folders *f, uint32_t index, int *fd, struct err *e)
{
	struct open_file *o = &f->files[index % OPEN_FILES];
	char path[PATH_MAX_LEN + 1];
	struct tree_entry entry;

	if (o->fd < 0 || o->index != index) {
		fs_close(&o->fd);
		tree_entry(&f->old, index, &entry);
		if (text_format(path, sizeof(path), e, "%.*s",
				(int)entry.path.len,
				(const char *)entry.path.ptr) ||
		    fs_open(f->apply->old_dirfd, path, O_RDONLY, &o->fd, e))
			return err_in(e, "old tree");
		o->index = index;
	}
	*fd = o->fd;
	return 0;
}

static int old_read_at(void *ctx, uint32_t index, uint64_t offset, void *out,
		       size_t len, struct err *e)
{
	size_t got;
	int fd;

	if (open_old(ctx, index, &fd, e) ||
	    fs_read_at(fd, offset, out, len, &got, e))
		return -1;
	/* It was whole when it was checked. */
	return got == len ? 0 : err_set(e, ERR_CONFLICT, "old tree changed");
}

static int new_begin(void *ctx, const struct tree *t, struct err *e)
{
	struct folders *f = ctx;

	const struct apply_resume *r = f->apply->resume;

	return tree_write_begin(f->apply->new_dirfd, t, f->apply->watch,
				&f->writer, e) ||
			       (r && tree_write_resume(f->writer, &r->from, e))
		       ? -1
		       : 0;
}

static int new_point(void *ctx, const struct package_point *at, struct err *e)
{
	const struct folders *f = ctx;
	const struct apply_resume *r = f->apply->resume;

	return tree_write_keep(f->writer, e) || r->keep(r->ctx, at, e) ? -1 : 0;
}

static int new_entry(void *ctx, const struct tree_entry *entry, struct err *e)
{
	struct folders *f = ctx;

	return tree_write_entry(f->writer, entry, e);
}

static int new_data(void *ctx, struct slice bytes, struct err *e)
{
	struct folders *f = ctx;

	return tree_write_data(f->writer, bytes, e);
}

static int new_clone(void *ctx, uint32_t old_index, bool *done, struct err *e)
{
	struct folders *f = ctx;
	struct err why;
	int fd;

	(void)e;
	/* What cannot be opened is said when its bytes are read instead. */
	*done = open_old(f, old_index, &fd, &why) == 0 &&
		tree_write_clone(f->writer, fd);
	return 0;
}

static int new_end(void *ctx, struct err *e)
{
	struct folders *f = ctx;

	return tree_write_end(f->writer, e);
}

/*
 * The whole base before the first write: a delta on top of other bytes would
 * be found only at its end, with the slot half written.
 */
static int check_base(struct folders *f, struct err *e)
{
	const struct apply *a = f->apply;
	struct tree_prelude before = { a->watch, false };
	const struct tree_watch watch = tree_watch_prelude(&before);

	if (!image_or_tree_is(a->release->content, a->old_manifest,
			      &a->release->base_digest))
		return err_set(e, ERR_CONFLICT,
			       "the old tree is not the one that this delta "
			       "is for: take the full package");
	if (tree_parse(a->old_manifest, &f->old, e) == 0 &&
	    tree_check(a->old_dirfd, &f->old, false, &watch, e) == 0)
		return 0;
	if (before.stopped)
		return -1;
	e->code = ERR_CONFLICT;
	return err_in(e, "the old tree is damaged, take the full package");
}

int apply_tree(const struct apply *a, struct buf *manifest, struct err *e)
{
	struct folders f = { .apply = a };
	struct tree_sink sink = { .ctx = &f,
				  .begin = new_begin,
				  .entry = new_entry,
				  .data = new_data,
				  .clone = new_clone,
				  .end = new_end };
	const struct delta_base base = { &f.old, &f, old_read_at };
	const bool delta = a->release->kind == PACKAGE_DELTA;
	struct apply_flow flow = { a->release, a->package, delta ? &base : NULL,
				   &sink,      a->watch,   a->new_dirfd };
	int rc = -1;

	if (a->resume) {
		sink.from = a->resume->from;
		sink.every = a->resume->every;
		sink.point = new_point;
		flow.scratch_dirfd = a->resume->dirfd;
	}
	for (size_t i = 0; i < OPEN_FILES; i++)
		f.files[i].fd = -1;
	if (!delta || !check_base(&f, e))
		rc = apply_package(&flow, manifest, e);
	for (size_t i = 0; i < OPEN_FILES; i++)
		fs_close(&f.files[i].fd);
	tree_write_free(f.writer);
	tree_done(&f.old);
	return rc;
}
