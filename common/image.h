/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - a whole image as the content of a release: bytes, nothing else. Its
 * digest is that of all its bytes.
 *
 * Deltas and the signer's machinery work on trees. To them an image is the
 * tree of one file, and both ends make its manifest from length and digest: it
 * is never sent and never signed, for it says nothing new.
 */
#ifndef COMMON_IMAGE_H
#define COMMON_IMAGE_H

#include "common/release.h"

#define IMAGE_NAME         "image" /* of the file in that tree */
#define IMAGE_MODE         0644    /* likewise */
#define IMAGE_MANIFEST_MAX 256     /* bytes, more than it ever has */

/* Append the manifest of an image to *out, which must be empty. */
int image_manifest(uint64_t len, const struct sha256 *digest, struct buf *out,
		   struct err *e) NODISCARD;

/*
 * Is this the manifest of what a release names by that digest? Of a tree it is
 * the manifest's own, of an image that of the one file in it.
 */
bool image_or_tree_is(enum package_content content, struct slice manifest,
		      const struct sha256 *digest);

/*
 * The release of an image as one of that tree, whose manifest is given; its
 * `content` still says that nobody sends that. Borrows everything from *image.
 */
void image_as_tree(const struct release *image, struct slice manifest,
		   struct release *out);

#endif
