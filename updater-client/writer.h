/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - the processes that hold nothing but descriptors: one turns a
 * verified package into the new tree or image, another, started afresh, reads
 * that back from the medium and compares it with the signed digest.
 *
 * The second does not trust the first, and neither has network, key or the
 * right to switch.
 */
#ifndef UPDATER_CLIENT_WRITER_H
#define UPDATER_CLIENT_WRITER_H

#include "updater-client/ipc.h"

#define WRITER_IDLE_MS 300000 /* no progress for so long: it hangs */

struct writer_setup {
	int package_fd;      /* a complete package, or a window on one */
	int old_fd;          /* deltas: what runs; else -1 */
	int old_manifest_fd; /* deltas of trees: its manifest; else -1 */
	int new_fd;          /* the emptied tree, or where the image goes */
	int manifest_fd;     /* what stands in a folder: its file; else -1 */
	int scratch_fd;   /* images, and where there is a window: a folder for
			     what deltas need */
	uint64_t old_len; /* images, deltas: of the image that runs */
};

#define WRITER_SETUP_INIT                                                      \
	{                                                                      \
		-1, -1, -1, -1, -1, -1, 0                                      \
	}

/*
 * MESSAGE_APPLY -> PROGRESS..., DONE. ERR_CONFLICT: the base of the delta is
 * damaged. ctx is a struct writer_setup. With a window it is told by PROGRESS
 * up to which byte the package is there, and says by TAKEN and POINT what it
 * does not need any more, and where a later run could go on.
 */
void writer_run(void *ctx, struct channel *control);

struct checker_setup {
	int slot_fd;     /* the tree, or where the image is */
	int manifest_fd; /* trees; else -1 */
};

/*
 * MESSAGE_APPLY -> PROGRESS..., DONE; ERR_UNTRUSTED names what differs. ctx is
 * a struct checker_setup.
 */
void checker_run(void *ctx, struct channel *control);

#endif
