/* SPDX-License-Identifier: Apache-2.0 */
#include "common/image.h"

int image_manifest(uint64_t len, const struct sha256 *digest, struct buf *out,
		   struct err *e)
{
	const struct tree_entry entry = {
		.type = TREE_FILE,
		.path = slice_of(IMAGE_NAME),
		.mode = IMAGE_MODE,
		.len = len,
		.digest = *digest,
	};

	if (tree_begin(out, TREE_APP, e) || tree_add(out, &entry, e))
		return err_in(e, "image");
	return 0;
}

/* One file, and the digest is its: then no other manifest can be meant. */
static bool image_is(struct slice manifest, const struct sha256 *digest)
{
	struct buf wanted = BUF_INIT(IMAGE_MANIFEST_MAX);
	struct tree_entry entry;
	struct err unused;
	struct tree tree;
	bool is = false;

	if (tree_parse(manifest, &tree, &unused))
		return false;
	if (tree.count == 1) {
		tree_entry(&tree, 0, &entry);
		is = image_manifest(entry.len, digest, &wanted, &unused) == 0 &&
		     slice_equal(manifest, buf_slice(&wanted));
	}
	tree_done(&tree);
	buf_done(&wanted);
	return is;
}

bool image_or_tree_is(enum package_content content, struct slice manifest,
		      const struct sha256 *digest)
{
	struct sha256 got;

	if (content == PACKAGE_IMAGE)
		return image_is(manifest, digest);
	sha256_of(manifest, &got);
	return sha256_equal(&got, digest);
}

void image_as_tree(const struct release *image, struct slice manifest,
		   struct release *out)
{
	*out = *image;
	out->attributes = TREE_APP;
	out->manifest_len = manifest.len;
	out->entries = 1;
	sha256_of(manifest, &out->content_digest);
}
