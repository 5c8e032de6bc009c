/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_room - what a tree may take of a disk beyond what devices reckon with.
 * Pure: a manifest in, a number out, which is signed with each package.
 *
 * A device knows no more than signed sums before it fetches: the content, the
 * manifest, and one block for each entry, which is where most files end. That
 * is too little for a tree of many long names, or whose entries have
 * attributes that do not fit beside their inodes.
 */
#ifndef SIGNER_TREE_ROOM_H
#define SIGNER_TREE_ROOM_H

#include "common/tree.h"

/*
 * Bytes, 0 for most trees: as ext4 has it with blocks of 4096 bytes and inodes
 * of 256.
 */
uint64_t tree_room_beyond(const struct tree *t);

#endif
