/* SPDX-License-Identifier: Apache-2.0 */
#include "common/apply_delta.h"

#include <assert.h>
#include <stdlib.h>

#include "common/delta_payload.h"
#include "common/mem.h"

#define COPY_LEN 65536

struct work {
	const struct release *release;
	struct package_reader *package;
	const struct delta_base *base;
	const struct tree_sink *sink;
	const struct tree_watch *watch;
	struct delta_allowance may;
	struct buf *manifest;   /* grows until it is whole */
	struct tree_flow *flow; /* from then on */
	size_t old_head;        /* of the old stream: its manifest */
	uint64_t *starts;       /* by old entry, where its content begins */
	uint8_t *bytes;         /* COPY_LEN of them */
};

/* ---- the old stream ------------------------------------------------------ */

static void find_starts(struct work *w)
{
	const struct tree *t = w->base->tree;
	uint64_t at = w->old_head;

	w->starts = mem_alloc(t->count, sizeof(*w->starts));
	for (uint32_t i = 0; i < t->count; i++) {
		struct tree_entry entry;

		tree_entry(t, i, &entry);
		w->starts[i] = at;
		at += entry.len;
	}
}

/* The file that holds an offset of the old stream behind the manifest: the
 * last entry that begins there or before, for empty ones begin there too. */
static uint32_t file_at(const struct work *w, uint64_t offset)
{
	uint32_t low = 0, high = w->base->tree->count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (w->starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Some bytes of the old stream: as many as stand together, at most len. */
static int read_some(struct work *w, uint64_t offset, void *out, size_t len,
		     size_t *got, struct err *e)
{
	const struct tree *t = w->base->tree;
	struct tree_entry entry;
	uint32_t index;
	uint64_t within;

	if (offset < w->old_head) {
		struct slice s = slice_sub(t->bytes, (size_t)offset, len);
		struct rd r = rd_init(s);

		rd_copy(&r, out, s.len);
		*got = s.len;
		return 0;
	}
	index = file_at(w, offset);
	tree_entry(t, index, &entry);
	within = offset - w->starts[index];
	*got = entry.len - within < len ? (size_t)(entry.len - within) : len;
	return w->base->read_at(w->base->ctx, index, within, out, *got, e);
}

static int old_at(void *ctx, uint64_t offset, void *out, size_t len,
		  struct err *e)
{
	struct work *w = ctx;
	uint8_t *to = out;

	while (len > 0) {
		size_t got;

		if (read_some(w, offset, to, len, &got, e))
			return -1;
		to += got;
		offset += got;
		len -= got;
	}
	return 0;
}

/* ---- the new stream ------------------------------------------------------ */

/* Begin entries until one wants bytes; *end when none does. */
static int next_file(struct work *w, bool *end, struct err *e)
{
	struct tree_entry entry;

	*end = false;
	while (tree_flow_left(w->flow) == 0) {
		if (!tree_flow_peek(w->flow, &entry)) {
			*end = true;
			return 0;
		}
		if (tree_flow_next(w->flow, e))
			return -1;
	}
	return 0;
}

static int emit_manifest(struct work *w, struct slice *bytes, struct err *e)
{
	size_t missing = (size_t)(w->release->manifest_len - w->manifest->len);
	struct slice part = slice_sub(*bytes, 0, missing);

	if (buf_add(w->manifest, part, e))
		return err_in(e, "manifest");
	*bytes = slice_sub(*bytes, part.len, bytes->len);
	if (part.len < missing)
		return 0;
	return w->may.blank
		       ? tree_flow_begin_blank(w->release, w->manifest, w->sink,
					       w->watch, &w->flow, e)
		       : tree_flow_begin(w->release, buf_slice(w->manifest),
					 w->sink, w->watch, &w->flow, e);
}

static int emit(void *ctx, struct slice bytes, struct err *e)
{
	struct work *w = ctx;

	if (!w->flow && emit_manifest(w, &bytes, e))
		return -1;
	while (bytes.len > 0) {
		uint64_t left;
		struct slice part;
		bool end;

		if (next_file(w, &end, e))
			return -1;
		/* As much comes out as manifest and release agree on. */
		assert(!end);
		left = tree_flow_left(w->flow);
		part = slice_sub(bytes, 0,
				 left < bytes.len ? (size_t)left : bytes.len);
		if (tree_flow_data(w->flow, part, e))
			return -1;
		bytes = slice_sub(bytes, part.len, bytes.len);
	}
	return 0;
}

/* ---- whole files --------------------------------------------------------- */

/* Does the old stream at offset begin a file that equals this new one? */
static bool same_file(const struct work *w, uint64_t offset,
		      const struct tree_entry *entry, uint32_t *index)
{
	struct tree_entry old;

	if (offset < w->old_head)
		return false;
	*index = file_at(w, offset);
	tree_entry(w->base->tree, *index, &old);
	return w->starts[*index] == offset && old.type == TREE_FILE &&
	       old.len == entry->len &&
	       sha256_equal(&old.digest, &entry->digest);
}

/* Take a whole file over if the range holds one here; else *taken is 0. */
static int take_file(struct work *w, uint64_t offset, uint64_t len,
		     uint64_t *taken, struct err *e)
{
	struct tree_entry entry;
	uint32_t index;
	bool done, end;

	*taken = 0;
	if (!w->flow || next_file(w, &end, e))
		return w->flow ? -1 : 0;
	if (end || !tree_flow_current(w->flow, &entry))
		return 0;
	if (entry.len > len || !same_file(w, offset, &entry, &index))
		return 0;
	if (tree_flow_clone(w->flow, index, &done, e))
		return -1;
	*taken = done ? entry.len : 0;
	return 0;
}

static int copy_some(struct work *w, uint64_t offset, uint64_t len,
		     uint64_t *taken, struct err *e)
{
	size_t some = len < COPY_LEN ? (size_t)len : COPY_LEN;
	uint64_t left = w->flow ? tree_flow_left(w->flow)
				: w->release->manifest_len - w->manifest->len;

	/* Stop where a file ends, to see whether the next is a whole one. */
	if (left > 0 && left < some)
		some = (size_t)left;
	if (old_at(w, offset, w->bytes, some, e) ||
	    emit(w, (struct slice){ w->bytes, some }, e))
		return -1;
	*taken = some;
	return 0;
}

static int emit_old(void *ctx, uint64_t offset, uint64_t len, struct err *e)
{
	struct work *w = ctx;

	while (len > 0) {
		uint64_t taken;

		if (take_file(w, offset, len, &taken, e) ||
		    (taken == 0 && copy_some(w, offset, len, &taken, e)))
			return -1;
		offset += taken;
		len -= taken;
	}
	return 0;
}

/* ---- the whole delta ----------------------------------------------------- */

static int more(void *ctx, void *out, size_t len, size_t *got, struct err *e)
{
	struct work *w = ctx;

	return package_read(w->package, out, len, got, e);
}

static int point(void *ctx, const struct package_point *at, struct err *e)
{
	struct work *w = ctx;
	struct package_point to = *at;

	if (!w->flow)
		return 0;
	to.plain = tree_flow_done(w->flow);
	return tree_flow_point(w->flow, &to, e);
}

static int go_on(struct work *w, const struct package_point *from,
		 struct err *e)
{
	if (tree_flow_begin(w->release, buf_slice(w->manifest), w->sink,
			    w->watch, &w->flow, e) ||
	    package_seek(w->package, from->packed, e))
		return -1;
	return tree_flow_done(w->flow) == from->plain
		       ? 0
		       : err_set(e, ERR_FORMAT, "nothing begins there");
}

static int finish(struct work *w, struct err *e)
{
	bool end;

	if (!w->flow)
		return err_set(e, ERR_UNTRUSTED, "manifest is cut off");
	/* Begins what is empty; tree_flow_end() sees whether all came. */
	if (next_file(w, &end, e))
		return -1;
	return tree_flow_end(w->flow, e);
}

int apply_delta(const struct apply_flow *a, struct buf *manifest, struct err *e)
{
	const struct release *r = a->release;
	const struct tree *old = a->base->tree;
	const bool image = r->content == PACKAGE_IMAGE;
	struct work w = {
		.release = r,
		.package = a->package,
		.base = a->base,
		.sink = a->sink,
		.watch = a->watch,
		.may = { .scratch_dirfd = a->scratch_dirfd,
			 .scratch_max = r->scratch_len,
			 .memory_max = r->apply_memory },
		.manifest = manifest,
		/* Both sides know an image's. */
		.old_head = image ? 0 : old->bytes.len,
		.bytes = mem_alloc(COPY_LEN, 1),
	};
	const struct package_point *from = &a->sink->from;
	const struct delta_io io = { .ctx = &w,
				     .from = *from,
				     .point = a->sink->point ? point : NULL,
				     .more = more,
				     .old_at = old_at,
				     .emit = emit,
				     .emit_old = emit_old };
	int rc = 0;

	find_starts(&w);
	if (from->packed > 0)
		rc = go_on(&w, from, e);
	if (!rc)
		rc = delta_payload_apply(package_header(a->package)->codec,
					 w.old_head + old->content_len,
					 (image ? 0 : r->manifest_len) +
						 r->content_len,
					 &io, &w.may, e);
	if (!rc)
		rc = finish(&w, e);
	/* Another compressor than the one that the signer had? */
	if (rc && w.may.had_members && e->code == ERR_UNTRUSTED) {
		e->code = ERR_CONFLICT;
		err_in(e, "compressing again gives other bytes here: take the "
			  "full package");
	}
	tree_flow_free(w.flow);
	free(w.starts);
	free(w.bytes);
	return rc;
}
