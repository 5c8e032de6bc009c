/* SPDX-License-Identifier: Apache-2.0 */
/* stream_scan - map the stream of a tree, images among its files cut. */
#ifndef SIGNER_STREAM_SCAN_H
#define SIGNER_STREAM_SCAN_H

#include "signer/stream_map.h"

/* cut: images too, but for those that the other tree holds bit by bit. */
int stream_scan(struct stream_map *m, const struct pack_tree *tree,
		const struct pack_tree *other, bool cut,
		struct err *e) NODISCARD;

#endif
