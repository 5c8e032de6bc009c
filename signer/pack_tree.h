/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack_tree - the content of a release while packages are made of it: the
 * manifest, and the files' bytes in a spool file without a name. An image is
 * the tree of one file that common/image.h describes.
 */
#ifndef SIGNER_PACK_TREE_H
#define SIGNER_PACK_TREE_H

#include "common/package.h"
#include "common/tree.h"

struct pack_tree {
	enum package_content content;
	struct buf manifest;
	struct tree tree;  /* borrows from manifest */
	int fd;            /* the spool */
	uint64_t *offsets; /* by entry: where a file's content lies in it */
};

/* Exactly len bytes of a file; the range lies within its length. */
int pack_tree_read(const struct pack_tree *t, uint32_t index, uint64_t offset,
		   void *out, size_t len, struct err *e) NODISCARD;

/*
 * What its stream begins with, before the files' contents: the manifest. An
 * image's is known to both sides.
 */
struct slice pack_tree_head(const struct pack_tree *t);

void pack_tree_free(struct pack_tree *t);

#endif
