/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - turn a verified package into a complete tree (or image): the flow
 * that the device runs and that the signer runs on every package it makes.
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

struct apply {
	const struct release *release;
	struct package_reader *package;
	int old_dirfd; /* deltas: the old tree; else -1 */
	struct slice
		old_manifest; /* deltas: already compared with base_digest */
	int new_dirfd;        /* an empty folder */
	const struct tree_watch
		*watch; /* bytes of the new stream; may be NULL */
};

/*
 * On success new_dirfd holds the complete tree, synced, and the manifest's
 * bytes are appended to manifest. ERR_UNTRUSTED when the result is not the
 * signed one. For a delta the base is checked whole before the first write:
 * a damaged one is ERR_CONFLICT, and the full package is the way out.
 */
int apply_tree(const struct apply *a, struct buf *manifest,
	       struct err *e) NODISCARD;

#endif
