/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack_full - the payload of a full package: a pax tar with the manifest as
 * its first member, then every entry in manifest order, compressed. Plain tar
 * programs read it too. Of an image it is the bytes, compressed.
 */
#ifndef SIGNER_PACK_FULL_H
#define SIGNER_PACK_FULL_H

#include "common/tree_watch.h"
#include "signer/encode.h"
#include "signer/pack_tree.h"

/*
 * So much makes a frame, at which a device can go on; of a tree as much as
 * there is before the next member, or piece of a file's content. Each costs
 * what it cannot refer to: of 16 MiB two or three percent, of 8 twice that.
 */
#define PACK_FRAME_LEN (16u << 20)

/* *plain_len is then the length of what was compressed. watch may be NULL. */
int pack_full(const struct pack_tree *t, struct encoder *to,
	      const struct tree_watch *watch, uint64_t *plain_len,
	      struct err *e) NODISCARD;

#endif
