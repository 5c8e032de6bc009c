/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_tar - gather a tar into a spool.
 *
 * Any tar that libarchive reads: ustar, GNU, pax, plain or compressed by
 * gzip, bzip2, xz, lzma, lz4 or zstd, by libraries alone: no filter that would
 * run a program is registered. Names, owners and attributes are taken as they
 * stand in the tar, so no root is needed. "./" before a name is taken off;
 * every other departure from the rules of tree.h refuses the tar.
 */
#ifndef SIGNER_TREE_TAR_H
#define SIGNER_TREE_TAR_H

#include "common/tree_watch.h"
#include "signer/spool.h"

/* fd is read from where it stands. watch counts bytes of the tar as it is. */
int tree_tar(int fd, enum tree_attributes attributes, struct spool *to,
	     const struct tree_watch *watch, struct err *e) NODISCARD;

#endif
