/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_delta - the content of a delta package: the new tree's manifest and
 * files, rebuilt from the old tree's by delta records (delta.h).
 */
#ifndef COMMON_APPLY_DELTA_H
#define COMMON_APPLY_DELTA_H

#include "common/tree_flow.h"

/* The old tree: its manifest, and its files' bytes by their index there. */
struct delta_base {
	const struct tree *tree;
	void *ctx;
	/* Exactly len bytes of a file; the range lies within its length. */
	int (*read_at)(void *ctx, uint32_t index, uint64_t offset, void *out,
		       size_t len, struct err *e);
};

/* From a package, and for a delta an old tree, to wherever the new one goes. */
struct apply_flow {
	const struct release *release;
	struct package_reader *package;
	const struct delta_base *base; /* deltas: checked already; else NULL */
	const struct tree_sink *sink;
	const struct tree_watch *watch; /* may be NULL */
	int scratch_dirfd; /* deltas: a folder with release->scratch_len room,
			      and where sink has points DELTA_LIST_MAX more */
};

/*
 * Appends the new manifest to *manifest, which must be empty; or it is whole,
 * when sink->from is a point at which a former run was, and of an image.
 */
int apply_delta(const struct apply_flow *a, struct buf *manifest,
		struct err *e) NODISCARD;

#endif
