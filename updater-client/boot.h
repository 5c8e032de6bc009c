/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot - who starts a slot, and how it is told which: boot control.
 *
 *	symlink  the link PATH/current; a service manager starts what it names
 *	uboot    U-Boot's redundant environment, through libubootenv
 *	grub     GRUB's environment block
 *	command  a local program that speaks for any other loader
 *
 * A switch is one record (boot_record.h) that is written whole, durably, and
 * read back. With all but the symlink it takes effect at the next boot, and
 * the loader counts the starts of a slot on trial; what counts them for the
 * symlink is pawl-guard. docs/boot-control.md says what a loader has to do.
 */
#ifndef UPDATER_CLIENT_BOOT_H
#define UPDATER_CLIENT_BOOT_H

#include "updater-client/boot_record.h"
#include "updater-client/settings.h"
#include "updater-client/slot_tree.h"

#define BOOT_ID_LEN 40 /* room for a boot's number as text */

struct boot;

struct boot_control {
	const char *name;
	bool reboots; /* a switch takes effect at the next boot */
	/*
	 * ERR_FORMAT for a damaged record: refused, never replaced by defaults.
	 * (A back end may say SLOT_NONE where its loader does the same.)
	 */
	int (*read)(const struct boot *b, struct boot_record *out,
		    struct err *e);
	/* All or nothing, also when the power is cut; durable. */
	int (*write)(const struct boot *b, const struct boot_record *r,
		     struct err *e);
};

extern const struct boot_control boot_symlink, boot_uboot, boot_grub,
	boot_command;

struct boot {
	const struct boot_control *control;
	const struct settings *config; /* borrowed, both */
	const struct slot_tree *slots;
};

/* The configured one. Nothing is opened yet. */
void boot_init(struct boot *b, const struct settings *config,
	       const struct slot_tree *slots);

int boot_read(const struct boot *b, struct boot_record *out,
	      struct err *e) NODISCARD;

/* ERR_SYSTEM when what is read back differs. */
int boot_write(const struct boot *b, const struct boot_record *r,
	       struct err *e) NODISCARD;

/*
 * The slot that runs now: for the symlink what it names, else what the kernel
 * was told with pawl.slot=a or b. ERR_CONFIG when it was not.
 */
int boot_running(const struct boot *b, enum slot *out, struct err *e) NODISCARD;

/* The number of this boot; "" when nothing reboots. */
/* The number that the system gave this start of the board, whatever the boot
 * control; "" if there is none. */
void boot_start(const struct boot *b, char out[BOOT_ID_LEN]);
int boot_number(const struct boot *b, char out[BOOT_ID_LEN],
		struct err *e) NODISCARD;

#endif
