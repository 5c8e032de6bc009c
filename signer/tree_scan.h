/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_scan - gather a folder into a spool.
 *
 * Links inside are read, never followed. With system attributes everything is
 * taken as it stands, which for some attributes needs root; with application
 * attributes a device, fifo or socket is refused.
 */
#ifndef SIGNER_TREE_SCAN_H
#define SIGNER_TREE_SCAN_H

#include "common/tree_watch.h"
#include "signer/spool.h"

/* watch may be NULL and counts bytes of content. */
int tree_scan(int dirfd, enum tree_attributes attributes, struct spool *to,
	      const struct tree_watch *watch, struct err *e) NODISCARD;

#endif
