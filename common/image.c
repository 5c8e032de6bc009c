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

void image_as_tree(const struct release *image, struct slice manifest,
		   struct release *out)
{
	*out = *image;
	out->content = PACKAGE_TREE;
	out->attributes = TREE_APP;
	out->manifest_len = manifest.len;
	out->entries = 1;
	sha256_of(manifest, &out->digest);
}
