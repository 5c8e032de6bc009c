/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - turn a verified package into a complete tree: the flow that the
 * device runs and that the signer runs on every package it makes.
 *
 * Bytes come chunk by chunk from a package_reader, so nothing here sees a byte
 * that was not signed. A full package is a plain pax tar whose first member is
 * the manifest ".pawl-manifest"; the manifest's digest is compared before any
 * entry is written, then each member must be exactly the next entry of it. A
 * delta yields manifest and content from the old tree. Nothing is activated
 * here; the caller reads the result back with tree_check().
 */
#ifndef COMMON_APPLY_H
#define COMMON_APPLY_H

#include "common/release.h"
#include "common/tree_disk.h"

#define APPLY_MANIFEST_NAME ".pawl-manifest"

struct apply {
	const struct release *release;
	struct package_reader *package;
	int old_dirfd;             /* deltas: the old tree; else -1 */
	struct slice old_manifest; /* deltas; compared with base_digest */
	int new_dirfd;             /* an empty folder */
	const struct tree_watch
		*watch; /* bytes of the new stream; may be NULL */
};

/*
 * On success new_dirfd holds the complete tree, synced, and the manifest's
 * bytes are appended to manifest. ERR_UNTRUSTED when the result is not the
 * signed one, ERR_REFUSED when it may not be written here (a system tree
 * without root), before anything is written. For a delta the base is checked
 * whole before the first write: a damaged one is ERR_CONFLICT, and the full
 * package is the way out.
 */
int apply_tree(const struct apply *a, struct buf *manifest,
	       struct err *e) NODISCARD;

/* ---- the same with the trees somewhere else than in folders -------------- */

/* The old tree of a delta: its files' bytes by their index in old_manifest. */
struct apply_source {
	void *ctx;
	/* Exactly len bytes of a file; the range was checked. */
	int (*read_at)(void *ctx, uint32_t index, uint64_t offset, void *out,
		       size_t len, struct err *e);
};

/*
 * Where the new tree goes. Calls come in this order: begin; then for each
 * entry of the manifest in turn: entry, and for a file data until its length
 * is reached (or one clone that says *done); end. The digest of a file has
 * been compared when the call after it comes. Any -1 ends the work.
 */
struct apply_sink {
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
};

struct apply_flow {
	const struct release *release;
	struct package_reader *package;
	struct slice old_manifest;         /* deltas */
	const struct apply_source *source; /* deltas; already checked */
	const struct apply_sink *sink;
	const struct tree_watch *watch; /* may be NULL */
};

int apply_package(const struct apply_flow *a, struct buf *manifest,
		  struct err *e) NODISCARD;

#endif
