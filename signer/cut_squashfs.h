/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut_squashfs - a squashfs image (version 4) in a stream, cut into its blocks,
 * and its files as pieces of their contents.
 */
#ifndef SIGNER_CUT_SQUASHFS_H
#define SIGNER_CUT_SQUASHFS_H

#include "signer/cut_ext4.h"

/* *done: its units and files were added; else nothing was. */
int cut_squashfs(const struct cut *c, bool *done, struct err *e) NODISCARD;

#endif
