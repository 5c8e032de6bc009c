/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_symlink - boot control by PATH/current, and what pawl-guard does for it.
 *
 * Needs nothing but the file system, so the guard is small and starts where
 * the client does not.
 */
#ifndef UPDATER_CLIENT_BOOT_SYMLINK_H
#define UPDATER_CLIENT_BOOT_SYMLINK_H

#include "updater-client/boot.h"

/*
 * Before a start of what is current: count it, or go back when the trial has
 * no start left. *out is the record as it is then.
 */
int boot_symlink_start(int dirfd, const char *path, struct boot_record *out,
		       struct err *e) NODISCARD;

#endif
