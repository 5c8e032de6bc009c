/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_image - two block devices or files: the slots of kind image.
 *
 * What they hold is recorded beside them, in PATH/a/release.json and
 * PATH/b/release.json (slot_tree.h): the record goes before the first byte
 * changes and comes back after all was read back from the medium. Devices and
 * files exist before and keep their length.
 */
#ifndef UPDATER_CLIENT_SLOT_IMAGE_H
#define UPDATER_CLIENT_SLOT_IMAGE_H

#include "updater-client/settings.h"
#include "updater-client/slot_link.h"

/* Open a slot for reading. ERR_REFUSED: neither a block device nor a file. */
int slot_image_open(const struct settings_slot *c, enum slot s, int *fd,
		    struct err *e) NODISCARD;

/*
 * Open a slot for writing. ERR_CONFLICT when it is the other slot, too, holds
 * the root file system, or is in use (mounted, say).
 */
int slot_image_open_new(const struct settings_slot *c, enum slot s, int *fd,
			struct err *e) NODISCARD;

#define STAT_BLOCK 512 /* what st_blocks counts in */

/* Bytes that an open slot can take: its length, or less on a full disk. */
int slot_image_room(int fd, uint64_t *out, struct err *e) NODISCARD;

#endif
