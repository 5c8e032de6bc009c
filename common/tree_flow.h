/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_flow - a tree on its way from a package to where it will stand.
 *
 * Whatever a package holds, tar or delta, ends here: a manifest, compared with
 * the signed release before anything is written, then entry by entry the
 * content, whose digests are compared as it passes (or when it is read back).
 * Of one whose digests are found (tree_flow_begin_blank) nothing was compared
 * before the call of end.
 */
#ifndef COMMON_TREE_FLOW_H
#define COMMON_TREE_FLOW_H

#include "common/release.h"
#include "common/tree_watch.h"

/*
 * Where the tree goes. Calls come in this order: begin; then for each entry of
 * the manifest in turn: entry, and for a file data until its length is reached
 * (or one clone that sets *done); end. When the call after a file's content
 * comes, its digest was right. Any -1 ends the work.
 */
struct tree_sink {
	void *ctx;
	int (*begin)(void *ctx, const struct tree *t, struct err *e);
	int (*entry)(void *ctx, const struct tree_entry *entry, struct err *e);
	int (*data)(void *ctx, struct slice bytes, struct err *e);
	/*
	 * The whole file that just began has length and digest of the old
	 * tree's file at old_index: take it from there and set *done, or leave
	 * *done false and the bytes come as data. May be NULL.
	 */
	int (*clone)(void *ctx, uint32_t old_index, bool *done, struct err *e);
	int (*end)(void *ctx, struct err *e);
	/*
	 * All of it is read back and compared before it counts: then digests
	 * of files are not compared as they pass as well. Those that are to be
	 * found are found all the same.
	 */
	bool reads_back;
	/*
	 * Only where all is read back before it counts. Content was written up
	 * to `from` before; begin() is told nothing of it, and the rest comes.
	 * point(), if not NULL, hears where a later run could go on: when
	 * `every` bytes of payload have come, or much content.
	 */
	struct package_point from;
	uint64_t every;
	int (*point)(void *ctx, const struct package_point *at, struct err *e);
};

struct tree_flow;

/*
 * The manifest must be the release's own (ERR_UNTRUSTED) and keep to its
 * limits. It and the other arguments must outlive the flow. watch may be NULL
 * and counts manifest and content. ERR_FORMAT: sink->from is nowhere in it.
 */
int tree_flow_begin(const struct release *r, struct slice manifest,
		    const struct tree_sink *sink,
		    const struct tree_watch *watch, struct tree_flow **out,
		    struct err *e) NODISCARD;

/*
 * A manifest whose files' digests are still to be found: each is put in as the
 * file passes, and at the end, before the sink hears of it, the whole manifest
 * must be the release's own. Until then all that is known of it is that it came
 * in a signed package. sink->from must be nothing.
 */
int tree_flow_begin_blank(const struct release *r, struct buf *manifest,
			  const struct tree_sink *sink,
			  const struct tree_watch *watch,
			  struct tree_flow **out, struct err *e) NODISCARD;

/* The manifest; and the entry that comes next, false at the end. */
const struct tree *tree_flow_tree(const struct tree_flow *f);
bool tree_flow_peek(const struct tree_flow *f, struct tree_entry *out);

/* Begin that entry. The content of the one before must be complete. */
int tree_flow_next(struct tree_flow *f, struct err *e) NODISCARD;

/* The file that has just begun: false when some of it came already. */
bool tree_flow_current(const struct tree_flow *f, struct tree_entry *out);

/* Bytes that are still missing of the current file. */
uint64_t tree_flow_left(const struct tree_flow *f);

/* Content of the current file, at most what is missing. */
int tree_flow_data(struct tree_flow *f, struct slice bytes,
		   struct err *e) NODISCARD;

/* Bytes of manifest and content so far, with what was there before. */
uint64_t tree_flow_done(const struct tree_flow *f);

/*
 * The payload could be read on from here, packed and plain, by who has nothing
 * of before; all that came out of it is in the flow.
 */
int tree_flow_point(struct tree_flow *f, const struct package_point *at,
		    struct err *e) NODISCARD;

/* All of the current file, of which nothing came yet; see struct tree_sink. */
int tree_flow_clone(struct tree_flow *f, uint32_t old_index, bool *done,
		    struct err *e) NODISCARD;

/* After the last entry: ERR_UNTRUSTED when something is missing. */
int tree_flow_end(struct tree_flow *f, struct err *e) NODISCARD;
void tree_flow_free(struct tree_flow *f);

#endif
