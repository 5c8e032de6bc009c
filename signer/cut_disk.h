/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut_disk - an image of a disk (with a GPT or an MBR, in sectors of 512
 * bytes), cut into its partitions, and those into their files.
 */
#ifndef SIGNER_CUT_DISK_H
#define SIGNER_CUT_DISK_H

#include "signer/cut_ext4.h"

/* *done: its units and files were added; else nothing was. */
int cut_disk(const struct cut *c, bool *done, struct err *e) NODISCARD;

/* An image of any kind that is known here. */
int cut_image(const struct cut *c, bool *done, struct err *e) NODISCARD;

#endif
