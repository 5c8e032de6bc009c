/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pawl-guard PATH - outside the slots, before each start of the program that
 * runs in them (ExecStartPre=): counts the starts of a release on trial, and
 * puts the other slot back when none is left. So a release comes back that
 * breaks the service, the client, or both, without the client's help.
 *
 * It reads no configuration and links nothing but the C library.
 */
#include <stdio.h>

#include "common/fs.h"
#include "updater-client/boot_symlink.h"

static int run(const char *path, struct err *e)
{
	struct boot_record r;
	int dirfd = -1;
	int rc;

	if (fs_open_dir(path, &dirfd, e))
		return -1;
	rc = boot_symlink_start(dirfd, path, &r, e);
	fs_close(&dirfd);
	if (rc)
		return -1;
	if (r.trying)
		(void)fprintf(stderr,
			      "pawl-guard: slot %s is on trial, %u more "
			      "starts\n",
			      slot_name(r.slot), (unsigned)r.left);
	else if (r.failed != SLOT_NONE)
		(void)fprintf(stderr,
			      "pawl-guard: slot %s did not prove itself, slot "
			      "%s starts\n",
			      slot_name(r.failed), slot_name(r.slot));
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };

	if (argc != 2 || argv[1][0] != '/') {
		(void)fprintf(stderr,
			      "usage: pawl-guard PATH (the slots, as in "
			      "[slot] path)\n");
		return ERR_USAGE;
	}
	if (run(argv[1], &e) == 0)
		return 0;
	(void)fprintf(stderr, "pawl-guard: %s\n", e.msg);
	return (int)e.code;
}
