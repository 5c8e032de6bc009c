/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grubenv - the environment block that GRUB's load_env and save_env use: 1024
 * bytes, "# GRUB Environment Block", a line NAME=VALUE for each variable with
 * backslashes before what would end it, then '#' up to the end. Pure.
 *
 * A disk writes a sector of 512 bytes whole or not at all, and GRUB's save_env
 * writes over the block in place. So our variables always lie within one
 * sector, with nothing behind them that would move when a value gets longer or
 * shorter: whoever writes, and is cut off, leaves the old record or the new
 * one.
 *
 * Variables of others are kept byte for byte. Format: the GRUB manual,
 * "The GRUB environment block", and grub-editenv(1), which the tests run.
 */
#ifndef UPDATER_CLIENT_GRUBENV_H
#define UPDATER_CLIENT_GRUBENV_H

#include "common/buf.h"
#include "updater-client/boot_record.h"

#define GRUBENV_LEN    1024
#define GRUBENV_SECTOR 512

/*
 * Our variables of a block; a missing one is "". ERR_FORMAT when it is no
 * block, or one that GRUB itself would not read to its end.
 */
int grubenv_parse(struct slice block, struct boot_values *out,
		  struct err *e) NODISCARD;

/*
 * The block with our variables set to these, those of others as they were in
 * `old`; an empty `old` begins a new block. ERR_FORMAT for an `old` that is
 * none, ERR_SPACE when the others leave no room.
 */
int grubenv_update(struct slice old, const struct boot_values *values,
		   uint8_t out[GRUBENV_LEN], struct err *e) NODISCARD;

/*
 * The one sector of `to` that differs from `old`: true and its offset (0 when
 * none differs); false when that is not enough to make one of the other.
 */
bool grubenv_one_sector(struct slice old, const uint8_t to[GRUBENV_LEN],
			size_t *offset) NODISCARD;

#endif
