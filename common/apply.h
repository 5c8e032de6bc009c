/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - turn a verified package into a complete tree: the flow that the
 * device runs and that the signer runs on every package it makes.
 *
 * Bytes come chunk by chunk from a package_reader, so nothing here sees a byte
 * that was not signed. A full package is a plain pax tar whose first member is
 * the manifest (apply_tar.h); a delta yields manifest and content from the old
 * tree (apply_delta.h). The manifest's digest is compared before any entry is
 * written, each file's as it passes; where a delta leaves them out they are
 * found as files pass, and the manifest's is compared at the end. Nothing is
 * activated here; the caller reads the result back with tree_check().
 */
#ifndef COMMON_APPLY_H
#define COMMON_APPLY_H

#include "common/apply_delta.h"
#include "common/tree_flow.h"

/*
 * Where a former run got to (zeros: nowhere), and how this one tells where a
 * later one could go on: that is on the medium then. What was written on the
 * word of a former run is not compared with the files' digests as it passes.
 */
struct apply_resume {
	struct package_point from;
	uint64_t every; /* bytes of payload between two points, at least */
	void *ctx;
	int (*keep)(void *ctx, const struct package_point *at, struct err *e);
	int dirfd; /* trees: a folder for what deltas keep (delta_payload.h) */
};

struct apply {
	const struct release *release;
	struct package_reader *package;
	int old_dirfd;             /* deltas: the old tree; else -1 */
	struct slice old_manifest; /* deltas; compared with base_digest */
	int new_dirfd;             /* a folder, empty without resume */
	const struct tree_watch
		*watch; /* bytes of the new stream; may be NULL */
	const struct apply_resume *resume; /* may be NULL: from the start */
};

/*
 * An image becomes a tree of one file, IMAGE_NAME (image.h).
 *
 * On success new_dirfd holds the complete tree, synced, and the manifest's
 * bytes are in *manifest, which was empty, or (a tree, gone on with) whole: it
 * is when a point is told. ERR_UNTRUSTED when the result is
 * not the signed one, ERR_REFUSED when it may not be written here (a system
 * tree without root), before anything is written. For a delta the base is
 * checked whole before the first write: a damaged one is ERR_CONFLICT, and the
 * full package is the way out.
 */
int apply_tree(const struct apply *a, struct buf *manifest,
	       struct err *e) NODISCARD;

/* The same with the trees somewhere else than in folders. */
int apply_package(const struct apply_flow *a, struct buf *manifest,
		  struct err *e) NODISCARD;

#endif
