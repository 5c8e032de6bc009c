/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tree_flow.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

#define SHOWN_LEN   160
#define POINT_PLAIN (4u << 20) /* so much is never written twice */

struct tree_flow {
	const struct release *release;
	const struct tree_sink *sink;
	const struct tree_watch *watch;
	struct tree tree;
	uint8_t *blank; /* the manifest, digests to be put in; or NULL */
	uint32_t next;  /* index of the entry that comes next */
	struct tree_entry entry; /* the one before it */
	uint64_t left;           /* bytes missing of it */
	uint64_t done;
	struct digest digest;
	bool unseen;               /* it began in a former run */
	struct package_point kept; /* the last point that was told */
};

static int check_release(const struct release *r, const struct tree *t,
			 struct err *e)
{
	if (t->attributes != r->attributes)
		return err_set(e, ERR_UNTRUSTED,
			       "attributes are not the signed ones");
	if (t->count != r->entries || t->content_len != r->content_len)
		return err_set(e, ERR_UNTRUSTED,
			       "content is larger or smaller than signed");
	return 0;
}

static int advance(struct tree_flow *f, uint64_t len, struct err *e)
{
	f->done += len;
	return tree_watch_tell(f->watch, f->done, e);
}

/* As if all up to there had come. */
static int go_on(struct tree_flow *f, const struct package_point *from,
		 struct err *e)
{
	struct tree_entry entry = { 0 };

	if (from->packed == 0)
		return 0;
	f->kept = *from;
	for (uint32_t i = 0; i <= from->entry && i < f->tree.count; i++) {
		f->done += entry.len;
		tree_entry(&f->tree, i, &entry);
	}
	/* Only files have a length. */
	if (from->entry >= f->tree.count ||
	    (from->within > 0 && from->within >= entry.len))
		return err_set(e, ERR_FORMAT, "nothing is left to be written");
	f->next = from->entry;
	if (from->within == 0)
		return 0;
	f->next++;
	f->entry = entry;
	f->left = entry.len - from->within;
	f->done += from->within;
	f->unseen = true;
	return 0;
}

static bool is_signed(const struct release *r, struct slice manifest)
{
	struct sha256 got;

	sha256_of(manifest, &got);
	return manifest.len == r->manifest_len &&
	       sha256_equal(&got, &r->content_digest);
}

static int begin(const struct tree_flow *with, struct slice manifest,
		 struct tree_flow **out, struct err *e)
{
	struct tree_flow *f = mem_alloc(1, sizeof(*f));
	const struct tree_sink *sink = with->sink;

	*f = *with;
	if (tree_parse(manifest, &f->tree, e) ||
	    check_release(f->release, &f->tree, e) ||
	    go_on(f, &sink->from, e) || sink->begin(sink->ctx, &f->tree, e) ||
	    advance(f, manifest.len, e)) {
		tree_flow_free(f);
		return -1;
	}
	*out = f;
	return 0;
}

int tree_flow_begin(const struct release *r, struct slice manifest,
		    const struct tree_sink *sink,
		    const struct tree_watch *watch, struct tree_flow **out,
		    struct err *e)
{
	const struct tree_flow with = { .release = r,
					.sink = sink,
					.watch = watch };

	if (!is_signed(r, manifest))
		return err_set(e, ERR_UNTRUSTED,
			       "manifest is not the signed one");
	return begin(&with, manifest, out, e);
}

int tree_flow_begin_blank(const struct release *r, struct buf *manifest,
			  const struct tree_sink *sink,
			  const struct tree_watch *watch,
			  struct tree_flow **out, struct err *e)
{
	const struct tree_flow with = { .release = r,
					.sink = sink,
					.watch = watch,
					.blank = manifest->ptr };

	return begin(&with, buf_slice(manifest), out, e);
}

void tree_flow_free(struct tree_flow *f)
{
	if (!f)
		return;
	tree_done(&f->tree);
	free(f);
}

static bool needs_digest(const struct tree_flow *f)
{
	return f->blank || !(f->sink->reads_back || f->unseen);
}

static int end_digest(struct tree_flow *f, struct err *e)
{
	struct sha256 got;
	char shown[SHOWN_LEN];

	if (!needs_digest(f))
		return 0;
	digest_finish(&f->digest, &got);
	if (f->blank) {
		tree_put_digest(&f->tree, f->next - 1, &got, f->blank);
		return 0;
	}
	if (sha256_equal(&got, &f->entry.digest))
		return 0;
	text_escape(f->entry.path, shown, sizeof(shown));
	return err_set(e, ERR_UNTRUSTED, "%s: content is not the signed one",
		       shown);
}

const struct tree *tree_flow_tree(const struct tree_flow *f)
{
	return &f->tree;
}

bool tree_flow_peek(const struct tree_flow *f, struct tree_entry *out)
{
	if (f->next == f->tree.count)
		return false;
	tree_entry(&f->tree, f->next, out);
	return true;
}

int tree_flow_next(struct tree_flow *f, struct err *e)
{
	if (f->left > 0)
		return err_set(e, ERR_UNTRUSTED,
			       "content of a file is cut off");
	assert(f->next < f->tree.count);
	tree_entry(&f->tree, f->next++, &f->entry);
	f->left = f->entry.len;
	f->unseen = false;
	if (f->sink->entry(f->sink->ctx, &f->entry, e))
		return -1;
	if (f->entry.type == TREE_FILE) {
		digest_start(&f->digest);
		if (f->left == 0 && end_digest(f, e))
			return -1;
	}
	return advance(f, 0, e);
}

bool tree_flow_current(const struct tree_flow *f, struct tree_entry *out)
{
	if (f->left != f->entry.len)
		return false;
	*out = f->entry;
	return true;
}

uint64_t tree_flow_left(const struct tree_flow *f)
{
	return f->left;
}

int tree_flow_data(struct tree_flow *f, struct slice bytes, struct err *e)
{
	assert(bytes.len <= f->left);
	if (bytes.len == 0)
		return 0;
	if (needs_digest(f))
		digest_add(&f->digest, bytes);
	if (f->sink->data(f->sink->ctx, bytes, e))
		return -1;
	f->left -= bytes.len;
	if (f->left == 0 && end_digest(f, e))
		return -1;
	return advance(f, bytes.len, e);
}

uint64_t tree_flow_done(const struct tree_flow *f)
{
	return f->done;
}

int tree_flow_point(struct tree_flow *f, const struct package_point *at,
		    struct err *e)
{
	const bool inside = f->left > 0;
	struct package_point to = *at;

	to.entry = f->next - inside;
	to.within = inside ? f->entry.len - f->left : 0;
	if (!f->sink->point || to.entry == f->tree.count ||
	    (at->packed - f->kept.packed < f->sink->every &&
	     at->plain - f->kept.plain < POINT_PLAIN))
		return 0;
	f->kept = to;
	return f->sink->point(f->sink->ctx, &to, e);
}

int tree_flow_clone(struct tree_flow *f, uint32_t old_index, bool *done,
		    struct err *e)
{
	assert(f->left == f->entry.len);
	*done = false;
	if (!f->sink->clone)
		return 0;
	if (f->sink->clone(f->sink->ctx, old_index, done, e))
		return -1;
	if (!*done)
		return 0;
	f->left = 0;
	return advance(f, f->entry.len, e);
}

int tree_flow_end(struct tree_flow *f, struct err *e)
{
	if (f->left > 0 || f->next != f->tree.count)
		return err_set(e, ERR_UNTRUSTED, "content is cut off");
	if (f->blank && !is_signed(f->release, f->tree.bytes))
		return err_set(e, ERR_UNTRUSTED,
			       "content is not the signed one");
	return f->sink->end(f->sink->ctx, e);
}
