/* SPDX-License-Identifier: Apache-2.0 */
/* A pack_tree with an image of given bytes as its one file, for tests of what
 * looks at streams. */
#ifndef TESTS_UNIT_IMAGE_TREE_H
#define TESTS_UNIT_IMAGE_TREE_H

#include <stdlib.h>
#include <sys/mman.h>

#include "common/fs.h"
#include "common/image.h"
#include "common/mem.h"
#include "signer/pack_tree.h"
#include "tests/unit/check.h"

static inline void image_tree_init(struct pack_tree *t, struct slice bytes)
{
	struct sha256 digest;
	struct err e = { 0 };

	sha256_of(bytes, &digest);
	*t = (struct pack_tree){ .content = PACKAGE_TREE,
				 .manifest = BUF_INIT(IMAGE_MANIFEST_MAX),
				 .fd = memfd_create("image", MFD_CLOEXEC) };
	assert_true(t->fd >= 0);
	assert_ok(image_manifest(bytes.len, &digest, &t->manifest, &e));
	assert_ok(tree_parse(buf_slice(&t->manifest), &t->tree, &e));
	t->offsets = mem_alloc(t->tree.count, sizeof(*t->offsets));
	assert_ok(fs_write(t->fd, bytes, &e));
}

static inline void image_tree_done(struct pack_tree *t)
{
	tree_done(&t->tree);
	buf_done(&t->manifest);
	free(t->offsets);
	fs_close(&t->fd);
}

#endif
